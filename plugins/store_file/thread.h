/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The store's own thread, since fsync() blocks: it does requests one after the other, and watches the folder. Each
 * worker has a seat, to which answers and changes are brought by hg_post().
 */
#ifndef PLUGINS_STORE_FILE_THREAD_H
#define PLUGINS_STORE_FILE_THREAD_H

#include "plugins/store_file/request.h"

#include <hopgate/host.h>

struct engine; /* of an instance */
struct seat;   /* of a worker */

/* Starts nothing. NULL: out of memory. */
struct engine *engine_new(const struct hg_instance *instance, const char *path);
/* Frees it and seats that were never started. NULL is allowed. */
void engine_free(struct engine *engine);

/* A seat takes requests at once and keeps them until it is started. NULL: out of memory. */
struct seat *seat_new(struct engine *engine, struct hg_worker *worker);
/* 0, or -1 when there can be no thread. */
int seat_start(struct seat *seat);
/* Waits until all requests of the seat are done, answers them, frees the seat. */
void seat_stop(struct seat *seat);

void seat_submit(struct seat *seat, struct hg_store_request *request);

/* NULL: out of memory. */
struct hg_store_watch *seat_watch(struct seat *seat, struct hg_text prefix, hg_store_changed changed, void *arg);
void seat_unwatch(struct seat *seat, struct hg_store_watch *watch);
/* How long it may take until others see a change. */
hg_time seat_delay(struct seat *seat);

#endif
