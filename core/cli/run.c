/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/cli/run.h"

#include "core/base/fatal.h"
#include "core/base/log.h"
#include "core/config/privileges.h"
#include "core/pipeline/listen.h"
#include "core/worker/worker.h"

#include <errno.h>
#include <grp.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Every connection needs a descriptor, and the soft limit of most systems is 1,024. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit))
        log_line(HG_LOG_WARNING, "core", "cannot raise the limit for open files: %s", strerror(errno));
}

/* By default, glibc returns freed memory to the kernel from 128 KiB on, so a transfer, which keeps allocating and
 * freeing buffers, gets the same pages again and again: during a download, a gateway spent 8 % of its time in brk() and
 * page faults. */
static void keep_freed_memory(void)
{
#ifdef __GLIBC__
    mallopt(M_TRIM_THRESHOLD, 4 << 20);
    mallopt(M_TOP_PAD, 1 << 20);
#endif
}

/* Root can read and change everything on the machine, and a gateway faces the internet, so nobody should run it as root
 * unknowingly.
 */
static void log_start(const struct pipeline *pipeline)
{
    const struct passwd *user = getpwuid(geteuid());

    log_line(HG_LOG_INFO, "core", "running as a %s, user %s (uid %ld)",
             pipeline->shape == PIPELINE_GATEWAY ? "gateway" : "client", user ? user->pw_name : "unknown",
             (long)geteuid());
    if (geteuid() == 0)
        log_line(HG_LOG_WARNING, "core",
                 "running as root: set `user:` in the config file, or start hopgate as another user");
}

static void on_stop(struct ev_loop *loop, ev_signal *watcher, int events)
{
    struct worker *worker = watcher->data;

    (void)loop;
    (void)events;
    log_line(HG_LOG_INFO, "core", worker->draining ? "stopping at once" : "stopping; exchanges in progress: %zu",
             worker->exchanges.open_count);
    worker_drain(worker);
}

static void on_reread(struct ev_loop *loop, ev_signal *watcher, int events)
{
    (void)loop;
    (void)events;
    log_line(HG_LOG_INFO, "core", "SIGHUP: reloading files such as tokens; changes to the config file need a restart");
    worker_reread(watcher->data);
}

static void on_report(struct ev_loop *loop, ev_signal *watcher, int events)
{
    (void)loop;
    (void)events;
    worker_report(watcher->data);
}

struct signals {
    ev_signal terminate, interrupt, hangup, report;
};

static void watch_signal(struct worker *worker, ev_signal *watcher, int number,
                         void (*callback)(struct ev_loop *, ev_signal *, int))
{
    ev_signal_init(watcher, callback, number);
    watcher->data = worker;
    ev_signal_start(worker->loop.ev, watcher);
    ev_unref(worker->loop.ev); /* a signal watcher must not keep the loop running */
}

static void unwatch_signal(struct worker *worker, ev_signal *watcher)
{
    ev_ref(worker->loop.ev);
    ev_signal_stop(worker->loop.ev, watcher);
}

/* The signals that an operator may send at any time, and which end a process that does not handle them. */
static void mask_requests(int how)
{
    sigset_t requests;

    sigemptyset(&requests);
    sigaddset(&requests, SIGHUP);
    sigaddset(&requests, SIGUSR1);
    pthread_sigmask(how, &requests, NULL);
}

void run_hold_requests(void)
{
    mask_requests(SIG_BLOCK);
}

static void run_worker(struct worker *worker)
{
    struct signals signals;

    watch_signal(worker, &signals.terminate, SIGTERM, on_stop);
    watch_signal(worker, &signals.interrupt, SIGINT, on_stop);
    watch_signal(worker, &signals.hangup, SIGHUP, on_reread);
    watch_signal(worker, &signals.report, SIGUSR1, on_report);
    mask_requests(SIG_UNBLOCK);
    log_start(worker->pipeline); /* from here on, signals are handled */
    worker_run(worker);
    mask_requests(SIG_BLOCK);
    unwatch_signal(worker, &signals.terminate);
    unwatch_signal(worker, &signals.interrupt);
    unwatch_signal(worker, &signals.hangup);
    unwatch_signal(worker, &signals.report);
}

int run_pipeline(struct pipeline *pipeline)
{
    struct worker *worker;
    int result = 1;

    signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    keep_freed_memory();
    if (pipeline_prepare(pipeline) || user_become(pipeline->settings.user)) {
        log_line(HG_LOG_ERROR, "core", "not started");
        return 1;
    }
    for (size_t i = 0; i < pipeline->count; i++)
        listen_log(pipeline->instances[i]);
    worker = worker_new(pipeline);
    if (!worker) {
        log_line(HG_LOG_ERROR, "core", "out of memory");
        return 1;
    }
    if (worker_start(worker) == 0) {
        run_worker(worker);
        result = 0;
    }
    worker_free(worker);
    log_line(result ? HG_LOG_ERROR : HG_LOG_INFO, "core", result ? "not started" : "stopped");
    return result;
}

int run_command_of(const struct instance *instance, int argc, char **argv)
{
    struct pipeline *pipeline = instance->pipeline;
    struct worker *worker;
    int result = 1;

    if (user_become(pipeline->settings.user))
        return 1;
    worker = worker_new(pipeline);
    if (!worker) {
        log_line(HG_LOG_ERROR, "core", "out of memory");
        return 1;
    }
    worker->alone = instance;
    if (!worker_start_instances(worker)) {
        CALL_PLUGIN(instance->public.name, "command",
                    instance->plugin->descriptor.command(&worker->instances[instance->index], argc, argv));
        if (!worker->finished)
            worker_run(worker);
        result = worker->finished ? worker->exit_code : 1;
    }
    worker_free(worker);
    return result;
}
