/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Deactivating an account (RFC 8555 section 7.3.6), and allowing another one in its place.
 */
#include "plugins/acme/account_private.h"

#include <stdio.h>

static void deactivation_saved(void *arg, const struct hg_store_answer *answer)
{
    struct acme_account *account = arg;
    char error[512];

    account->writing = NULL;
    if (answer->status == HG_STORE_OK) {
        acme_account_advance(account);
        return;
    }
    snprintf(error, sizeof error, "that cannot be stored: %s", answer->error);
    acme_account_tell_failure(account, error);
}

static void note_deactivation(struct acme_account *account, const char *how)
{
    hg_log(account->ca->worker->instance, HG_LOG_WARNING, "%s: %s%s%s; no other one is made", account->ca->url,
           account->kid ? "account " : "", account->kid ? account->kid : "", how);
    acme_account_drop(account);
    account->deactivated = true;
    acme_account_save(account, deactivation_saved);
}

/* One that the authority does not know, or calls deactivated, is no more either. */
static void on_deactivated(void *arg, const struct acme_answer *answer)
{
    struct acme_account *account = arg;

    account->request = NULL;
    if (!answer->error)
        note_deactivation(account, " is deactivated");
    else if (acme_account_give_up(account, answer))
        note_deactivation(account, "there is no account any more");
    else
        acme_account_tell(account, answer);
}

/* It was made, or not, when this process or another was killed. */
static void on_looked_up(void *arg, const struct acme_answer *answer)
{
    struct acme_account *account = arg;

    if (answer->error) {
        on_deactivated(arg, answer);
        return;
    }
    account->request = NULL;
    account->kid = acme_answer_location(answer);
    if (account->kid)
        acme_account_advance(account);
    else
        acme_account_tell_failure(account, "newAccount: the authority does not tell the account's URL");
}

void acme_account_begin_deactivation(struct acme_account *account)
{
    if (!account->key)
        note_deactivation(account, "there is no account");
    else if (!account->kid)
        acme_account_ask(account, &(struct acme_query){.resource = "newAccount", .key = account->key},
                         json_pack("{s:b}", "onlyReturnExisting", 1), on_looked_up);
    else
        acme_account_ask(account, &(struct acme_query){.url = account->kid},
                         json_pack("{s:s}", "status", "deactivated"), on_deactivated);
}

void acme_account_deactivate(struct acme_account *account, void (*done)(void *arg, const char *error), void *arg)
{
    account->deactivation.done = done;
    account->deactivation.arg = arg;
    if (account->working)
        return;
    account->working = true;
    acme_account_advance(account);
}

void acme_account_tell_deactivated(struct acme_account *account)
{
    acme_account_tell_new_key(account);
    acme_account_end_deactivation(account, NULL);
    acme_account_tell_failure(account,
                              "it was deactivated by command; \"hopgate acme new-account\" allows another one");
}

static void on_allowed(void *arg, const struct hg_store_answer *answer)
{
    struct acme_account *account = arg;

    account->writing = NULL;
    account->deactivated = answer->status != HG_STORE_OK && answer->status != HG_STORE_NOT_FOUND;
    if (account->deactivated)
        hg_log(account->ca->worker->instance, HG_LOG_ERROR, "%s: no other account can be allowed: %s", account->ca->url,
               answer->error);
    acme_account_rest(account);
}

void acme_account_begin_again(struct acme_account *account)
{
    account->allows_another = false;
    if (account->deactivated)
        account->writing = acme_vault_remove(account->vault, ACME_ACCOUNTS, account->ca->id, on_allowed, account);
    if (!account->writing)
        acme_account_rest(account);
}

void acme_account_allow(struct acme_account *account)
{
    account->allows_another = true;
    if (account->working)
        return;
    account->working = true;
    acme_account_advance(account);
}
