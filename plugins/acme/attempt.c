/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/attempt.h"

#include "plugins/acme/blocking.h"
#include "plugins/acme/key.h"
#include "plugins/acme/lease.h"
#include "plugins/acme/order.h"
#include "plugins/acme/problem.h"

#include <stdio.h>
#include <stdlib.h>

struct acme_attempt {
    const struct acme_attempts *attempts;
    const struct acme_attempt_ops *ops;
    void *arg;
    char *id;
    struct task *task;
    struct acme_lease lease;
    struct acme_wanted wanted;
    struct acme_key_pair *replaced; /* a reference */
    struct acme_result result;
    json_t *state; /* to be stored */
    char error[1400], kind[64];
};

static void set_error(struct acme_attempt *attempt, enum acme_outcome outcome, const char *error)
{
    snprintf(attempt->error, sizeof attempt->error, "%s", error);
    attempt->result.outcome = outcome;
}

/* ---- What the manager is asked, in the worker's thread ---- */

struct question {
    struct acme_attempt *attempt;
    struct acme_stored stored;
    bool yes;
};

static void ask_ready(void *arg)
{
    struct question *question = arg;
    struct acme_attempt *attempt = question->attempt;

    question->yes = attempt->ops->ready(attempt->arg, &question->stored, &attempt->wanted);
    if (question->yes && attempt->wanted.replaced)
        attempt->replaced = acme_key_pair_ref(attempt->wanted.replaced);
}

static void ask_revoked(void *arg)
{
    struct question *question = arg;

    question->yes = question->attempt->ops->is_revoked(question->attempt->arg);
}

/* ---- Reading ---- */

/* Another gateway may have been here before, or this one before its start. True: `wanted` is to be obtained. */
static bool read_store(struct acme_attempt *attempt)
{
    struct task *task = attempt->task;
    struct acme_store *store = &attempt->lease.store;
    struct question question = {.attempt = attempt};
    struct acme_stored *stored = &question.stored;
    json_t *state = acme_blocking_get_json(task, store, ACME_STATES, attempt->id);

    stored->state = state;
    stored->pair = acme_blocking_get_pair(task, store, ACME_CERTIFICATES, attempt->id);
    stored->previous = stored->pair ? NULL : acme_blocking_get_pair(task, store, ACME_PREVIOUS, attempt->id);
    if (!task_is_cancelled(task))
        task_do(task, ask_ready, &question);
    acme_key_pair_unref(stored->pair);
    acme_key_pair_unref(stored->previous);
    json_decref(state);
    return question.yes;
}

/* ---- Saving ---- */

/* The pair that was there stays beside the new one: should that be found damaged, there is still something to serve. It
 * is copied before the new one takes its place, and each of the two changes is one value, so whenever the process dies
 * there is a whole pair at the certificate's place. What is there and is no pair is put aside for a person. Not to have
 * it is no reason to do without the new one. */
static void keep_previous(struct acme_attempt *attempt, const char *pem)
{
    struct hg_instance *instance = attempt->attempts->worker->instance;
    const struct hg_store_answer *answer =
        acme_blocking_get(attempt->task, &attempt->lease.store, ACME_CERTIFICATES, attempt->id);
    struct acme_key_pair *pair;
    char why[256];

    if (answer->status != HG_STORE_OK || hg_text_equal(answer->value, hg_text(pem)))
        return;
    pair = acme_key_pair_read(answer->value, why, sizeof why);
    if (!pair)
        hg_log(instance, HG_LOG_WARNING, "%s: moved invalid data from the store (%s) to acme/%s/%s", attempt->id, why,
               ACME_QUARANTINE, attempt->id);
    answer = acme_blocking_put(attempt->task, &attempt->lease.store, pair ? ACME_PREVIOUS : ACME_QUARANTINE,
                               attempt->id, answer->value, HG_STORE_ANY);
    if (answer->status != HG_STORE_OK)
        hg_log(instance, HG_LOG_WARNING, "%s: cannot keep the previous certificate: %s", attempt->id, answer->error);
    acme_key_pair_unref(pair);
}

/* Puts key and chain into the store. What was revoked is not kept. */
static bool save(struct acme_attempt *attempt, const char *pem)
{
    struct question question = {.attempt = attempt};
    struct acme_store *store = &attempt->lease.store;
    const struct hg_store_answer *put;

    task_do(attempt->task, ask_revoked, &question);
    if (question.yes)
        acme_blocking_remove(attempt->task, store, ACME_PREVIOUS, attempt->id);
    else
        keep_previous(attempt, pem);
    put = acme_blocking_put(attempt->task, store, ACME_CERTIFICATES, attempt->id, hg_text(pem), HG_STORE_ANY);
    if (put->status == HG_STORE_OK)
        return true;
    attempt->result.outcome = put->status == HG_STORE_CONFLICT ? ACME_LOST : ACME_ISSUED;
    snprintf(attempt->error, sizeof attempt->error, "cannot store the certificate: %s", put->error);
    return false;
}

