/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/store_file/write_lock.h"

#include "plugins/store_file/monotonic.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define INTERVAL (5 * HG_MILLISECOND)

/* Held briefly by a process that takes the lock away, so that two of them do not interfere. */
#define GUARD ".lock.guard"

static int open_file(int root, const char *name)
{
    return openat(root, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

bool write_lock_is_ours(int root, int fd)
{
    struct stat ours, there;

    return !fstat(fd, &ours) && !fstatat(root, LOCK_FILE, &there, AT_SYMLINK_NOFOLLOW) && ours.st_ino == there.st_ino &&
           ours.st_dev == there.st_dev;
}

static int open_lock(int root, int *fd)
{
    if (*fd >= 0 && write_lock_is_ours(root, *fd))
        return 0;
    if (*fd >= 0)
        close(*fd);
    *fd = open_file(root, LOCK_FILE);
    return *fd < 0 ? -1 : 0;
}

/* Takes away only the file that was waited for. Returns 0, or -1 with errno. */
static int take_away(int root, int fd)
{
    int guard = open_file(root, GUARD), result, error;

    if (guard < 0)
        return -1;
    result = flock(guard, LOCK_EX | LOCK_NB);
    if (!result && write_lock_is_ours(root, fd))
        result = unlinkat(root, LOCK_FILE, 0);
    error = errno;
    close(guard);
    errno = error;
    return result;
}

int write_lock_take(int root, int *fd, bool *taken_away)
{
    const struct timespec pause = {.tv_nsec = INTERVAL};
    hg_time began = monotonic();

    for (*taken_away = false;;) {
        if (open_lock(root, fd))
            return -1;
        if (!flock(*fd, LOCK_EX | LOCK_NB)) {
            if (write_lock_is_ours(root, *fd))
                return 0;
            continue; /* a third process took it away in the meantime */
        }
        if (errno != EWOULDBLOCK && errno != EINTR)
            return -1;
        if (monotonic() - began > LOCK_SECONDS * HG_SECOND) {
            if (take_away(root, *fd) && errno != EWOULDBLOCK)
                return -1;
            *taken_away = true;
            began = monotonic();
        }
        nanosleep(&pause, NULL);
    }
}

void write_lock_give(int fd)
{
    flock(fd, LOCK_UN);
}
