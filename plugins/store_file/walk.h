/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Traversing the store's folders.
 */
#ifndef PLUGINS_STORE_FILE_WALK_H
#define PLUGINS_STORE_FILE_WALK_H

#include "plugins/store_file/request.h"

#include <dirent.h>

/* Lists the values at and below a path, sorted by key. Returns 0, or -1 with errno. */
int walk_values(int root, const char *path, struct hg_store_request *request);

/* Calls `visit` with each name in a folder except "." and "..", and its type (DT_DIR, DT_REG …), until it returns
 * nonzero, which is then the result. -1 with errno if the folder cannot be read. */
int walk_names(int root, const char *path, int (*visit)(void *arg, const char *name, unsigned char type), void *arg);

/* Removes all files in a folder, as far as possible. */
void walk_remove_files(int root, const char *path);

#endif
