/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Returns memory to the system after many connections have closed, as the allocator would otherwise never return the
 * memory between objects that remain. The number of connections is judged by the descriptors that a worker watches.
 */
#ifndef CORE_LOOP_TRIM_H
#define CORE_LOOP_TRIM_H

#include "core/base/cold.h"

#include <ev.h>
#include <stddef.h>

struct trim {
    ev_timer timer;
    double last; /* ev_now() of the last trim; 0: none yet */
    size_t count, most;
};

COLD void trim_init(struct trim *trim);

/* To be called when a descriptor is watched, and when it no longer is. */
void trim_added(struct trim *trim);
void trim_removed(struct trim *trim, struct ev_loop *loop);

#endif
