/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Polling a folder whose changes the kernel does not report, because other machines make them, too, or there are too
 * many watches.
 */
#ifndef PLUGINS_STORE_FILE_POLLING_H
#define PLUGINS_STORE_FILE_POLLING_H

#include "plugins/store_file/watch.h"

#include <stdbool.h>

/* Initially zero. */
struct polling {
    struct hg_store_request *last; /* the values at the last look, as a list */
};

/* Whether the folder is on a file system that other machines may change. */
bool polling_is_shared(int root);
/* Reports what has changed since the last look; the first one reports nothing. */
void polling_look(struct polling *polling, int root, tree_changed changed, void *arg);
void polling_end(struct polling *polling);

#endif
