/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/loop/trim.h"

#include <config.h>

#ifdef HAVE_MALLOC_TRIM
#include <malloc.h>
#endif

/* At least this many descriptors, and half of those at the peak, must have been closed; fewer do not free much memory.
 */
#define WORTHWHILE 64
/* How long to wait after that, and the shortest time between two trims, in seconds: walking the heap takes
 * milliseconds. */
#define DELAY 1.
#define PAUSE 10.

static void on_timer(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct trim *trim = watcher->data;

    (void)events;
    trim->most = trim->count;
    trim->last = ev_now(loop);
#ifdef HAVE_MALLOC_TRIM
    malloc_trim(0);
#endif
}

void trim_init(struct trim *trim)
{
    ev_timer_init(&trim->timer, on_timer, 0., 0.);
    trim->timer.data = trim;
}

void trim_added(struct trim *trim)
{
    if (++trim->count > trim->most)
        trim->most = trim->count;
}

void trim_removed(struct trim *trim, struct ev_loop *loop)
{
    double rest;

    trim->count--;
    if (trim->most - trim->count < WORTHWHILE || trim->count > trim->most / 2 || ev_is_active(&trim->timer))
        return;
    rest = trim->last + PAUSE - ev_now(loop);
    ev_timer_set(&trim->timer, trim->last > 0. && rest > DELAY ? rest : DELAY, 0.);
    ev_timer_start(loop, &trim->timer);
}
