/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The time in the store's own thread, which does not have the loop's.
 */
#ifndef PLUGINS_STORE_FILE_MONOTONIC_H
#define PLUGINS_STORE_FILE_MONOTONIC_H

#include <hopgate/types.h>
#include <time.h>

static inline hg_time monotonic(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (hg_time)now.tv_sec * HG_SECOND + (hg_time)now.tv_nsec;
}

#endif
