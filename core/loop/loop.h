/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The event loop of one thread: the time, timers, descriptors, and posts from other threads. Implements on top of libev
 * what <hopgate/host.h> promises about them.
 */
#ifndef CORE_LOOP_LOOP_H
#define CORE_LOOP_LOOP_H

#include "core/base/cold.h"
#include "core/loop/trim.h"

#include <ev.h>
#include <hopgate/host.h>
#include <pthread.h>

struct resolver;

struct loop {
    struct ev_loop *ev;
    hg_time now;               /* this turn's time; 0: not read yet */
    struct resolver *resolver; /* core/loop/resolve.h; made when first needed */
    struct trim trim;
    void (*turn_ends)(struct loop *loop); /* called before the loop waits: does what the callbacks have queued */
    ev_prepare before_wait;
    ev_check after_wait;
    ev_timer log_timer;      /* runs while the log has counted events to report */
    struct hg_call deferred; /* the head of a ring of calls */
    ev_async posted;
    struct hg_call posts; /* like `deferred`; guarded by post_lock */
    pthread_mutex_t post_lock;
};

/* 0, or -1 when out of memory. Call loop_end() in either case. */
COLD int loop_init(struct loop *loop, void (*turn_ends)(struct loop *loop));
/* Makes the posted calls that are waiting, then frees everything the loop owns. */
COLD void loop_end(struct loop *loop);

/* Runs until loop_break() is called. */
void loop_run(struct loop *loop);
void loop_break(struct loop *loop);

/* The loop of an instance: struct hg_worker.core always points to a struct that begins with one. */
static inline struct loop *loop_of(const struct hg_worker *instance)
{
    return instance->core;
}

/* Reads the clock; called by loop_now(). */
hg_time loop_read_clock(struct loop *loop);

/* The time of this turn, read when first needed. */
static inline hg_time loop_now(struct loop *loop)
{
    return loop->now ? loop->now : loop_read_clock(loop);
}

/* See hg_timer_new() and the functions after it in <hopgate/host.h>. `plugin`: the owner of the callback, see
 * core/base/fatal.h; NULL: the core. */
struct hg_timer *loop_timer_new(struct loop *loop, const char *plugin, hg_callback callback, void *arg);
void loop_timer_set(struct hg_timer *timer, hg_time delay);
void loop_timer_stop(struct hg_timer *timer);
void loop_timer_free(struct hg_timer *timer);

/* See hg_io_new(). */
struct hg_io *loop_io_new(struct loop *loop, const char *plugin, int fd, hg_io_callback callback, void *arg);
void loop_io_set(struct hg_io *io, int events);
void loop_io_free(struct hg_io *io);

/* See hg_defer(). Deferred calls are made by loop_run_deferred(), which turn_ends() calls at the right time. */
void loop_defer(struct loop *loop, const char *plugin, struct hg_call *call);
void loop_run_deferred(struct loop *loop);

/* See hg_post(), which any thread may call, and hg_post_cancel(). */
void loop_post(struct loop *loop, const char *plugin, struct hg_call *call);
void loop_post_cancel(struct loop *loop, struct hg_call *call);

#endif
