/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A link: the core's half of a connection made by a transport. It builds and receives packets, runs the tunnel's timer
 * and carries control messages.
 *
 * Everything that a link sends, even CLOSE, is sent by link_flush() at the end of a turn of the loop.
 */
#ifndef CORE_SESSION_LINK_H
#define CORE_SESSION_LINK_H

#include "core/base/cold.h"
#include "core/session/session.h"

#include <hopgate/transport.h>

enum link_state {
    LINK_HANDSHAKE, /* the transport's handshake is running */
    LINK_OPENING,   /* up; `open` has not been answered yet */
    LINK_VERIFYING, /* gateway: `open` has arrived, and its credentials are being verified */
    LINK_REFUSED,   /* gateway: `refuse` was sent; the link stays until it is acknowledged */
    LINK_ACTIVE,    /* carries a session */
    LINK_CLOSING,   /* link_flush() will close it */
    LINK_DOWN,      /* ended by the transport; link_flush() will free it */
};

struct verifying;

struct hg_link {
    struct sessions *sessions;
    struct hg_worker *transport;
    const struct hg_transport_ops *ops;
    void *handle; /* the transport's half; NULL before it is up and after it is down */
    struct tn_link *tn;
    struct session *session;
    struct hg_timer *timer;
    enum link_state state;
    bool blocked;                /* ops->send() accepts no packets at the moment */
    bool dead;                   /* the peer was silent for too long: no CLOSE is sent */
    bool is_closed;              /* closed by the peer: no CLOSE is sent back */
    bool session_over;           /* closed with a code, or after an error of the tunnel, that ends its session, too */
    bool was_active;             /* it has carried a session */
    struct dialer *dialer;       /* client: the dialer that opened it */
    bool is_connecting;          /* client: ops->connect() has not completed yet */
    bool is_attempt;             /* client: takes part in the race for a link (transport_race.c) … */
    bool is_probe;               /* … or tests whether an earlier transport works again (transport_return.c) */
    bool open_sent;              /* client */
    struct verifying *verifying; /* gateway: LINK_VERIFYING; core/session/accept.c */
    bool is_old;                 /* client: its session should move to another link */
    uint64_t resumes;            /* client: number of the session named in `open`; 0: none */
    hg_time up_at;
    hg_time check_at;        /* when end->check() is due; TN_TIME_NEVER: never */
    hg_time overdue_at;      /* when the peer was first found to be overdue; 0: it is not */
    hg_time ask_after;       /* client: ping after this much silence */
    hg_time asked_at;        /* client: when it last pinged the gateway because of a sign of change; 0: never */
    uint64_t moved;          /* client: stream bytes transferred when that was last checked */
    size_t packet_size;      /* as last logged */
    uint8_t *refused_packet; /* a packet that ops->send() has not accepted … */
    bool refused_probe;      /* … or ops->probe() */
    size_t refused_size;
    uint64_t refused_number;
    uint64_t close_code;
    char reason[256]; /* why it ends */
    char peer[80];
    char security[80];

    struct hg_link *next, **previous;
    struct hg_link *next_flush;
    bool is_queued;
};

static inline struct hg_worker *link_worker(const struct hg_link *link)
{
    return link->sessions->worker;
}

/* Whether it is up and not being closed. */
static inline bool link_is_alive(const struct hg_link *link)
{
    return link->handle && link->state != LINK_CLOSING && link->state != LINK_DOWN;
}

/* Creates a link that is not up yet, to be checked at `check_at`. NULL: out of memory, or too many links. */
COLD struct hg_link *link_new(struct sessions *sessions, struct hg_worker *transport, hg_time check_at);
/* Frees a link in any state; the transport's half is closed, or its connection attempt cancelled. */
COLD void link_free(struct hg_link *link);
/* Closes the link, sending the code and reason to the peer. If called again, the first reason stays. */
__attribute__((cold, format(printf, 3, 4))) void link_close(struct hg_link *link, uint64_t code, const char *format,
                                                            ...);
/* The tunnel reported an error for a packet or at a deadline. */
COLD void link_failed(struct hg_link *link, int code);
/* The peer was silent for too long: the link ends without a CLOSE. */
COLD void link_died(struct hg_link *link);
/* Calls end->check() at that time. */
void link_check_at(struct hg_link *link, hg_time when);
/* Sets the timer for the next thing to do; `more`: there is more to send right now. */
void link_set_timer(struct hg_link *link, bool more);
/* Sends a control message and frees `line`, which may be NULL. False on failure; the link is then being closed. */
COLD bool link_send_message(struct hg_link *link, char *line);

#endif
