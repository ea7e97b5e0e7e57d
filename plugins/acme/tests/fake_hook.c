/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Replaces libhook: runs no programs, reports success after a second, and records the arguments.
 */
#include "plugins/acme/tests/lab.h"
#include "plugins/lib/hook/hook.h"

#include <hopgate/host.h>
#include <stdio.h>

struct hook {
    struct hg_worker *worker;
    struct hook **list, *next;
    struct hg_timer *timer;
    hook_done done;
    void *arg;
};

void hook_cancel(struct hook *hook)
{
    for (struct hook **at = hook->list; at && *at; at = &(*at)->next)
        if (*at == hook) {
            *at = hook->next;
            break;
        }
    hg_timer_free(hook->worker->host, hook->timer);
    free(hook);
}

void hook_cancel_all(struct hook **list)
{
    while (*list)
        hook_cancel(*list);
}

static void on_time(void *arg)
{
    struct hook *hook = arg;
    const hook_done done = hook->done;
    void *of_done = hook->arg;

    hook_cancel(hook);
    if (done)
        done(of_done, NULL);
}

struct hook *hook_run(struct hg_worker *worker, const struct hook_call *call, hook_done done, void *arg)
{
    struct hook *hook = malloc(sizeof *hook);

    for (size_t i = 0; call->arguments[i]; i++)
        snprintf(lab->hooks + strlen(lab->hooks), sizeof lab->hooks - strlen(lab->hooks), "%s%s", i ? " " : "",
                 call->arguments[i]);
    snprintf(lab->hooks + strlen(lab->hooks), sizeof lab->hooks - strlen(lab->hooks), "\n");
    *hook = (struct hook){.worker = worker,
                          .timer = hg_timer_new(worker, on_time, hook),
                          .done = done,
                          .arg = arg,
                          .list = call->list,
                          .next = call->list ? *call->list : NULL};
    if (call->list)
        *call->list = hook;
    hg_timer_set(worker->host, hook->timer, HG_SECOND);
    return hook;
}
