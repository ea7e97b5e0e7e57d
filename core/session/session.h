/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A session: an authenticated client at a gateway, seen from either end, with the streams that carry its exchanges. A
 * link carries it, and it outlives its links: what happens when one is lost is decided in session_link_lost() alone.
 */
#ifndef CORE_SESSION_SESSION_H
#define CORE_SESSION_SESSION_H

#include "core/base/multimap.h"
#include "core/pipeline/gateway_list.h"
#include "core/pipeline/pipeline.h"
#include "core/session/control_message.h"
#include "core/session/session_table.h"

#include <hopgate/identity.h>

/* How long an end that stops waits until its peers have heard of it. */
#define DRAIN_TIMEOUT HG_SECOND

struct exchange_stream;
struct changes;  /* core/loop/network_change.h */
struct dialer;   /* core/session/dialer.c */
struct dispatch; /* core/session/dispatch.c */
struct hg_link;
struct session;

/* What differs between the two ends of a tunnel. */
struct tunnel_end {
    /* A link's handshake is complete. */
    void (*link_up)(struct hg_link *link);
    /* A control message other than ping and pong. */
    void (*message)(struct hg_link *link, const struct control_message *message);
    /* The time that was set in link->check_at has come. */
    void (*check)(struct hg_link *link);
    /* The link sends nothing more; its session, if it had one, knows. */
    void (*link_ended)(struct hg_link *link);
    /* The session's link carries packets, for the first time or again. */
    void (*session_answers)(struct session *session);
    /* The peer opened a stream. */
    void (*stream_opened)(struct session *session, struct tn_stream *tn);
    /* There is a sign that the peer has lost the link, or that the path has changed. May be NULL. */
    void (*doubt)(struct hg_link *link);
    /* The link should be replaced by another one. May be NULL. */
    void (*renew)(struct hg_link *link);
};
extern const struct tunnel_end gateway_end; /* core/session/accept.c */
extern const struct tunnel_end client_end;  /* core/session/client.c */

/* Gateway: who may open sessions, and what they may serve, has changed. `sessions`: a struct sessions. */
void gateway_review_identities(void *sessions);

/* Sessions without a link, which all wait equally long for one. */
struct resume_queue {
    struct session *first; /* the longest without a link */
    struct session **tail;
};

/* All sessions and links of a worker. */
struct sessions {
    struct hg_worker *worker; /* the core's own instance; its state is this */
    const struct pipeline *pipeline;
    struct exchange_table *exchanges;
    struct stage *top; /* client: where its exchanges begin */
    const struct tunnel_end *end;
    const struct hg_identity_ops *identity;
    struct hg_worker *identity_worker;
    struct hg_capability routes; /* client: ops is NULL where nobody offers it */
    struct session *sessions;    /* the newest first */
    struct hg_link *links;
    size_t link_count;
    struct hg_link *flush; /* links with something to send or to end */
    struct hg_link **flush_tail;
    struct multimap by_client;            /* gateway: the sessions of each client */
    struct multimap by_name;              /* gateway: all sessions by name */
    uint64_t choices;                     /* gateway: exchanges for which a session was chosen */
    struct gateway_list gateways;         /* client */
    struct changes *changes;              /* client: of the network, and sleep */
    struct dialer *dialers;               /* client: for each gateway as many as there shall be links */
    char process[CONTROL_NAME_SIZE + 1];  /* client: what it says in `open` of the process that it is */
    struct resume_queue resume_queues[2]; /* those without a link; [1]: the contested ones */
    struct multimap resumable;            /* gateway: all of them by client */
    struct hg_timer *resume_timer;        /* when the first of them is given up */
    struct dispatch *waiting;             /* gateway: exchanges that wait for their client's return, the oldest first */
    struct dispatch **waiting_tail;
    struct hg_timer *waiting_timer; /* when the first of them has waited enough */
    size_t waiting_count;
    uint64_t next_number;
    hg_time drained_at; /* when sessions_drain() was called; 0: it was not */
    bool stopping;      /* nothing is kept any more */
    uint64_t *opened;   /* counters */
    uint64_t *resumed;
    uint64_t *expired;
    uint64_t *silent_links;
    uint64_t *returned;
    uint64_t *refused;
    uint64_t *packets_sent;
    uint64_t *packets_received;
    uint8_t packet[TN_PACKET_MAX]; /* where packets are built */
};

/* An instance in the sessions' worker. */
static inline struct hg_worker *sessions_worker_of(const struct sessions *sessions, const struct instance *instance)
{
    return sessions->worker->host->worker_of(sessions->worker, &instance->public);
}

