/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/auth_token/file_watch.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define EVENTS (IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF | IN_ONLYDIR)

struct watch {
    int fd;
    char *path;
    const char *name; /* the file's name within `path` */
    char *target;     /* the same with symbolic links resolved */
    const char *target_name;
    int folder, target_folder;
};

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* Watches the folder of a file. Returns its watch descriptor, which may already exist; -1 with errno. */
static int watch_folder(int fd, const char *path, const char *name)
{
    char *folder = name == path ? strdup(".") : strndup(path, (size_t)(name - path));
    int number = folder ? inotify_add_watch(fd, folder, EVENTS) : -1;
    int error = errno;

    free(folder);
    errno = error;
    return number;
}

/* If a link or a folder on the path was replaced, the folders are now different ones. Returns 0, or -1 with errno. */
static int watch_folders(struct watch *watch)
{
    char *target = realpath(watch->path, NULL);

    if (target) {
        free(watch->target);
        watch->target = target;
        watch->target_name = last_part(target);
        watch->target_folder = watch_folder(watch->fd, target, watch->target_name);
    }
    watch->folder = watch_folder(watch->fd, watch->path, watch->name);
    return watch->folder < 0 ? -1 : 0;
}

struct watch *watch_new(const char *path)
{
    struct watch *watch = calloc(1, sizeof *watch);
    int error;

    if (!watch)
        return NULL;
    watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    watch->path = strdup(path);
    watch->name = watch->path ? last_part(watch->path) : NULL;
    watch->target_folder = -1;
    if (watch->fd >= 0 && watch->path && !watch_folders(watch))
        return watch;
    error = errno;
    watch_free(watch);
    errno = error;
    return NULL;
}

void watch_free(struct watch *watch)
{
    if (!watch)
        return;
    if (watch->fd >= 0)
        close(watch->fd);
    free(watch->path);
    free(watch->target);
    free(watch);
}

int watch_fd(const struct watch *watch)
{
    return watch->fd;
}

static bool is_complete(const struct watch *watch, const struct inotify_event *event)
{
    if (!event->len || !(event->mask & (IN_CLOSE_WRITE | IN_MOVED_TO)))
        return false;
    return (event->wd == watch->folder && !strcmp(event->name, watch->name)) ||
           (event->wd == watch->target_folder && !strcmp(event->name, watch->target_name));
}

enum watch_news watch_read(struct watch *watch)
{
    _Alignas(struct inotify_event) char events[16 * (sizeof(struct inotify_event) + NAME_MAX + 1)];
    enum watch_news news = WATCH_NOTHING;
    ssize_t got;

    while ((got = read(watch->fd, events, sizeof events)) > 0) {
        for (ssize_t at = 0; at < got;) {
            const struct inotify_event *event = (const struct inotify_event *)(events + at);

            if (is_complete(watch, event))
                news = WATCH_COMPLETE;
            else if (!news)
                news = WATCH_OTHERS;
            at += (ssize_t)(sizeof *event + event->len);
        }
    }
    if (news)
        watch_folders(watch);
    return news;
}
