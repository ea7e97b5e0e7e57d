/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/store_file/walk.h"

#include "plugins/store_file/key_path.h"
#include "plugins/store_file/value_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Some file systems do not report the type of a name. */
static unsigned char type_of(int directory, const struct dirent *item)
{
    struct stat state;

    if (item->d_type != DT_UNKNOWN || fstatat(directory, item->d_name, &state, AT_SYMLINK_NOFOLLOW))
        return item->d_type;
    return (unsigned char)IFTODT(state.st_mode);
}

int walk_names(int root, const char *path, int (*visit)(void *arg, const char *name, unsigned char type), void *arg)
{
    int fd = openat(root, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW), result = 0, error;
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *item;

    if (!directory) {
        error = errno;
        if (fd >= 0)
            close(fd);
        errno = error;
        return -1;
    }
    while (!result && (errno = 0, item = readdir(directory))) {
        if (strcmp(item->d_name, ".") != 0 && strcmp(item->d_name, "..") != 0)
            result = visit(arg, item->d_name, type_of(fd, item));
        if (result)
            break;
    }
    error = errno;
    closedir(directory);
    errno = error;
    return result ? result : error ? -1 : 0;
}

/* ---- Values ---- */

/* The state of a walk, at one folder. */
struct walk {
    struct hg_store_request *request;
    int root;
    const char *path;
};

static int add(const struct walk *walk, const char *path)
{
    struct hg_store_request *request = walk->request;
    size_t count = request->answer.count;
    char key[HG_STORE_KEY_MAX + 1], *copy;

    if (!key_of_path(path, key))
        return 0;
    if (!(count & (count - 1))) { /* grown to a power of two */
        struct hg_store_entry *more = realloc(request->entries, (count ? 2 * count : 1) * sizeof *more);

        if (!more)
            return -1;
        request->entries = more;
    }
    copy = strdup(key);
    if (!copy)
        return -1;
    request->entries[count] =
        (struct hg_store_entry){.key = hg_text(copy), .revision = value_file_revision(walk->root, path)};
    request->answer.count++;
    return 0;
}

static int visit(void *arg, const char *name, unsigned char type)
{
    const struct walk *walk = arg;
    char path[KEY_PATH_SIZE];
    struct walk below = {walk->request, walk->root, path};

    if (name[0] == '.' ||
        (size_t)snprintf(path, sizeof path, "%s%s%s", walk->path, *walk->path ? "/" : "", name) >= sizeof path)
        return 0;
    if (type == DT_DIR)
        return walk_names(walk->root, path, visit, &below) && errno != ENOENT ? -1 : 0;
    return type == DT_REG ? add(walk, path) : 0;
}

static int compare(const void *a, const void *b)
{
    const struct hg_store_entry *left = a, *right = b;

    return strcmp(left->key.data, right->key.data);
}

int walk_values(int root, const char *path, struct hg_store_request *request)
{
    struct walk walk = {request, root, path};
    int result = walk_names(root, path, visit, &walk);

    if (result && errno == ENOENT)
        result = 0;
    else if (result && errno == ENOTDIR)
        result = add(&walk, path); /* the prefix is itself a key */
    request->answer.entries = request->entries;
    if (request->answer.count)
        qsort(request->entries, request->answer.count, sizeof *request->entries, compare);
    return result;
}

/* ---- Removing ---- */

struct removal {
    int root;
    const char *path;
};

static int remove_file(void *arg, const char *name, unsigned char type)
{
    const struct removal *removal = arg;
    char path[320];

    if (type != DT_DIR && (size_t)snprintf(path, sizeof path, "%s/%s", removal->path, name) < sizeof path)
        unlinkat(removal->root, path, 0);
    return 0;
}

void walk_remove_files(int root, const char *path)
{
    struct removal removal = {root, path};

    walk_names(root, path, remove_file, &removal);
}
