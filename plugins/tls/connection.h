/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A connection: TCP and TLS with one peer, the transport's half of a link. Here is what both ends have in common:
 * handshake, packets in and out, the ways to end. The owner (gateway.c, client.c) knows what begins and ends one.
 */
#ifndef PLUGINS_TLS_CONNECTION_H
#define PLUGINS_TLS_CONNECTION_H

#include "plugins/lib/accept/accept.h"
#include "plugins/lib/tlscommon/handshake_certificate.h"
#include "plugins/lib/tlscommon/tcp_input.h"
#include "plugins/tls/packet_framing.h"
#include "plugins/tls/tls.h"

/* What the owner does. None is called within tls_connection_init(). */
struct tls_owner {
    /* TLS_FIRST: the socket is ready for what comes before TLS. */
    void (*ready)(struct tls_connection *connection);
    /* The handshake is complete. */
    void (*up)(struct tls_connection *connection);
    /* It is over, in whatever state: tell the core if it knows of a link, and end it. */
    void (*down)(struct tls_connection *connection, const char *reason);
    /* The connection ends: take it out of all that leads to it. */
    void (*remove)(struct tls_connection *connection);
    /* Nothing refers to it any more: free its memory. */
    void (*free)(struct tls_connection *connection);
};

enum tls_state {
    TLS_FIRST,  /* before TLS: TCP connects, or the ClientHello comes */
    TLS_PARKED, /* the ClientHello waits for a certificate, or for its turn */
    TLS_HANDSHAKE,
    TLS_UP,
    TLS_CLOSING, /* over, but the peer is yet to get the last bytes */
    TLS_ENDED,
};

struct tls_connection {
    struct tlscommon_certificate certificate; /* gateway; first, as tlscommon_certificate_serve() wants it */
    struct tls_worker *tls;
    const struct tls_owner *owner;
    gnutls_session_t session; /* NULL before the handshake, and while closing */
    struct hg_link *link;     /* NULL: the core does not know of it */
    struct hg_io *io;
    struct hg_timer *timer;
    hg_time deadline; /* of the handshake; of closing */
    struct tlscommon_input input;
    struct tls_output output;
    struct tls_packets packets;
    struct tls_connection *next_closing, **previous_closing;
    int fd;
    enum tls_state state;
    unsigned busy;   /* calls into it that are under way: it is not freed before they return */
    bool received;   /* packets, since the last batch end */
    bool refused;    /* a packet of the core's */
    bool alerted;    /* the peer has ended the handshake by an alert */
    bool farewell;   /* the last bytes are on their way: it ends when the peer has them */
    bool lost;       /* `reason` is to be told to the core */
    const char *bad; /* what is wrong with the stream of packets */
    char peer[ACCEPT_PEER_SIZE];
    char reason[256]; /* why it failed, for a person */
};

/* Begins, in state TLS_FIRST, with a descriptor that becomes the connection's. It must be done, or have ended, in
 * handshake_timeout. -1 when out of memory: nothing is left to free but struct and descriptor. */
int tls_connection_init(struct tls_connection *connection, struct tls_worker *tls, const struct tls_owner *owner,
                        int fd);

/* What to watch the socket for in state TLS_FIRST. */
void tls_connection_watch(struct tls_connection *connection, int events);

/* Moves the deadline in state TLS_FIRST nearer or further. */
void tls_connection_expect(struct tls_connection *connection, hg_time delay);

/* Makes the session; `flags` is GNUTLS_CLIENT or GNUTLS_SERVER. The owner goes on with what is special to its end, then
 * tls_connection_handshake(). 0, or -1 when out of memory. */
int tls_connection_secure(struct tls_connection *connection, unsigned flags);

/* Lets nothing happen until tls_connection_handshake(), or the deadline. */
void tls_connection_park(struct tls_connection *connection);

/* Begins the handshake, or goes on with it. False: the connection has ended. */
bool tls_connection_handshake(struct tls_connection *connection);

/* Tells the core that the link is up. */
void tls_connection_link_up(struct tls_connection *connection);

/* Says that this end is done, by close_notify or, `alert` > 0, by that fatal alert: what ends now ends when the peer
 * has got it. */
void tls_connection_say_goodbye(struct tls_connection *connection, int alert);

/* Keeps it from being freed until tls_connection_leave(), which returns false when it has ended meanwhile. */
void tls_connection_enter(struct tls_connection *connection);
bool tls_connection_leave(struct tls_connection *connection);

/* Ends it: owner->remove() at once, owner->free() when nothing is left to do. */
void tls_connection_end(struct tls_connection *connection);

/* Ends all that only wait for their peers. */
void tls_connection_end_closing(struct tls_worker *tls);

/* The operations of the transport on a link that is up. */
uint64_t tls_connection_next_packet_number(void *handle);
int tls_connection_send(void *handle, const uint8_t *packet, size_t size);
void tls_connection_flush(void *handle);
void tls_connection_close(void *handle, bool graceful);

#endif
