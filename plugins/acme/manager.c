/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/manager.h"

#include "plugins/acme/schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- Certificates ---- */

bool acme_manager_keep(struct acme_manager *manager, struct acme_certificate *certificate)
{
    struct acme_certificate **last = &manager->certificates;
    bool good = true;

    while (*last)
        last = &(*last)->next;
    for (size_t i = 0; i < certificate->name_count; i++)
        good = acme_name_index_add(&manager->index, certificate->names[i], certificate) && good;
    if (good) {
        *last = certificate;
        acme_metrics_add(certificate);
        return true;
    }
    for (size_t i = 0; i < certificate->name_count; i++)
        acme_name_index_remove(&manager->index, certificate->names[i], certificate);
    acme_certificate_free(certificate);
    return false;
}

void acme_manager_forget(struct acme_certificate *certificate)
{
    struct acme_manager *manager = certificate->manager;
    struct acme_certificate **place = &manager->certificates;

    while (*place != certificate)
        place = &(*place)->next;
    *place = certificate->next;
    for (size_t i = 0; i < certificate->name_count; i++)
        acme_name_index_remove(&manager->index, certificate->names[i], certificate);
    if (certificate->on_demand && !certificate->pair)
        manager->on_demand.names--;
    acme_certificate_free(certificate);
}

struct acme_certificate *acme_manager_find(const struct acme_manager *manager, struct hg_text id)
{
    struct acme_certificate *certificate = acme_name_index_find(&manager->index, id);

    return certificate && hg_text_equal(hg_text(certificate->id), id) ? certificate : NULL;
}

/* An item of `domains`. */
static struct acme_certificate *certificate_of(struct acme_manager *manager, const struct acme_group *group)
{
    const char *const *names = group->names.items;
    char(*canonical)[ACME_NAME_MAX + 1] = calloc(group->names.count, sizeof *canonical);
    const char **list = calloc(group->names.count, sizeof *list);
    struct acme_certificate *certificate = NULL;

    for (size_t i = 0; canonical && list && i < group->names.count; i++) {
        acme_name_canonical(hg_text(names[i]), canonical[i]);
        list[i] = canonical[i];
    }
    if (canonical && list)
        certificate = acme_certificate_new(manager, list, group->names.count, false);
    free(canonical);
    free(list);
    return certificate;
}

static bool make_certificates(struct acme_manager *manager)
{
    const struct acme_group *groups = manager->config->domains.items;

    for (size_t i = 0; i < manager->config->domains.count; i++) {
        struct acme_certificate *certificate = certificate_of(manager, &groups[i]);

        if (!certificate || !acme_manager_keep(manager, certificate))
            return false;
    }
    return true;
}

/* ---- The start ---- */

static void on_cleaned_up(void *arg)
{
    struct acme_manager *manager = arg;

    manager->cleanup = NULL;
    acme_schedule(manager);
}

/* Before attempts begin, since they present the challenges of orders that they continue. */
void acme_manager_loaded(struct acme_manager *manager)
{
    manager->is_loaded = true;
    manager->cleanup = acme_cleanup_begin(manager, on_cleaned_up, manager);
    acme_schedule(manager);
}

/* ---- Life ---- */

static bool set_up(struct acme_manager *manager)
{
    const char *const *words = manager->config->directory.items;
    char host[64] = "";

    gethostname(host, sizeof host - 1);
    snprintf(manager->owner, sizeof manager->owner, "%s/%ld", host, (long)getpid());
    manager->https = https_new(manager->worker, manager->config->ca);
    if (!manager->https)
        return false;
    for (size_t i = 0; i < manager->config->directory.count; i++)
        acme_authority_init(&manager->authorities[manager->authority_count++], acme_options_directory(words[i]));
    return make_certificates(manager) && acme_metrics_begin(manager) && acme_watch_begin(manager);
}

struct acme_manager *acme_manager_new(struct hg_worker *worker)
{
    struct acme_manager *manager = calloc(1, sizeof *manager);

    if (!manager)
        return NULL;
    manager->worker = worker;
    manager->config = worker->cfg;
    if (!store_open(&manager->store, worker, "acme")) {
        free(manager);
        return NULL;
    }
    acme_solvers_find(&manager->solvers, worker);
    acme_on_demand_begin(manager);
    manager->counters.attempts = hg_counter(worker, "attempts", "Attempts to obtain or renew a certificate.");
    manager->counters.issued = hg_counter(worker, "issued", "Certificates obtained.");
    manager->counters.failed = hg_counter(worker, "failed", "Attempts that failed.");
    manager->counters.on_demand_refused =
        hg_counter(worker, "on_demand_refused", "Handshakes for names without permission.");
    if (set_up(manager))
        return manager;
    acme_manager_free(manager);
    return NULL;
}

/* Solvers and users of certificates may have stopped before. */
void acme_manager_free(struct acme_manager *manager)
{
    for (int type = 0; type < ACME_DNS01; type++)
        manager->solvers.by_type[type].ops = NULL;
    acme_cleanup_cancel(manager->cleanup);
    acme_watch_end(manager);
    while (manager->certificates) {
        struct acme_certificate *certificate = manager->certificates;

        manager->certificates = certificate->next;
        acme_lookup_wake(certificate);
        acme_certificate_free(certificate);
    }
    hook_cancel_all(&manager->hooks);
    acme_name_index_free(&manager->index);
    acme_on_demand_end(manager);
    for (size_t i = 0; i < manager->authority_count; i++)
        acme_authority_end(&manager->authorities[i]);
    https_free(manager->https);
    hg_timer_free(manager->worker->host, manager->timer);
    hg_timer_free(manager->worker->host, manager->metrics_timer);
    free(manager);
}
