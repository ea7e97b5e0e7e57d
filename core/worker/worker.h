/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A worker: one thread with one libev loop and all that lives in it.
 */
#ifndef CORE_WORKER_WORKER_H
#define CORE_WORKER_WORKER_H

#include "core/exchange/exchange.h"
#include "core/loop/trim.h"
#include "core/pipeline/pipeline.h"

#include <ev.h>
#include <hopgate/host.h>
#include <pthread.h>

struct lookup;
struct resolver;
struct sessions;

/* A counter or gauge of one instance, see hg_counter() and hg_gauge(). */
struct counter {
    struct counter *next;
    const struct hg_instance *instance;
    const char *name, *doc;
    char *label; /* NULL: none */
    uint64_t value;
};

struct worker {
    struct pipeline *pipeline;
    struct ev_loop *loop;
    struct hg_worker *instances;   /* pipeline->count of them, by instance->index */
    struct instance core_instance; /* the core's own part at the tunnel's end of the path, written like a plugin … */
    struct hg_worker core;         /* … and using the same services */
    struct exchange_table exchanges; /* its tops are by instance->index; a client's is tops[pipeline->count] */

    struct sessions *sessions; /* core/session/session_table.h */
    struct lookup *examined;   /* core/cli/examine.c */
    struct resolver *resolver; /* core/loop/resolve.h; made when first needed */
    struct counter *counters;

    ev_prepare before_wait; /* the end of a turn of the loop: what the callbacks have queued is done here */
    ev_check after_wait;
    ev_timer stop_timer;
    ev_timer log_timer; /* runs while lines of the log are counted that somebody must tell */
    struct trim trim;
    ev_async posted;
    struct post *posts; /* the newest first; guarded by post_lock */
    pthread_mutex_t post_lock;
    hg_time now;    /* this turn's time, 0: not yet asked for */
    size_t started; /* instances whose worker_start() has been called, from the last one on */
    bool draining;
    const struct instance *alone; /* a command of this one runs: only what it needs is started */
    bool finished;                /* by that command … */
    int exit_code;                /* … with this one */
};

/* The table that every instance gets (core/worker/host.c). */
extern const struct hg_host worker_host;

/* A worker for a pipeline without errors. NULL when out of memory. */
struct worker *worker_new(struct pipeline *pipeline);
/* Starts all instances, then the sessions. 0, or -1 after the log says why. */
int worker_start_instances(struct worker *worker);
int worker_start(struct worker *worker);
/* Turns the loop until worker_drain() was called and everything has ended, or its time is up. */
void worker_run(struct worker *worker);
/* Begins to stop: nothing new, running exchanges finish within the settings' stop_timeout. A second call stops at once.
 */
void worker_drain(struct worker *worker);
/* Lets all instances read again what they keep of files. */
void worker_reread(struct worker *worker);
/* Stops all instances and frees the worker. NULL is allowed. */
void worker_free(struct worker *worker);

/* The worker behind what a plugin holds. */
struct worker *worker_of(const struct hg_worker *instance);

/* The time of this turn of the loop. */
hg_time worker_now(struct worker *worker);
/* Writes counters, places, sessions and exchanges to the log. */
void worker_report(struct worker *worker);

/* The functions behind struct hg_host. */
hg_time worker_instance_now(struct hg_worker *instance);
struct hg_timer *worker_timer_new(struct hg_worker *instance, hg_callback callback, void *arg);
void worker_timer_set(struct hg_timer *timer, hg_time delay);
void worker_timer_stop(struct hg_timer *timer);
void worker_timer_free(struct hg_timer *timer);
struct hg_io *worker_io_new(struct hg_worker *instance, int fd, hg_io_callback callback, void *arg);
void worker_io_set(struct hg_io *io, int events);
void worker_io_free(struct hg_io *io);
void worker_post(struct hg_worker *instance, hg_callback callback, void *arg);
struct hg_worker *worker_instance_of(struct hg_worker *worker, const struct hg_instance *instance);
void worker_finish(struct hg_worker *instance, int exit_code);
uint64_t *worker_counter(struct hg_worker *instance, const char *name, const char *doc);
uint64_t *worker_gauge(struct hg_worker *instance, const char *name, const char *label, const char *doc);

#endif
