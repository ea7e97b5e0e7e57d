/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Kills a program at a selected change of its files, like kill -9 at the worst possible moment: preloaded (LD_PRELOAD),
 * it counts calls of fsync(), renameat(), unlinkat() and mkdirat(). The file that HG_TEST_FAULTPOINT names contains two
 * 8-byte numbers in host byte order: the number of calls so far, and the call before which the program is killed; 0 is
 * none.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct points {
    _Atomic int64_t passed, deadly;
};

static struct points *points;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("HG_TEST_FAULTPOINT");
    const int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *map = MAP_FAILED;

    if (fd >= 0) {
        map = mmap(NULL, sizeof(struct points), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
    }
    if (map != MAP_FAILED)
        points = map;
}

static void pass(void)
{
    if (points && atomic_fetch_add(&points->passed, 1) + 1 == atomic_load(&points->deadly))
        kill(getpid(), SIGKILL);
}

int fsync(int fd)
{
    pass();
    return (int)syscall(SYS_fsync, fd);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    pass();
    return (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, 0U);
}

int unlinkat(int folder, const char *path, int flags)
{
    pass();
    return (int)syscall(SYS_unlinkat, folder, path, flags);
}

int mkdirat(int folder, const char *path, mode_t mode)
{
    pass();
    return (int)syscall(SYS_mkdirat, folder, path, mode);
}
