/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * An association: one DTLS session with one peer, the transport's half of a link. This is what both ends have in
 * common: the handshake and its timers, receiving records, sending packets, path failures. The owner (gateway.c,
 * client.c) has the socket and decides when an association starts and ends.
 */
#ifndef PLUGINS_DTLS_ASSOCIATION_H
#define PLUGINS_DTLS_ASSOCIATION_H

#include "plugins/dtls/dtls.h"
#include "plugins/dtls/record_header.h"
#include "plugins/lib/ratelimit/signing_queue.h"
#include "plugins/lib/tlscommon/handshake_certificate.h"

struct dtls_association;

/* Callbacks of the owner. None is called from dtls_association_init(). */
struct dtls_owner {
    /* The handshake is complete. */
    void (*up)(struct dtls_association *association);
    /* It has ended, in any state: report this to the core if it has a link, then call dtls_association_end(). */
    void (*down)(struct dtls_association *association, const char *reason);
    /* The association ends: remove it from everything that refers to it. */
    void (*remove)(struct dtls_association *association);
    /* Nothing refers to it any longer: free its memory. */
    void (*free)(struct dtls_association *association);
};

enum dtls_state {
    DTLS_HANDSHAKE,
    DTLS_PARKED, /* the ClientHello waits for a certificate or for its turn */
    DTLS_UP,
    DTLS_ENDED,
};

/* How much the keys of an association may protect. */
struct dtls_limits {
    uint64_t records;   /* client: renew the link at this record number, in either direction, … */
    hg_time at;         /* … or at this time */
    uint64_t forgeries; /* end the association after this many */
};

struct dtls_association {
    struct tlscommon_certificate certificate; /* gateway: for the handshake */
    struct dtls_worker *dtls;
    const struct dtls_owner *owner;
    struct dtls_socket *socket;
    struct dtls_path path;
    gnutls_session_t session;
    struct hg_link *link; /* NULL: unknown to the core */
    enum dtls_state state;
    unsigned busy; /* calls into it in progress; it is not freed before they return */
    bool is_client;
    bool answered;    /* the peer has sent something that looks like DTLS */
    bool alerted;     /* the peer has ended the handshake with an alert */
    bool lost;        /* to be reported to the core, with `reason` */
    bool wants_check; /* … or that the peer may be dead: hg_link_check() */
    bool is_old;      /* … or that the keys have protected enough */
    struct dtls_limits limits;
    uint64_t forgeries; /* records that could not be verified */
    bool sent;          /* something was sent since the path was last suspected */
    unsigned suspicions;
    hg_time suspected; /* time of the first suspicion */
    struct hg_timer *timer;
    hg_time deadline;  /* of the handshake */
    hg_time answer_by; /* client: try the next address if nothing has arrived by then; 0: never */
    size_t datagram;   /* the largest to send, including probes */
    size_t ordinary;   /* the largest sent that was not a probe */
    size_t record;     /* what DTLS adds to a packet */
    size_t max_packet; /* hints for the core that it has not got yet; 0: none */
    size_t probe_max;
    const uint8_t *input; /* the record that GnuTLS reads next */
    size_t input_size;
    struct turn turn; /* gateway: to sign */
    uint8_t *parked;  /* the ClientHello that is waiting */
    size_t parked_size;
    struct dtls_list touched; /* in dtls->touched */
    struct dtls_list blocked; /* in socket->blocked */
    char reason[320];         /* why it failed, for humans */
};

/* Initializes an association; `flags` is GNUTLS_CLIENT or GNUTLS_SERVER. The caller then sets up what is specific to
 * its end and calls dtls_association_handshake(). Returns 0, or -1 when out of memory; then only the struct is left to
 * be freed. */
int dtls_association_init(struct dtls_association *association, struct dtls_worker *dtls,
                          const struct dtls_owner *owner, struct dtls_socket *socket, const struct dtls_path *path,
                          unsigned flags);

/* Continues the handshake. False: the association has ended. */
bool dtls_association_handshake(struct dtls_association *association);

/* GnuTLS failed: sends the peer an alert and reports the reason to the owner. */
void dtls_association_fail(struct dtls_association *association, int error);

/* Ends it from within a call of the core; the report follows later. */
void dtls_association_lose(struct dtls_association *association, const char *reason);

/* Suspends the handshake until dtls_association_handshake() is called; it can still time out. */
void dtls_association_park(struct dtls_association *association);

/* A record has arrived. False: the association has ended. */
bool dtls_association_receive(struct dtls_association *association, const struct dtls_record *record);

/* Reports to the core that the batch is complete, for all associations that received something. */
void dtls_association_batch_end(struct dtls_worker *dtls);

/* The socket is writable again: reports it to the core for all links whose packets were refused. */
void dtls_association_writable(struct dtls_socket *socket);

/* There is a sign, which anyone could have forged, that the peer no longer knows this association. */
void dtls_association_suspect(struct dtls_association *association, const char *reason);

/* Sets how much its keys may protect; called once it is up. */
void dtls_association_set_limits(struct dtls_association *association);

/* For struct dtls_socket: a datagram of the association was not sent. */
void dtls_association_send_failed(void *association, int error, size_t datagram);

/* Reports to the core that the link is up. */
void dtls_association_link_up(struct dtls_association *association);

/* Keeps it from being freed until dtls_association_leave(), which returns false if it has ended in between. */
void dtls_association_enter(struct dtls_association *association);
bool dtls_association_leave(struct dtls_association *association);

/* Ends it: calls owner->remove() at once, and owner->free() as soon as no call into it is in progress. */
void dtls_association_end(struct dtls_association *association);

/* The transport's operations on a link that is up. */
uint64_t dtls_association_next_packet_number(void *handle);
void dtls_association_skip_packet_number(void *handle);
int dtls_association_send(void *handle, const uint8_t *packet, size_t size);
int dtls_association_probe(void *handle, const uint8_t *packet, size_t size);
void dtls_association_flush(void *handle);
void dtls_association_close(void *handle, bool graceful);

#endif
