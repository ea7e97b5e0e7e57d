/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/order.h"

#include "plugins/acme/account.h"
#include "plugins/acme/certificate.h"
#include "plugins/acme/clock.h"
#include "plugins/acme/download.h"
#include "plugins/acme/problem.h"
#include "plugins/lib/jose/base64url.h"
#include "plugins/lib/x509/x509.h"

#include <stdio.h>
#include <stdlib.h>

/* How long an attempt waits for the authority. */
#define TIMEOUT (600 * HG_SECOND)
/* Pauses between polls: large authorities take a second or two to validate. */
#define FIRST_PAUSE (250 * HG_MILLISECOND)
#define MAX_PAUSE   (5 * HG_SECOND)
/* Failed attempts after which `replaces` is omitted. */
#define REPLACES_MAX 3

static hg_time now(const struct acme_order *order)
{
    return hg_now(task_worker(order->client->task));
}

/* Whether to send `replaces` (RFC 9773 section 5). It may be the reason for repeated failures. */
static bool replaces(const struct acme_order *order)
{
    const struct acme_certificate *certificate = order->certificate;

    return certificate->pair && certificate->pair->ari_id && certificate->failures < REPLACES_MAX &&
           order->client->authority == acme_certificate_issuer(certificate);
}

void acme_order_begin(struct acme_order *order)
{
    order->deadline = now(order) + TIMEOUT;
    order->pause = FIRST_PAUSE;
    order->with_replaces = replaces(order);
    order->with_profile = true;
    order->outcome = ACME_FAILED;
}

void acme_order_end(struct acme_order *order)
{
    gnutls_x509_privkey_deinit(order->key);
    store_text_free(order->key_pem);
    free(order->url);
    free(order->finalize_url);
    free(order->certificate_url);
}

/* ---- Failures ---- */

static bool is_rejection(const struct acme_failure *failure)
{
    return !strcmp(failure->type, "rejectedIdentifier") || !strcmp(failure->type, "unsupportedIdentifier") ||
           !strcmp(failure->type, "caa");
}

/* Sets the outcome according to client->failure. */
static bool fail(struct acme_order *order, const char *what)
{
    struct acme_client *client = order->client;

    if (*what)
        acme_client_prefix(client, what);
    if (acme_account_is_at_fault(client, order->store)) {
        acme_order_forget(order); /* it belonged to that account */
        order->outcome = ACME_AGAIN;
    } else if (acme_failure_is_limit(&client->failure)) {
        order->outcome = ACME_LIMITED;
    } else {
        order->outcome = is_rejection(&client->failure) ? ACME_REJECTED : ACME_FAILED;
    }
    return false;
}

static bool fail_text(struct acme_order *order, enum acme_outcome outcome, const char *error)
{
    order->outcome = outcome;
    return acme_client_fail(order->client, ACME_LOCAL, "", "%s", error);
}

static bool fail_memory(struct acme_order *order)
{
    return fail_text(order, ACME_FAILED, "out of memory");
}

/* ---- Storing ---- */

static json_t *options_of(const struct acme_order *order)
{
    return acme_options_wanted(order->client->config, order->client->authority->url);
}

static bool save(struct acme_order *order)
{
    json_t *record = json_pack("{s:o, s:s, s:s*, s:o}", "options", options_of(order), "key", order->key_pem, "order",
                               order->url, "names", json_array());
    const struct hg_store_answer *put;

    for (size_t i = 0; i < order->certificate->name_count; i++)
        json_array_append_new(json_object_get(record, "names"), json_string(order->certificate->names[i]));
    put = task_store_put_json(order->client->task, order->store, ACME_ORDERS, order->certificate->id, record,
                              HG_STORE_ANY);
    if (put->status == HG_STORE_OK)
        return true;
    order->outcome = put->status == HG_STORE_CONFLICT ? ACME_LOST : ACME_NOT_STORED;
    return acme_client_fail(order->client, ACME_LOCAL, "", "cannot write to the store: %s", put->error);
}

/* If this fails, the next attempt deals with the record. */
void acme_order_forget(struct acme_order *order)
{
    task_store_remove(order->client->task, order->store, ACME_ORDERS, order->certificate->id);
    order->finalized = false;
}

static bool is_same(const json_t *record, const struct acme_order *order)
{
    const json_t *names = json_object_get(record, "names");
    json_t *options = options_of(order);
    const bool same = json_equal(json_object_get(record, "options"), options);

    json_decref(options);
    if (!same || json_array_size(names) != order->certificate->name_count)
        return false;
    for (size_t i = 0; i < order->certificate->name_count; i++) {
        const char *name = json_string_value(json_array_get(names, i));

        if (!name || strcmp(name, order->certificate->names[i]) != 0)
            return false;
    }
    return true;
}

/* Key and URL of an earlier attempt for the same certificate. Not of the order that led to the current pair: its record
 * is left over from a process that was killed. */
