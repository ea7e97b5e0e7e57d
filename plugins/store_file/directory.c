/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/store_file/directory.h"

#include "plugins/store_file/value_file.h"
#include "plugins/store_file/walk.h"
#include "plugins/store_file/write_lock.h"

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

void directory_init(struct directory *directory, const struct hg_instance *instance, const char *path)
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? 0 : read(fd, directory->boot, sizeof directory->boot - 1);

    if (fd >= 0)
        close(fd);
    directory->boot[got > 0 ? got : 0] = '\0';
    directory->boot[strcspn(directory->boot, "\n")] = '\0';
    directory->instance = instance;
    directory->path = path;
    directory->root = directory->lock = -1;
}

static void close_folder(struct directory *directory)
{
    if (directory->lock >= 0)
        close(directory->lock);
    if (directory->root >= 0)
        close(directory->root);
    directory->root = directory->lock = -1;
}

void directory_close(struct directory *directory)
{
    lease_drop_all(directory);
    close_folder(directory);
}

/* Whether the file of the descriptor still exists. */
static bool is_there(int fd)
{
    struct stat state;

    return fd >= 0 && !fstat(fd, &state) && state.st_nlink > 0;
}

static int open_root(struct directory *directory)
{
    if (is_there(directory->root))
        return 0;
    close_folder(directory);
    directory->root = open(directory->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory->root < 0 && errno == ENOENT && !mkdir(directory->path, 0700))
        directory->root = open(directory->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    directory->openings += directory->root >= 0;
    return directory->root < 0 ? -1 : 0;
}

int directory_root(struct directory *directory)
{
    return open_root(directory) ? -1 : directory->root;
}

/* ---- Failures ---- */

/* Whether it is the caller's fault or the system's. */
static enum hg_store_status write_status(int error)
{
    return error == ENOTDIR || error == EISDIR || error == ENAMETOOLONG ? HG_STORE_INVALID : HG_STORE_NOT_WRITABLE;
}

void directory_cannot_write(struct directory *directory, struct hg_store_request *request, const char *what)
{
    int error = errno;
    enum hg_store_status status = write_status(error);

    request_fail(request, status, "%s%s%s: %s", directory->path, *what ? "/" : "", what,
                 status == HG_STORE_INVALID ? "a key is a prefix of another one's path" : strerror(error));
    if (status == HG_STORE_INVALID || directory->failing)
        return;
    directory->failing = true;
    hg_log(directory->instance, HG_LOG_ERROR, "cannot write: %s", request->error);
}

static void written(struct directory *directory)
{
    if (directory->failing)
        hg_log(directory->instance, HG_LOG_INFO, "%s is writable again", directory->path);
    directory->failing = false;
}

/* ---- Writing ---- */

/* Removes unfinished files: nobody writes one without the lock. */
static void clean_temporary(struct directory *directory)
{
    directory->cleaned = true;
    walk_remove_files(directory->root, TEMPORARY);
}

bool directory_lock(struct directory *directory, struct hg_store_request *request)
{
    bool taken_away;

    if (open_root(directory) || write_lock_take(directory->root, &directory->lock, &taken_away)) {
        directory_cannot_write(directory, request, directory->root < 0 ? "" : LOCK_FILE);
        return false;
    }
    if (taken_away)
        hg_log(directory->instance, HG_LOG_WARNING,
               "%s/" LOCK_FILE ": another process has held the lock for %d s, so it is stopped or hangs; this "
               "process takes over the lock, and the write of the other will fail",
               directory->path, LOCK_SECONDS);
    if (!directory->cleaned)
        clean_temporary(directory);
    return true;
}

bool directory_is_locked(const struct directory *directory, struct hg_store_request *request)
{
    if (write_lock_is_ours(directory->root, directory->lock))
        return true;
    request_fail(request, HG_STORE_UNAVAILABLE,
                 "%s/" LOCK_FILE ": this process was stopped for longer than %d s while it held the lock, and another "
                 "one has taken it; nothing was written",
                 directory->path, LOCK_SECONDS);
    return false;
}

void directory_unlock(const struct directory *directory)
{
    write_lock_give(directory->lock);
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

int directory_sync_parent(const struct directory *directory, const char *path)
{
    char parent[KEY_PATH_SIZE + sizeof LEASES_DIRECTORY];
    char *slash;

    snprintf(parent, sizeof parent, "%s", path);
    slash = strrchr(parent, '/');
    if (!slash)
        return fsync(directory->root);
    *slash = '\0';
    return sync_folder(directory->root, parent);
}

int directory_make_parents(const struct directory *directory, const char *path)
{
    char part[KEY_PATH_SIZE + sizeof LEASES_DIRECTORY];

    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        if (!mkdirat(directory->root, part, 0700)) {
            if (directory_sync_parent(directory, part))
                return -1;
        } else if (errno != EEXIST) {
            return -1;
        }
    }
    return 0;
}

uint64_t directory_next_number(uint64_t previous)
{
    struct timespec now;
    uint64_t number;

    clock_gettime(CLOCK_REALTIME, &now);
    number = (uint64_t)now.tv_sec * HG_SECOND + (uint64_t)now.tv_nsec;
    return number > previous ? number : previous + 1;
}

/* Creates a file with that name that nobody else has open. Returns the descriptor, or -1 with errno. */
static int create(const struct directory *directory, const char *path)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    const int fd = openat(directory->root, path, flags, 0600);

    if (fd >= 0 || errno != EEXIST || unlinkat(directory->root, path, 0))
        return fd;
    return openat(directory->root, path, flags, 0600);
}

