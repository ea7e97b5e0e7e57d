/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A session: an authenticated client at a gateway, as seen from either end, with the streams that carry its exchanges.
 * It runs over a link and outlives it: session_link_lost() alone decides what happens when a link is lost.
 */
#ifndef CORE_SESSION_SESSION_H
#define CORE_SESSION_SESSION_H

#include "core/base/cold.h"
#include "core/base/multimap.h"
#include "core/pipeline/gateway_list.h"
#include "core/pipeline/pipeline.h"
#include "core/session/control_message.h"

#include <hopgate/identity.h>

/* How long an end that is stopping waits until its peers have been notified. */
#define DRAIN_TIMEOUT HG_SECOND

/* A contested session loses its link after CONTESTED_SILENCE without an answer, and ends after CONTESTED_ABSENCE
 * without a link: together in less than 3 s. */
#define CONTESTED_SILENCE (1600 * HG_MILLISECOND)
#define CONTESTED_ABSENCE (1200 * HG_MILLISECOND)

struct exchange_stream;
struct changes;  /* core/loop/network_change.h */
struct dialer;   /* core/session/dialer_private.h */
struct dispatch; /* core/session/dispatch.c */
struct hg_link;
struct session;

/* The differences between the two ends of a tunnel. */
struct tunnel_end {
    /* A link's handshake is complete. */
    void (*link_up)(struct hg_link *link);
    /* A control message other than ping and pong. */
    void (*message)(struct hg_link *link, const struct control_message *message);
    /* The time in link->check_at has come. */
    void (*check)(struct hg_link *link);
    /* The link has ended; its session, if any, has already been notified. */
    void (*link_ended)(struct hg_link *link);
    /* Packets have arrived on the session's link, and something waits for that. */
    void (*session_answers)(struct session *session);
    /* The session has lost its link: it waits for another one, or ends. May be NULL. */
    void (*session_down)(struct session *session);
    /* The peer opened a stream. */
    void (*stream_opened)(struct session *session, struct tn_stream *tn);
    /* The peer may have lost the link, or the path has changed: checks whether the peer is alive. May be NULL. */
    void (*ask)(struct hg_link *link);
    /* The link should be replaced. May be NULL. */
    void (*renew)(struct hg_link *link);
};

/* Sessions without a link. All wait for the same time. */
struct resume_queue {
    struct session *first; /* the one that has been without a link for longest */
    struct session **tail;
};

/* All sessions and links of a worker. */
struct sessions {
    struct hg_worker *worker; /* the core's own instance; its state is this struct */
    const struct pipeline *pipeline;
    struct exchange_table *exchanges;
    struct stage *top; /* client: where its exchanges begin */
    const struct tunnel_end *end;
    const struct hg_identity_ops *identity;
    struct hg_worker *identity_worker;
    struct hg_capability routes; /* client: ops is NULL if no plugin offers it */
    struct session *sessions;    /* newest first */
    struct hg_link *links;
    size_t link_count;
    struct hg_link *flush; /* links that have something to send, or must end */
    struct hg_link **flush_tail;
    struct multimap by_client;            /* gateway: the sessions of each client */
    struct multimap by_name;              /* gateway: all sessions by name */
    uint64_t choices;                     /* gateway: number of times a session was chosen for an exchange */
    struct gateway_list gateways;         /* client */
    struct changes *changes;              /* client: watches for changes of the network, and sleep */
    struct dialer *dialers;               /* client: `links` of them for each gateway */
    char process[CONTROL_NAME_SIZE + 1];  /* client: the name of this process in `open` */
    struct resume_queue resume_queues[2]; /* [1]: the contested ones */
    struct multimap resumable;            /* gateway: sessions in the resume queues, by client */
    struct hg_timer *resume_timer;        /* runs until the first of them must end */
    struct dispatch *waiting;             /* gateway: exchanges that wait for their client to return, oldest first */
    struct dispatch **waiting_tail;
    struct hg_timer *waiting_timer; /* runs until the first of them fails */
    size_t waiting_count;
    bool some_delivered; /* gateway: a session that is over may have delivered its last response */
    uint64_t next_number;
    hg_time drained_at; /* when sessions_drain() was called; 0: not yet */
    bool stopping;      /* sessions no longer wait for links */
    uint64_t *opened;   /* counters */
    uint64_t *resumed;
    uint64_t *expired;
    uint64_t *silent_links;
    uint64_t *returned;
    uint64_t *refused;
    uint64_t *packets_sent;
    uint64_t *packets_received;
    uint8_t packet[TN_PACKET_MAX]; /* packets are built here */
};

