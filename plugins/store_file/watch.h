/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Noticing changes in the store's folders, by any process, with inotify(7).
 */
#ifndef PLUGINS_STORE_FILE_WATCH_H
#define PLUGINS_STORE_FILE_WATCH_H

#include <hopgate/host.h>

/* The value of that key has changed; an empty key: any may have. */
typedef void (*tree_changed)(void *arg, struct hg_text key);

struct tree;

/* Watches the folders at and below a path. Returns NULL with errno on errors. */
struct tree *tree_new(const struct hg_instance *instance, const char *path, tree_changed changed, void *arg);
void tree_free(struct tree *tree);
/* Readable when something has changed. */
int tree_fd(const struct tree *tree);
/* Whether part of it cannot be watched. */
bool tree_is_blind(const struct tree *tree);
/* Reports what has changed. */
void tree_read(struct tree *tree);

#endif
