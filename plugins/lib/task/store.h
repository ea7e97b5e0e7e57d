/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A plugin's values in the store, under keys "PREFIX/KIND/NAME": for tasks, which wait for the answer, and for others,
 * which write without waiting.
 */
#ifndef PLUGINS_LIB_TASK_STORE_H
#define PLUGINS_LIB_TASK_STORE_H

#include "plugins/lib/task/task.h"

#include <hopgate/store.h>
#include <jansson.h>

struct store {
    const char *prefix; /* the plugin's */
    const struct hg_store_ops *ops;
    struct hg_worker *provider;
    const char *lease; /* writes fail unless it is held, with this fence; … */
    uint64_t fence;    /* … 0: they need no lease */
};

/* False: there is no store. */
bool store_open(struct store *store, struct hg_worker *worker, const char *prefix);

/* ---- In the worker's thread ---- */

/* Begins to write `value`, which passes to it, or to remove the value, if the revision is (still) that one; whether
 * this succeeds does not matter to the caller. */
void store_put_json(const struct store *store, const char *kind, const char *name, json_t *value, uint64_t revision);
void store_remove(const struct store *store, const char *kind, const char *name, uint64_t revision);

/* ---- In a task ---- */

/* Results that the caller need not free are valid until the task waits for something else. The status is
 * HG_STORE_UNAVAILABLE if the task was cancelled or the store has stopped. */
const struct hg_store_answer *task_store_get(struct task *task, const struct store *store, const char *kind,
                                             const char *name);
const struct hg_store_answer *task_store_put(struct task *task, const struct store *store, const char *kind,
                                             const char *name, struct hg_text value, uint64_t revision);
const struct hg_store_answer *task_store_remove(struct task *task, const struct store *store, const char *kind,
                                                const char *name);
/* The keys of that kind. */
const struct hg_store_answer *task_store_list(struct task *task, const struct store *store, const char *kind);

/* `value` passes to it. */
const struct hg_store_answer *task_store_put_json(struct task *task, const struct store *store, const char *kind,
                                                  const char *name, json_t *value, uint64_t revision);
/* A JSON object, for the caller to free; NULL: there is none. */
json_t *task_store_get_json(struct task *task, const struct store *store, const char *kind, const char *name);
/* Calls found() with each JSON object of that kind until it returns false. NULL, or why they cannot be read. */
const char *task_store_each(struct task *task, const struct store *store, const char *kind,
                            bool (*found)(void *arg, const char *name, json_t *value), void *arg);

/* ---- Answers ---- */

/* The value as a JSON object, for the caller to free; NULL: it is not one. */
json_t *store_json(const struct hg_store_answer *answer);
/* The last segment of a key. */
struct hg_text store_name(struct hg_text key);
/* Wipes and frees a text that may contain a secret. NULL is allowed. */
void store_text_free(char *text);
/* Whether a key is of that kind. */
bool store_is_kind(const struct store *store, struct hg_text key, const char *kind);

#endif
