/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/attempt.h"

#include "plugins/acme/manager.h"
#include "plugins/acme/schedule.h"

#include <stdlib.h>

/* Returns whether to order: another gateway may have done so meanwhile, or this one before it was restarted. */
static bool read_store(struct acme_attempt *attempt)
{
    acme_stored_read(&attempt->stored, attempt->task, &attempt->lease.store, attempt->certificate->id);
    if (!task_is_cancelled(attempt->task))
        task_do(attempt->task, acme_issuance_prepare, attempt);
    return attempt->must_order;
}

/* ---- Saving ---- */

/* Copies the pair that is being replaced, in case the new one gets damaged. As this is done first, there is always a
 * valid pair in place if the process dies. Invalid data is moved aside for the operator. A failure here does not
 * prevent the use of the new pair. */
static void keep_previous(struct acme_attempt *attempt, const char *pem)
{
    const char *id = attempt->certificate->id;
    const struct hg_store_answer *answer = task_store_get(attempt->task, &attempt->lease.store, ACME_CERTIFICATES, id);
    struct acme_key_pair *pair;
    char why[256];

    if (answer->status != HG_STORE_OK || hg_text_equal(answer->value, hg_text(pem)))
        return;
    pair = acme_key_pair_read(answer->value, why, sizeof why);
    if (!pair)
        acme_log(attempt->certificate, HG_LOG_WARNING,
                 "moved invalid data from the store (%s) to acme/" ACME_QUARANTINE "/%s", why, id);
    answer = task_store_put(attempt->task, &attempt->lease.store, pair ? ACME_PREVIOUS : ACME_QUARANTINE, id,
                            answer->value, HG_STORE_ANY);
    if (answer->status != HG_STORE_OK)
        acme_log(attempt->certificate, HG_LOG_WARNING, "cannot keep the previous certificate: %s", answer->error);
    acme_key_pair_unref(pair);
}

/* A revoked certificate is not kept as the previous one. */
static void save(struct acme_attempt *attempt, const char *pem)
{
    struct store *store = &attempt->lease.store;
    const struct hg_store_answer *put;

    if (attempt->certificate->revoked)
        task_store_remove(attempt->task, store, ACME_PREVIOUS, attempt->certificate->id);
    else
        keep_previous(attempt, pem);
    put = task_store_put(attempt->task, store, ACME_CERTIFICATES, attempt->certificate->id, hg_text(pem), HG_STORE_ANY);
    attempt->saved = put->status == HG_STORE_OK;
    attempt->order.outcome = put->status == HG_STORE_CONFLICT ? ACME_LOST : ACME_ISSUED;
    if (attempt->saved)
        acme_order_forget(&attempt->order);
    else
        acme_client_fail(&attempt->client, ACME_LOCAL, "", "cannot store the certificate: %s", put->error);
}

/* ---- Running ---- */

static bool take_lease(struct acme_attempt *attempt)
{
    const struct acme_manager *manager = attempt->certificate->manager;
    const enum hg_store_status status = lease_take(&attempt->lease, attempt->task, &manager->store, ACME_CERTIFICATES,
                                                   attempt->certificate->id, manager->owner);

    if (status == HG_STORE_OK)
        return true;
    attempt->order.outcome = status == HG_STORE_CONFLICT ? ACME_BUSY : ACME_NOT_STORED;
    return acme_client_fail(&attempt->client, ACME_LOCAL, "", "%s", attempt->lease.error);
}

static void run(struct task *task, void *arg)
{
    struct acme_attempt *attempt = arg;
    const char *unsaved = attempt->certificate->unsaved;

    if (take_lease(attempt) && read_store(attempt)) {
        acme_order_begin(&attempt->order);
        if (unsaved)
            save(attempt, unsaved);
        else if (acme_order_obtain(&attempt->order, &attempt->pair, &attempt->pem))
            save(attempt, attempt->pem);
    }
    if (!task_is_cancelled(task))
        task_do(task, acme_issuance_conclude, attempt);
    if (attempt->state) /* if this fails, the next attempt does without */
        task_store_put_json(task, &attempt->lease.store, ACME_STATES, attempt->certificate->id, attempt->state,
                            HG_STORE_ANY);
    lease_release(&attempt->lease);
}

/* ---- Life ---- */

static void attempt_free(struct acme_attempt *attempt)
{
    acme_stored_free(&attempt->stored);
    acme_key_pair_unref(attempt->pair);
    store_text_free(attempt->pem);
    acme_order_end(&attempt->order);
    acme_client_end(&attempt->client);
    free(attempt);
}

static void on_end(void *arg)
{
    struct acme_attempt *attempt = arg;
    struct acme_certificate *certificate = attempt->certificate;

    attempt_free(attempt);
    certificate->attempt = NULL;
    certificate->manager->running--;
    if (certificate->read_again)
        acme_watch_load(certificate, false);
    acme_schedule(certificate->manager);
}

bool acme_attempt_begin(struct acme_certificate *certificate)
{
    struct acme_manager *manager = certificate->manager;
    struct acme_attempt *attempt = calloc(1, sizeof *attempt);

    if (!attempt)
        return false;
    attempt->certificate = certificate;
    attempt->order = (struct acme_order){.client = &attempt->client,
                                         .store = &attempt->lease.store,
                                         .certificate = certificate,
                                         .outcome = ACME_DECLINED,
                                         .worked = ACME_CHALLENGE_TYPES};
    attempt->task = task_begin(manager->worker, run, on_end, attempt);
    if (!attempt->task) {
        free(attempt);
        return false;
    }
    acme_client_init(&attempt->client, attempt->task, manager->https, NULL);
    certificate->attempt = attempt;
    certificate->began = hg_now(manager->worker);
    manager->running++;
    return true;
}

void acme_attempt_cancel(struct acme_attempt *attempt)
{
    if (!attempt)
        return;
    task_cancel(attempt->task);
    attempt_free(attempt);
}
