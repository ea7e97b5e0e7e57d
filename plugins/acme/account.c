/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/account_private.h"

#include "plugins/acme/jws.h"
#include "plugins/acme/key.h"

#include <stdio.h>
#include <stdlib.h>

/* Until a contact that was refused is tried again, with the next order. */
#define CONTACT_PAUSE (86400 * HG_SECOND)

struct acme_account *acme_account_new(struct acme_ca *ca, struct acme_vault *vault)
{
    struct acme_account *account = calloc(1, sizeof *account);

    if (account) {
        account->ca = ca;
        account->vault = vault;
    }
    return account;
}

static void drop_key(gnutls_x509_privkey_t *key)
{
    acme_key_free(*key);
    *key = NULL;
}

static void drop_text(char **text)
{
    free(*text);
    *text = NULL;
}

void acme_account_drop(struct acme_account *account)
{
    drop_key(&account->key);
    drop_text(&account->thumbprint);
    drop_text(&account->kid);
    drop_text(&account->contact);
}

void acme_account_unload(struct acme_account *account)
{
    acme_request_cancel(account->request);
    acme_vault_cancel(account->vault, account->writing);
    account->request = NULL;
    account->writing = NULL;
    account->loaded = account->working = account->doubted = false;
    acme_account_drop(account);
}

void acme_account_free(struct acme_account *account)
{
    if (account)
        acme_account_unload(account);
    free(account);
}

/* ---- Who waits ---- */

void acme_account_forsake(struct acme_account_waiter *waiter)
{
    if (!waiter->place)
        return;
    *waiter->place = waiter->next;
    if (waiter->next)
        waiter->next->place = waiter->place;
    waiter->place = NULL;
}

void acme_account_tell(struct acme_account *account, const struct acme_answer *failure)
{
    account->working = false;
    while (account->waiters) {
        struct acme_account_waiter *waiter = account->waiters;

        acme_account_forsake(waiter);
        waiter->ready(waiter->arg, failure);
    }
}

void acme_account_tell_failure(struct acme_account *account, const char *error)
{
    acme_account_tell(account, &(struct acme_answer){.error = error, .type = "", .status = 400});
}

void acme_account_await(struct acme_account *account, struct acme_account_waiter *waiter, acme_account_ready ready,
                        void *arg)
{
    waiter->ready = ready;
    waiter->arg = arg;
    waiter->next = account->waiters;
    waiter->place = &account->waiters;
    if (waiter->next)
        waiter->next->place = &waiter->next;
    account->waiters = waiter;
    if (!account->working) {
        account->working = true;
        acme_account_advance(account);
    }
}

/* ---- The record ---- */

bool acme_account_take_key(struct acme_account *account, gnutls_x509_privkey_t key)
{
    drop_key(&account->key);
    drop_text(&account->thumbprint);
    account->key = key;
    account->thumbprint = key ? acme_key_thumbprint(key) : NULL;
    return account->thumbprint;
}

static void set_pem(json_t *record, const char *name, gnutls_x509_privkey_t key)
{
    char *pem = key ? acme_key_pem(key) : NULL;

    if (pem)
        json_object_set_new(record, name, json_string(pem));
    acme_secret_free(pem);
}

void acme_account_save(struct acme_account *account, hg_store_done done)
{
    json_t *record = json_pack("{s:s, s:s*, s:s*}", "directory", account->ca->url, "account", account->kid, "contact",
                               account->contact);

    set_pem(record, "key", account->key);
    account->writing = acme_vault_put_json(account->vault, ACME_ACCOUNTS, account->ca->id, record, done, account);
    if (!account->writing)
        acme_account_tell_failure(account, "the account cannot be stored: out of memory");
}

/* An account whose key might be lost must not be made. */
void acme_account_saved(void *arg, const struct hg_store_answer *answer)
{
    struct acme_account *account = arg;
    char error[512];

    account->writing = NULL;
    if (answer->status == HG_STORE_OK) {
        acme_account_advance(account);
        return;
    }
    if (!account->kid)
        acme_account_take_key(account, NULL);
    snprintf(error, sizeof error, "the account cannot be stored: %s", answer->error);
    acme_account_tell_failure(account, error);
}

