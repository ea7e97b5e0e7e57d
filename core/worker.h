/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A worker: one thread with one libev loop and all that lives in it.
 */
#ifndef CORE_WORKER_H
#define CORE_WORKER_H

#include "core/pipeline.h"

#include <ev.h>
#include <hopgate/host.h>

struct exchange;
struct sessions;

/* What stands behind each place of an exchange: whose operations, for which instance in this worker. */
struct place {
    const struct hg_stage_ops *ops;
    struct hg_worker *worker;
};

struct worker {
    struct pipeline *pipeline;
    struct ev_loop *loop;
    struct hg_worker *instances; /* pipeline->count of them, by instance->index */
    struct place *path;          /* the places of an exchange from top to bottom, the core's own included */
    size_t path_count;
    struct instance core_instance; /* the core's own part at the tunnel's end of the path, written like a plugin … */
    struct hg_worker core;         /* … and using the same services; its `state` is `sessions` */
    struct sessions *sessions;     /* core/sessions.h */
    struct exchange *ready;        /* exchanges with queued events, core/exchange.c */
    struct exchange **ready_tail;
    struct exchange *exchanges; /* all that are open */
    size_t exchange_count;
    uint64_t next_exchange;
    bool draining;
};

/* The table that every instance gets (core/host.c). */
extern const struct hg_host worker_host;

struct worker *worker_new(struct pipeline *pipeline);
int worker_start(struct worker *worker);
/* Returns when worker_stop_soon() was called and everything has ended, or its time is up. */
void worker_run(struct worker *worker);
/* Begins to drain: no new exchanges, running ones finish within the settings' stop_timeout. Twice: at once. */
void worker_drain(struct worker *worker);
void worker_free(struct worker *worker);

/* The worker behind what a plugin holds. */
struct worker *worker_of(const struct hg_worker *instance);

#endif
