/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A worker: one thread with one libev loop, and everything that belongs to it.
 */
#ifndef CORE_WORKER_WORKER_H
#define CORE_WORKER_WORKER_H

#include "core/base/cold.h"
#include "core/exchange/exchange.h"
#include "core/loop/loop.h"
#include "core/pipeline/pipeline.h"
#include "core/worker/metrics.h"

#include <hopgate/host.h>

struct sessions;

struct worker {
    struct loop loop; /* first, since struct hg_worker.core points to both, see loop_of() */
    struct pipeline *pipeline;
    struct worker *sibling;        /* the next worker of the pipeline, in a ring; itself if it is the only one */
    struct hg_worker *instances;   /* pipeline->count of them, by instance->index */
    struct instance core_instance; /* the core's own stage at the tunnel's end of the path, written like a plugin … */
    struct hg_worker core;         /* … and using the same services */
    struct exchange_table exchanges; /* its tops are by instance->index; a client's is tops[pipeline->count] */

    struct sessions *sessions; /* core/session/session_table.h */
    struct metrics metrics;

    struct hg_timer *stop_timer;
    size_t started; /* number of instances of pipeline->start_order whose worker_start() has been called */
    bool draining;
    const struct instance *alone; /* this instance runs a command: only what it needs is started */
    bool finished;                /* the command has finished … */
    int exit_code;                /* … with this exit code */
};

/* The table of services given to every instance (core/worker/host.c). */
extern const struct hg_host worker_host;

/* Loads a pipeline whose instances use that table, see pipeline_load(). */
COLD struct pipeline *worker_load_pipeline(const char *path, struct plugins *plugins, FILE *errors);

/* Creates a worker for a pipeline without errors. NULL when out of memory. */
COLD struct worker *worker_new(struct pipeline *pipeline);
/* Starts all instances, then the sessions. 0, or -1 with the reason logged. */
COLD int worker_start_instances(struct worker *worker);
COLD int worker_start_sessions(struct worker *worker);
COLD int worker_start(struct worker *worker);
/* Runs the loop until worker_drain() has been called and everything has ended or time is up. */
void worker_run(struct worker *worker);
/* Begins to stop: nothing new is accepted, and exchanges in progress may finish within the stop_timeout setting. A
 * second call stops at once.
 */
COLD void worker_drain(struct worker *worker);
/* Makes all instances reread their files. */
COLD void worker_reread(struct worker *worker);
/* Stops all instances and frees the worker. NULL is allowed. */
COLD void worker_free(struct worker *worker);

/* The worker of an instance. */
static inline struct worker *worker_of(const struct hg_worker *instance)
{
    return instance->core;
}

/* Logs counters, each stage's figures, sessions and exchanges. */
COLD void worker_report(struct worker *worker);

/* These implement struct hg_host. */
struct hg_worker *worker_sibling(const struct hg_worker *instance);
struct hg_worker *worker_instance_of(struct hg_worker *worker, const struct hg_instance *instance);
COLD void worker_finish(struct hg_worker *instance, int exit_code);
COLD void *worker_metric(struct hg_worker *instance, const struct hg_metric *metric, const struct hg_label *labels);
COLD void worker_metrics_read(struct hg_worker *instance, hg_series_visitor visit, void *arg);

#endif
