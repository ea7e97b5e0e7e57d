/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * An association: one DTLS session with one peer, the transport's half of a link. Here is what both ends have in
 * common: handshake with its timers, records in, packets out, trouble on the path. The owner (gateway.c, client.c) has
 * the socket and knows what begins and ends an association.
 */
#ifndef PLUGINS_DTLS_ASSOCIATION_H
#define PLUGINS_DTLS_ASSOCIATION_H

#include "plugins/dtls/dtls.h"
#include "plugins/dtls/record_header.h"
#include "plugins/lib/ratelimit/signing_queue.h"
#include "plugins/lib/tlscommon/handshake_certificate.h"

struct dtls_association;

/* What the owner does. None is called within dtls_association_init(). */
struct dtls_owner {
    /* The handshake is complete. */
    void (*up)(struct dtls_association *association);
    /* It is over, in whatever state: tell the core if it knows of a link, and end it. */
    void (*down)(struct dtls_association *association, const char *reason);
    /* The association ends: take it out of all that leads to it. */
    void (*remove)(struct dtls_association *association);
    /* Nothing refers to it any more: free its memory. */
    void (*free)(struct dtls_association *association);
};

enum dtls_state {
    DTLS_HANDSHAKE,
    DTLS_PARKED, /* the ClientHello waits for a certificate, or for its turn */
    DTLS_UP,
    DTLS_ENDED,
};

/* How much the keys of an association may protect, once it is up. */
struct dtls_limits {
    uint64_t records;   /* client: the number of a record, in either direction, at which it is old, … */
    hg_time at;         /* … and the time */
    uint64_t forgeries; /* with so many it ends */
};

struct dtls_association {
    struct tlscommon_certificate certificate; /* gateway: for the handshake */
    struct dtls_worker *dtls;
    const struct dtls_owner *owner;
    struct dtls_socket *socket;
    struct dtls_path path;
    gnutls_session_t session;
    struct hg_link *link; /* NULL: the core does not know of it */
    enum dtls_state state;
    unsigned busy; /* calls into it that are under way: it is not freed before they return */
    bool is_client;
    bool answered;    /* the peer has sent something that looks like DTLS */
    bool alerted;     /* the peer has ended the handshake by an alert */
    bool lost;        /* `reason` is to be told to the core */
    bool wants_check; /* … or that the peer may be gone: hg_link_check() */
    bool is_old;      /* … or that its keys have protected enough */
    struct dtls_limits limits;
    uint64_t forgeries; /* records that could not be verified */
    bool sent;          /* something, since the path was last suspected */
    unsigned suspicions;
    hg_time suspected; /* when the first of them came */
    struct hg_timer *timer;
    hg_time deadline;  /* of the handshake */
    hg_time answer_by; /* client: when to try the next address if nothing has come; 0: never */
    size_t datagram;   /* the largest one to send, probes included */
    size_t ordinary;   /* the largest one that was sent and was no probe */
    size_t record;     /* what DTLS adds to a packet */
    size_t max_packet; /* hints for the core, to be told: 0: none */
    size_t probe_max;
    const uint8_t *input; /* the record that GnuTLS may pull */
    size_t input_size;
    struct turn turn; /* gateway: to sign */
    uint8_t *parked;  /* the ClientHello that waits */
    size_t parked_size;
    struct dtls_list touched; /* in dtls->touched */
    struct dtls_list blocked; /* in socket->blocked */
    char reason[320];         /* why it failed, for a person */
};

/* Begins: `flags` is GNUTLS_CLIENT or GNUTLS_SERVER. The caller goes on with what is special to its end, then
 * dtls_association_handshake(). 0, or -1 when out of memory: nothing is left to free but the struct. */
int dtls_association_init(struct dtls_association *association, struct dtls_worker *dtls,
                          const struct dtls_owner *owner, struct dtls_socket *socket, const struct dtls_path *path,
                          unsigned flags);

/* Goes on with the handshake. False: the association has ended. */
bool dtls_association_handshake(struct dtls_association *association);

/* GnuTLS has failed: the peer is told by an alert, the owner why. */
void dtls_association_fail(struct dtls_association *association, int error);

/* It is over, but this may be within a call of the core's, which is told later. */
void dtls_association_lose(struct dtls_association *association, const char *reason);

/* Lets the handshake go on only when dtls_association_handshake() is called next, or fail at its deadline. */
void dtls_association_park(struct dtls_association *association);

/* A record has arrived. False: the association has ended. */
bool dtls_association_receive(struct dtls_association *association, const struct dtls_record *record);

/* Tells the core that the batch is over, for all associations that received something. */
void dtls_association_batch_end(struct dtls_worker *dtls);

/* The socket takes datagrams again: tells the core for all whose packets were refused. */
void dtls_association_writable(struct dtls_socket *socket);

/* A sign, which anybody could have forged, that the peer does not know this association any more. */
void dtls_association_suspect(struct dtls_association *association, const char *reason);

/* It is up: how much its keys may protect. */
void dtls_association_set_limits(struct dtls_association *association);

/* For struct dtls_socket: a datagram of the association did not leave. */
void dtls_association_send_failed(void *association, int error, size_t datagram);

/* Tells the core that the link is up. */
void dtls_association_link_up(struct dtls_association *association);

/* Keeps it from being freed until dtls_association_leave(), which returns false when it has ended meanwhile. */
void dtls_association_enter(struct dtls_association *association);
bool dtls_association_leave(struct dtls_association *association);

/* Ends it: owner->remove() at once, owner->free() now or when no call into it is under way. */
void dtls_association_end(struct dtls_association *association);

/* The operations of the transport on a link that is up. */
uint64_t dtls_association_next_packet_number(void *handle);
void dtls_association_skip_packet_number(void *handle);
int dtls_association_send(void *handle, const uint8_t *packet, size_t size);
int dtls_association_probe(void *handle, const uint8_t *packet, size_t size);
void dtls_association_flush(void *handle);
void dtls_association_close(void *handle, bool graceful);

#endif
