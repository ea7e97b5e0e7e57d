/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A worker: one thread with one libev loop and all that lives in it.
 */
#ifndef CORE_WORKER_WORKER_H
#define CORE_WORKER_WORKER_H

#include "core/exchange/exchange.h"
#include "core/loop/loop.h"
#include "core/pipeline/pipeline.h"
#include "core/worker/metrics.h"

#include <hopgate/host.h>

struct sessions;

struct worker {
    struct loop loop; /* first: struct hg_worker.core leads to both, see loop_of() */
    struct pipeline *pipeline;
    struct worker *sibling;        /* the next worker of the pipeline, in a ring; as long as there is one, itself */
    struct hg_worker *instances;   /* pipeline->count of them, by instance->index */
    struct instance core_instance; /* the core's own part at the tunnel's end of the path, written like a plugin … */
    struct hg_worker core;         /* … and using the same services */
    struct exchange_table exchanges; /* its tops are by instance->index; a client's is tops[pipeline->count] */

    struct sessions *sessions; /* core/session/session_table.h */
    struct metrics metrics;

    struct hg_timer *stop_timer;
    size_t started; /* instances of pipeline->start_order whose worker_start() has been called */
    bool draining;
    const struct instance *alone; /* a command of this one runs: only what it needs is started */
    bool finished;                /* by that command … */
    int exit_code;                /* … with this one */
};

/* The table of services that every instance gets (core/worker/host.c). */
extern const struct hg_host worker_host;

/* Loads a pipeline whose instances get that table, see pipeline_load(). */
struct pipeline *worker_load_pipeline(const char *path, struct plugins *plugins, FILE *errors);

/* A worker for a pipeline without errors. NULL when out of memory. */
struct worker *worker_new(struct pipeline *pipeline);
/* Starts all instances, then the sessions. 0, or -1 after the log says why. */
int worker_start_instances(struct worker *worker);
int worker_start_sessions(struct worker *worker);
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
static inline struct worker *worker_of(const struct hg_worker *instance)
{
    return instance->core;
}

/* Writes counters, places, sessions and exchanges to the log. */
void worker_report(struct worker *worker);

/* The functions behind struct hg_host. */
struct hg_worker *worker_sibling(const struct hg_worker *instance);
struct hg_worker *worker_instance_of(struct hg_worker *worker, const struct hg_instance *instance);
void worker_finish(struct hg_worker *instance, int exit_code);
void *worker_metric(struct hg_worker *instance, const struct hg_metric *metric, const struct hg_label *labels);
void worker_metrics_read(struct hg_worker *instance, hg_series_visitor visit, void *arg);

#endif
