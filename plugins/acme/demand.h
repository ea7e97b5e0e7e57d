/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Certificates on demand: for whom one may be ordered that the config does not name, and how many.
 */
#ifndef ACME_DEMAND_H
#define ACME_DEMAND_H

#include "plugins/acme/options.h"

#include <hopgate/host.h>
#include <hopgate/routes.h>
#include <jansson.h>
#include <time.h>

struct acme_agent;
struct acme_job;
struct acme_pair;
struct acme_task;

/* What `on_demand` lacks where all routes are for wildcards or any host. */
#define ACME_NO_PERMISSION                                                                                             \
    "no route names a host itself, and a wildcard's permits no order: give each host a route of its own, or set ask"

/* Questions to `ask` that go on at once. */
#define ACME_ASKS_MAX 64

/* An address as quotas count it: of IPv6 the network of 64 bits, since whoever has one address there has all. */
struct acme_source {
    char text[48];
};

/* The orders of the last hour, by the wall clock, since they outlive the process. */
struct acme_quotas {
    struct acme_quota_order {
        time_t at;
        struct acme_source source;
    } * orders;
    size_t count;
};

struct acme_demand {
    const struct hg_routes_ops *routes; /* NULL: nobody routes */
    struct hg_worker *provider;
    size_t names; /* kept without a certificate: on its way, refused or failed */
    struct acme_job *asking[ACME_ASKS_MAX];
    size_t asking_count;

    struct acme_quotas quotas;
    struct hg_store_request *recalling;         /* the quotas that a process before this one has counted … */
    void (*recalled)(struct acme_agent *agent); /* … and who waits for them */
    struct acme_demand_refusals {
        hg_time since; /* the last line in the log; 0: the next one is logged at once */
        unsigned count;
    } refusals[2]; /* for want of permission, for quotas */
    hg_time swept, store_swept;
    struct hg_store_request *sweeping; /* the store is asked for a list of what it remembers; of what nobody uses … */
    struct acme_task *timing;          /* … the authority is asked what time it is … */
    bool timed;                        /* … before the next list */
};

void acme_demand_begin(struct acme_agent *agent);
void acme_demand_end(struct acme_agent *agent);

/* The job for a name that nothing is kept for yet, or was tried before without success; NULL: nothing is ordered for it
 * now. `peer` is the address and port of the handshake's other end. */
struct acme_job *acme_demand_job(struct acme_agent *agent, struct acme_job *known, const char *name,
                                 struct hg_text peer);

/* A job for a name that nothing is kept for; NULL: there is no room for it. */
struct acme_job *acme_demand_keep(struct acme_agent *agent, const char *name);

/* Of the address and port of a handshake's other end. */
struct acme_source acme_demand_source(struct hg_text peer);

/* Nothing is ordered for now: whoever waits is told, and whoever comes within a moment. */
void acme_demand_refuse(struct acme_job *job, const char *error);

/* Counts an order. What is used up, else NULL. */
const char *acme_quotas_count(struct acme_quotas *quotas, const struct acme_config *config,
                              const struct acme_source *source, time_t now);
/* From and to what the store holds. NULL: out of memory. */
json_t *acme_quotas_state(const struct acme_quotas *quotas);
void acme_quotas_recall(struct acme_quotas *quotas, const json_t *state);

/* Counts an order on demand; false: there were too many in an hour, and who waits was refused. */
bool acme_demand_count(struct acme_job *job);

/* Every few seconds: certificates that expired, since nobody uses them, go from memory and later from the store, and
 * refusals that were not logged are summed up. */
void acme_demand_sweep(struct acme_agent *agent);

/* This process orders from now on, or no longer. True: recalled() is called when what the store holds is known. */
bool acme_demand_recall(struct acme_agent *agent, void (*recalled)(struct acme_agent *agent));
void acme_demand_forsake(struct acme_agent *agent);

/* Takes `pair`, found in the store, if the job has none: expired by the clock here, but perhaps that is ahead, which
 * the authority tells before another one is ordered. */
bool acme_demand_keep_expired(struct acme_job *job, struct acme_pair *pair);

/* A handshake was shown a certificate on demand, or waits for it: only such certificates are renewed. */
void acme_demand_used(struct acme_job *job);

/* Whether anybody serves the name of a certificate on demand, as far as that is known without asking. */
bool acme_demand_is_alive(const struct acme_agent *agent, const struct acme_job *job);

/* Whether an order for a certificate on demand may begin now; what was permitted when the handshake came, or when the
 * certificate before was ordered, need not be any more. False: who waits was refused, or the renewal has another time,
 * or it is being asked for. */
bool acme_demand_may_begin(struct acme_job *job);

#endif
