/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A folder that the kernel does not tell changes of, since other machines make them too, or there are too many watches:
 * it is looked at now and then.
 */
#ifndef PLUGINS_STORE_FILE_POLLING_H
#define PLUGINS_STORE_FILE_POLLING_H

#include "plugins/store_file/watch.h"

#include <stdbool.h>

/* Zeroed at first. */
struct polling {
    struct hg_store_request *last; /* what was there at the last look, as a list */
};

/* Whether the folder is on a file system that other machines may change. */
bool polling_is_shared(int root);
/* Tells what has changed since the last look; at the first one, nothing. */
void polling_look(struct polling *polling, int root, tree_changed changed, void *arg);
void polling_end(struct polling *polling);

#endif
