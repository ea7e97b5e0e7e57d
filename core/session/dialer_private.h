/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Shared by the files of the dialer: dial_plan.c decides when to dial; transport_race.c finds out which transport wins;
 * transport_return.c moves back to an earlier transport; dialer.c starts and stops everything.
 */
#ifndef CORE_SESSION_DIALER_PRIVATE_H
#define CORE_SESSION_DIALER_PRIVATE_H

#include "core/base/backoff.h"
#include "core/base/cold.h"
#include "core/session/dialer.h"
#include "core/session/link.h"

/* How long a handshake may take. */
#define CONNECT_TIMEOUT (10 * HG_SECOND)

struct dialer {
    struct sessions *sessions;
    struct dialer *next;
    const struct gateway *gateway;
    char label[320]; /* the prefix of its log lines if there are several dialers; else empty */
    struct backoff backoff;
    struct hg_timer *timer; /* until a round begins, or a head start in it ends */
    bool waits;             /* waiting for a round to begin */
    bool helps_drained;     /* the last round planned was for a session that the gateway is draining */
    size_t next_endpoint;   /* of this round, in the gateway's order */
    size_t attempts;        /* number of links with is_attempt */
    hg_time not_before;
    hg_time round_began; /* start of the latest round, if no link has succeeded since; 0: no such round */

    struct hg_timer *probe_timer;
    struct hg_link *probe; /* a link with is_probe */
    size_t probes;         /* in total */
    hg_time returned_at;   /* when a session last moved back; 0: never */
    unsigned returns_in_vain;
};

/* ---- dial_plan.c ---- */

/* The dialer's session that needs a link most, or NULL. */
struct session *dialer_session_in_need(const struct dialer *dialer);
/* The dialer's session that takes new exchanges, or NULL. */
struct session *dialer_current_session(const struct dialer *dialer);
bool dialer_needs_link(const struct dialer *dialer);
COLD uint64_t dialer_random(void);

/* ---- transport_race.c ---- */

/* Begins to connect to an endpoint. NULL if even that failed. */
COLD struct hg_link *dialer_connect(struct dialer *dialer, const struct gateway_endpoint *endpoint);
/* Lets the next transport join the race. */
COLD void race_next(struct dialer *dialer);
/* Ends the race. */
COLD void race_end(struct dialer *dialer, const char *why);
/* The link of the race that is waiting for the answer to its `open` (`said`), or that is up and waiting for its
 * turn. */
COLD struct hg_link *race_opening_link(const struct dialer *dialer, bool said);
/* A link in the race is up, or has ended. */
COLD void race_link_up(struct hg_link *link);
COLD void race_link_ended(struct dialer *dialer, const struct hg_link *link);

/* ---- transport_return.c ---- */

/* Tries an earlier transport; `dialer` is a struct dialer. */
COLD void return_probe(void *dialer);
/* The link of this probe is up, or has ended. */
COLD void return_link_up(struct hg_link *link);
COLD void return_link_ended(struct dialer *dialer, const struct hg_link *link);
/* A session has moved to this link; `returned`: it is back on an earlier transport. */
COLD void return_note(struct dialer *dialer, const struct hg_link *link, bool returned);

#endif
