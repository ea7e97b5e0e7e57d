/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Certificates on demand: for which names they may be ordered, and how many.
 */
#ifndef ACME_ON_DEMAND_H
#define ACME_ON_DEMAND_H

#include "plugins/acme/quota.h"

#include <hopgate/host.h>
#include <hopgate/routes.h>
#include <hopgate/store.h>

struct acme_certificate;
struct acme_manager;

/* The warning if all routes are for wildcards or any host. */
#define ACME_NO_PERMISSION                                                                                             \
    "no route names a host, and wildcards do not permit orders; give each host its own route, or set ask"
/* Concurrent queries to `ask`. */
#define ACME_ASKS_MAX 64

struct acme_on_demand {
    const struct hg_routes_ops *routes; /* NULL: there is no route */
    struct hg_worker *provider;
    size_t names; /* without a certificate: being obtained, refused or failed */
    struct acme_certificate *asking[ACME_ASKS_MAX];
    size_t asking_count;
    struct acme_quota quota;
    struct acme_refusals {
        hg_time since; /* when one was logged; 0: the next one is logged at once */
        unsigned count;
    } refusals[2]; /* by enum refusal */
    struct hg_timer *timer;
    hg_time store_swept;
};

bool acme_on_demand_begin(struct acme_manager *manager);
void acme_on_demand_end(struct acme_manager *manager);

/* The certificate for a name; `known`: if there is one already. NULL: there is none, and none will be ordered now.
 * `peer` is the client's address and port. */
struct acme_certificate *acme_on_demand_certificate(struct acme_manager *manager, struct acme_certificate *known,
                                                    const char *name, struct hg_text peer);
/* Adds a certificate for a new name. NULL: there is no room. */
struct acme_certificate *acme_on_demand_add(struct acme_manager *manager, const char *name);

/* Whether the order is permitted. False: not yet, as `ask` is being queried; or no, then waiting handshakes were
 * refused or the renewal was put off. */
bool acme_on_demand_may_begin(struct acme_certificate *certificate);
/* Counts an order. False: there were too many in an hour; waiting handshakes were refused. */
bool acme_on_demand_count(struct acme_certificate *certificate);
/* The stored quota was read. */
struct acme_value;
void acme_on_demand_recall(struct acme_manager *manager, const struct acme_value *value);

#endif
