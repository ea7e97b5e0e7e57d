/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The account at a certificate authority (RFC 8555 section 7.3), created when first needed. Its key and URL are kept in
 * the store and shared by all gateways; the record is only written if no other gateway has changed it.
 */
#ifndef ACME_ACCOUNT_H
#define ACME_ACCOUNT_H

#include "plugins/acme/client.h"
#include "plugins/acme/store.h"

/* Finds or creates the account, with the configured contact. False: client->failure. */
bool acme_account_open(struct acme_client *client, struct store *store);

/* Only reads the account from the store. False: there is none. */
bool acme_account_load(struct acme_client *client, struct store *store);

/* Whether client->failure shows that the account can no longer be used. Then it is removed from the store, so that the
 * next attempt creates another one. */
bool acme_account_is_at_fault(struct acme_client *client, struct store *store);

#endif
