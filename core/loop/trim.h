/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Gives memory back to the system when many have left: the allocator keeps what lies between things that stay, for
 * ever. How many there are is told by the descriptors that a worker watches.
 */
#ifndef CORE_LOOP_TRIM_H
#define CORE_LOOP_TRIM_H

#include <ev.h>
#include <stddef.h>

struct trim {
    ev_timer timer;
    double last; /* ev_now() when memory was given back; 0: not yet */
    size_t count, most;
};

void trim_init(struct trim *trim);

/* A descriptor is watched, or no more. */
void trim_added(struct trim *trim);
void trim_removed(struct trim *trim, struct ev_loop *loop);

#endif
