/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The certificates of one worker: which are kept, what is served for whom, and when each is obtained and renewed.
 *
 * The store is what connects workers and gateways. Whoever wants a certificate takes its lease, looks whether somebody
 * else has obtained it meanwhile, and orders it. The others read it when the watch tells of it, and so they do with
 * pending challenges, which each presents to its own solvers.
 */
#ifndef ACME_MANAGER_H
#define ACME_MANAGER_H

#include "plugins/acme/authority.h"
#include "plugins/acme/certificate.h"
#include "plugins/acme/cleanup.h"
#include "plugins/acme/name_index.h"
#include "plugins/lib/hook/hook.h"
#include "plugins/lib/http_client/http_client.h"

struct acme_manager {
    struct hg_worker *worker;
    const struct acme_config *config;
    struct store store;
    struct hook *hooks; /* those of `hook` that run */
    struct acme_solvers solvers;
    struct https *https;
    char owner[HG_STORE_OWNER_MAX + 1]; /* of leases */
    struct acme_authority authorities[ACME_AUTHORITIES_MAX];
    size_t authority_count;

    struct acme_certificate *certificates; /* those of the config first, in its order */
    struct acme_name_index index;
    struct acme_on_demand on_demand;

    bool is_loaded;               /* what the store held at the start has been read; nothing is ordered before, … */
    struct acme_cleanup *cleanup; /* … nor before what gateways that died left behind has been removed; NULL: it has */
    struct hg_timer *timer, *metrics_timer;
    unsigned running;     /* attempts */
    struct acme_ari *ari; /* the question in progress, or NULL */

    struct hg_store_watch *watch;
    struct acme_reading *readings, *last_reading; /* keys to be read … */
    struct task *reader;                          /* … by this task; NULL: none are */

    struct {
        uint64_t *issued, *failed, *attempts, *on_demand_refused;
    } counters;
};

/* NULL: out of memory, or no store; told. */
struct acme_manager *acme_manager_new(struct hg_worker *worker);
void acme_manager_free(struct acme_manager *manager);
/* Keeps a certificate from now on. False: out of memory, it is freed. */
bool acme_manager_keep(struct acme_manager *manager, struct acme_certificate *certificate);
/* Keeps it no longer. Nothing of it may be going on. */
void acme_manager_forget(struct acme_certificate *certificate);
/* The certificate with exactly this id, or NULL. */
struct acme_certificate *acme_manager_find(const struct acme_manager *manager, struct hg_text id);
/* What the store held at the start has been read. */
void acme_manager_loaded(struct acme_manager *manager);
/* ---- watch.c: what others put into the store ---- */

bool acme_watch_begin(struct acme_manager *manager);
void acme_watch_end(struct acme_manager *manager);
/* Reads the certificate, soon. */
void acme_watch_load(struct acme_certificate *certificate);
/* Checks again whether an operator's request to renew it is fulfilled. */
void acme_watch_request(struct acme_certificate *certificate);
/* Removes the request: the certificate has been renewed. */
void acme_watch_fulfilled(struct acme_certificate *certificate);
/* Reads a value, or all of that kind if `name` is empty, and calls done() with each. False: out of memory. */
typedef void (*acme_read)(struct acme_manager *manager, const char *name, const struct hg_store_answer *answer);
bool acme_watch_read(struct acme_manager *manager, const char *kind, struct hg_text name, acme_read done);

/* ---- metrics.c: figures, and warnings of certificates that end soon ---- */

bool acme_metrics_begin(struct acme_manager *manager);
/* Of a certificate that is kept from now on. */
void acme_metrics_add(struct acme_certificate *certificate);
/* The figures are as it stands now. */
void acme_metrics_show(const struct acme_certificate *certificate);
void acme_metrics_show_all(struct acme_manager *manager);
/* An attempt has failed. */
void acme_metrics_count(struct acme_manager *manager, const char *kind);

#endif
