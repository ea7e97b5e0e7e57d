/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The store's own thread, needed because fsync() blocks: it executes requests one after the other, and watches the
 * folder. Each worker has a handle, to which answers and changes are posted with hg_post().
 */
#ifndef PLUGINS_STORE_FILE_THREAD_H
#define PLUGINS_STORE_FILE_THREAD_H

#include "plugins/store_file/request.h"

#include <hopgate/host.h>

struct store_thread; /* of an instance */
struct handle;       /* of a worker */

/* Does not start it. NULL: out of memory or descriptors. */
struct store_thread *store_thread_new(const struct hg_instance *instance, const char *path);
/* Frees it with all handles that were never started. NULL is allowed. */
void store_thread_free(struct store_thread *thread);

/* A handle accepts requests at once and keeps them until it is started. NULL: out of memory. */
struct handle *handle_new(struct store_thread *thread, struct hg_worker *worker);
/* Returns 0, or -1 if the thread cannot be created. */
int handle_start(struct handle *handle);
/* Waits until all requests of the handle are done, answers them and frees the handle. */
void handle_stop(struct handle *handle);

void handle_submit(struct handle *handle, struct hg_store_request *request);

/* NULL: out of memory. */
struct hg_store_watch *handle_watch(struct handle *handle, struct hg_text prefix, hg_store_changed changed, void *arg);
void handle_unwatch(struct handle *handle, struct hg_store_watch *watch);
/* How long it may take until others notice a change. */
hg_time handle_delay(struct handle *handle);

#endif