/* One that was issued before. */
static void save_unsaved(struct acme_attempt *attempt, struct acme_order *order)
{
    attempt->result.outcome = ACME_ISSUED;
    if (save(attempt, attempt->wanted.unsaved))
        acme_order_forget(order);
    else
        attempt->result.pem = strdup(attempt->wanted.unsaved);
}

/* ---- Ordering ---- */

static void take_failure(struct acme_attempt *attempt, const struct acme_order *order)
{
    const struct acme_failure *failure = &order->client->failure;
    struct acme_result *result = &attempt->result;

    set_error(attempt, order->outcome, failure->error);
    snprintf(attempt->kind, sizeof attempt->kind, "%s", acme_problem_kind(failure->type, failure->status));
    result->kind = attempt->kind;
    result->retry_after = order->outcome == ACME_LIMITED ? failure->retry_after : 0;
    result->of_account = order->outcome == ACME_LIMITED && failure->of_account;
    result->of_names = failure->of_names;
    result->resumable = order->finalized;
}

static void order_new(struct acme_attempt *attempt, struct acme_order *order)
{
    struct acme_result *result = &attempt->result;

    if (acme_order_obtain(order, &result->pair, &result->pem)) {
        result->outcome = ACME_ISSUED;
        if (save(attempt, result->pem)) {
            acme_order_forget(order);
            acme_secret_free(result->pem);
            result->pem = NULL;
        }
    } else {
        take_failure(attempt, order);
    }
    result->worked = order->worked;
}

static void obtain(struct acme_attempt *attempt)
{
    const struct acme_attempts *attempts = attempt->attempts;
    struct acme_client client;
    struct acme_order order = {.client = &client,
                               .store = &attempt->lease.store,
                               .solvers = attempts->solvers,
                               .wanted = &attempt->wanted,
                               .id = attempt->id};

    acme_client_init(&client, attempt->task, attempts->https, attempt->wanted.authority);
    acme_order_init(&order);
    if (attempt->wanted.unsaved)
        save_unsaved(attempt, &order);
    else
        order_new(attempt, &order);
    acme_order_end(&order);
    acme_client_end(&client);
}

/* ---- From start to end ---- */

static void tell_result(void *arg)
{
    struct acme_attempt *attempt = arg;

    attempt->state = attempt->ops->outcome(attempt->arg, &attempt->result);
    attempt->result.pair = NULL;
    attempt->result.pem = NULL;
}

static void run(struct task *task, void *arg)
{
    struct acme_attempt *attempt = arg;
    const enum hg_store_status status =
        acme_lease_take(&attempt->lease, task, attempt->attempts->store, attempt->id, attempt->attempts->owner);

    if (status == HG_STORE_CONFLICT) {
        set_error(attempt, ACME_BUSY, attempt->lease.error);
        attempt->result.retry_after = attempt->lease.remaining;
    } else if (status != HG_STORE_OK) {
        set_error(attempt, ACME_NOT_STORED, attempt->lease.error);
    } else if (read_store(attempt)) {
        obtain(attempt);
    } else {
        set_error(attempt, ACME_DECLINED, "");
    }
    if (!task_is_cancelled(task))
        task_do(task, tell_result, attempt);
    if (attempt->state) /* which is a convenience: it need not be there */
        acme_blocking_put_json(task, &attempt->lease.store, ACME_STATES, attempt->id, attempt->state, HG_STORE_ANY);
    acme_lease_release(&attempt->lease);
}

/* ---- Life ---- */

static void attempt_free(struct acme_attempt *attempt)
{
    acme_key_pair_unref(attempt->replaced);
    acme_key_pair_unref(attempt->result.pair);
    acme_secret_free(attempt->result.pem);
    free(attempt->id);
    free(attempt);
}

static void ended(void *arg)
{
    struct acme_attempt *attempt = arg;
    void (*const tell)(void *arg) = attempt->ops->ended;
    void *of_manager = attempt->arg;

    attempt_free(attempt);
    tell(of_manager);
}

struct acme_attempt *acme_attempt_begin(const struct acme_attempts *attempts, const char *id,
                                        const struct acme_attempt_ops *ops, void *arg)
{
    struct acme_attempt *attempt = calloc(1, sizeof *attempt);

    if (!attempt)
        return NULL;
    attempt->attempts = attempts;
    attempt->ops = ops;
    attempt->arg = arg;
    attempt->result = (struct acme_result){.error = attempt->error, .kind = "other", .worked = ACME_CHALLENGE_TYPES};
    attempt->id = strdup(id);
    attempt->task = attempt->id ? task_begin(attempts->worker, run, ended, attempt) : NULL;
    if (attempt->task)
        return attempt;
    attempt_free(attempt);
    return NULL;
}

void acme_attempt_cancel(struct acme_attempt *attempt)
{
    if (!attempt)
        return;
    task_cancel(attempt->task);
    attempt_free(attempt);
}
