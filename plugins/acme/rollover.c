/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A new key for the account (RFC 8555 section 7.3.5), which is in the store before the authority hears of it.
 */
#include "plugins/acme/account_private.h"
#include "plugins/acme/jws.h"
#include "plugins/acme/key.h"

#include <stdlib.h>

/* What is in the store now outlives this process, the wish for it need not. */
void acme_account_tell_new_key(struct acme_account *account)
{
    const hg_callback stored = account->new_key.stored;

    account->new_key.stored = NULL;
    if (stored)
        stored(account->new_key.arg);
}

static void use_next_key(struct acme_account *account)
{
    gnutls_x509_privkey_t next = account->next_key;

    account->next_key = NULL;
    acme_account_take_key(account, next);
    hg_log(account->ca->worker->instance, HG_LOG_INFO, "%s: the account has a new key", account->ca->url);
    acme_account_save(account, acme_account_noted);
}

/* The old one is as good as it was, so nobody who waits for the account is held up. */
static void keep_key(struct acme_account *account, const char *why)
{
    hg_log(account->ca->worker->instance, HG_LOG_WARNING, "%s: the account keeps its key: %s", account->ca->url, why);
    acme_key_free(account->next_key);
    account->next_key = NULL;
    acme_account_save(account, acme_account_noted);
}

static void on_roll_over(void *arg, const struct acme_answer *answer)
{
    struct acme_account *account = arg;

    account->request = NULL;
    if (!answer->error) {
        use_next_key(account);
    } else if (!strcmp(answer->type, "conflict") || answer->status == 409) {
        use_next_key(account); /* it was interrupted after the authority had done it */
    } else if (answer->status / 100 == 4 && answer->status != 429) {
        keep_key(account, answer->error);
    } else {
        acme_account_tell(account, answer); /* tried again with the next order */
    }
}

static void on_looked_for_next(void *arg, const struct acme_answer *answer);

/* Which of the two keys counts is asked first: the new one was stored before the authority heard of it. */
void acme_account_look_for_next(struct acme_account *account)
{
    acme_account_ask(account, &(struct acme_query){.resource = "newAccount", .key = account->next_key},
                     json_pack("{s:b}", "onlyReturnExisting", 1), on_looked_for_next);
}

static void change_key(struct acme_account *account)
{
    const char *url = acme_ca_resource(account->ca, "keyChange");
    char *old = acme_key_jwk(account->key), *text = NULL, *inner = NULL;
    json_t *payload = old ? json_pack("{s:s, s:o}", "account", account->kid, "oldKey", json_loads(old, 0, NULL)) : NULL;

    if (payload)
        text = json_dumps(payload, JSON_COMPACT);
    if (text && url)
        inner = acme_jws(&(struct acme_jws){.key = account->next_key, .url = url, .payload = text});
    json_decref(payload);
    free(text);
    free(old);
    acme_account_ask(account, &(struct acme_query){.resource = "keyChange"}, inner ? json_loads(inner, 0, NULL) : NULL,
                     on_roll_over);
    free(inner);
}

static void on_looked_for_next(void *arg, const struct acme_answer *answer)
{
    struct acme_account *account = arg;

    account->request = NULL;
    if (!answer->error)
        use_next_key(account);
    else if (strcmp(answer->type, "accountDoesNotExist") != 0)
        acme_account_tell(account, answer);
    else if (account->ca->directory && !acme_ca_resource(account->ca, "keyChange"))
        keep_key(account, "the authority has no keyChange");
    else
        change_key(account);
}

/* There is no account whose key could be changed. */
static void leave_key(struct acme_account *account)
{
    acme_account_tell_new_key(account);
    acme_account_rest(account);
}

/* The new key is stored before the authority hears of it. */
void acme_account_begin_roll_over(struct acme_account *account)
{
    account->next_key = account->kid ? acme_key_new(ACME_P256) : NULL;
    if (account->next_key)
        acme_account_save(account, acme_account_saved);
    else if (account->kid)
        acme_account_tell_failure(account, "out of memory");
    else
        leave_key(account);
}

void acme_account_roll_over(struct acme_account *account, hg_callback stored, void *arg)
{
    account->new_key.stored = stored;
    account->new_key.arg = arg;
    if (account->next_key && !account->writing)
        acme_account_tell_new_key(account); /* one that was interrupted is taken up again */
    if (account->working)
        return;
    account->working = true;
    acme_account_advance(account);
}
