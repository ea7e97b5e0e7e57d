/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Noticing by inotify(7) that a file was replaced or written to. It is its folder that is watched, since most editors
 * put a new file in the place of the old one; where the path is a symbolic link, that of the file behind it, too.
 */
#ifndef PLUGINS_AUTH_TOKEN_FILE_WATCH_H
#define PLUGINS_AUTH_TOKEN_FILE_WATCH_H

#include <stdbool.h>

struct watch;

/* What has happened in the folders. */
enum watch_news {
    WATCH_NOTHING,
    WATCH_OTHERS,   /* to other files, or so it seems: a link on the way may lead elsewhere now */
    WATCH_COMPLETE, /* the file was put there, or closed by who wrote to it */
};

/* NULL with errno. */
struct watch *watch_new(const char *path);
void watch_free(struct watch *watch);
/* Readable when there is news. */
int watch_fd(const struct watch *watch);
/* Takes the news, without waiting. */
enum watch_news watch_read(struct watch *watch);

#endif
