/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/blocking.h"

/* ---- HTTPS ---- */

struct https_wait {
    struct task *task;
    struct https *https;
    const struct https_request *request;
    struct https_call *call;
    const struct https_response *response;
};

static void on_response(void *arg, const struct https_response *response)
{
    struct https_wait *wait = arg;

    wait->response = response;
    task_resume(wait->task);
}

static bool begin_https(void *arg)
{
    struct https_wait *wait = arg;

    wait->call = https_send(wait->https, wait->request, on_response, wait);
    return wait->call;
}

static void stop_https(void *arg)
{
    struct https_wait *wait = arg;

    https_cancel(wait->call);
}

const struct https_response *acme_blocking_https(struct task *task, struct https *https,
                                                 const struct https_request *request)
{
    static const struct https_response nothing = {.error = "not sent: out of memory, or the gateway is stopping"};
    struct https_wait wait = {.task = task, .https = https, .request = request};

    return task_wait(task, begin_https, stop_https, &wait) ? wait.response : &nothing;
}

/* ---- Programs ---- */

struct hook_wait {
    struct task *task;
    const struct hook_call *call;
    struct hook *hook;
    const char *error;
};

static void on_hook(void *arg, const char *error)
{
    struct hook_wait *wait = arg;

    wait->error = error;
    task_resume(wait->task);
}

static bool begin_hook(void *arg)
{
    struct hook_wait *wait = arg;

    wait->hook = hook_run(task_worker(wait->task), wait->call, on_hook, wait);
    return wait->hook;
}

static void stop_hook(void *arg)
{
    struct hook_wait *wait = arg;

    hook_cancel(wait->hook);
}

const char *acme_blocking_hook(struct task *task, const struct hook_call *call)
{
    struct hook_wait wait = {.task = task, .call = call, .error = "not run: out of memory, or the gateway is stopping"};

    task_wait(task, begin_hook, stop_hook, &wait);
    return wait.error;
}
