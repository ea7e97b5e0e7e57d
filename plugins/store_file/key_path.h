/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Keys as file paths that are readable and cannot lead outside the folder.
 */
#ifndef PLUGINS_STORE_FILE_KEY_PATH_H
#define PLUGINS_STORE_FILE_KEY_PATH_H

#include <hopgate/store.h>

/* Three characters per byte, and the terminator. */
#define KEY_PATH_SIZE (3 * HG_STORE_KEY_MAX + 1)

/* The path of a key, relative to the store's folder. Letters, digits, "-", "_" and non-leading dots are kept, other
 * bytes become %XX, so no part of it starts with a dot. False: the key is invalid, or its file name would be too
 * long. */
bool key_path(struct hg_text key, char path[KEY_PATH_SIZE]);

/* The key for a path. False: no key has this path. */
bool key_of_path(const char *path, char key[HG_STORE_KEY_MAX + 1]);

/* Whether the key equals the prefix or is below it; every key is below the empty prefix. */
bool key_is_below(struct hg_text key, struct hg_text prefix);

#endif