/* Writes a temporary file and renames it. Returns 0; -1 with errno: nothing has changed; 1 with errno: it has, but may
 * not survive a power failure; -2: nothing has changed, and the request has failed. */
static int replace(struct directory *directory, struct hg_store_request *request, const char *path, uint64_t revision)
{
    char temporary[64];
    int fd, error;

    if (directory_make_parents(directory, path) || directory_make_parents(directory, TEMPORARY "/"))
        return -1;
    snprintf(temporary, sizeof temporary, TEMPORARY "/%ld.%" PRIu64, (long)getpid(), directory->temporary++);
    fd = create(directory, temporary);
    if (fd < 0)
        return -1;
    error = value_file_write(fd, revision, request->put) ? errno : 0;
    if (close(fd) && !error)
        error = errno;
    if (!error && !directory_is_locked(directory, request)) {
        unlinkat(directory->root, temporary, 0);
        return -2;
    }
    if (!error && renameat(directory->root, temporary, directory->root, path))
        error = errno;
    if (error) {
        unlinkat(directory->root, temporary, 0);
        errno = error;
        return -1;
    }
    return directory_sync_parent(directory, path) ? 1 : 0;
}

/* ---- Damaged values ---- */

/* Moves it to where an operator can look at it. Requires the lock. */
static void quarantine(const struct directory *directory, const char *path, const char *fault)
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
    moved = !directory_make_parents(directory, place) && write_lock_is_ours(directory->root, directory->lock) &&
            !renameat(directory->root, path, directory->root, place);
    if (moved)
        directory_sync_parent(directory, path);
    hg_log(directory->instance, HG_LOG_WARNING, "%s/%s is damaged: %s; %s%s", directory->path, path, fault,
           moved ? "it was moved to " : "cannot move it: ", moved ? place : strerror(errno));
}

/* Reads the current value, quarantining a damaged one. Requires the lock. */
static enum value_file_state read_current(const struct directory *directory, const char *path, struct value_file *file)
{
    enum value_file_state state = value_file_read(directory->root, path, file);

    if (state == VALUE_DAMAGED)
        quarantine(directory, path, file->fault);
    return state;
}

/* ---- The operations ---- */

static void give_value(struct hg_store_request *request, struct value_file *file)
{
    request->answer.revision = file->revision;
    request->answer.value = file->value;
    request->memory = file->bytes; /* now owned by the request */
    request->memory_size = file->size;
    memset(file, 0, sizeof *file);
}

static void get(struct directory *directory, struct hg_store_request *request, const char *path)
{
    struct hg_store_request other = {0}; /* fails instead of the real one if the lock is not available */
    enum value_file_state state;
    struct value_file file;

    if (open_root(directory)) {
        request_fail(request, HG_STORE_NOT_READABLE, "%s: %s", directory->path, strerror(errno));
        return;
    }
    state = value_file_read(directory->root, path, &file);
    if (state == VALUE_DAMAGED && directory_lock(directory, &other)) {
        value_file_free(&file);
        state = read_current(directory, path, &file); /* another process may have written it in between */
        directory_unlock(directory);
    }
    if (state == VALUE_GOOD)
        give_value(request, &file);
    else if (state == VALUE_ABSENT)
        request_fail(request, HG_STORE_NOT_FOUND, "%s/%s: no such value", directory->path, path);
    else if (state == VALUE_DAMAGED)
        request_fail(request, HG_STORE_CORRUPT, "%s/%s: %s", directory->path, path, file.fault);
    else
        request_fail(request, HG_STORE_NOT_READABLE, "%s/%s: %s", directory->path, path, strerror(file.error));
    value_file_free(&file);
}

