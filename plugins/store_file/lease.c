/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A lease is a file with its fence, end and owner. Its holder keeps it open and locked, and the kernel drops that lock
 * however the process ends, so the next holder need not wait for the end of the lease. If the holder is
 * stopped or hangs, the lease ends by CLOCK_BOOTTIME, which keeps running during suspend and cannot be set. That clock
 * is useless for leases of other machines, and times of day differ and jump; so such a lease has ended when it has been
 * seen unchanged for as long as a lease taken now would last.
 */
#include "plugins/store_file/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LINE_SIZE 512
#define LINE      "hopgate-lease 1 fence=%" PRIu64 " boot=%s until=%" PRIu64 " clock=%" PRIu64 " owner=%s\n"
#define LINE_SCAN "hopgate-lease 1 fence=%" SCNu64 " boot=%47s until=%" SCNu64 " clock=%" SCNu64 " owner=%128[^\n]"
#define MIN_TIME  (100 * HG_MILLISECOND)
#define MAX_TIME  (3600 * HG_SECOND)

struct held {
    struct held *next;
    int fd;
    char path[];
};

struct lease {
    uint64_t fence;
    char boot[48];
    uint64_t until; /* by CLOCK_BOOTTIME of that boot … */
    uint64_t clock; /* … and by the time of day, for humans */
    char owner[HG_STORE_OWNER_MAX + 1];
};

static uint64_t read_clock(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * HG_SECOND + (uint64_t)now.tv_nsec;
}

static void lease_path(const struct hg_text name, char path[LEASE_PATH_SIZE])
{
    char tail[KEY_PATH_SIZE];

    if (!key_path(name, tail)) /* directory_do() has checked this */
        tail[0] = '\0';
    snprintf(path, LEASE_PATH_SIZE, LEASES_DIRECTORY "/%s", tail);
}

/* ---- The file ---- */

/* Opens a lease for reading, or also for writing (`access`), and reads it. Returns -1 with errno if that fails or there
 * is none. A lease that cannot be parsed has no fence. */
static int lease_open(const struct directory *directory, const char *path, int access, struct lease *lease)
{
    int fd = openat(directory->root, path, access | O_CLOEXEC | O_NOFOLLOW), error;
    char line[LINE_SIZE];
    ssize_t got = fd < 0 ? -1 : pread(fd, line, sizeof line - 1, 0);

    memset(lease, 0, sizeof *lease);
    if (got < 0) {
        error = errno;
        if (fd >= 0)
            close(fd);
        errno = error;
        return -1;
    }
    line[got] = '\0';
    if (sscanf(line, LINE_SCAN, &lease->fence, lease->boot, &lease->until, &lease->clock, lease->owner) != 5)
        memset(lease, 0, sizeof *lease);
    return fd;
}

/* Whether an error means that there is no lease. Others say nothing about it: a disk that fails or is read-only, too
 * many open files and so on. A symbolic link is not ours. */
static bool is_absence(int error)
{
    return error == ENOENT || error == ELOOP;
}

/* Returns 0, or -1 with errno. */
static int lease_write(const struct directory *directory, int fd, const struct lease *lease)
{
    char line[LINE_SIZE];
    int size = snprintf(line, sizeof line, LINE, lease->fence, *directory->boot ? directory->boot : "-", lease->until,
                        lease->clock, *lease->owner ? lease->owner : "-");
    ssize_t put = pwrite(fd, line, (size_t)size, 0);

    if (put == size)
        return ftruncate(fd, size);
    errno = put < 0 ? errno : ENOSPC;
    return -1;
}

static void lease_extend(struct lease *lease, hg_time time_to_live)
{
    lease->until = read_clock(CLOCK_BOOTTIME) + time_to_live;
    lease->clock = read_clock(CLOCK_REALTIME) + time_to_live;
}

/* How much time is left; 0: it has ended. */
static hg_time remaining(struct directory *directory, const char *path, const struct lease *lease, hg_time time_to_live)
{
    struct seen *seen = &directory->seen;
    const uint64_t now = read_clock(CLOCK_BOOTTIME);

    if (!strcmp(lease->boot, *directory->boot ? directory->boot : "-"))
        return lease->until > now ? lease->until - now : 0;
    if (strcmp(seen->path, path) != 0 || seen->fence != lease->fence || seen->until != lease->until) {
        *seen = (struct seen){.fence = lease->fence, .until = lease->until, .since = now};
        snprintf(seen->path, sizeof seen->path, "%s", path);
    }
    return seen->since + time_to_live > now ? seen->since + time_to_live - now : 0;
}

/* Whether a live process holds the file that was opened here. */
static bool is_held(int fd)
{
    if (flock(fd, LOCK_EX | LOCK_NB))
        return true;
    flock(fd, LOCK_UN);
    return false;
}

/* ---- Leases of this process ---- */

static void forget(struct directory *directory, const char *path)
{
    for (struct held **at = &directory->held; *at; at = &(*at)->next) {
        struct held *held = *at;

        if (strcmp(held->path, path) != 0)
            continue;
        *at = held->next;
        close(held->fd);
        free(held);
        return;
    }
}

static int remember(struct directory *directory, const char *path, int fd)
{
    size_t size = strlen(path) + 1;
    struct held *held = malloc(sizeof *held + size);

    if (!held)
        return -1;
    held->fd = fd;
    memcpy(held->path, path, size);
    held->next = directory->held;
    directory->held = held;
    return 0;
}

void lease_drop_all(struct directory *directory)
{
    while (directory->held)
        forget(directory, directory->held->path);
}

/* ---- Operations ---- */