struct session {
    struct sessions *sessions;
    uint64_t number; /* for the log: the name is a secret */
    char name[CONTROL_SESSION_NAME_SIZE + 1];
    struct hg_identity identity;         /* gateway */
    char process[CONTROL_NAME_SIZE + 1]; /* gateway: of the client; empty: it does not say */
    json_t *services;                    /* gateway: names of what the client says it serves; NULL: it does not say */
    uint64_t chosen;                     /* gateway: the newest choice that fell on it */
    struct dialer *dialer;               /* client: who keeps it connected */
    const struct hg_codec_ops *codec;
    struct hg_worker *codec_worker;
    struct tn_session *tn;
    struct hg_link *link;     /* what carries it now; NULL: it is detached */
    bool open;                /* accepted by the gateway */
    bool confirmed;           /* the client knows its name, so it can come back */
    bool draining;            /* the peer or this end wants no new streams */
    bool silent;              /* client: its link has been silent for too long */
    bool contested;           /* gateway: another process of the client is there, see core/session/rival_processes.h */
    uint64_t asked_for;       /* gateway: the number of another process's session for which it was asked for life … */
    hg_time asked_at;         /* … and when, until it answers */
    const char *drain_reason; /* client: why this end wants no new streams; said again on each link */
    hg_time opened_at;
    uint64_t exchanges; /* ever */

    struct multimap_node by_client; /* gateway: by identity.id */
    struct multimap_node by_name;   /* gateway: by name */
    struct multimap_node resumable; /* gateway: by identity.id, while it is detached */
    hg_time lost_at;                /* 0: it is not */
    struct session *next_lost, **previous_lost;
    char lost_reason[160];           /* why it has lost its last link */
    struct exchange_stream *streams; /* all */
    size_t stream_count;
    uint64_t undecoded;                /* bytes that the codec may keep for them: see exchange_stream_receive.c */
    struct exchange_stream *unwritten; /* those whose bytes are to be written to their streams before the next packet */
    struct exchange_stream *waiting;   /* gateway: those without a stream yet, the oldest first */
    struct exchange_stream **waiting_tail;
    size_t waiting_count;
    struct session *next, **previous;
};

/* Logs at info what becomes of a session: "session 7 of client-1 …". */
__attribute__((format(printf, 2, 3))) void session_log(const struct session *session, const char *format, ...);

/* A session without a name, codec or link; NULL when out of memory. */
struct session *session_new(struct sessions *sessions);
/* Ends it: its exchanges are reset, telling `why`. A link that it still has is closed with SESSION_ENDED. */
void session_end(struct session *session, const char *why);
/* The same where `why` may hold an address of the other end: exchanges are reset with `public_why` instead, since users
 * must not learn from where a service is served. */
void session_end_discreetly(struct session *session, const char *why, const char *public_why);

/* Makes a name that nobody can guess, of CONTROL_SESSION_NAME_SIZE characters. 0, or -1 when the system has no random
 * numbers. */
int session_random_name(char *name);

/* What `open` and `accept` tell of the sessions of this end, and what the peer told. */
void session_local_parameters(const struct sessions *sessions, struct control_parameters *parameters);
void session_set_peer_parameters(struct session *session, struct hg_link *link,
                                 const struct control_parameters *parameters);

/* The codec of this pipeline by that name, or NULL. */
const struct instance *session_find_codec(const struct sessions *sessions, const char *wire_name);
void session_set_codec(struct session *session, const struct instance *codec);

/* Lets the link carry the session, in the place of the one that did, which is closed with LINK_REPLACED. */
void session_attach(struct session *session, struct hg_link *link);
/* The session is agreed on and its link is attached. */
void session_opened(struct session *session);
/* It goes on over the link that was just attached; `why` it did not over the one before. */
void session_resumed(struct session *session, const char *why);

/* Gateway: the session of that name, or NULL. */
struct session *session_by_name(const struct sessions *sessions, const char *name);
/* Gateway: a client's sessions, the newest first; NULL: there is none, or no older one. */
struct session *session_newest(const struct sessions *sessions, struct hg_text client);
struct session *session_older(const struct session *session);
/* Gateway: the session for a new exchange, which is the newest of the target's client that may serve its service, says
 * that it does and answers, or another one of the same process that has less to do. NULL with `*reason` saying why
 * there is none, and
 * `*absent` whether there is one that may soon answer again. */
struct session *session_for_target(const struct sessions *sessions, const struct hg_target *target,
                                   struct hg_reason *reason, bool *absent);

/* Gateway: whether the session's client may serve that service. */
bool session_may_serve(const struct session *session, struct hg_text service);

/* Takes what the tunnel has to tell of the session's streams. */
void session_handle_events(struct session *session);
/* Writes what exchanges have encoded since the last packets to their streams. */
void session_write(struct session *session);
/* Something was changed that may have to be sent. */
void session_touch(struct session *session);
/* Whether nothing of it is left to be delivered: no exchange, no stream. */
bool session_is_idle(const struct session *session);
/* The link of a session is gone; `over`: by a code that ends the session (docs/protocol.md, section 7). */
void session_link_lost(struct session *session, bool over, const char *why);

#endif
