/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Offers `store`: a folder with one file per value.
 */
#include "config.h"
#include "plugins/store_file/thread.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct config {
    const char *path;
};

static const struct hg_option options[] = {
    {.name = "path",
     .type = HG_OPTION_PATH,
     .flags = HG_OPTION_REQUIRED,
     .offset = offsetof(struct config, path),
     .doc = "The directory. It is created if needed, for the user that hopgate runs as."},
    {0},
};

/* ---- Operations ---- */

/* Replaces a handle: the store has stopped in this worker. */
static const char stopped[] = "stopped";

/* The worker's handle, which may be needed before worker_start(). NULL: it was stopped, or there is no memory. */
static struct handle *handle_of(struct hg_worker *provider)
{
    if (provider->state == stopped)
        return NULL;
    if (!provider->state)
        provider->state = handle_new(provider->instance->state, provider);
    return provider->state;
}

/* Creates a request to be filled in and passed to submit(). */
static struct hg_store_request *make(struct hg_worker *provider, enum request_kind kind, struct hg_text key,
                                     hg_store_done done, void *arg)
{
    return handle_of(provider) ? request_new(kind, key, done, arg) : NULL;
}

static struct hg_store_request *submit(struct hg_worker *provider, struct hg_store_request *request)
{
    if (request)
        handle_submit(handle_of(provider), request);
    return request;
}

static void set_condition(struct hg_store_request *request, const struct hg_store_condition *condition)
{
    request->condition = condition->revision;
    request->fence = condition->fence;
    request->lease_size = condition->lease.size;
    if (condition->lease.size && condition->lease.size <= HG_STORE_KEY_MAX)
        memcpy(request->lease, condition->lease.data, condition->lease.size);
}

static struct hg_store_request *store_get(struct hg_worker *provider, struct hg_text key, hg_store_done done, void *arg)
{
    return submit(provider, make(provider, REQUEST_GET, key, done, arg));
}

static struct hg_store_request *store_put(struct hg_worker *provider, struct hg_text key, struct hg_text value,
                                          const struct hg_store_condition *condition, hg_store_done done, void *arg)
{
    struct hg_store_request *request = make(provider, REQUEST_PUT, key, done, arg);
    char *copy;

    if (!request)
        return NULL;
    set_condition(request, condition);
    if (value.size > HG_STORE_VALUE_MAX) {
        request_fail(request, HG_STORE_INVALID, "\"%.64s\": a value of %zu bytes is too large for a store",
                     request->key, value.size);
        return submit(provider, request);
    }
    copy = malloc(value.size + 1);
    if (!copy) {
        request_free(request);
        return NULL;
    }
    if (value.size)
        memcpy(copy, value.data, value.size);
    request->put = (struct hg_text){copy, value.size};
    return submit(provider, request);
}

static struct hg_store_request *store_remove(struct hg_worker *provider, struct hg_text key,
                                             const struct hg_store_condition *condition, hg_store_done done, void *arg)
{
    struct hg_store_request *request = make(provider, REQUEST_REMOVE, key, done, arg);

    if (request)
        set_condition(request, condition);
    return submit(provider, request);
}

static struct hg_store_request *store_list(struct hg_worker *provider, struct hg_text prefix, hg_store_done done,
                                           void *arg)
{
    return submit(provider, make(provider, REQUEST_LIST, prefix, done, arg));
}

static struct hg_store_request *store_acquire(struct hg_worker *provider, struct hg_text lease, struct hg_text owner,
                                              hg_time time_to_live, hg_store_done done, void *arg)
{
    struct hg_store_request *request = make(provider, REQUEST_ACQUIRE, lease, done, arg);

    if (!request)
        return NULL;
    request->time_to_live = time_to_live;
    for (size_t i = 0; i < owner.size && i < HG_STORE_OWNER_MAX; i++)
        request->owner[i] = owner.data[i] > ' ' && owner.data[i] < 0x7f ? owner.data[i] : '_';
    return submit(provider, request);
}

