/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/account.h"

#include "plugins/acme/clock.h"
#include "plugins/lib/jose/jose.h"
#include "plugins/lib/x509/x509.h"

#include <stdlib.h>

/* When a refused contact is tried again, in seconds. */
#define CONTACT_PAUSE 86400
/* How often another gateway may change the record before it is written. */
#define TRIES 3

/* The stored record, except key and URL, which are in the client. */
struct record {
    struct acme_client *client;
    struct store *store;
    uint64_t revision;
    char *contact;          /* the email at the authority, or NULL */
    time_t contact_refused; /* when it refused another one, or 0 */
};

static void set_text(char **text, const char *value)
{
    free(*text);
    *text = value ? strdup(value) : NULL;
}

/* Takes over `key`, which may be NULL. */
static bool set_key(struct acme_client *client, gnutls_x509_privkey_t key)
{
    gnutls_x509_privkey_deinit(client->account.key);
    free(client->account.thumbprint);
    client->account.key = key;
    client->account.thumbprint = key ? jose_thumbprint(key) : NULL;
    return client->account.thumbprint;
}

/* ---- The record ---- */

static const char *text_in(const json_t *json, const char *name)
{
    return json_string_value(json_object_get(json, name));
}

static bool load(struct record *record)
{
    struct acme_client *client = record->client;
    const struct hg_store_answer *found =
        task_store_get(client->task, record->store, ACME_ACCOUNTS, client->authority->id);
    json_t *json = store_json(found);

    if (found->status == HG_STORE_NOT_READABLE || found->status == HG_STORE_UNAVAILABLE)
        return acme_client_fail(client, ACME_LOCAL, "", "cannot read the account: %s", found->error);
    record->revision = found->status == HG_STORE_OK ? found->revision : HG_STORE_ABSENT;
    set_key(client, json ? x509_key_read(hg_text(text_in(json, "key"))) : NULL);
    set_text(&client->account.kid, client->account.key ? text_in(json, "account") : NULL);
    set_text(&record->contact, client->account.key ? text_in(json, "contact") : NULL);
    record->contact_refused = (time_t)json_integer_value(json_object_get(json, "contact_refused"));
    if (found->status == HG_STORE_OK && !client->account.key)
        hg_log(client->instance, HG_LOG_WARNING, "%s: the stored account has no key; creating a new one",
               client->authority->url);
    json_decref(json);
    return true;
}

/* HG_STORE_CONFLICT: another gateway has changed it. */
static enum hg_store_status save(struct record *record)
{
    struct acme_client *client = record->client;
    char *pem = client->account.key ? x509_key_pem(client->account.key) : NULL;
    const struct hg_store_answer *put = task_store_put_json(
        client->task, record->store, ACME_ACCOUNTS, client->authority->id,
        json_pack("{s:s, s:s*, s:s*, s:I, s:s*}", "directory", client->authority->url, "account", client->account.kid,
                  "contact", record->contact, "contact_refused", (json_int_t)record->contact_refused, "key", pem),
        record->revision);

    store_text_free(pem);
    if (put->status == HG_STORE_OK)
        record->revision = put->revision;
    else
        acme_client_fail(client, ACME_LOCAL, "", "cannot store the account: %s", put->error);
    return put->status;
}

/* After a conflict: whether the record is still about the same account, so that it can be written again. Without a
 * contact of its own, an attempt that has only found the account takes over the stored one. */
static bool catch_up(struct record *record)
{
    struct acme_client *client = record->client;
    const struct hg_store_answer *found =
        task_store_get(client->task, record->store, ACME_ACCOUNTS, client->authority->id);
    json_t *json = store_json(found);
    gnutls_x509_privkey_t key = json ? x509_key_read(hg_text(text_in(json, "key"))) : NULL;
    char *thumbprint = key ? jose_thumbprint(key) : NULL;
    bool same = thumbprint && client->account.thumbprint && !strcmp(thumbprint, client->account.thumbprint);

    if (same) {
        record->revision = found->revision;
        if (!record->contact)
            set_text(&record->contact, text_in(json, "contact"));
    }
    gnutls_x509_privkey_deinit(key);
    free(thumbprint);
    json_decref(json);
    return same;
}

/* Several attempts may find or create the account at once, here or at other gateways. A failure does no harm: the
 * authority can be asked again. */
static void save_if_possible(struct record *record)
{
    enum hg_store_status status = save(record);

    for (int tries = 1; tries < TRIES && status == HG_STORE_CONFLICT && catch_up(record); tries++)
        status = save(record);
    if (status != HG_STORE_OK)
        hg_log(record->client->instance, HG_LOG_WARNING, "%s", record->client->failure.error);
}

/* The key is stored before it is used, so that the account cannot be lost. */
static bool load_or_create_key(struct record *record)
{
    struct acme_client *client = record->client;
    enum hg_store_status status = HG_STORE_CONFLICT;

    for (int tries = 0; tries < TRIES && status == HG_STORE_CONFLICT; tries++) {
        if (!load(record))
            return false;
        if (client->account.key)
            return true;
        if (!set_key(client, x509_key_new(X509_P256)))
            return acme_client_fail(client, ACME_LOCAL, "", "out of memory");
        status = save(record);
    }
    return status == HG_STORE_OK;
}

bool acme_account_load(struct acme_client *client, struct store *store)
{
    struct record record = {.client = client, .store = store};
    const bool loaded = load(&record);

    free(record.contact);
    return loaded && client->account.kid;
}

/* ---- An account that can no longer be used ---- */

