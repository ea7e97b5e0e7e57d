/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Noticing with inotify(7) that a file was replaced or written to. The folder is watched, since most editors replace
 * the file with a new one; if the path is a symbolic link, so is the folder of the file it points to.
 */
#ifndef PLUGINS_AUTH_TOKEN_FILE_WATCH_H
#define PLUGINS_AUTH_TOKEN_FILE_WATCH_H

#include <stdbool.h>

struct watch;

/* The events in the folders. */
enum watch_news {
    WATCH_NOTHING,
    WATCH_OTHERS,   /* apparently to other files; a link on the path may now point elsewhere */
    WATCH_COMPLETE, /* the file was moved there, or closed after writing */
};

/* Returns NULL with errno on errors. */
struct watch *watch_new(const char *path);
void watch_free(struct watch *watch);
/* Readable when something has happened. */
int watch_fd(const struct watch *watch);
/* Returns what has happened, without waiting. */
enum watch_news watch_read(struct watch *watch);

#endif