static struct hg_store_request *store_renew(struct hg_worker *provider, struct hg_text lease, uint64_t fence,
                                            hg_time time_to_live, hg_store_done done, void *arg)
{
    struct hg_store_request *request = make(provider, REQUEST_RENEW, lease, done, arg);

    if (!request)
        return NULL;
    request->fence = fence;
    request->time_to_live = time_to_live;
    return submit(provider, request);
}

static struct hg_store_request *store_release(struct hg_worker *provider, struct hg_text lease, uint64_t fence,
                                              hg_store_done done, void *arg)
{
    struct hg_store_request *request = make(provider, REQUEST_RELEASE, lease, done, arg);

    if (request)
        request->fence = fence;
    return submit(provider, request);
}

static void store_cancel(struct hg_worker *provider, struct hg_store_request *request)
{
    if (handle_of(provider))
        request->done = NULL;
}

static struct hg_store_watch *store_watch(struct hg_worker *provider, struct hg_text prefix, hg_store_changed changed,
                                          void *arg)
{
    struct handle *handle = handle_of(provider);

    return handle ? handle_watch(handle, prefix, changed, arg) : NULL;
}

static void store_unwatch(struct hg_worker *provider, struct hg_store_watch *watch)
{
    struct handle *handle = handle_of(provider);

    if (handle)
        handle_unwatch(handle, watch);
}

static hg_time store_delay(struct hg_worker *provider)
{
    struct handle *handle = handle_of(provider);

    return handle ? handle_delay(handle) : 0;
}

/* ---- The folder ---- */

/* The user that the program will run as. */
static uid_t owner_of(const struct hg_instance *instance, gid_t *group)
{
    uid_t user = geteuid();

    *group = getegid();
    hg_run_as(instance, &user, group);
    return user;
}

/* The folder does not exist: can it be created? Returns 0, or -1 after a config error. */
static int check_parent(const struct hg_instance *instance, const char *path)
{
    char *copy = strdup(path);
    const char *parent = copy ? dirname(copy) : "/";
    int result = faccessat(AT_FDCWD, parent, W_OK | X_OK, AT_EACCESS);

    if (result)
        hg_config_error(instance, "path", "%s does not exist and cannot be created in %s: %s", path, parent,
                        strerror(errno));
    free(copy);
    return result;
}

static bool is_empty(const char *path)
{
    DIR *directory = opendir(path);
    bool empty = directory != NULL;

    for (const struct dirent *entry; empty && (entry = readdir(directory));)
        empty = !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..");
    if (directory)
        closedir(directory);
    return empty;
}

/* An empty folder owned by root, as created by systemd's StateDirectory=: prepare() changes its owner. */
static bool can_be_given(const char *path, const struct stat *state)
{
    return geteuid() == 0 && state->st_uid == 0 && is_empty(path);
}

/* Everything in it must belong to the user: what a run as root has left cannot be read or replaced. */
static int check_content(const struct hg_instance *instance, const char *path, uid_t user)
{
    char *const paths[] = {(char *)(uintptr_t)path, NULL};
    FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    const FTSENT *entry;
    int result = 0;

    while (tree && !result && (entry = fts_read(tree))) {
        if (entry->fts_info == FTS_DNR || (entry->fts_info != FTS_NS && entry->fts_statp->st_uid != user)) {
            hg_config_error(instance, "path", "%s belongs to uid %u, but hopgate will run as uid %u: chown -R %u %s",
                            entry->fts_path, (unsigned)entry->fts_statp->st_uid, (unsigned)user, (unsigned)user, path);
            result = -1;
        }
    }
    if (tree)
        fts_close(tree);
    return result;
}

