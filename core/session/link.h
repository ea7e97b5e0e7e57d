/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A link: the core's half of what a transport made. It takes packets in, builds packets, keeps the timer of the tunnel
 * and carries the control messages.
 *
 * Everything that a link has to send, its end included, is done in link_flush(), at the end of a turn of the loop.
 */
#ifndef CORE_SESSION_LINK_H
#define CORE_SESSION_LINK_H

#include "core/session/session.h"

#include <hopgate/transport.h>

enum link_state {
    LINK_HANDSHAKE, /* the transport has not told that it is up */
    LINK_OPENING,   /* up; `open` is not answered yet */
    LINK_REFUSED,   /* gateway: `refuse` was sent, the link stays until that has arrived */
    LINK_ACTIVE,    /* carries a session */
    LINK_CLOSING,   /* to be closed by the next link_flush() */
    LINK_DOWN,      /* the transport has ended it: to be freed by the next link_flush() */
};

struct hg_link {
    struct sessions *sessions;
    struct hg_worker *transport;
    const struct hg_transport_ops *ops;
    void *handle; /* the transport's half; NULL before it is up and after it is down */
    struct tn_link *tn;
    struct session *session;
    struct hg_timer *timer;
    enum link_state state;
    bool blocked;          /* ops->send() takes no more for now */
    bool dead;             /* the peer was silent for too long: no goodbye */
    bool is_closed;        /* the peer has closed it: no CLOSE back */
    bool session_over;     /* it ends by a code that ends its session too */
    bool was_active;       /* it has carried a session */
    struct dialer *dialer; /* client: who has opened it */
    bool is_connecting;    /* client: ops->connect() is not answered yet */
    bool is_attempt;       /* client: it takes part in the race for a link (core/session/dialer.c) … */
    bool is_probe;         /* … or tells whether an earlier transport works again */
    bool open_sent;        /* client */
    bool is_old;           /* client: another one shall take its session over */
    uint64_t resumes;      /* client: the number of the session that `open` named, 0: none */
    hg_time up_at;
    hg_time check_at;        /* when end->check() is due; TN_TIME_NEVER: not at all */
    hg_time overdue_at;      /* when it was first seen that the peer owes an answer for too long; 0: it does not */
    hg_time ask_after;       /* client: the silence after which it asks for life */
    hg_time asked_at;        /* client: when it last asked since the link was in doubt; 0: never */
    uint64_t moved;          /* client: stream bytes that had passed when it last asked */
    size_t packet_size;      /* of the tunnel, as the log was told last */
    uint8_t *refused_packet; /* a packet that was built but that ops->send() did not take, … */
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

/* Whether it is up and nobody has ended it. */
static inline bool link_is_alive(const struct hg_link *link)
{
    return link->handle && link->state != LINK_CLOSING && link->state != LINK_DOWN;
}

/* ---- link.c ---- */

/* A link that is not up yet, checked at `check_at`. NULL when out of memory or there are too many. */
struct hg_link *link_new(struct sessions *sessions, struct hg_worker *transport, hg_time check_at);
/* Frees it, whatever its state; the transport's half is closed, or its connecting given up. */
void link_free(struct hg_link *link);
/* Ends the link, telling the peer the code and the reason. The first reason is the one that counts. */
__attribute__((format(printf, 3, 4))) void link_close(struct hg_link *link, uint64_t code, const char *format, ...);
/* The tunnel found something wrong with a packet or at a deadline. */
void link_failed(struct hg_link *link, int code);
/* The peer was silent for too long: the link ends without goodbye. */
void link_died(struct hg_link *link);
/* How long the peer may owe an answer before it is no place for a new exchange while there is a better one. About then
 * a client looks for another link (docs/protocol.md, section 6.3). */
hg_time link_slow_after(const struct hg_link *link);
/* How long the peer may owe an answer before the end->check() of an active link looks at it. */
hg_time link_answer_timeout(const struct hg_link *link);
/* Whether it has owed one for `patience`. What waits to be read may be that answer, when this process was held up: so
 * it is only true if it was before, and a moment later still is. */
bool link_is_overdue(struct hg_link *link, hg_time patience);
/* For how long it has owed one. */
hg_time link_unanswered_for(const struct hg_link *link);

/* ---- link_send.c ---- */

/* Lets link_flush() look at it at the end of this turn. */
void link_queue(struct hg_link *link);
/* Sends what there is to be sent and sets the timer; ends and frees the link if it is over. */
void link_flush(struct hg_link *link);
/* The time of the next end->check(). */
void link_check_at(struct hg_link *link, hg_time when);
/* Sends a control message and frees `line`, which may be NULL. False: the link is being closed instead. */
bool link_send_message(struct hg_link *link, char *line);

#endif
