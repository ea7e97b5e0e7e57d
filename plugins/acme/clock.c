/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The clocks, apart so that tests can set them.
 */
#include "plugins/acme/clock.h"

time_t acme_clock(void)
{
    return time(NULL);
}

hg_time acme_steady_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (hg_time)now.tv_sec * HG_SECOND + (hg_time)now.tv_nsec;
}
