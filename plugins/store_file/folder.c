/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/store_file/folder.h"

#include "plugins/store_file/entry.h"
#include "plugins/store_file/list.h"
#include "plugins/store_file/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TEMPORARY  ".tmp"
#define QUARANTINE ".quarantine"

/* ---- Opening ---- */

void folder_init(struct folder *folder, const struct hg_instance *instance, const char *path)
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? 0 : read(fd, folder->boot, sizeof folder->boot - 1);

    if (fd >= 0)
        close(fd);
    folder->boot[got > 0 ? got : 0] = '\0';
    folder->boot[strcspn(folder->boot, "\n")] = '\0';
    folder->instance = instance;
    folder->path = path;
    folder->root = folder->lock = -1;
}

static void close_folder(struct folder *folder)
{
    if (folder->lock >= 0)
        close(folder->lock);
    if (folder->root >= 0)
        close(folder->root);
    folder->root = folder->lock = -1;
}

void folder_close(struct folder *folder)
{
    lease_drop_all(folder);
    close_folder(folder);
}

/* Whether the descriptor's file was not removed meanwhile. */
static bool is_there(int fd)
{
    struct stat state;

    return fd >= 0 && !fstat(fd, &state) && state.st_nlink > 0;
}

static int open_root(struct folder *folder)
{
    if (is_there(folder->root))
        return 0;
    close_folder(folder);
    folder->root = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->root < 0 && errno == ENOENT && !mkdir(folder->path, 0700))
        folder->root = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    folder->openings += folder->root >= 0;
    return folder->root < 0 ? -1 : 0;
}

int folder_root(struct folder *folder)
{
    return open_root(folder) ? -1 : folder->root;
}

/* ---- Failing ---- */

/* The caller's fault, or the system's. */
static enum hg_store_status write_status(int error)
{
    return error == ENOTDIR || error == EISDIR || error == ENAMETOOLONG ? HG_STORE_INVALID : HG_STORE_NOT_WRITABLE;
}

void folder_cannot_write(struct folder *folder, struct hg_store_request *request, const char *what)
{
    int error = errno;
    enum hg_store_status status = write_status(error);

    request_fail(request, status, "%s%s%s: %s", folder->path, *what ? "/" : "", what,
                 status == HG_STORE_INVALID ? "a key is a prefix of another one's path" : strerror(error));
    if (status == HG_STORE_INVALID || folder->failing)
        return;
    folder->failing = true;
    hg_log(folder->instance, HG_LOG_ERROR, "cannot write: %s", request->error);
}

static void written(struct folder *folder)
{
    if (folder->failing)
        hg_log(folder->instance, HG_LOG_INFO, "%s is writable again", folder->path);
    folder->failing = false;
}

/* ---- Writing ---- */

/* Files that somebody has not finished: nobody writes one without the lock. */
static void clean_temporary(struct folder *folder)
{
    folder->cleaned = true;
    list_remove_files(folder->root, TEMPORARY);
}

bool folder_lock(struct folder *folder, struct hg_store_request *request)
{
    bool taken_away;

    if (open_root(folder) || lock_take(folder->root, &folder->lock, &taken_away)) {
        folder_cannot_write(folder, request, folder->root < 0 ? "" : LOCK_FILE);
        return false;
    }
    if (taken_away)
        hg_log(folder->instance, HG_LOG_WARNING,
               "%s/" LOCK_FILE ": another process has held the lock for %d s, so it is stopped or hangs; taking the "
               "lock, its write will fail",
               folder->path, LOCK_SECONDS);
    if (!folder->cleaned)
        clean_temporary(folder);
    return true;
}

bool folder_is_locked(const struct folder *folder, struct hg_store_request *request)
{
    if (lock_is_ours(folder->root, folder->lock))
        return true;
    request_fail(request, HG_STORE_UNAVAILABLE,
                 "%s/" LOCK_FILE ": this process was stopped for longer than %d s while it held the lock, and another "
                 "one has taken it; nothing was written",
                 folder->path, LOCK_SECONDS);
    return false;
}

void folder_unlock(const struct folder *folder)
{
    lock_give(folder->lock);
}

static int sync_folder(int root, const char *path)
{
    int fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = fd < 0 ? -1 : fsync(fd), error = errno;

    if (fd >= 0)
        close(fd);
    errno = error;
    return result;
}

int folder_sync_parent(const struct folder *folder, const char *path)
{
    char parent[NAME_PATH_SIZE + sizeof FOLDER_LEASES];
    char *slash;

    snprintf(parent, sizeof parent, "%s", path);
    slash = strrchr(parent, '/');
    if (!slash)
        return fsync(folder->root);
    *slash = '\0';
    return sync_folder(folder->root, parent);
}

