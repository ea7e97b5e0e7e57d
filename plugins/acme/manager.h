/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The certificates of a worker.
 *
 * Workers and gateways cooperate through the store. To obtain a certificate, a gateway takes its lease, checks whether
 * another one has obtained it meanwhile, and orders it. The others watch the store and read the certificate, and
 * pending challenges, which each presents to its own solvers.
 */
#ifndef ACME_MANAGER_H
#define ACME_MANAGER_H

#include "plugins/acme/certificate.h"
#include "plugins/acme/client.h"
#include "plugins/acme/name_index.h"
#include "plugins/acme/store.h"
#include "plugins/lib/hook/hook.h"
#include "plugins/lib/http_client/http_client.h"

struct acme_manager {
    struct hg_worker *worker;
    const struct acme_config *config;
    struct store store;
    struct hook *hooks; /* running programs of the option `hook` */
    struct acme_solvers solvers;
    struct https *https;
    char owner[HG_STORE_OWNER_MAX + 1]; /* of leases */
    struct acme_authority authorities[ACME_AUTHORITIES_MAX];
    size_t authority_count;

    struct acme_certificate *certificates; /* those in the config first, in its order */
    struct acme_name_index index;
    struct acme_on_demand on_demand;

    bool is_loaded;       /* the store was read; nothing is ordered before, … */
    struct task *cleanup; /* … nor while this task removes the challenges of gateways that died */
    struct hg_timer *timer, *metrics_timer;
    unsigned running;     /* attempts */
    struct acme_ari *ari; /* the query in progress, or NULL */

    struct hg_store_watch *watch;
    struct acme_reading *readings, *last_reading; /* keys to read … */
    struct task *reader;                          /* … by this task, or NULL */

    struct {
        uint64_t *issued, *failed, *attempts, *on_demand_refused;
    } counters;
};

/* NULL: out of memory, or no store. */
struct acme_manager *acme_manager_new(struct hg_worker *worker);
void acme_manager_free(struct acme_manager *manager);
/* Adds a certificate. NULL: out of memory. */
struct acme_certificate *acme_manager_add(struct acme_manager *manager, const char *const *names, size_t count,
                                          bool on_demand);
/* Removes and frees a certificate that is idle. */
void acme_manager_remove(struct acme_certificate *certificate);
/* The certificate with exactly this id, or NULL. */
struct acme_certificate *acme_manager_find(const struct acme_manager *manager, struct hg_text id);

/* ---- watch.c: changes that others make in the store ---- */

bool acme_watch_begin(struct acme_manager *manager);
void acme_watch_end(struct acme_manager *manager);
/* Reads the certificate from the store, soon, or before everything else if a handshake waits for it (`is_first`). */
void acme_watch_load(struct acme_certificate *certificate, bool is_first);
/* Checks again whether an operator's request to renew it is fulfilled. */
void acme_watch_request(struct acme_certificate *certificate);
/* Removes the request: the certificate was renewed. */
void acme_watch_fulfilled(struct acme_certificate *certificate);
/* Reads a value, or all of that kind if `name` is empty, and calls done() for each. False: out of memory. */
struct acme_value {
    const char *name;
    json_t *json; /* an object, or NULL */
    uint64_t revision;
};
typedef void (*acme_read_done)(struct acme_manager *manager, const struct acme_value *value);
bool acme_watch_read(struct acme_manager *manager, const char *kind, struct hg_text name, acme_read_done done);

/* ---- cleanup.c ---- */

/* Withdraws the challenges that gateways that died have left behind, but not those of certificates that are being
 * ordered now, then calls acme_schedule(). */
void acme_cleanup_begin(struct acme_manager *manager);

/* ---- metrics.c: gauges, and warnings before certificates expire ---- */

bool acme_metrics_begin(struct acme_manager *manager);
void acme_metrics_add(struct acme_certificate *certificate);
/* Updates the gauges. */
void acme_metrics_show(const struct acme_certificate *certificate);
void acme_metrics_show_all(struct acme_manager *manager);
/* Counts a failed attempt. */
void acme_metrics_count(struct acme_manager *manager, const char *kind);

#endif
