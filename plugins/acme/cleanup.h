/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Withdrawing challenges that leave something behind: a TXT record of dns-01 is in the store from before it is
 * presented until it has been removed, so that whatever happens in between, somebody removes it.
 */
#ifndef ACME_CLEANUP_H
#define ACME_CLEANUP_H

#include "plugins/acme/challenge.h"
#include "plugins/acme/store.h"

struct acme_cleanup;
struct acme_manager;

/* Withdraws what gateways that died have left behind, but for certificates that are being ordered just now; then calls
 * done(), when the cleanup is gone. NULL: out of memory. */
struct acme_cleanup *acme_cleanup_begin(struct acme_manager *manager, hg_callback done, void *arg);
/* done() is not called. NULL is allowed. */
void acme_cleanup_cancel(struct acme_cleanup *cleanup);

/* In a task that holds the certificate's lease: withdraws a challenge of that type and removes it from the store. If
 * the program fails, it is tried once more at the next start (`again`), then somebody has to do it by hand. */
void acme_cleanup_challenge(struct task *task, struct store *store, const struct acme_solvers *solvers,
                            enum acme_challenge_type type, const struct hg_challenge *challenge, bool again);

#endif
