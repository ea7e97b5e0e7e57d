/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A lease of the store, held by a task: of all processes that share the store, one holds it. It is renewed until it is
 * released.
 */
#ifndef PLUGINS_LIB_TASK_LEASE_H
#define PLUGINS_LIB_TASK_LEASE_H

#include "plugins/lib/task/store.h"

struct lease {
    struct task *task;
    struct store store; /* writes through this one need the lease */
    char name[HG_STORE_KEY_MAX + 1];
    const char *owner;
    struct hg_timer *timer;
    struct hg_store_request *request;
    enum hg_store_status status;
    char error[256];
};

/* Takes the lease "PREFIX/KIND/NAME" for `owner`, a name for humans. HG_STORE_OK; HG_STORE_CONFLICT: another process
 * holds it; or what is wrong with the store. */
enum hg_store_status lease_take(struct lease *lease, struct task *task, const struct store *store, const char *kind,
                                const char *name, const char *owner);
/* Also allowed if it was not taken. */
void lease_release(struct lease *lease);

#endif
