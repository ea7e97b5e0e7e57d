/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The lease of a certificate's name, held by the code of a task: while one gateway has it, no other one that shares the
 * store orders this certificate. It is renewed until it is given back.
 */
#ifndef ACME_LEASE_H
#define ACME_LEASE_H

#include "plugins/acme/store.h"
#include "plugins/lib/task/task.h"

struct acme_lease {
    struct task *task;
    struct acme_store store; /* through this the store is written while the lease is held, and not without it */
    char name[HG_STORE_SEGMENT_MAX + sizeof "acme/certificates/"];
    const char *owner;
    struct hg_timer *timer;
    struct hg_store_request *request;
    enum hg_store_status status;
    char error[256];
    int64_t remaining; /* with HG_STORE_CONFLICT: seconds until it ends at the latest, rounded up */
};

/* HG_STORE_OK; HG_STORE_CONFLICT: somebody else has it; or what is wrong with the store. `owner` is for people. */
enum hg_store_status acme_lease_take(struct acme_lease *lease, struct task *task, const struct acme_store *store,
                                     const char *id, const char *owner);
/* Also if it was not taken. */
void acme_lease_release(struct acme_lease *lease);

#endif
