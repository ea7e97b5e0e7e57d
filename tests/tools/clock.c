/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A clock set by a test, for an unmodified program: preloaded (LD_PRELOAD), it adds offsets to the system's clocks. The
 * file that HG_TEST_CLOCK names contains three 8-byte numbers in host byte order: nanoseconds to add to the time of
 * day, to the monotonic clock, and to CLOCK_BOOTTIME beyond the monotonic clock. The test changes them while the
 * program is running: days pass, someone sets the clock, or the machine was suspended.
 *
 * The kernel is unaware of this, so a sleeping program would not notice. Therefore, epoll_wait() returns every 20 ms,
 * and event loops then check the clock.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
    SECOND = 1000000000,
    NAP = 20, /* ms */
};

struct shifts {
    int64_t real, monotonic, slept; /* ns */
};

static const volatile struct shifts *shifts;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("HG_TEST_CLOCK");
    const int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *map = MAP_FAILED;

    if (fd >= 0) {
        map = mmap(NULL, sizeof(struct shifts), PROT_READ, MAP_SHARED, fd, 0);
        close(fd);
    }
    if (map != MAP_FAILED)
        shifts = map;
}

static int64_t shift_of(clockid_t clock)
{
    if (!shifts)
        return 0;
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        return shifts->real;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_MONOTONIC_RAW:
        return shifts->monotonic;
    case CLOCK_BOOTTIME:
        return shifts->monotonic + shifts->slept;
    default:
        return 0;
    }
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    const int result = (int)syscall(SYS_clock_gettime, clock, now);

    if (result == 0) {
        const int64_t shifted = (int64_t)now->tv_sec * SECOND + now->tv_nsec + shift_of(clock);

        now->tv_sec = shifted / SECOND;
        now->tv_nsec = shifted % SECOND;
    }
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec precise;

    (void)zone; /* obsolete and never used */
    if (clock_gettime(CLOCK_REALTIME, &precise))
        return -1;
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *also)
{
    struct timespec now;

    if (clock_gettime(CLOCK_REALTIME, &now))
        return -1;
    if (also)
        *also = now.tv_sec;
    return now.tv_sec;
}

int epoll_wait(int fd, struct epoll_event *events, int count, int timeout)
{
    const int nap = shifts && (timeout < 0 || timeout > NAP) ? NAP : timeout;

    return (int)syscall(SYS_epoll_pwait, fd, events, count, nap, NULL, (size_t)8);
}