/* RFC 8555 section 7.3.6: a deactivated account can never be used again, and neither can its key. */
static bool is_dead(const struct acme_client *client)
{
    const struct acme_failure *failure = &client->failure;

    /* Before there is an account, "revoked" is about its external binding. */
    return !strcmp(failure->type, "unauthorized") && (strcasestr(failure->error, "deactivated") ||
                                                      (client->account.kid && strcasestr(failure->error, "revoked")));
}

/* Some authorities that have lost or moved the account do not use the proper type. */
static bool may_have_moved(const struct acme_failure *failure)
{
    return !failure->in_validation && acme_failure_is_refusal(failure) &&
           (!*failure->type || !strcmp(failure->type, "malformed") || !strcmp(failure->type, "unauthorized"));
}

/* Unless another attempt has done so already and created the next one. */
static void forget(struct record *record, bool dead)
{
    struct acme_client *client = record->client;
    const struct acme_failure failure = client->failure;
    char *kid = client->account.kid, *thumbprint = client->account.thumbprint;
    bool same;

    client->account.kid = client->account.thumbprint = NULL;
    same = load(record) && client->account.key && thumbprint && !strcmp(client->account.thumbprint, thumbprint) &&
           (!kid || !client->account.kid || !strcmp(kid, client->account.kid));
    if (same) {
        hg_log(client->instance, HG_LOG_WARNING, "%s: the account can no longer be used: %s", client->authority->url,
               failure.error);
        set_text(&client->account.kid, NULL);
        set_text(&record->contact, NULL);
        record->contact_refused = 0;
        if (dead)
            set_key(client, NULL);
        save_if_possible(record);
    }
    client->failure = failure;
    free(kid);
    free(thumbprint);
}

/* A failed challenge may be "unauthorized", too, and quotes the page of another server. */
static bool is_at_fault(const struct acme_client *client)
{
    return !client->failure.in_validation && (!strcmp(client->failure.type, "accountDoesNotExist") || is_dead(client));
}

bool acme_account_is_at_fault(struct acme_client *client, struct store *store)
{
    struct record record = {.client = client, .store = store};

    if (!is_at_fault(client)) {
        client->authority->find_account |= may_have_moved(&client->failure);
        return false;
    }
    forget(&record, is_dead(client));
    free(record.contact);
    return true;
}

/* ---- At the authority ---- */

static const char *wanted_contact(const struct acme_client *client)
{
    return client->config->email ? client->config->email : "";
}

static json_t *contacts(const struct acme_client *client)
{
    return client->config->email ? json_pack("[s+]", "mailto:", client->config->email) : json_array();
}

/* RFC 8555 section 7.3.4. */
static void bind_externally(const struct acme_client *client, json_t *payload)
{
    json_t *header =
        json_pack("{s:s, s:s}", "kid", client->config->eab_kid, "url", acme_client_resource(client, "newAccount"));
    json_t *jwk = jose_jwk(client->account.key);
    char *text = json_dumps(jwk, JSON_COMPACT);

    /* Fails only if out of memory, as the MAC key was checked with the options. */
    json_object_set_new(payload, "externalAccountBinding", jose_mac(header, text, client->config->eab_key));
    json_decref(jwk);
    free(text);
}

/* RFC 8555 section 7.3: the authority returns an existing account with this key. */
static bool find_or_create(struct record *record)
{
    struct acme_client *client = record->client;
    json_t *payload;
    char *kid;

    if (!acme_client_read_directory(client))
        return false;
    payload = json_pack("{s:b, s:o}", "termsOfServiceAgreed", client->config->agree_tos, "contact", contacts(client));
    if (client->config->eab_kid)
        bind_externally(client, payload);
    if (!acme_client_ask_json(
            client, (struct acme_query){.resource = "newAccount", .key = client->account.key, .about_account = true},
            payload))
        return false;
    kid = acme_client_location(client);
    if (!kid)
        return acme_client_fail(client, ACME_LOCAL, "", "newAccount: the authority sent no URL for the account");
    client->authority->find_account = false;
    if (!client->account.kid || strcmp(kid, client->account.kid) != 0) {
        set_text(&client->account.kid, kid);
        set_text(&record->contact, client->answer.status == 201 ? wanted_contact(client) : NULL);
        hg_log(client->instance, HG_LOG_INFO, "%s: account %s %s", client->authority->url, kid,
               client->answer.status == 201 ? "created" : "found");
        save_if_possible(record);
    }
    free(kid);
    return true;
}

static bool has_contact(const struct record *record)
{
    const char *contact = record->contact ? record->contact : "";
    const time_t since = acme_clock() - record->contact_refused;

    return !strcmp(contact, wanted_contact(record->client)) || (since >= 0 && since < CONTACT_PAUSE);
}

/* A refused contact is no reason not to order, but an authority that is down or busy accepts no order either. */
static bool update_contact(struct record *record)
{
    struct acme_client *client = record->client;
    const char *contact = wanted_contact(client);

    if (has_contact(record))
        return true;
    if (acme_client_ask_json(client, (struct acme_query){.url = client->account.kid, .about_account = true},
                             json_pack("{s:o}", "contact", contacts(client)))) {
        set_text(&record->contact, contact);
    } else if (!client->failure.status || acme_failure_is_limit(&client->failure) || is_at_fault(client)) {
        return false;
    } else {
        hg_log(client->instance, HG_LOG_ERROR, "%s: cannot change the contact to %s: %s", client->authority->url,
               *contact ? contact : "none", client->failure.error);
        record->contact_refused = acme_clock();
    }
    save_if_possible(record);
    return true;
}

bool acme_account_open(struct acme_client *client, struct store *store)
{
    struct record record = {.client = client, .store = store};
    const bool ready = load_or_create_key(&record) &&
                       ((client->account.kid && !client->authority->find_account) || find_or_create(&record)) &&
                       update_contact(&record);

    free(record.contact);
    return ready;
}
