/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Paths in options, and secrets that are read from files.
 */
#include "core/config/option_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SECRET_MAX = 65536, /* largest file that holds a secret */
};

char *option_absolute_path(const struct option_reading *reading, const struct option_path *path,
                           const struct config_node *node)
{
    const char *folder = reading->config->folder;
    size_t size = strlen(folder) + node->size + 2;
    char *result;

    if (node->size == 0) {
        option_fault(reading, path, node, "the path is empty");
        return NULL;
    }
    if (node->text[0] == '/')
        return option_copy(reading, path, node, node->text, node->size);
    result = option_memory_take(reading->memory, size);
    if (!result)
        option_fault(reading, path, node, "out of memory");
    else
        snprintf(result, size, "%s%s%s", folder, strcmp(folder, "/") == 0 ? "" : "/", node->text);
    return result;
}

/* The content of an open file, without a newline at its end. NULL after an error. */
static char *read_secret(const struct option_reading *reading, const struct option_path *path,
                         const struct config_node *node, const char *file, int fd)
{
    char *secret = option_memory_take(reading->memory, SECRET_MAX + 2);
    size_t size = 0;
    ssize_t got = 1;

    while (secret && got > 0 && size <= SECRET_MAX) {
        got = read(fd, secret + size, SECRET_MAX + 1 - size);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got > 0)
            size += (size_t)got;
    }
    if (!secret)
        option_fault(reading, path, node, "out of memory");
    else if (got < 0)
        option_fault(reading, path, node, "cannot read %s: %s", file, strerror(errno));
    else if (size > SECRET_MAX)
        option_fault(reading, path, node, "%s is larger than %d bytes: not a secret", file, SECRET_MAX);
    else if (memchr(secret, '\0', size))
        option_fault(reading, path, node, "%s contains a zero byte; a secret must be one line of text", file);
    else {
        if (size > 0 && secret[size - 1] == '\n')
            secret[--size] = '\0';
        if (size > 0)
            return secret;
        option_fault(reading, path, node, "%s is empty; it must contain the secret", file);
    }
    return NULL;
}

bool option_store_secret(const struct option_reading *reading, const struct option_path *path,
                         const struct config_node *node, const char **target)
{
    char *file = option_absolute_path(reading, path, node);
    struct stat status;
    int fd;

    if (!file || reading->no_files)
        return file != NULL;
    config_note_file(reading->config, node, file, false);
    fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return option_fault(reading, path, node, "cannot open %s: %s", file, strerror(errno));
    if (fstat(fd, &status) != 0 || S_ISDIR(status.st_mode)) {
        close(fd);
        return option_fault(reading, path, node, "%s is a directory, not a file", file);
    }
    if (S_ISREG(status.st_mode) && (status.st_mode & (S_IROTH | S_IWOTH)))
        config_warning(reading->config, node, "every user of this machine can %s the secret in %s; use chmod o-rwx",
                       status.st_mode & S_IWOTH ? "change" : "read", file);
    *target = read_secret(reading, path, node, file, fd);
    close(fd);
    return *target != NULL;
}
