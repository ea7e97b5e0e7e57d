/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/store_file/watch.h"

#include "plugins/store_file/key_path.h"
#include "plugins/store_file/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

/* Our own files appear by a rename; one that an operator copies is complete when it is closed. */
#define EVENTS (IN_MOVED_TO | IN_MOVED_FROM | IN_CLOSE_WRITE | IN_DELETE | IN_CREATE | IN_ONLYDIR | IN_EXCL_UNLINK)

/* A folder below the root. */
struct branch {
    struct branch *next;
    int watch;
    char path[KEY_PATH_SIZE]; /* empty: the root */
};

struct tree {
    const struct hg_instance *instance;
    int fd, root;
    char *path;
    tree_changed changed;
    void *arg;
    struct branch *branches;
    bool blind; /* a folder could not be watched, and this was logged */
};

/* ---- Folders ---- */

/* Joins two parts of a path relative to the root. False: it is too long to be that of a key. */
static bool join(char path[KEY_PATH_SIZE], const char *directory, const char *name)
{
    return (size_t)snprintf(path, KEY_PATH_SIZE, "%s%s%s", directory, *directory ? "/" : "", name) < KEY_PATH_SIZE;
}

static void report(const struct tree *tree, const char *path)
{
    char key[HG_STORE_KEY_MAX + 1];

    if (key_of_path(path, key))
        tree->changed(tree->arg, hg_text(key));
}

static struct branch *branch_by_watch(const struct tree *tree, int watch)
{
    struct branch *branch = tree->branches;

    while (branch && branch->watch != watch)
        branch = branch->next;
    return branch;
}

/* A visit to one folder. */
struct visit {
    struct tree *tree;
    const char *path;
    bool reports; /* the folder is new, so its contents must be reported */
};

static int add_branch(struct tree *tree, const char *path, bool reports);

static int visit_name(void *arg, const char *name, unsigned char type)
{
    const struct visit *visit = arg;
    char path[KEY_PATH_SIZE];

    if (name[0] == '.' || !join(path, visit->path, name))
        return 0;
    if (type == DT_DIR)
        add_branch(visit->tree, path, visit->reports);
    else if (visit->reports)
        report(visit->tree, path);
    return 0;
}

/* Watches a folder before reading it, so nothing is missed. Returns 0, or -1 with errno. */
static int add_branch(struct tree *tree, const char *path, bool reports)
{
    struct visit visit = {tree, path, reports};
    char full[4096];
    struct branch *branch;
    int watch;

    if ((size_t)snprintf(full, sizeof full, "%s/%s", tree->path, path) >= sizeof full)
        return -1;
    watch = inotify_add_watch(tree->fd, full, EVENTS);
    if (watch < 0 && errno == ENOENT)
        return -1;
    branch = watch < 0 ? NULL : branch_by_watch(tree, watch);
    if (watch >= 0 && !branch && (branch = calloc(1, sizeof *branch))) {
        branch->next = tree->branches;
        tree->branches = branch;
    }
    if (!branch) {
        if (!tree->blind)
            hg_log(tree->instance, HG_LOG_WARNING, "cannot watch %s, polling it instead: %s", full, strerror(errno));
        tree->blind = true;
        return -1;
    }
    branch->watch = watch;
    snprintf(branch->path, sizeof branch->path, "%s", path);
    return walk_names(tree->root, path, visit_name, &visit);
}

static void drop_branch(struct tree *tree, int watch)
{
    for (struct branch **at = &tree->branches; *at; at = &(*at)->next) {
        struct branch *branch = *at;

        if (branch->watch != watch)
            continue;
        *at = branch->next;
        free(branch);
        return;
    }
}

/* ---- Events ---- */

static void handle(struct tree *tree, const struct inotify_event *event)
{
    const struct branch *branch = branch_by_watch(tree, event->wd);
    char path[KEY_PATH_SIZE];

    if (event->mask & IN_Q_OVERFLOW) {
        tree->changed(tree->arg, HG_TEXT(""));
        return;
    }
    if (event->mask & IN_IGNORED) {
        drop_branch(tree, event->wd);
        return;
    }
    if (!branch || !event->len || event->name[0] == '.' || !join(path, branch->path, event->name))
        return;
    if (!(event->mask & IN_ISDIR)) {
        if (!(event->mask & IN_CREATE)) /* it is not complete yet */
            report(tree, path);
    } else if (event->mask & (IN_CREATE | IN_MOVED_TO)) {
        add_branch(tree, path, true);
    } else {
        tree->changed(tree->arg, HG_TEXT("")); /* a whole folder was moved away */
    }
}

void tree_read(struct tree *tree)
{
    _Alignas(struct inotify_event) char events[16384];
    ssize_t got = read(tree->fd, events, sizeof events);

    for (ssize_t at = 0; at < got;) {
        const struct inotify_event *event = (const struct inotify_event *)(events + at);

        handle(tree, event);
        at += (ssize_t)(sizeof *event + event->len);
    }
}

bool tree_is_blind(const struct tree *tree)
{
    return tree->blind;
}

int tree_fd(const struct tree *tree)
{
    return tree->fd;
}

/* ---- Creation and destruction ---- */

struct tree *tree_new(const struct hg_instance *instance, const char *path, tree_changed changed, void *arg)
{
    struct tree *tree = calloc(1, sizeof *tree);
    int error;

    if (!tree)
        return NULL;
    *tree = (struct tree){.instance = instance, .changed = changed, .arg = arg, .fd = -1, .root = -1};
    tree->path = strdup(path);
    tree->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    tree->fd = tree->root < 0 ? -1 : inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (tree->path && tree->fd >= 0 && !add_branch(tree, "", false))
        return tree;
    error = errno;
    tree_free(tree);
    errno = error;
    return NULL;
}

void tree_free(struct tree *tree)
{
    if (!tree)
        return;
    while (tree->branches)
        drop_branch(tree, tree->branches->watch);
    if (tree->fd >= 0)
        close(tree->fd);
    if (tree->root >= 0)
        close(tree->root);
    free(tree->path);
    free(tree);
}
