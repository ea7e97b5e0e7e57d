/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The store, HTTPS servers and the operator's programs for the code of a task: each call returns when it is done, or at
 * once when the task is cancelled.
 */
#ifndef ACME_BLOCKING_H
#define ACME_BLOCKING_H

#include "plugins/acme/task.h"
#include "plugins/acme/vault.h"
#include "plugins/lib/hook/hook.h"
#include "plugins/lib/http_client/http_client.h"

/* What became of an operation of the store; acme_store_result_end() frees what it holds. */
struct acme_store_result {
    enum hg_store_status status; /* HG_STORE_UNAVAILABLE if the task was cancelled or the store has stopped */
    char error[256];             /* what and where, if not HG_STORE_OK */
    uint64_t revision;
    char *value; /* get: with a NUL behind it, else NULL */
    size_t size;
    char **names; /* list: the last segments of the keys */
    size_t count;
};

void acme_store_result_end(struct acme_store_result *result);

/* As acme_vault_get() and the others. */
struct acme_store_result acme_store_get(struct acme_task *task, struct acme_vault *vault, const char *kind,
                                        const char *name);
/* Under the lease of `vault`, if the value has that revision. */
struct acme_store_result acme_store_put(struct acme_task *task, struct acme_vault *vault, const char *kind,
                                        const char *name, struct hg_text value, uint64_t revision);
/* Takes `value`. */
struct acme_store_result acme_store_put_json(struct acme_task *task, struct acme_vault *vault, const char *kind,
                                             const char *name, json_t *value, uint64_t revision);
struct acme_store_result acme_store_remove(struct acme_task *task, struct acme_vault *vault, const char *kind,
                                           const char *name);
struct acme_store_result acme_store_list(struct acme_task *task, struct acme_vault *vault, const char *kind);
/* The JSON object that is there, for the caller to free; NULL: there is none. */
json_t *acme_store_get_json(struct acme_task *task, struct acme_vault *vault, const char *kind, const char *name);

/* The response is valid until the task waits for something else. */
const struct https_response *acme_https_send(struct acme_task *task, struct https *https,
                                             const struct https_request *request);

/* NULL: the program has ended with status 0; else what went wrong, valid until the task waits for something else. */
const char *acme_hook_run(struct acme_task *task, const struct hook_call *call);

#endif
