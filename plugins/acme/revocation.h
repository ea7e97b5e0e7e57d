/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Revoking a certificate (RFC 8555 section 7.6) in a task.
 */
#ifndef ACME_REVOCATION_H
#define ACME_REVOCATION_H

#include "plugins/acme/key_pair.h"
#include "plugins/acme/store.h"
#include "plugins/lib/http_client/http_client.h"
#include "plugins/lib/task/task.h"

/* Requests the revocation, signed with the account's key, or with the certificate's key if there is no account or it is
 * refused. True: it is revoked, or was already. False: sets `error`. */
bool acme_revoke(struct task *task, struct store *store, struct https *https, const char *directory,
                 const struct acme_key_pair *pair, char *error, size_t size);

#endif