int folder_make_parents(const struct folder *folder, const char *path)
{
    char part[NAME_PATH_SIZE + sizeof FOLDER_LEASES];

    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        if (!mkdirat(folder->root, part, 0700)) {
            if (folder_sync_parent(folder, part))
                return -1;
        } else if (errno != EEXIST) {
            return -1;
        }
    }
    return 0;
}

uint64_t folder_next_number(uint64_t previous)
{
    struct timespec now;
    uint64_t number;

    clock_gettime(CLOCK_REALTIME, &now);
    number = (uint64_t)now.tv_sec * HG_SECOND + (uint64_t)now.tv_nsec;
    return number > previous ? number : previous + 1;
}

/* A file of that name that nobody else has open. The descriptor, or -1 with errno. */
static int create(const struct folder *folder, const char *path)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    const int fd = openat(folder->root, path, flags, 0600);

    if (fd >= 0 || errno != EEXIST || unlinkat(folder->root, path, 0))
        return fd;
    return openat(folder->root, path, flags, 0600);
}

/* Writes a file beside and moves it to its place. 0; -1 with errno: nothing has changed; 1 with errno: it has, but may
 * not be there after a power cut; -2: nothing has changed, and the request has failed. */
static int replace(struct folder *folder, struct hg_store_request *request, const char *path, uint64_t revision)
{
    char temporary[64];
    int fd, error;

    if (folder_make_parents(folder, path) || folder_make_parents(folder, TEMPORARY "/"))
        return -1;
    snprintf(temporary, sizeof temporary, TEMPORARY "/%ld.%" PRIu64, (long)getpid(), folder->temporary++);
    fd = create(folder, temporary);
    if (fd < 0)
        return -1;
    error = entry_write(fd, revision, request->put) ? errno : 0;
    if (close(fd) && !error)
        error = errno;
    if (!error && !folder_is_locked(folder, request)) {
        unlinkat(folder->root, temporary, 0);
        return -2;
    }
    if (!error && renameat(folder->root, temporary, folder->root, path))
        error = errno;
    if (error) {
        unlinkat(folder->root, temporary, 0);
        errno = error;
        return -1;
    }
    return folder_sync_parent(folder, path) ? 1 : 0;
}

/* ---- Damaged values ---- */

/* Moves it to where a person can look at it. Under the lock. */
static void quarantine(const struct folder *folder, const char *path, const char *fault)
{
    const char *name = strrchr(path, '/');
    char place[320], date[32] = "";
    struct timespec now;
    struct tm parts;
    bool moved;

    name = name ? name + 1 : path;
    clock_gettime(CLOCK_REALTIME, &now);
    if (gmtime_r(&now.tv_sec, &parts))
        strftime(date, sizeof date, "%Y%m%dT%H%M%S", &parts);
    snprintf(place, sizeof place, QUARANTINE "/%s.%09ldZ-%.200s", date, now.tv_nsec, name);
    moved = !folder_make_parents(folder, place) && lock_is_ours(folder->root, folder->lock) &&
            !renameat(folder->root, path, folder->root, place);
    if (moved)
        folder_sync_parent(folder, path);
    hg_log(folder->instance, HG_LOG_WARNING, "%s/%s is damaged: %s; %s%s", folder->path, path, fault,
           moved ? "it was moved to " : "cannot move it: ", moved ? place : strerror(errno));
}

/* What is there now, damaged ones put aside. Under the lock. */
static enum entry_state read_current(const struct folder *folder, const char *path, struct entry *entry)
{
    enum entry_state state = entry_read(folder->root, path, entry);

    if (state == ENTRY_DAMAGED)
        quarantine(folder, path, entry->fault);
    return state;
}

/* ---- The operations ---- */

static void give_value(struct hg_store_request *request, struct entry *entry)
{
    request->answer.revision = entry->revision;
    request->answer.value = entry->value;
    request->memory = entry->bytes; /* theirs from now on */
    request->memory_size = entry->size;
    memset(entry, 0, sizeof *entry);
}

static void get(struct folder *folder, struct hg_store_request *request, const char *path)
{
    struct hg_store_request other = {0}; /* fails in its place where the lock cannot be had */
    enum entry_state state;
    struct entry entry;

    if (open_root(folder)) {
        request_fail(request, HG_STORE_NOT_READABLE, "%s: %s", folder->path, strerror(errno));
        return;
    }
    state = entry_read(folder->root, path, &entry);
    if (state == ENTRY_DAMAGED && folder_lock(folder, &other)) {
        entry_free(&entry);
        state = read_current(folder, path, &entry); /* somebody may have written it meanwhile */
        folder_unlock(folder);
    }
    if (state == ENTRY_GOOD)
        give_value(request, &entry);
    else if (state == ENTRY_ABSENT)
        request_fail(request, HG_STORE_NOT_FOUND, "%s/%s: no such value", folder->path, path);
    else if (state == ENTRY_DAMAGED)
        request_fail(request, HG_STORE_CORRUPT, "%s/%s: %s", folder->path, path, entry.fault);
    else
        request_fail(request, HG_STORE_NOT_READABLE, "%s/%s: %s", folder->path, path, strerror(entry.error));
    entry_free(&entry);
}

