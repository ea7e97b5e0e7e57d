/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The account at a certificate authority (RFC 8555 section 7.3): made when first needed, kept in the store, found again
 * by its key. All gateways that share the store use the same: its record is only written if it is still as it was read.
 */
#ifndef ACME_ACCOUNT_H
#define ACME_ACCOUNT_H

#include "plugins/acme/client.h"
#include "plugins/acme/store.h"

/* Makes the account ready for requests, with the contact that the config has. False: client->failure. */
bool acme_account_open(struct acme_client *client, struct store *store);

/* Reads the key and URL from the store, and nothing else. False: there is none. */
bool acme_account_load(struct acme_client *client, struct store *store);

/* Looks at client->failure of a request by the account: true if the account is at fault and was forgotten, so that the
 * next attempt makes another one. */
bool acme_account_is_at_fault(struct acme_client *client, struct store *store);

#endif
