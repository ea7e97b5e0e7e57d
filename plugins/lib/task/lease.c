/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/lib/task/lease.h"

#include <stdio.h>

/* How long it remains held after a process has died, at most. */
#define TIME_TO_LIVE (30 * HG_SECOND)
#define RENEW_PAUSE  (TIME_TO_LIVE / 3)

/* ---- Renewing, in the worker's thread ---- */

/* If the lease was lost, the next write fails. */
static void on_renewed(void *arg, const struct hg_store_answer *answer)
{
    struct lease *lease = arg;

    (void)answer;
    lease->request = NULL;
    hg_timer_set(task_worker(lease->task)->host, lease->timer, RENEW_PAUSE);
}

static void renew(void *arg)
{
    struct lease *lease = arg;
    const struct store *store = &lease->store;

    lease->request =
        store->ops->renew(store->provider, hg_text(lease->name), store->fence, TIME_TO_LIVE, on_renewed, lease);
}

static void begin_renewing(void *arg)
{
    struct lease *lease = arg;

    lease->timer = hg_timer_new(task_worker(lease->task), renew, lease);
    if (lease->timer)
        hg_timer_set(task_worker(lease->task)->host, lease->timer, RENEW_PAUSE);
}

/* ---- Taking ---- */

static void on_taken(void *arg, const struct hg_store_answer *answer)
{
    struct lease *lease = arg;

    lease->request = NULL;
    lease->status = answer->status;
    lease->store.fence = answer->status == HG_STORE_OK ? answer->fence : 0;
    if (answer->status == HG_STORE_CONFLICT)
        snprintf(lease->error, sizeof lease->error, "%.*s holds the lease", HG_PRINT(answer->owner));
    else if (answer->status != HG_STORE_OK)
        snprintf(lease->error, sizeof lease->error, "cannot write to the store: %s", answer->error);
    task_resume(lease->task);
}

static bool begin_taking(void *arg)
{
    struct lease *lease = arg;
    const struct store *store = &lease->store;

    lease->request = store->ops->acquire(store->provider, hg_text(lease->name), hg_text(lease->owner), TIME_TO_LIVE,
                                         on_taken, lease);
    return lease->request;
}

static void stop(void *arg)
{
    struct lease *lease = arg;

    if (lease->request)
        lease->store.ops->cancel(lease->store.provider, lease->request);
    lease->request = NULL;
}

enum hg_store_status lease_take(struct lease *lease, struct task *task, const struct store *store, const char *kind,
                                const char *name, const char *owner)
{
    *lease = (struct lease){.task = task,
                            .store = *store,
                            .owner = owner,
                            .status = HG_STORE_UNAVAILABLE,
                            .error = "cannot write to the store: it has stopped"};
    snprintf(lease->name, sizeof lease->name, "%s/%s/%s", store->prefix, kind, name);
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
    (void)answer; /* otherwise it expires */
}

static void release(void *arg)
{
    struct lease *lease = arg;
    const struct store *store = &lease->store;

    stop(lease);
    hg_timer_free(task_worker(lease->task)->host, lease->timer);
    if (store->fence)
        store->ops->release(store->provider, hg_text(lease->name), store->fence, ignore, NULL);
    lease->timer = NULL;
    lease->store.fence = 0;
}

void lease_release(struct lease *lease)
{
    task_do(lease->task, release, lease);
}
