/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The keys in the store: "acme/KIND/NAME".
 */
#ifndef ACME_STORE_H
#define ACME_STORE_H

#include "plugins/acme/key_pair.h"
#include "plugins/lib/task/store.h"

#define ACME_ACCOUNTS     "accounts"     /* by authority */
#define ACME_CERTIFICATES "certificates" /* key and chain in PEM */
#define ACME_PREVIOUS     "previous"     /* the pair that each of them has replaced */
#define ACME_QUARANTINE   "quarantine"   /* invalid data found in place of one */
#define ACME_CHALLENGES   "challenges"   /* pending ones, by token */
#define ACME_ORDERS       "orders"       /* by certificate */
#define ACME_STATES       "states"       /* of certificates */
#define ACME_PAUSES       "pauses"       /* by authority */
#define ACME_QUOTAS       "quotas"
#define ACME_REQUESTS     "requests" /* of operators: ACME_RENEW@NAME, with the serial number of the pair to replace */
#define ACME_RENEW        "renew"

/* In a task. A reference; NULL: none, or invalid. */
struct acme_key_pair *acme_store_get_pair(struct task *task, struct store *store, const char *kind, const char *name);

#endif
