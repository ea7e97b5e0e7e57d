/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The steps that an account takes, for account.c. Each ends by acme_account_advance() or by telling
 * those who wait.
 */
#ifndef ACME_ACCOUNT_PRIVATE_H
#define ACME_ACCOUNT_PRIVATE_H

#include "plugins/acme/account.h"

/* ---- account.c ---- */

/* Begins what comes next. */
void acme_account_advance(struct acme_account *account);
/* As acme_account_blame(), of an answer to the account itself. */
bool acme_account_give_up(struct acme_account *account, const struct acme_answer *failure);
/* Tells those who wait; `failure` is NULL: the account can be used. */
void acme_account_tell(struct acme_account *account, const struct acme_answer *failure);
void acme_account_tell_failure(struct acme_account *account, const char *error);

/* Asks the authority, with `payload`, which passes to it. */
void acme_account_ask(struct acme_account *account, const struct acme_query *query, json_t *payload,
                      acme_answered answered);
/* Puts the record into the store. */
void acme_account_save(struct acme_account *account, hg_store_done done);
/* `done` of that: without it nothing goes on … */
void acme_account_saved(void *arg, const struct hg_store_answer *answer);
/* … or it is not worth stopping for. */
void acme_account_noted(void *arg, const struct hg_store_answer *answer);
/* Takes a key, perhaps none, in the place of the one that there is. False: there is none now. */
bool acme_account_take_key(struct acme_account *account, gnutls_x509_privkey_t key);
/* Forgets keys, URL and contact. */
void acme_account_drop(struct acme_account *account);

#endif