/* The authority has told something that it would tell again: losing it costs one request. */
void acme_account_noted(void *arg, const struct hg_store_answer *answer)
{
    struct acme_account *account = arg;

    account->writing = NULL;
    if (answer->status != HG_STORE_OK)
        hg_log(account->ca->worker->instance, HG_LOG_WARNING, "the account cannot be stored: %s", answer->error);
    acme_account_advance(account);
}

static gnutls_x509_privkey_t key_in(const json_t *record, const char *name)
{
    return acme_key_read(hg_text(json_string_value(json_object_get(record, name))));
}

static char *text_in(const json_t *record, const char *name)
{
    const char *text = json_string_value(json_object_get(record, name));

    return text ? strdup(text) : NULL;
}

static void loaded(void *arg, const struct hg_store_answer *answer)
{
    struct acme_account *account = arg;
    json_t *record = acme_vault_json(answer);
    char error[512];

    account->writing = NULL;
    if (answer->status == HG_STORE_NOT_READABLE || answer->status == HG_STORE_UNAVAILABLE) {
        snprintf(error, sizeof error, "the account cannot be read: %s", answer->error);
        acme_account_tell_failure(account, error);
        return;
    }
    account->loaded = true;
    if (record && acme_account_take_key(account, key_in(record, "key"))) {
        account->kid = text_in(record, "account");
        account->contact = text_in(record, "contact");
    } else if (record) {
        hg_log(account->ca->worker->instance, HG_LOG_WARNING, "the account's record holds no key: a new one is made");
    }
    json_decref(record);
    acme_account_advance(account);
}

/* ---- At the authority ---- */

static json_t *contacts(const struct acme_account *account)
{
    const char *email = account->ca->config->email;

    return email ? json_pack("[s+]", "mailto:", email) : json_array();
}

static const char *wanted_contact(const struct acme_account *account)
{
    return account->ca->config->email ? account->ca->config->email : "";
}

static bool needs_contact(const struct acme_account *account)
{
    return strcmp(account->contact ? account->contact : "", wanted_contact(account)) != 0 &&
           hg_now(account->ca->worker) >= account->contact_after;
}

void acme_account_ask(struct acme_account *account, const struct acme_query *query, json_t *payload,
                      acme_answered answered)
{
    struct acme_query whole = *query;
    char *text = payload ? json_dumps(payload, JSON_COMPACT) : NULL;

    whole.payload = text;
    whole.anyway = true;
    account->request = text ? acme_ca_ask(account->ca, &whole, answered, account) : NULL;
    json_decref(payload);
    free(text);
    if (!account->request)
        acme_account_tell_failure(account, "out of memory");
}

/* RFC 8555 section 7.3: an account that there is with that key is found, otherwise it is made. */
static void on_account(void *arg, const struct acme_answer *answer)
{
    struct acme_account *account = arg;
    char *kid = answer->error ? NULL : acme_answer_location(answer);
    const bool same = kid && account->kid && !strcmp(kid, account->kid);

    account->request = NULL;
    account->doubted = false;
    if (answer->error) {
        acme_account_give_up(account, answer);
        acme_account_tell(account, answer);
        return;
    }
    drop_text(&account->kid);
    account->kid = kid;
    if (!account->kid) {
        acme_account_tell_failure(account, "newAccount: the authority does not tell the account's URL");
        return;
    }
    if (same) {
        acme_account_advance(account);
        return;
    }
    drop_text(&account->contact);
    if (answer->status == 201)
        account->contact = strdup(wanted_contact(account));
    hg_log(account->ca->worker->instance, HG_LOG_INFO, "%s: account %s %s", account->ca->url, account->kid,
           answer->status == 201 ? "made" : "found");
    acme_account_save(account, acme_account_noted);
}

static void make(struct acme_account *account)
{
    const struct acme_config *config = account->ca->config;
    json_t *payload = json_pack("{s:b, s:o}", "termsOfServiceAgreed", config->agree_tos, "contact", contacts(account));
    const char *url = acme_ca_resource(account->ca, "newAccount");
    char *binding = NULL;

    if (config->eab_kid && url) {
        binding = acme_jws_binding(config->eab_kid, config->eab_key, url, account->key);
        json_object_set_new(payload, "externalAccountBinding", binding ? json_loads(binding, 0, NULL) : NULL);
        free(binding); /* which cannot fail but for want of memory: check_binding() has looked at the key */
    }
    acme_account_ask(account, &(struct acme_query){.resource = "newAccount", .key = account->key}, payload, on_account);
}

