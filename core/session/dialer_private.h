/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What the files of the dialer share: dial_plan.c, when to dial; transport_race.c, which transport wins;
 * transport_return.c, moving back to an earlier transport; and dialer.c, which begins and ends it all.
 */
#ifndef CORE_SESSION_DIALER_PRIVATE_H
#define CORE_SESSION_DIALER_PRIVATE_H

#include "core/base/backoff.h"
#include "core/session/dialer.h"
#include "core/session/link.h"

/* How long a handshake may take. */
#define CONNECT_TIMEOUT (10 * HG_SECOND)

struct dialer {
    struct sessions *sessions;
    struct dialer *next;
    const struct gateway *gateway;
    char label[320]; /* begins its lines in the log, where there are several dialers; else empty */
    struct backoff backoff;
    struct hg_timer *timer; /* the beginning of a round, or the end of a head start in it */
    bool waits;             /* for the beginning of a round */
    bool helps_drained;     /* the last round that was planned is for a session that the gateway drains */
    size_t next_endpoint;   /* of this round, in the gateway's order */
    size_t attempts;        /* links with is_attempt */
    hg_time not_before;
    hg_time round_began; /* the last one, in which no link was good so far; 0: there is none */

    struct hg_timer *probe_timer;
    struct hg_link *probe; /* a link with is_probe */
    size_t probes;         /* ever */
    hg_time returned_at;   /* when a session last moved back; 0: never */
    unsigned returns_in_vain;
};

/* ---- dial_plan.c ---- */

/* The session of this dialer that needs a link most, or NULL. */
struct session *dialer_session_in_need(const struct dialer *dialer);
/* Its session that takes new exchanges, or NULL. */
struct session *dialer_current_session(const struct dialer *dialer);
bool dialer_needs_link(const struct dialer *dialer);
uint64_t dialer_random(void);

/* ---- transport_race.c ---- */

/* Begins to connect to an endpoint. NULL: not even that was possible. */
struct hg_link *dialer_connect(struct dialer *dialer, const struct gateway_endpoint *endpoint);
/* Lets the next transport take part in the race. */
void race_next(struct dialer *dialer);
/* Ends the race. */
void race_end(struct dialer *dialer, const char *why);
/* The link of the race that waits for the answer to its `open` (`said`), or that is up and waits for its turn. */
struct hg_link *race_opening_link(const struct dialer *dialer, bool said);
/* A link that takes part is up, or has ended. */
void race_link_up(struct hg_link *link);
void race_link_ended(struct dialer *dialer, const struct hg_link *link);

/* ---- transport_return.c ---- */

/* Tries an earlier transport; `dialer` is a struct dialer. */
void return_probe(void *dialer);
/* Its link is up, or has ended. */
void return_link_up(struct hg_link *link);
void return_link_ended(struct dialer *dialer, const struct hg_link *link);
/* A session has moved to this link; `returned`: to an earlier transport. */
void return_note(struct dialer *dialer, const struct hg_link *link, bool returned);

#endif