/* Whether the condition holds. `*revision` is set to that of the current value. */
static bool holds(struct directory *directory, struct hg_store_request *request, const char *path, uint64_t *revision)
{
    struct value_file file;
    enum value_file_state state;

    if (request->lease_size && !lease_guards(directory, request))
        return false;
    state = read_current(directory, path, &file);
    *revision = state == VALUE_GOOD ? file.revision : HG_STORE_ABSENT;
    if (state == VALUE_UNREADABLE)
        request_fail(request, HG_STORE_NOT_WRITABLE, "%s/%s: cannot read the current value: %s", directory->path, path,
                     strerror(file.error));
    value_file_free(&file);
    if (state == VALUE_UNREADABLE)
        return false;
    if (request->condition == HG_STORE_ANY || request->condition == *revision)
        return true;
    request_fail(request, HG_STORE_CONFLICT, "%s/%s: %s", directory->path, path,
                 *revision ? "it was changed by another process" : "it was removed by another process");
    request->answer.revision = *revision;
    return false;
}

static void put(struct directory *directory, struct hg_store_request *request, const char *path)
{
    uint64_t revision;
    int result;

    if (!holds(directory, request, path, &revision))
        return;
    revision = directory_next_number(revision);
    result = replace(directory, request, path, revision);
    if (result == -2)
        return;
    if (result < 0) {
        directory_cannot_write(directory, request, path);
        return;
    }
    if (result > 0) {
        request_fail(request, HG_STORE_UNAVAILABLE, "%s/%s: written, but may be lost in a crash: %s", directory->path,
                     path, strerror(errno));
        return;
    }
    written(directory);
    request->answer.revision = revision;
}

static void remove_value(struct directory *directory, struct hg_store_request *request, const char *path)
{
    uint64_t revision;

    if (!holds(directory, request, path, &revision))
        return;
    if (!revision)
        request_fail(request, HG_STORE_NOT_FOUND, "%s/%s: no such value", directory->path, path);
    else if (!directory_is_locked(directory, request))
        return;
    else if (unlinkat(directory->root, path, 0))
        directory_cannot_write(directory, request, path);
    else if (directory_sync_parent(directory, path))
        request_fail(request, HG_STORE_UNAVAILABLE, "%s/%s: removed, but may reappear after a crash: %s",
                     directory->path, path, strerror(errno));
}

static void list(struct directory *directory, struct hg_store_request *request, const char *path)
{
    if (open_root(directory))
        request_fail(request, HG_STORE_NOT_READABLE, "%s: %s", directory->path, strerror(errno));
    else if (walk_values(directory->root, path, request))
        request_fail(request, HG_STORE_NOT_READABLE, "%s/%s: %s", directory->path, path, strerror(errno));
}

static void write_locked(struct directory *directory, struct hg_store_request *request, const char *path,
                         void (*act)(struct directory *, struct hg_store_request *, const char *))
{
    if (!directory_lock(directory, request))
        return;
    act(directory, request, path);
    directory_unlock(directory);
}

void directory_do(struct directory *directory, struct hg_store_request *request)
{
    bool whole = request->kind == REQUEST_LIST || request->kind == REQUEST_WATCH;
    char path[KEY_PATH_SIZE] = "";

    if (request->answer.status)
        return;
    if (request->key_size > HG_STORE_KEY_MAX ||
        (!(whole && !request->key_size) && !key_path(request_key(request), path))) {
        request_fail(request, HG_STORE_INVALID, "invalid key: \"%.64s\"", request->key);
        return;
    }
    switch (request->kind) {
    case REQUEST_GET:
        get(directory, request, path);
        break;
    case REQUEST_PUT:
        write_locked(directory, request, path, put);
        break;
    case REQUEST_REMOVE:
        write_locked(directory, request, path, remove_value);
        break;
    case REQUEST_LIST:
        list(directory, request, path);
        break;
    case REQUEST_ACQUIRE:
        lease_acquire(directory, request);
        break;
    case REQUEST_RENEW:
        lease_renew(directory, request);
        break;
    case REQUEST_RELEASE:
        lease_release(directory, request);
        break;
    case REQUEST_WATCH:
        if (open_root(directory))
            request_fail(request, HG_STORE_NOT_READABLE, "%s: %s", directory->path, strerror(errno));
        break;
    }
}