static void load(struct acme_order *order)
{
    json_t *record = task_store_get_json(order->client->task, order->store, ACME_ORDERS, order->certificate->id);
    const char *pem = json_string_value(json_object_get(record, "key"));
    const char *url = json_string_value(json_object_get(record, "order"));
    gnutls_x509_privkey_t key = pem && is_same(record, order) ? x509_key_read(hg_text(pem)) : NULL;

    if (key && order->certificate->pair && acme_key_pair_has_key(order->certificate->pair, key)) {
        gnutls_x509_privkey_deinit(key);
        key = NULL;
    }
    order->key = key;
    order->key_pem = key ? strdup(pem) : NULL;
    order->url = order->key_pem && url ? strdup(url) : NULL;
    json_decref(record);
    if (!order->url)
        return;
    order->resumed = order->finalized = true;
    acme_log(order->certificate, HG_LOG_INFO, "continuing the order %s", order->url);
}

static void make_key(void *arg)
{
    struct acme_order *order = arg;

    order->key = x509_key_new((enum x509_key_type)order->client->config->key_type);
}

static bool make_and_save_key(struct acme_order *order)
{
    if (!order->key && order->client->config->key_type >= X509_RSA2048)
        task_compute(order->client->task, make_key, order); /* takes up to a second */
    else if (!order->key)
        make_key(order);
    if (order->key && !order->key_pem)
        order->key_pem = x509_key_pem(order->key);
    return order->key_pem ? save(order) : fail_text(order, ACME_FAILED, "cannot generate a key");
}

/* ---- newOrder (RFC 8555 section 7.4) ---- */

static bool offers_profile(const struct acme_order *order)
{
    const char *profile = order->client->config->profile;
    const json_t *profiles = json_object_get(json_object_get(order->client->directory, "meta"), "profiles");

    if (!profile || !order->with_profile)
        return false;
    if (json_object_get(profiles, profile))
        return true;
    acme_log(order->certificate, HG_LOG_WARNING, "the authority has no profile \"%s\"; using its default", profile);
    return false;
}

static json_t *order_payload(const struct acme_order *order)
{
    json_t *identifiers = json_array(), *payload = json_pack("{s:o}", "identifiers", identifiers);

    for (size_t i = 0; i < order->certificate->name_count; i++) {
        const char *name = order->certificate->names[i];
        const bool address = acme_name_kind(hg_text(name)) == ACME_NAME_ADDRESS;

        json_array_append_new(identifiers, json_pack("{s:s, s:s}", "type", address ? "ip" : "dns", "value", name));
    }
    if (offers_profile(order))
        json_object_set_new(payload, "profile", json_string(order->client->config->profile));
    if (order->with_replaces && acme_client_resource(order->client, "renewalInfo"))
        json_object_set_new(payload, "replaces", json_string(order->certificate->pair->ari_id));
    return payload;
}

/* Omits the optional member that may have caused the failure and returns its name, or NULL. For `replaces`, this can be
 * any failure except those of the account and of a busy authority: authorities that cannot handle it answer in more
 * ways than RFC 9773 section 5 has. */
static const char *drop_refused(struct acme_order *order)
{
    const struct acme_failure *failure = &order->client->failure;

    if (order->with_profile && !strcmp(failure->type, "invalidProfile")) {
        order->with_profile = false;
        return "profile";
    }
    if (order->with_replaces && failure->status >= 400 && failure->status != 429 && failure->status != 503 &&
        strcmp(failure->type, "accountDoesNotExist") != 0) {
        order->with_replaces = false;
        return "replaces";
    }
    return NULL;
}

static bool place(struct acme_order *order)
{
    struct acme_client *client = order->client;

    if (!acme_client_read_directory(client))
        return fail(order, "");
    while (!acme_client_ask_json(client, (struct acme_query){.resource = "newOrder"}, order_payload(order))) {
        const char *dropped = drop_refused(order);

        if (!dropped)
            return fail(order, "");
        acme_log(order->certificate, HG_LOG_INFO, "ordering again without %s, which was refused: %s", dropped,
                 client->failure.error);
    }
    order->url = acme_client_location(client);
    return order->url ? save(order)
                      : fail_text(order, ACME_FAILED, "newOrder: the authority sent no URL for the order");
}

/* ---- The states of an order (RFC 8555 section 7.1.6) ---- */

bool acme_order_wait(struct acme_order *order, int64_t retry_after)
{
    const hg_time left = order->deadline > now(order) ? order->deadline - now(order) : 0;
    hg_time pause = order->pause < left ? order->pause : left;

    if (!left || (retry_after > 0 && (uint64_t)retry_after >= left / HG_SECOND))
        return false;
    if (retry_after > 0)
        pause = (hg_time)retry_after * HG_SECOND;
    order->pause = order->pause * 3 / 2 < MAX_PAUSE ? order->pause * 3 / 2 : MAX_PAUSE;
    return task_sleep(order->client->task, pause);
}