/* An instance, as it exists in the sessions' worker. */
static inline struct hg_worker *sessions_worker_of(const struct sessions *sessions, const struct instance *instance)
{
    return sessions->worker->host->worker_of(sessions->worker, &instance->public);
}

struct session {
    struct sessions *sessions;
    uint64_t number; /* for the log, as the name is secret */
    char name[CONTROL_SESSION_NAME_SIZE + 1];
    struct hg_identity identity;         /* gateway */
    char process[CONTROL_NAME_SIZE + 1]; /* gateway: the client's process; empty: not given */
    json_t *services;                    /* gateway: the services that the client says it has; NULL: not given */
    uint64_t chosen;                     /* gateway: sessions->choices when it was last chosen */
    struct dialer *dialer;               /* client: the dialer that keeps it connected */
    const struct hg_codec_ops *codec;
    struct hg_worker *codec_worker;
    struct tn_session *tn;
    struct hg_link *link;     /* NULL: it has lost its link and waits in the resume queue, or it is over */
    bool open;                /* accepted by the gateway */
    bool confirmed;           /* the client knows its name, so it can be resumed */
    bool draining;            /* the peer or this end accepts no new streams */
    bool silent;              /* client: there has been no response on its link for too long */
    bool over;                /* gateway: it only delivers the responses that had arrived when the client ended it */
    bool contested;           /* gateway: another process of the client is connected, see rival_processes.h */
    uint64_t asked_for;       /* gateway: the session of another process because of which the peer was pinged … */
    hg_time asked_at;         /* … and when; reset by the answer */
    const char *drain_reason; /* client: why this end accepts no new streams; sent again on each link */
    hg_time opened_at;
    uint64_t exchanges; /* carried in total */

    struct multimap_node by_client; /* gateway: by identity.id */
    struct multimap_node by_name;   /* gateway: by name */
    struct multimap_node resumable; /* gateway: by identity.id, while it is in the resume queue */
    hg_time lost_at;                /* when it lost its link; 0: it has one */
    struct session *next_lost, **previous_lost;
    char lost_reason[160];           /* why it lost its last link */
    struct exchange_stream *streams; /* all */
    size_t stream_count;
    uint64_t undecoded; /* bytes that the codec may be holding for them, see exchange_stream_undecoded() */
    struct exchange_stream *unwritten; /* those with output to write before the next packet */
    struct exchange_stream *waiting;   /* gateway: those without a stream so far, oldest first */
    struct exchange_stream **waiting_tail;
    size_t waiting_count;
    struct session *next, **previous;
};

/* Logs an event of a session at level info: "session 7 of client-1 …". */
__attribute__((cold, format(printf, 2, 3))) void session_log(const struct session *session, const char *format, ...);

/* Creates a session without name, codec and link. NULL when out of memory. */
COLD struct session *session_new(struct sessions *sessions);
/* Ends a session: its exchanges are reset with the reason `why`, its link is closed with SESSION_ENDED, and it is
 * freed. */
COLD void session_end(struct session *session, const char *why);
/* The same if `why` may contain an address of the peer. Exchanges are reset with `public_why` instead, as users must
 * not learn where a service is hosted. */
COLD void session_end_discreetly(struct session *session, const char *why, const char *public_why);

/* Moves the session to this link. Its previous link is closed with LINK_REPLACED. */
COLD void session_attach(struct session *session, struct hg_link *link);
/* Both ends have agreed on the session, and its link is attached. */
COLD void session_opened(struct session *session);
/* The session continues over the link just attached; `why`: what was wrong with the previous one. */
COLD void session_resumed(struct session *session, const char *why);

/* Whether it has neither exchanges nor streams, so that nothing is left to deliver. */
static inline bool session_is_idle(const struct session *session)
{
    return !session->streams && !tn_session_stream_count(session->tn);
}

/* Frees the sessions that are over and have delivered what they had received; with `all`, also those that have not. */
void sessions_free_delivered(struct sessions *sessions, bool all);

/* The session has lost its link; `over`: it was closed with a code that ends the session (docs/protocol.md, section
 * 7). */
COLD void session_link_lost(struct session *session, bool over, const char *why);

#endif
