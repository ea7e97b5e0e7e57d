/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/lease.h"

#include <stdio.h>

/* How long it outlives a gateway that has died, at most. */
#define TIME_TO_LIVE (30 * HG_SECOND)
#define RENEW_PAUSE  (TIME_TO_LIVE / 3)

/* ---- Renewing, in the worker's thread ---- */

/* Whoever has lost it is told by the next write. */
static void on_renewed(void *arg, const struct hg_store_answer *answer)
{
    struct acme_lease *lease = arg;

    (void)answer;
    lease->request = NULL;
    hg_timer_set(task_worker(lease->task)->host, lease->timer, RENEW_PAUSE);
}

static void renew(void *arg)
{
    struct acme_lease *lease = arg;
    const struct acme_store *store = &lease->store;

    lease->request =
        store->ops->renew(store->provider, hg_text(lease->name), store->fence, TIME_TO_LIVE, on_renewed, lease);
}

static void begin_renewing(void *arg)
{
    struct acme_lease *lease = arg;

    lease->timer = hg_timer_new(task_worker(lease->task), renew, lease);
    if (lease->timer)
        hg_timer_set(task_worker(lease->task)->host, lease->timer, RENEW_PAUSE);
}

/* ---- Taking ---- */

static void on_taken(void *arg, const struct hg_store_answer *answer)
{
    struct acme_lease *lease = arg;

    lease->request = NULL;
    lease->status = answer->status;
    lease->store.fence = answer->status == HG_STORE_OK ? answer->fence : 0;
    lease->remaining = (int64_t)((answer->remaining + HG_SECOND - 1) / HG_SECOND);
    if (answer->status == HG_STORE_CONFLICT)
        snprintf(lease->error, sizeof lease->error, "%.*s is ordering it", HG_PRINT(answer->owner));
    else if (answer->status != HG_STORE_OK)
        snprintf(lease->error, sizeof lease->error, "cannot write to the store: %s", answer->error);
    task_resume(lease->task);
}

static bool begin_taking(void *arg)
{
    struct acme_lease *lease = arg;
    const struct acme_store *store = &lease->store;

    lease->request = store->ops->acquire(store->provider, hg_text(lease->name), hg_text(lease->owner), TIME_TO_LIVE,
                                         on_taken, lease);
    return lease->request;
}

static void stop(void *arg)
{
    struct acme_lease *lease = arg;

    acme_store_cancel(&lease->store, lease->request);
    lease->request = NULL;
}

enum hg_store_status acme_lease_take(struct acme_lease *lease, struct task *task, const struct acme_store *store,
                                     const char *id, const char *owner)
{
    *lease = (struct acme_lease){.task = task,
                                 .store = *store,
                                 .owner = owner,
                                 .status = HG_STORE_UNAVAILABLE,
                                 .error = "cannot write to the store: it has stopped"};
    snprintf(lease->name, sizeof lease->name, "acme/certificates/%s", id);
    lease->store.lease = lease->name;
    lease->store.fence = 0;
    if (task_wait(task, begin_taking, stop, lease) && lease->status == HG_STORE_OK)
        task_do(task, begin_renewing, lease);
    return lease->status;
}

/* ---- Giving back ---- */

static void ignore(void *arg, const struct hg_store_answer *answer)
{
    (void)arg;
    (void)answer; /* it ends by itself, too */
}

static void release(void *arg)
{
    struct acme_lease *lease = arg;
    const struct acme_store *store = &lease->store;

    stop(lease);
    hg_timer_free(task_worker(lease->task)->host, lease->timer);
    if (store->fence)
        store->ops->release(store->provider, hg_text(lease->name), store->fence, ignore, NULL);
    lease->timer = NULL;
    lease->store.fence = 0;
}

void acme_lease_release(struct acme_lease *lease)
{
    task_do(lease->task, release, lease);
}
