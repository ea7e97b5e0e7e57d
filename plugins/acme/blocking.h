/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The store, HTTPS servers and the operator's programs for the code of a task: each call returns when it is done, or at
 * once when the task is cancelled.
 */
#ifndef ACME_BLOCKING_H
#define ACME_BLOCKING_H

#include "plugins/acme/key_pair.h"
#include "plugins/acme/store.h"
#include "plugins/lib/hook/hook.h"
#include "plugins/lib/http_client/http_client.h"
#include "plugins/lib/task/task.h"

/* The store, as acme_store_get() and the others. Answers, as all that is returned here and is not the caller's to free,
 * are valid until the task waits for something else. HG_STORE_UNAVAILABLE: the store has stopped or the task was
 * cancelled. */
const struct hg_store_answer *acme_blocking_get(struct task *task, struct acme_store *store, const char *kind,
                                                const char *name);
/* Under the lease of `store`, if the value has that revision. */
const struct hg_store_answer *acme_blocking_put(struct task *task, struct acme_store *store, const char *kind,
                                                const char *name, struct hg_text value, uint64_t revision);
/* Takes `value`. */
const struct hg_store_answer *acme_blocking_put_json(struct task *task, struct acme_store *store, const char *kind,
                                                     const char *name, json_t *value, uint64_t revision);
const struct hg_store_answer *acme_blocking_remove(struct task *task, struct acme_store *store, const char *kind,
                                                   const char *name);
/* A JSON object, for the caller to free; NULL: there is none. */
json_t *acme_blocking_get_json(struct task *task, struct acme_store *store, const char *kind, const char *name);
/* A reference; NULL: there is none that can be used. */
struct acme_key_pair *acme_blocking_get_pair(struct task *task, struct acme_store *store, const char *kind,
                                             const char *name);
/* The keys of that kind. */
const struct hg_store_answer *acme_blocking_list(struct task *task, struct acme_store *store, const char *kind);
/* Calls found() with each JSON object of that kind until it returns false. NULL, or why it cannot be read. */
const char *acme_blocking_each(struct task *task, struct acme_store *store, const char *kind,
                               bool (*found)(void *arg, const char *name, json_t *value), void *arg);

const struct https_response *acme_blocking_https(struct task *task, struct https *https,
                                                 const struct https_request *request);

/* NULL: the program has ended with status 0; else what went wrong. */
const char *acme_blocking_hook(struct task *task, const struct hook_call *call);

#endif