/* Recreates the file, so that a former holder's lock is on a different one. Returns the descriptor, or -1 with
 * errno. */
static int make_file(const struct directory *directory, const char *path, const struct lease *lease)
{
    int fd, error = 0;

    if (directory_make_parents(directory, path) || (unlinkat(directory->root, path, 0) && errno != ENOENT))
        return -1;
    fd = openat(directory->root, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -1;
    if (flock(fd, LOCK_EX | LOCK_NB) || lease_write(directory, fd, lease) || fsync(fd) ||
        directory_sync_parent(directory, path))
        error = errno;
    if (!error)
        return fd;
    unlinkat(directory->root, path, 0);
    close(fd);
    errno = error;
    return -1;
}

static void take(struct directory *directory, struct hg_store_request *request, const char *path, uint64_t last_fence)
{
    struct lease lease = {.fence = directory_next_number(last_fence)};
    int fd;

    snprintf(lease.owner, sizeof lease.owner, "%s", request->owner);
    lease_extend(&lease, request->time_to_live);
    forget(directory, path);
    if (!directory_is_locked(directory, request))
        return;
    fd = make_file(directory, path, &lease);
    if (fd >= 0 && remember(directory, path, fd)) {
        close(fd);
        errno = ENOMEM;
        fd = -1;
    }
    if (fd < 0)
        directory_cannot_write(directory, request, path);
    else
        request->answer.fence = lease.fence;
}

void lease_acquire(struct directory *directory, struct hg_store_request *request)
{
    char path[LEASE_PATH_SIZE];
    struct lease lease;
    hg_time rest;
    int fd;

    if (request->time_to_live < MIN_TIME || request->time_to_live > MAX_TIME) {
        request_fail(request, HG_STORE_INVALID, "a lease must last from 100 ms to 1 h");
        return;
    }
    lease_path(request_key(request), path);
    if (!directory_lock(directory, request))
        return;
    fd = lease_open(directory, path, O_RDWR, &lease); /* on NFS, locking requires write access */
    if (fd < 0 && !is_absence(errno)) {
        directory_cannot_write(directory, request, path);
        directory_unlock(directory);
        return;
    }
    rest = fd >= 0 && is_held(fd) ? remaining(directory, path, &lease, request->time_to_live) : 0;
    if (fd >= 0)
        close(fd);
    if (rest) {
        snprintf(request->owner, sizeof request->owner, "%s", lease.owner);
        request_fail(request, HG_STORE_CONFLICT, "%s/%s: held by %s", directory->path, path, lease.owner);
        request->answer.owner = hg_text(request->owner);
        request->answer.remaining = rest;
    } else {
        take(directory, request, path, lease.fence);
    }
    directory_unlock(directory);
}

/* Opens a lease that is held with that fence. -1: it is not held, or that is unknown, and the request has failed.
 * Requires the lock. */
static int open_own(struct directory *directory, struct hg_store_request *request, const char *path, int access,
                    struct lease *lease)
{
    int fd = lease_open(directory, path, access, lease);

    if (fd >= 0 && lease->fence && lease->fence == request->fence)
        return fd;
    if (fd < 0 && !is_absence(errno)) {
        directory_cannot_write(directory, request, path);
        return -1;
    }
    request_fail(request, HG_STORE_CONFLICT, "%s/%s: the lease is lost%s%s", directory->path, path,
                 *lease->owner ? "; now held by " : "", lease->owner);
    if (fd >= 0)
        close(fd);
    return -1;
}

void lease_renew(struct directory *directory, struct hg_store_request *request)
{
    char path[LEASE_PATH_SIZE];
    struct lease lease;
    int fd;

    if (request->time_to_live < MIN_TIME || request->time_to_live > MAX_TIME) {
        request_fail(request, HG_STORE_INVALID, "a lease must last from 100 ms to 1 h");
        return;
    }
    lease_path(request_key(request), path);
    if (!directory_lock(directory, request))
        return;
    fd = open_own(directory, request, path, O_RDWR, &lease);
    if (fd >= 0) {
        lease_extend(&lease, request->time_to_live);
        if (lease_write(directory, fd, &lease)) /* not synced: the end is meaningless after a reboot */
            directory_cannot_write(directory, request, path);
        else
            request->answer.fence = lease.fence;
        close(fd);
    } else if (request->answer.status == HG_STORE_CONFLICT) {
        forget(directory, path);
    }
    directory_unlock(directory);
}

void lease_release(struct directory *directory, struct hg_store_request *request)
{
    char path[LEASE_PATH_SIZE];
    struct lease lease;
    int fd;

    lease_path(request_key(request), path);
    if (!directory_lock(directory, request))
        return;
    fd = open_own(directory, request, path, O_RDONLY, &lease);
    forget(directory, path);
    if (fd >= 0) {
        /* The next fence will be the time. The file is needed only if the clock was set back. */
        if (read_clock(CLOCK_REALTIME) > lease.fence && directory_is_locked(directory, request) &&
            unlinkat(directory->root, path, 0))
            directory_cannot_write(directory, request, path);
        close(fd);
    }
    directory_unlock(directory);
}

bool lease_guards(struct directory *directory, struct hg_store_request *request)
{
    struct hg_text name = {request->lease, request->lease_size};
    char path[LEASE_PATH_SIZE];
    struct lease lease;
    int fd;

    if (request->lease_size > HG_STORE_KEY_MAX) {
        request_fail(request, HG_STORE_INVALID, "invalid lease name: \"%.64s\"", request->lease);
        return false;
    }
    lease_path(name, path);
    fd = open_own(directory, request, path, O_RDONLY, &lease);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}
