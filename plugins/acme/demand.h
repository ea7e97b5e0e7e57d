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

struct acme_demand {
    const struct hg_routes_ops *routes; /* NULL: nobody routes */
    struct hg_worker *provider;
    size_t names; /* kept without a certificate: on its way, refused or failed */

    /* Orders in this hour. */
    hg_time hour_began;
    int64_t orders;
    struct acme_demand_source {
        char address[48];
        int64_t orders;
    } * sources;
    size_t source_count;
};

void acme_demand_begin(struct acme_agent *agent);
void acme_demand_end(struct acme_agent *agent);

/* The job for a name that nothing is kept for yet, or was tried before without success; NULL: nothing is ordered for it
 * now. `peer` is the address and port of the handshake's other end. */
struct acme_job *acme_demand_job(struct acme_agent *agent, struct acme_job *known, const char *name,
                                 struct hg_text peer);

/* A job for a name that nothing is kept for; NULL: there is no room for it. */
struct acme_job *acme_demand_keep(struct acme_agent *agent, const char *name);

/* Nothing is ordered for now: whoever waits is told, and whoever comes within a moment. */
void acme_demand_refuse(struct acme_job *job, const char *error);

/* Counts an order on demand; false: there were too many in this hour, `why` says of whom. */
bool acme_demand_count(struct acme_agent *agent, const struct acme_job *job, const char **why);

/* Whether a certificate on demand is worth renewing. */
bool acme_demand_is_alive(const struct acme_agent *agent, const struct acme_job *job);

#endif
