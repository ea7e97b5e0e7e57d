/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Keys as paths of files that a person can read and that lead nowhere else.
 */
#ifndef PLUGINS_STORE_FILE_KEY_PATH_H
#define PLUGINS_STORE_FILE_KEY_PATH_H

#include <hopgate/store.h>

/* Every byte as three, and the end. */
#define KEY_PATH_SIZE (3 * HG_STORE_KEY_MAX + 1)

/* The path of a key, below the store's folder. Letters, digits, "-", "_" and dots that do not come first stay, other
 * bytes become %XX; so no part of it begins with a dot. False: no key, or one whose file's name would be too long. */
bool key_path(struct hg_text key, char path[KEY_PATH_SIZE]);

/* The key of a path. False: no key has this path. */
bool key_of_path(const char *path, char key[HG_STORE_KEY_MAX + 1]);

/* Whether the key is the prefix or below it; every key is below the empty one. */
bool key_is_below(struct hg_text key, struct hg_text prefix);

#endif