static void on_directory(void *arg, const struct acme_answer *answer)
{
    struct acme_account *account = arg;

    account->request = NULL;
    if (answer->error)
        acme_account_tell(account, answer);
    else
        acme_account_advance(account);
}

/* An authority that is down or has no time would not take an order either. */
static bool is_busy(const struct acme_answer *answer)
{
    return !answer->status || answer->status == 429 || answer->status == 503;
}

/* The account is as good as before without it, so nothing waits for a contact that is refused. */
static void on_contact(void *arg, const struct acme_answer *answer)
{
    struct acme_account *account = arg;

    account->request = NULL;
    if (answer->error && (acme_account_give_up(account, answer) || is_busy(answer))) {
        acme_account_tell(account, answer);
        return;
    }
    if (answer->error) {
        hg_log(account->ca->worker->instance, HG_LOG_ERROR,
               "%s: the account's contact stays as it was, since %s is refused: %s", account->ca->url,
               *wanted_contact(account) ? wanted_contact(account) : "none", answer->error);
        account->contact_after = hg_now(account->ca->worker) + CONTACT_PAUSE;
        acme_account_advance(account);
        return;
    }
    drop_text(&account->contact);
    account->contact = strdup(wanted_contact(account));
    acme_account_save(account, acme_account_noted);
}

/* ---- What comes next ---- */

static void make_key(struct acme_account *account)
{
    if (acme_account_take_key(account, acme_key_new(ACME_P256)))
        acme_account_save(account, acme_account_saved);
    else
        acme_account_tell_failure(account, "out of memory");
}

static void load(struct acme_account *account)
{
    account->writing = acme_vault_get(account->vault, ACME_ACCOUNTS, account->ca->id, loaded, account);
    if (!account->writing)
        acme_account_tell_failure(account, "the account cannot be read: out of memory");
}

/* Each step ends by coming here again. */
void acme_account_advance(struct acme_account *account)
{
    if (!account->loaded)
        load(account);
    else if (!account->key)
        make_key(account);
    else if (!account->ca->directory && (!account->kid || account->doubted || needs_contact(account)))
        account->request = acme_ca_read_directory(account->ca, on_directory, account);
    else if (!account->kid || account->doubted)
        make(account);
    else if (needs_contact(account))
        acme_account_ask(account, &(struct acme_query){.url = account->kid},
                         json_pack("{s:o}", "contact", contacts(account)), on_contact);
    else
        acme_account_tell(account, NULL);
}

/* RFC 8555 section 7.3.6: a deactivated account refuses everything, for ever, as does its key. */
static bool is_dead(const struct acme_account *account, const struct acme_answer *failure)
{
    /* Until the account is there, it is its external binding that was revoked. */
    return !strcmp(failure->type, "unauthorized") &&
           (strcasestr(failure->error, "deactivated") || (account->kid && strcasestr(failure->error, "revoked")));
}

/* A failed challenge is "unauthorized", too, and quotes the page that somebody else's server has shown. */
static bool is_at_fault(const struct acme_account *account, const struct acme_answer *failure)
{
    return !failure->of_names && (!strcmp(failure->type, "accountDoesNotExist") || is_dead(account, failure));
}

bool acme_account_give_up(struct acme_account *account, const struct acme_answer *failure)
{
    const bool dead = is_dead(account, failure);

    if (!is_at_fault(account, failure))
        return false;
    hg_log(account->ca->worker->instance, HG_LOG_WARNING, "%s: the account cannot be used any more: %s",
           account->ca->url, failure->error);
    account->number++;
    drop_text(&account->kid);
    drop_text(&account->contact);
    if (dead)
        acme_account_take_key(account, NULL);
    return true;
}

/* Not every authority that has lost an account, or moved it, says so by the type. */
static bool is_doubtful(const struct acme_answer *failure)
{
    return !failure->of_names && failure->status / 100 == 4 && failure->status != 429 &&
           (!*failure->type || !strcmp(failure->type, "malformed") || !strcmp(failure->type, "unauthorized"));
}

/* Several orders may hear of it, one after the other, while the account's own requests are on their way. */
bool acme_account_blame(struct acme_account *account, const struct acme_answer *failure)
{
    if (account->working || failure->account != account->number)
        return is_at_fault(account, failure);
    account->doubted |= is_doubtful(failure);
    return acme_account_give_up(account, failure);
}
