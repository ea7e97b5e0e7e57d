/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The certificates of one worker: which are kept, what is served for whom, and, in the one process of all that share a
 * store which holds the lease, getting and renewing them.
 *
 * The store is what connects workers and nodes: a certificate that one of them obtains is read by the others when the
 * watch tells of it, and so are pending challenges, which each presents to its own solvers.
 */
#ifndef ACME_AGENT_H
#define ACME_AGENT_H

#include "plugins/acme/attempt.h"
#include "plugins/acme/authority.h"
#include "plugins/acme/cleanup.h"
#include "plugins/acme/demand.h"
#include "plugins/acme/index.h"
#include "plugins/acme/job.h"
#include "plugins/acme/program.h"

struct acme_agent {
    struct hg_worker *worker;
    const struct acme_config *config;
    struct acme_vault vault;
    struct acme_programs programs;
    struct acme_solvers solvers;
    struct acme_cleanup *cleanup; /* of what gateways that died have left behind; NULL: it is done */
    struct acme_attempts attempts;
    struct https *https;
    struct acme_authority authorities[ACME_AUTHORITIES_MAX];
    size_t authority_count;

    struct acme_job *jobs; /* those of the config first, in its order */
    struct acme_index index;
    size_t unread; /* what the store has not answered yet at the start, or after the lease was taken */

    /* Who may order: see lead.c. */
    bool leads, elsewhere;               /* another process does … */
    char leader[HG_STORE_OWNER_MAX + 1]; /* … this one, as it was told last */
    bool settled;                        /* what can be begun has been begun for the first time */
    hg_time lease_until;
    struct hg_timer *lease_timer;
    struct hg_store_request *lease_request;
    char owner[HG_STORE_OWNER_MAX + 1];
    struct acme_recalled_pause {
        struct acme_agent *agent;
        struct acme_authority *authority;
        struct hg_store_request *reading;
    } pauses[ACME_AUTHORITIES_MAX];

    /* Attempts: see attempt.c. */
    struct hg_timer *timer, *expiry_timer;
    unsigned running;
    unsigned followed; /* certificates that their authority was first asked about at the start */

    struct acme_demand demand;

    struct hg_store_watch *watch;
    struct acme_reading *readings;       /* of what has changed */
    struct hg_store_request *challenges; /* a list of all that are pending */
    struct hg_store_request *listing;    /* of requests: request.c … */
    bool look_again;                     /* … and once more after that */
    struct acme_revocation *revocations;
    bool told_unreadable;

    struct {
        uint64_t *issued, *failed, *attempts, *on_demand_refused;
    } counters;
};

/* ---- agent.c ---- */

/* NULL: out of memory, or no store; told. */
struct acme_agent *acme_agent_new(struct hg_worker *worker, struct acme_job *(*jobs)(struct acme_agent *agent));
void acme_agent_free(struct acme_agent *agent);
/* Keeps a job from now on. False: out of memory, the job is freed. */
bool acme_agent_keep(struct acme_agent *agent, struct acme_job *job);
/* Keeps it no longer. Nothing of it may be going on. */
void acme_agent_forget(struct acme_job *job);
/* What a handshake is shown: the certificate, or a self-signed one where the config promises one. A reference, or NULL.
 */
struct hg_certificate *acme_agent_shown(struct acme_job *job);
/* Everything that the handshakes waiting for a job can be told is told. */
void acme_agent_wake(struct acme_job *job);
/* Serves `pair`, a reference, for a job from now on. */
void acme_agent_serve(struct acme_job *job, struct acme_pair *pair);
/* Serves the pair that was replaced by one which is damaged now, a reference or NULL, until there is a new one. */
void acme_agent_serve_previous(struct acme_job *job, struct acme_pair *pair);

/* ---- lead.c ---- */

bool acme_lead_begin(struct acme_agent *agent);
void acme_lead_end(struct acme_agent *agent);
/* Another process holds the lease: what goes on here is given up. */
void acme_lead_lost(struct acme_agent *agent);

/* ---- attempt.c ---- */

/* Begins what is due, and sets the timer for what is next. */
void acme_attempt_schedule(struct acme_agent *agent);
/* A handshake waits for it: it begins soon, not within the call. */
void acme_attempt_wanted(struct acme_job *job);
/* Gives up an attempt that goes on, without any consequence. */
void acme_attempt_drop(struct acme_job *job);

/* ---- outcome.c ---- */

/* An attempt for a job, `arg`, has ended: what acme_attempt_ops want. */
json_t *acme_outcome(void *arg, const struct acme_result *result);

/* ---- follow.c ---- */

/* Begins to ask the authority when it would like a job's certificate to be renewed (RFC 9773). */
void acme_follow(struct acme_job *job);

/* ---- expiry.c: how the certificates stand ---- */

bool acme_expiry_begin(struct acme_agent *agent);
/* Of a job that is kept from now on. */
void acme_expiry_add(struct acme_job *job);
/* The figures are as it stands now. */
void acme_expiry_show(const struct acme_job *job);
void acme_expiry_show_all(struct acme_agent *agent);
/* An attempt has failed. */
void acme_expiry_count(struct acme_agent *agent, const struct acme_result *result);

/* ---- find.c: the operations of `certificates` ---- */

struct hg_certificate *acme_find(struct acme_agent *agent, const struct hg_certificate_query *query,
                                 hg_certificate_done done, void *arg, struct hg_certificate_lookup **later);
void acme_find_cancel(struct hg_certificate_lookup *lookup);

/* ---- mirror.c: what others put into the store ---- */

bool acme_mirror_begin(struct acme_agent *agent);
/* Reads a value; `done` is not called where memory is out or the store or the agent ends before. */
typedef void (*acme_read)(struct acme_agent *agent, const char *name, const struct hg_store_answer *answer);
void acme_mirror_read(struct acme_agent *agent, const char *kind, struct hg_text name, acme_read done);
/* Serves the certificate that was read for that name, if it is another one than that which is served. */
void acme_mirror_take(struct acme_agent *agent, const char *name, const struct hg_store_answer *answer);
/* Looks at all certificates in the store, whatever was told of them. */
void acme_mirror_look(struct acme_agent *agent);
void acme_mirror_end(struct acme_agent *agent);

#endif
