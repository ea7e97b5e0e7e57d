/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/load.h"

#include "plugins/acme/manager.h"
#include "plugins/acme/schedule.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- Reading ---- */

void acme_stored_read(struct acme_stored *stored, struct task *task, struct store *store, const char *id)
{
    const struct hg_store_answer *answer = task_store_get(task, store, ACME_CERTIFICATES, id);

    *stored = (struct acme_stored){.pair = NULL};
    if (answer->status == HG_STORE_OK)
        stored->pair = acme_key_pair_read(answer->value, stored->fault, sizeof stored->fault);
    else if (answer->status != HG_STORE_NOT_FOUND)
        snprintf(stored->fault, sizeof stored->fault, "%s", answer->error);
    if (!stored->pair)
        stored->previous = acme_store_get_pair(task, store, ACME_PREVIOUS, id);
    stored->state = task_store_get_json(task, store, ACME_STATES, id);
}

void acme_stored_free(struct acme_stored *stored)
{
    acme_key_pair_unref(stored->pair);
    acme_key_pair_unref(stored->previous);
    json_decref(stored->state);
    *stored = (struct acme_stored){.pair = NULL};
}

/* ---- Using it ---- */

void acme_stored_use(struct acme_stored *stored, struct acme_certificate *certificate)
{
    if (stored->pair)
        acme_certificate_take(certificate, stored->pair);
    else if (!certificate->pair)
        acme_certificate_take_previous(certificate, stored->previous);
    else
        acme_key_pair_unref(stored->previous);
    stored->pair = stored->previous = NULL;
    if (stored->state)
        acme_certificate_recall(certificate, stored->state);
}

/* Logs failures from before the start again, as the operator may look at the log only now. */
static void log_failures(const struct acme_certificate *certificate)
{
    const struct acme_key_pair *pair = certificate->pair;

    if (certificate->failures && certificate->last_error && !certificate->on_demand)
        acme_log(certificate, HG_LOG_ERROR,
                 "%s; failed attempts before this start: %u, the last one: %s; next attempt %s",
                 !pair                        ? "there is no certificate yet"
                 : pair->ends <= acme_clock() ? "the certificate has expired"
                                              : "the certificate was not renewed",
                 certificate->failures, certificate->last_error, acme_moment(certificate->due).text);
}

/* At the start. If the config has changed, the pair may be for other names. */
static void use_first(struct acme_certificate *certificate, bool has_state, bool state_is_of_pair)
{
    certificate->loaded = true;
    if (certificate->pair && !acme_key_pair_is_for(certificate->pair, certificate->names, certificate->name_count)) {
        certificate->renew_now = true;
        acme_log(certificate, HG_LOG_INFO, "ordering a new certificate because its names in domains were changed");
    }
    certificate->changed = certificate->pair && !state_is_of_pair;
    log_failures(certificate);
    if (!has_state && !certificate->on_demand) /* lets `hopgate acme status` list it */
        store_put_json(&certificate->manager->store, ACME_STATES, certificate->id, acme_certificate_state(certificate),
                       HG_STORE_ABSENT);
}

struct loading {
    struct acme_manager *manager;
    const char *id;
    struct acme_stored stored;
};

static void use_loaded(void *arg)
{
    struct loading *loading = arg;
    struct acme_stored *stored = &loading->stored;
    struct acme_certificate *certificate = acme_manager_find(loading->manager, hg_text(loading->id));
    const bool has_state = stored->state;

    if (!certificate)
        return;
    certificate->reading = false;
    if (*stored->fault)
        acme_log(certificate, HG_LOG_ERROR, "cannot use the stored certificate: %s; %s", stored->fault,
                 certificate->pair ? "the current one stays in use" : "ordering a new one");
    acme_stored_use(stored, certificate);
    if (!certificate->loaded)
        use_first(certificate, has_state,
                  certificate->pair && acme_certificate_is_state_of(stored->state, certificate->pair));
    if (certificate->request)
        acme_watch_request(certificate);
    acme_lookup_settle(certificate);
    acme_schedule(loading->manager);
}

void acme_load(struct task *task, struct acme_manager *manager, const char *id)
{
    struct acme_certificate *certificate = acme_manager_find(manager, hg_text(id));
    struct loading loading = {.manager = manager, .id = id};

    if (!certificate || !certificate->is_queued)
        return;
    certificate->is_queued = false;
    certificate->read_again = certificate->attempt;
    if (certificate->attempt)
        return;
    certificate->reading = true;
    acme_stored_read(&loading.stored, task, &manager->store, id);
    if (!task_is_cancelled(task))
        task_do(task, use_loaded, &loading);
    acme_stored_free(&loading.stored);
}
