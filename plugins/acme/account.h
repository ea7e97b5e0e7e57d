/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The account at a certificate authority (RFC 8555 section 7.3): made when first needed, kept in the store, found again
 * by its key.
 */
#ifndef ACME_ACCOUNT_H
#define ACME_ACCOUNT_H

#include "plugins/acme/ca.h"
#include "plugins/acme/vault.h"

struct acme_account {
    struct acme_ca *ca;
    struct acme_vault *vault;
    gnutls_x509_privkey_t key;
    char *thumbprint;
    char *kid;             /* its URL; NULL: it is not made yet */
    char *contact;         /* the email that the authority knows; NULL: none */
    hg_time contact_after; /* it has refused another one: not before then */
    unsigned number;       /* of accounts that were given up before it */
    bool loaded, working;
    bool doubted; /* `kid` is looked up again: a failure may mean that it is another one now */
    struct acme_request *request;
    struct hg_store_request *writing;
    struct acme_account_waiter *waiters;
};

/* `error` is NULL: the account can be used. */
typedef void (*acme_account_ready)(void *arg, const struct acme_answer *failure);

/* One who waits for the account. */
struct acme_account_waiter {
    struct acme_account_waiter *next, **place;
    acme_account_ready ready;
    void *arg;
};

struct acme_account *acme_account_new(struct acme_ca *ca, struct acme_vault *vault);
void acme_account_free(struct acme_account *account);

/* Calls `ready` when the account can be used or cannot be had; perhaps within the call. The waiter is the caller's. */
void acme_account_await(struct acme_account *account, struct acme_account_waiter *waiter, acme_account_ready ready,
                        void *arg);
void acme_account_forsake(struct acme_account_waiter *waiter);

/* Looks at a failed answer to an order: true when the account is at fault and was forgotten, so that the next attempt
 * makes it anew. */
bool acme_account_blame(struct acme_account *account, const struct acme_answer *failure);

/* Another process may change what the store holds of it from now on. Nobody may wait for it. */
void acme_account_unload(struct acme_account *account);

#endif