/* Whether the condition holds. `*revision` is that of what is there. */
static bool holds(struct folder *folder, struct hg_store_request *request, const char *path, uint64_t *revision)
{
    struct entry entry;
    enum entry_state state;

    if (request->lease_size && !lease_guards(folder, request))
        return false;
    state = read_current(folder, path, &entry);
    *revision = state == ENTRY_GOOD ? entry.revision : HG_STORE_ABSENT;
    if (state == ENTRY_UNREADABLE)
        request_fail(request, HG_STORE_NOT_WRITABLE, "%s/%s: cannot read the current value: %s", folder->path, path,
                     strerror(entry.error));
    entry_free(&entry);
    if (state == ENTRY_UNREADABLE)
        return false;
    if (request->condition == HG_STORE_ANY || request->condition == *revision)
        return true;
    request_fail(request, HG_STORE_CONFLICT, "%s/%s: %s", folder->path, path,
                 *revision ? "it was changed by another process" : "it was removed by another process");
    request->answer.revision = *revision;
    return false;
}

static void put(struct folder *folder, struct hg_store_request *request, const char *path)
{
    uint64_t revision;
    int result;

    if (!holds(folder, request, path, &revision))
        return;
    revision = folder_next_number(revision);
    result = replace(folder, request, path, revision);
    if (result == -2)
        return;
    if (result < 0) {
        folder_cannot_write(folder, request, path);
        return;
    }
    if (result > 0) {
        request_fail(request, HG_STORE_UNAVAILABLE, "%s/%s: written, but may be lost in a crash: %s", folder->path,
                     path, strerror(errno));
        return;
    }
    written(folder);
    request->answer.revision = revision;
}

static void remove_value(struct folder *folder, struct hg_store_request *request, const char *path)
{
    uint64_t revision;

    if (!holds(folder, request, path, &revision))
        return;
    if (!revision)
        request_fail(request, HG_STORE_NOT_FOUND, "%s/%s: no such value", folder->path, path);
    else if (!folder_is_locked(folder, request))
        return;
    else if (unlinkat(folder->root, path, 0))
        folder_cannot_write(folder, request, path);
    else if (folder_sync_parent(folder, path))
        request_fail(request, HG_STORE_UNAVAILABLE, "%s/%s: removed, but may reappear after a crash: %s", folder->path,
                     path, strerror(errno));
}

static void list(struct folder *folder, struct hg_store_request *request, const char *path)
{
    if (open_root(folder))
        request_fail(request, HG_STORE_NOT_READABLE, "%s: %s", folder->path, strerror(errno));
    else if (list_values(folder->root, path, request))
        request_fail(request, HG_STORE_NOT_READABLE, "%s/%s: %s", folder->path, path, strerror(errno));
}

static void write_locked(struct folder *folder, struct hg_store_request *request, const char *path,
                         void (*act)(struct folder *, struct hg_store_request *, const char *))
{
    if (!folder_lock(folder, request))
        return;
    act(folder, request, path);
    folder_unlock(folder);
}

void folder_do(struct folder *folder, struct hg_store_request *request)
{
    bool whole = request->kind == REQUEST_LIST || request->kind == REQUEST_WATCH;
    char path[NAME_PATH_SIZE] = "";

    if (request->answer.status)
        return;
    if (request->key_size > HG_STORE_KEY_MAX ||
        (!(whole && !request->key_size) && !name_path(request_key(request), path))) {
        request_fail(request, HG_STORE_INVALID, "invalid key: \"%.64s\"", request->key);
        return;
    }
    switch (request->kind) {
    case REQUEST_GET:
        get(folder, request, path);
        break;
    case REQUEST_PUT:
        write_locked(folder, request, path, put);
        break;
    case REQUEST_REMOVE:
        write_locked(folder, request, path, remove_value);
        break;
    case REQUEST_LIST:
        list(folder, request, path);
        break;
    case REQUEST_ACQUIRE:
        lease_acquire(folder, request);
        break;
    case REQUEST_RENEW:
        lease_renew(folder, request);
        break;
    case REQUEST_RELEASE:
        lease_release(folder, request);
        break;
    case REQUEST_WATCH:
        if (open_root(folder))
            request_fail(request, HG_STORE_NOT_READABLE, "%s: %s", folder->path, strerror(errno));
        break;
    }
}
