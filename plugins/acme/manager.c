/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/manager.h"

#include "plugins/acme/schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void remove_and_free(struct acme_certificate *certificate)
{
    for (size_t i = 0; i < certificate->name_count; i++)
        acme_name_index_remove(&certificate->manager->index, certificate->names[i], certificate);
    acme_certificate_free(certificate);
}

struct acme_certificate *acme_manager_add(struct acme_manager *manager, const char *const *names, size_t count,
                                          bool on_demand)
{
    struct acme_certificate *certificate = acme_certificate_new(manager, names, count, on_demand);
    struct acme_certificate **last = &manager->certificates;

    for (size_t i = 0; certificate && i < count; i++)
        if (!acme_name_index_add(&manager->index, certificate->names[i], certificate)) {
            remove_and_free(certificate);
            return NULL;
        }
    while (*last)
        last = &(*last)->next;
    *last = certificate;
    if (certificate)
        acme_metrics_add(certificate);
    return certificate;
}

void acme_manager_remove(struct acme_certificate *certificate)
{
    struct acme_manager *manager = certificate->manager;
    struct acme_certificate **place = &manager->certificates;

    while (*place != certificate)
        place = &(*place)->next;
    *place = certificate->next;
    if (certificate->on_demand && !certificate->pair)
        manager->on_demand.names--;
    remove_and_free(certificate);
}

struct acme_certificate *acme_manager_find(const struct acme_manager *manager, struct hg_text id)
{
    struct acme_certificate *certificate = acme_name_index_find(&manager->index, id);

    return certificate && hg_text_equal(hg_text(certificate->id), id) ? certificate : NULL;
}

static bool add_configured(struct acme_manager *manager)
{
    const struct acme_group *groups = manager->config->domains.items;

    for (size_t i = 0; i < manager->config->domains.count; i++)
        if (!acme_manager_add(manager, groups[i].names.items, groups[i].names.count, false))
            return false;
    return true;
}

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
    return acme_on_demand_begin(manager) && add_configured(manager) && acme_metrics_begin(manager) &&
           acme_watch_begin(manager);
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

/* The solvers may have stopped already. */
void acme_manager_free(struct acme_manager *manager)
{
    for (int type = 0; type < ACME_DNS01; type++)
        manager->solvers.by_type[type].ops = NULL;
    if (manager->cleanup)
        task_cancel(manager->cleanup);
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