static bool await(struct acme_order *order)
{
    return acme_order_wait(order, order->client->answer.retry_after) ||
           fail_text(order, ACME_FAILED,
                     "the certificate was not issued in time; the order will be checked again later");
}

static bool look(struct acme_order *order)
{
    struct acme_client *client = order->client;

    if (acme_client_ask(client, &(struct acme_query){.url = order->url}))
        return true;
    if (!acme_failure_is_refusal(&client->failure) || !order->resumed)
        return fail(order, "order");
    acme_order_forget(order);
    order->outcome = ACME_AGAIN;
    return acme_client_prefix(client, "the order of an earlier attempt no longer exists");
}

static bool authorize(struct acme_order *order)
{
    json_t *urls = json_deep_copy(json_object_get(order->client->answer.json, "authorizations"));
    const bool good = acme_authorize(order, urls);

    json_decref(urls);
    order->pause = FIRST_PAUSE;
    if (good)
        return look(order);
    if (acme_failure_is_refusal(&order->client->failure))
        acme_order_forget(order); /* it is invalid, like its authorization */
    return fail(order, "");
}

/* The response is the order, unless this was too early or it was finalized already. */
static bool finalize(struct acme_order *order)
{
    struct acme_client *client = order->client;
    gnutls_datum_t der = x509_request(order->key, order->certificate->names, order->certificate->name_count);
    char *request = der.data ? jose_base64url(der.data, der.size) : NULL;
    const bool good = request && acme_client_ask_json(client, (struct acme_query){.url = order->finalize_url},
                                                      json_pack("{s:s}", "csr", request));

    gnutls_free(der.data);
    free(request);
    if (!request)
        return fail_memory(order);
    order->finalized = true;
    if (good)
        return true;
    if (!strcmp(client->failure.type, "orderNotReady"))
        return await(order) && look(order);
    if (acme_failure_is_limit(&client->failure))
        order->finalized = false;
    if (acme_failure_is_refusal(&client->failure))
        acme_order_forget(order); /* it stays "ready" (RFC 8555 section 7.4) and would be refused again */
    return fail(order, "finalize");
}

static bool fail_invalid(struct acme_order *order, const char *status)
{
    struct acme_client *client = order->client;
    const json_t *error = json_object_get(client->answer.json, "error");

    acme_client_fail(client, 403, acme_problem_type(error), "the order is %s", status);
    if (json_is_object(error))
        acme_problem_print(error, client->failure.error, sizeof client->failure.error);
    client->failure.in_validation = true;
    acme_order_forget(order);
    if (!order->resumed)
        return fail(order, "");
    order->outcome = ACME_AGAIN;
    return acme_client_prefix(client, "an order of an earlier attempt");
}

static bool take_url(char **url, const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));

    if (text) {
        free(*url);
        *url = strdup(text);
    }
    return *url;
}

static bool complete(struct acme_order *order)
{
    bool authorized = false;

    for (;;) {
        const json_t *json = order->client->answer.json;
        const char *status = json_string_value(json_object_get(json, "status"));
        bool good;

        if (!status || !take_url(&order->finalize_url, json, "finalize"))
            return fail_text(order, ACME_FAILED, "the authority's response is not an order");
        order->finalized = !strcmp(status, "processing") || !strcmp(status, "valid");
        if (!strcmp(status, "valid") && take_url(&order->certificate_url, json, "certificate"))
            return true;
        if (!strcmp(status, "pending") && !authorized) {
            good = authorize(order);
            authorized = true;
        } else if (!strcmp(status, "pending") || !strcmp(status, "processing")) {
            good = await(order) && look(order);
        } else if (!strcmp(status, "ready")) {
            good = finalize(order);
        } else {
            good = fail_invalid(order, status);
        }
        if (!good)
            return false;
    }
}

/* ---- The whole order ---- */

/* An order whose certificate may become usable later is kept, so that it is only downloaded again. */
static bool fetch(struct acme_order *order, struct acme_key_pair **pair, char **pem)
{
    struct acme_client *client = order->client;
    char *chain = acme_download(client, order->certificate_url), why[512];
    bool later;

    if (!chain)
        return fail(order, "download");
    if (asprintf(pem, "%s%s", order->key_pem, chain) < 0)
        *pem = NULL;
    free(chain);
    if (!*pem)
        return fail_memory(order);
    *pair = acme_download_check(hg_text(*pem), order->certificate->names, order->certificate->name_count, acme_clock(),
                                &later, why, sizeof why);
    if (*pair)
        return true;
    store_text_free(*pem);
    *pem = NULL;
    if (!later)
        acme_order_forget(order);
    fail_text(order, ACME_FAILED, why);
    return acme_client_prefix(client, "the authority's certificate");
}

bool acme_order_obtain(struct acme_order *order, struct acme_key_pair **pair, char **pem)
{
    load(order);
    if (!acme_account_open(order->client, order->store))
        return fail(order, "account");
    if (!order->url && (!make_and_save_key(order) || !place(order)))
        return false;
    return look(order) && complete(order) && fetch(order, pair, pem);
}