static int check_folder(const struct hg_instance *instance, const char *path, const struct stat *state)
{
    gid_t group;
    uid_t user = owner_of(instance, &group);

    if (!S_ISDIR(state->st_mode))
        return hg_config_error(instance, "path", "%s is not a directory", path);
    if (user != 0 && can_be_given(path, state))
        return 0;
    if (user != 0 && state->st_uid != user)
        return hg_config_error(
            instance, "path",
            "%s belongs to uid %u, but hopgate will run as uid %u: chown -R it, or choose another directory", path,
            (unsigned)state->st_uid, (unsigned)user);
    if (user != 0 && check_content(instance, path, user))
        return -1;
    if (state->st_mode & 077)
        hg_log(instance, HG_LOG_WARNING, "%s is accessible to other users: chmod 700 it", path);
    if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) && errno == EROFS)
        hg_log(instance, HG_LOG_WARNING,
               "%s is on a read-only file system; existing values are used, but nothing is saved", path);
    return 0;
}

static int configure(struct hg_instance *instance)
{
    const char *path = ((const struct config *)instance->cfg)->path;
    struct stat state;

    if (stat(path, &state) && errno == ENOENT) {
        if (check_parent(instance, path))
            return -1;
    } else if (stat(path, &state)) {
        return hg_config_error(instance, "path", "%s: %s", path, strerror(errno));
    } else if (check_folder(instance, path, &state)) {
        return -1;
    }
    instance->state = store_thread_new(instance, path);
    if (!instance->state)
        hg_config_error(instance, NULL, "out of memory or descriptors");
    return instance->state ? 0 : -1;
}

static void unconfigure(struct hg_instance *instance)
{
    store_thread_free(instance->state);
    instance->state = NULL;
}

static int prepare(struct hg_instance *instance)
{
    const char *path = ((const struct config *)instance->cfg)->path;
    gid_t group;
    uid_t user = owner_of(instance, &group);
    struct stat state;

    if (mkdir(path, 0700)) {
        const bool was_there = !stat(path, &state);

        if (was_there && (user == 0 || !can_be_given(path, &state)))
            return 0;
        if (!was_there || chmod(path, 0700))
            return hg_config_error(instance, "path", "cannot create %s: %s", path, strerror(errno));
    }
    if (chown(path, user, group))
        return hg_config_error(instance, "path", "cannot change the owner of %s to uid %u: %s", path, (unsigned)user,
                               strerror(errno));
    return 0;
}

static int worker_start(struct hg_worker *worker)
{
    struct handle *handle = handle_of(worker);

    if (handle)
        return handle_start(handle);
    hg_log(worker->instance, HG_LOG_ERROR, "out of memory");
    return -1;
}

static void worker_stop(struct hg_worker *worker)
{
    struct handle *handle = handle_of(worker);

    worker->state = (void *)(uintptr_t)stopped;
    if (handle)
        handle_stop(handle);
}

HG_EXPORT const struct hg_plugin *hopgate_plugin(void)
{
    static const struct hg_store_ops ops = {
        .get = store_get,
        .put = store_put,
        .remove = store_remove,
        .list = store_list,
        .acquire = store_acquire,
        .renew = store_renew,
        .release = store_release,
        .cancel = store_cancel,
        .watch = store_watch,
        .unwatch = store_unwatch,
        .delay = store_delay,
    };
    static const struct hg_offer offers[] = {
        {.name = HG_STORE, .version = HG_STORE_VERSION, .ops = &ops},
        {0},
    };
    static const struct hg_plugin plugin = {
        .abi = HG_ABI,
        .role = HG_ROLE_PROVIDER,
        .name = "store_file",
        .version = PACKAGE_VERSION,
        .summary = "stores the state of other plugins in files",
        .options = options,
        .cfg_size = sizeof(struct config),
        .offers = offers,
        .configure = configure,
        .unconfigure = unconfigure,
        .prepare = prepare,
        .worker_start = worker_start,
        .worker_stop = worker_stop,
    };
    return &plugin;
}
