/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Withdrawing challenges. A TXT record for dns-01 is in the store from before it is presented until it has been
 * removed, so if anything fails in between, some gateway still removes it.
 */
#include "plugins/acme/manager.h"
#include "plugins/acme/schedule.h"
#include "plugins/lib/task/lease.h"

#include <stdio.h>

struct withdrawal {
    const struct acme_solvers *solvers;
    struct store *store;
    enum acme_challenge_type type;
    const struct hg_challenge *challenge;
};

/* Does not wait for the store, as the process may be about to end. */
static void withdraw(void *arg)
{
    const struct withdrawal *withdrawal = arg;
    char token[HG_STORE_SEGMENT_MAX + 1];

    snprintf(token, sizeof token, "%.*s", HG_PRINT(withdrawal->challenge->token));
    acme_solvers_withdraw(withdrawal->solvers, withdrawal->type, hg_text(token));
    store_remove(withdrawal->store, ACME_CHALLENGES, token, HG_STORE_ANY);
}

void acme_cleanup_challenge(struct task *task, struct store *store, const struct acme_solvers *solvers,
                            enum acme_challenge_type type, const struct hg_challenge *challenge, bool again)
{
    struct withdrawal withdrawal = {.solvers = solvers, .store = store, .type = type, .challenge = challenge};
    const char *error = NULL;

    if (type == ACME_DNS01 && task_is_cancelled(task))
        return;
    if (type == ACME_DNS01)
        error = solvers->dns_hook ? acme_solvers_run_dns_hook(task, solvers, "cleanup", challenge)
                                  : "dns_hook is no longer set";
    if (task_is_cancelled(task) && error)
        return;
    if (error)
        hg_log(task_worker(task)->instance, HG_LOG_WARNING, "cannot remove the TXT record _acme-challenge.%.*s: %s%s",
               HG_PRINT(challenge->identifier), error,
               again ? "; will try again at the next start" : "; remove it by hand");
    if (!error || !again)
        task_do(task, withdraw, &withdrawal);
}

/* ---- Left behind by others ---- */

static const char *text_in(const json_t *record, const char *name)
{
    const char *text = json_string_value(json_object_get(record, name));

    return text ? text : "";
}

/* With the lease, checks again: the gateway that had it may have withdrawn the challenge. */
static bool clean(void *arg, const char *token, json_t *record)
{
    struct acme_manager *manager = arg;
    struct task *task = manager->cleanup;
    const char *identifier = text_in(record, "identifier"), *certificate = text_in(record, "certificate");
    const struct hg_challenge challenge = {.identifier = hg_text(identifier),
                                           .token = hg_text(token),
                                           .key_authorization = hg_text(text_in(record, "key_authorization"))};
    struct lease lease;
    json_t *again = NULL;

    if (lease_take(&lease, task, &manager->store, ACME_CERTIFICATES, *certificate ? certificate : identifier,
                   manager->owner) == HG_STORE_OK)
        again = task_store_get_json(task, &lease.store, ACME_CHALLENGES, token);
    if (again)
        acme_cleanup_challenge(task, &lease.store, &manager->solvers,
                               acme_challenge_type_of(json_object_get(record, "type")), &challenge, false);
    json_decref(again);
    lease_release(&lease);
    return true;
}

static void run(struct task *task, void *arg)
{
    const struct acme_manager *manager = arg;

    task_store_each(task, &manager->store, ACME_CHALLENGES, clean, arg);
}

static void on_end(void *arg)
{
    struct acme_manager *manager = arg;

    manager->cleanup = NULL;
    acme_schedule(manager);
}

void acme_cleanup_begin(struct acme_manager *manager)
{
    manager->cleanup = task_begin(manager->worker, run, on_end, manager);
}
