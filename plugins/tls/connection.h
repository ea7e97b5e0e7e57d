/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A connection: TCP and TLS with one peer, the transport's half of a link. This is what both ends have in common: the
 * handshake, sending and receiving packets, closing. The owner (gateway.c, client.c) decides when a connection starts
 * and ends.
 */
#ifndef PLUGINS_TLS_CONNECTION_H
#define PLUGINS_TLS_CONNECTION_H

#include "plugins/lib/accept/accept.h"
#include "plugins/lib/tlscommon/handshake_certificate.h"
#include "plugins/lib/tlscommon/tcp_input.h"
#include "plugins/tls/packet_framing.h"
#include "plugins/tls/tls.h"

/* Callbacks of the owner. None is called from tls_connection_init(). */
struct tls_owner {
    /* TLS_FIRST: the socket is ready for what precedes TLS. */
    void (*ready)(struct tls_connection *connection);
    /* The handshake is complete. */
    void (*up)(struct tls_connection *connection);
    /* It has ended, in any state: report this to the core if it has a link, then call tls_connection_end(). */
    void (*down)(struct tls_connection *connection, const char *reason);
    /* The connection ends: remove it from everything that refers to it. */
    void (*remove)(struct tls_connection *connection);
    /* Nothing refers to it any longer: free its memory. */
    void (*free)(struct tls_connection *connection);
};

enum tls_state {
    TLS_FIRST,  /* before TLS: TCP is connecting, or the ClientHello is arriving */
    TLS_PARKED, /* the ClientHello waits for a certificate or for its turn */
    TLS_HANDSHAKE,
    TLS_UP,
    TLS_CLOSING, /* ended, but the peer has not received the last bytes yet */
    TLS_ENDED,
};

struct tls_connection {
    struct tlscommon_certificate certificate; /* gateway; first, as tlscommon_certificate_serve() requires */
    struct tls_worker *tls;
    const struct tls_owner *owner;
    gnutls_session_t session; /* NULL before the handshake and while closing */
    struct hg_link *link;     /* NULL: unknown to the core */
    struct hg_io *io;
    struct hg_timer *timer;
    hg_time deadline; /* of the handshake; of closing */
    struct tlscommon_input input;
    struct tls_output output;
    struct tls_packets packets;
    struct tls_connection *next_closing, **previous_closing;
    int fd;
    enum tls_state state;
    unsigned busy;   /* calls into it in progress; it is not freed before they return */
    bool received;   /* packets have arrived since the last batch end */
    bool refused;    /* a packet of the core */
    bool alerted;    /* the peer has ended the handshake with an alert */
    bool farewell;   /* the last bytes are being sent; it ends when the peer has received them */
    bool lost;       /* to be reported to the core, with `reason` */
    const char *bad; /* what is wrong with the stream of packets */
    char peer[ACCEPT_PEER_SIZE];
    char reason[256]; /* why it failed, for humans */
};

/* Initializes a connection, in state TLS_FIRST, with a descriptor that it will own. The handshake must be complete
 * within handshake_timeout. Returns -1 when out of memory; then only the struct and the descriptor are left to be
 * freed. */
int tls_connection_init(struct tls_connection *connection, struct tls_worker *tls, const struct tls_owner *owner,
                        int fd);

/* Sets what to watch the socket for in state TLS_FIRST. */
void tls_connection_watch(struct tls_connection *connection, int events);

/* Changes the deadline in state TLS_FIRST. */
void tls_connection_expect(struct tls_connection *connection, hg_time delay);

/* Creates the session; `flags` is GNUTLS_CLIENT or GNUTLS_SERVER. The owner then sets up what is specific to its end
 * and calls tls_connection_handshake(). Returns 0, or -1 when out of memory. */
int tls_connection_secure(struct tls_connection *connection, unsigned flags);

/* Suspends it until tls_connection_handshake() is called, or the deadline. */
void tls_connection_park(struct tls_connection *connection);

/* Starts or continues the handshake. False: the connection has ended. */
bool tls_connection_handshake(struct tls_connection *connection);

/* Reports to the core that the link is up. */
void tls_connection_link_up(struct tls_connection *connection);

/* Sends close_notify or, if `alert` > 0, that fatal alert; tls_connection_end() then waits until the peer has received
 * it. */
void tls_connection_say_goodbye(struct tls_connection *connection, int alert);

/* Keeps it from being freed until tls_connection_leave(), which returns false if it has ended in between. */
void tls_connection_enter(struct tls_connection *connection);
bool tls_connection_leave(struct tls_connection *connection);

/* Ends it: calls owner->remove() at once, and owner->free() when nothing is left to do. */
void tls_connection_end(struct tls_connection *connection);

/* Ends all connections that are only waiting for their peers. */
void tls_connection_end_closing(struct tls_worker *tls);

/* The transport's operations on a link that is up. */
uint64_t tls_connection_next_packet_number(void *handle);
int tls_connection_send(void *handle, const uint8_t *packet, size_t size);
void tls_connection_flush(void *handle);
void tls_connection_close(void *handle, bool graceful);

#endif
