/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Certificates on demand: for whom one may be ordered that the config does not name, and how many.
 */
#ifndef ACME_ON_DEMAND_H
#define ACME_ON_DEMAND_H

#include "plugins/acme/quota.h"

#include <hopgate/host.h>
#include <hopgate/routes.h>
#include <hopgate/store.h>

struct acme_certificate;
struct acme_manager;

/* What `on_demand` lacks where all routes are for wildcards or any host. */
#define ACME_NO_PERMISSION                                                                                             \
    "no route names a host, and wildcards do not permit orders; give each host its own route, or set ask"
/* Where the store counts the orders, below "quotas". */
#define ACME_ON_DEMAND_QUOTA "on-demand"

/* Questions to `ask` that go on at once. */
#define ACME_ASKS_MAX 64

struct acme_on_demand {
    const struct hg_routes_ops *routes; /* NULL: nobody routes */
    struct hg_worker *provider;
    size_t names; /* kept without a certificate: on its way, refused or failed */
    struct acme_certificate *asking[ACME_ASKS_MAX];
    size_t asking_count;
    struct acme_quota quota;
    struct acme_refusals {
        hg_time since; /* the last line in the log; 0: the next one is logged at once */
        unsigned count;
    } refusals[2]; /* for want of permission, by the quota */
    struct hg_timer *timer;
    hg_time store_swept;
};

bool acme_on_demand_begin(struct acme_manager *manager);
void acme_on_demand_end(struct acme_manager *manager);

/* The certificate for a name, `known` if one is kept; NULL: there is none, and none is ordered now. `peer` is the
 * address and port of the handshake's other end. */
struct acme_certificate *acme_on_demand_certificate(struct acme_manager *manager, struct acme_certificate *known,
                                                    const char *name, struct hg_text peer);
/* Keeps one for a name that nothing is kept for; NULL: there is no room for it. */
struct acme_certificate *acme_on_demand_keep(struct acme_manager *manager, const char *name);

/* Whether an order may begin now: somebody serves the name. False: who waits was refused, or the renewal has another
 * time, or it is being asked for. */
bool acme_on_demand_may_begin(struct acme_certificate *certificate);
/* Counts an order; false: there were too many in an hour, and who waits was refused. */
bool acme_on_demand_count(struct acme_certificate *certificate);
/* What the store has of the quota was read: some gateway has counted. */
void acme_on_demand_recall(struct acme_manager *manager, const char *name, const struct hg_store_answer *answer);

#endif
