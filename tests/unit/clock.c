/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "tests/unit/clock.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static hg_time now = 1000 * HG_SECOND, asleep;

hg_time clock_now(void)
{
    return now;
}

void clock_pass(hg_time time)
{
    now += time;
}

void clock_sleep(hg_time time)
{
    asleep += time;
}

/* Replaces libc's, for everything linked into the program. */
int clock_gettime(clockid_t clock, struct timespec *time)
{
    hg_time reported = clock == CLOCK_BOOTTIME ? now + asleep : now;

    if (clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME)
        return (int)syscall(SYS_clock_gettime, clock, time);
    *time = (struct timespec){.tv_sec = (time_t)(reported / HG_SECOND), .tv_nsec = (long)(reported % HG_SECOND)};
    return 0;
}
