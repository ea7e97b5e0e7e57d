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

struct acme_agent;
struct acme_job;

/* Questions to `ask` that go on at once. */
#define ACME_ASKS_MAX 64

/* An address as quotas count it: of IPv6 the network of 64 bits, since whoever has one address there has all. */
struct acme_source {
    char text[48];
};

/* An hour has so many parts, and the one before it, which has not quite gone, is counted as well: so no more orders
 * fall into any hour than a quota allows. */
#define ACME_QUOTA_PARTS 13

struct acme_quotas {
    uint64_t part; /* the latest, counted from the beginning of time */
    uint32_t orders[ACME_QUOTA_PARTS];
    struct acme_quota_source {
        struct acme_source address;
        uint32_t orders[ACME_QUOTA_PARTS];
    } * sources; /* those with orders that count */
    size_t source_count;
};

struct acme_demand {
    const struct hg_routes_ops *routes; /* NULL: nobody routes */
    struct hg_worker *provider;
    size_t names; /* kept without a certificate: on its way, refused or failed */
    struct acme_job *asking[ACME_ASKS_MAX];
    size_t asking_count;

    struct acme_quotas quotas;
    hg_time told; /* that one is used up; 0: not yet */
    hg_time swept;
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
                              const struct acme_source *address, hg_time now);

/* Counts an order on demand; false: there were too many in an hour, and who waits was refused. */
bool acme_demand_count(struct acme_job *job);

/* Now and then: certificates that expired long ago, since nobody wants others, are kept in memory no longer. */
void acme_demand_sweep(struct acme_agent *agent);

/* Whether anybody serves the name of a certificate on demand, as far as that is known without asking. */
bool acme_demand_is_alive(const struct acme_agent *agent, const struct acme_job *job);

/* Whether an order for a certificate on demand may begin now; what was permitted when the handshake came, or when the
 * certificate before was ordered, need not be any more. False: who waits was refused, or the renewal has another time,
 * or it is being asked for. */
bool acme_demand_may_begin(struct acme_job *job);

#endif
