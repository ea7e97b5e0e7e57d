/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/client.h"

#include "plugins/acme/blocking.h"
#include "plugins/acme/clock.h"
#include "plugins/acme/problem.h"
#include "plugins/lib/jose/jose.h"

#include <gnutls/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* The largest responses. */
#define JSON_MAX  ((size_t)256 << 10)
#define CHAIN_MAX ((size_t)1 << 20)
#define TIMEOUT   (30 * HG_SECOND)
/* Some authorities refuse one nonce in twenty, test authorities every other one. */
#define NONCE_TRIES 24
/* The longest pause that a request waits for, in seconds. */
#define PATIENCE 60

/* ---- Authorities ---- */

void acme_authority_init(struct acme_authority *authority, const char *url)
{
    uint8_t hash[32];

    *authority = (struct acme_authority){.url = url};
    gnutls_hash_fast(GNUTLS_DIG_SHA256, url, strlen(url), hash);
    for (size_t i = 0; i < 16; i++)
        sprintf(authority->id + 2 * i, "%02x", hash[i]);
}

void acme_authority_end(struct acme_authority *authority)
{
    free(authority->renewal_info);
}

/* ---- Life ---- */

void acme_client_init(struct acme_client *client, struct task *task, struct https *https,
                      struct acme_authority *authority)
{
    struct hg_worker *worker = task_worker(task);

    *client = (struct acme_client){
        .task = task, .instance = worker->instance, .config = worker->cfg, .https = https, .authority = authority};
}

static void free_answer(struct acme_client *client)
{
    json_decref(client->answer.json);
    free(client->answer.body);
    free(client->answer.headers);
    client->answer = (struct acme_answer){0};
}

void acme_client_end(struct acme_client *client)
{
    free_answer(client);
    json_decref(client->directory);
    free(client->nonce);
    if (client->account.key)
        gnutls_x509_privkey_deinit(client->account.key);
    free(client->account.kid);
    free(client->account.thumbprint);
}

const char *acme_client_resource(const struct acme_client *client, const char *name)
{
    return json_string_value(json_object_get(client->directory, name));
}

/* ---- Failures ---- */

bool acme_client_fail(struct acme_client *client, int status, const char *type, const char *format, ...)
{
    struct acme_failure *failure = &client->failure;
    va_list arguments;

    *failure = (struct acme_failure){.status = status};
    snprintf(failure->type, sizeof failure->type, "%s", type);
    va_start(arguments, format);
    vsnprintf(failure->error, sizeof failure->error, format, arguments);
    va_end(arguments);
    return false;
}

bool acme_client_prefix(struct acme_client *client, const char *what)
{
    char error[sizeof client->failure.error];

    memcpy(error, client->failure.error, sizeof error);
    if (snprintf(client->failure.error, sizeof error, "%s: %s", what, error) >= (int)sizeof error)
        client->failure.error[sizeof error - 1] = 0;
    return false;
}

bool acme_failure_is_refusal(const struct acme_failure *failure)
{
    return failure->status / 100 == 4 && failure->status != 429;
}

bool acme_failure_is_limit(const struct acme_failure *failure)
{
    return failure->status == 429 || failure->status == 503 || !strcmp(failure->type, "rateLimited");
}

/* ---- One request ---- */

static void keep_nonce(struct acme_client *client, const struct https_response *response)
{
    const struct hg_text nonce = https_header(response, "Replay-Nonce", 0);

    if (!nonce.size || nonce.size > 512 || client->nonce)
        return;
    for (size_t i = 0; i < nonce.size; i++)
        if (nonce.data[i] < '-' || nonce.data[i] > 'z')
            return; /* not base64url, RFC 8555 section 6.5.1 */
    client->nonce = strndup(nonce.data, nonce.size);
}

static bool take_answer(struct acme_client *client, const struct https_response *response, bool pem)
{
    struct acme_answer *answer = &client->answer;
    const struct hg_text body = response->body, headers = response->headers;

    free_answer(client);
    *answer = (struct acme_answer){.status = response->status,
                                   .body = strndup(body.data ? body.data : "", body.size),
                                   .headers = strndup(headers.data ? headers.data : "", headers.size),
                                   .retry_after = response->retry_after};
    if (!answer->body || !answer->headers)
        return acme_client_fail(client, ACME_LOCAL, "", "out of memory");
    if (!pem || response->status / 100 != 2)
        answer->json = json_loadb(body.data, body.size, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(answer->json)) {
        json_decref(answer->json);
        answer->json = NULL;
    }
    keep_nonce(client, response);
    return true;
}

/* `what` is for the error text; `body`: a signed message, or NULL. */
static bool send_request(struct acme_client *client, const char *method, const char *url, const char *what,
                         const char *body, bool pem)
{
    const struct https_request request = {
        .method = method,
        .url = url,
        .accept = pem ? "application/pem-certificate-chain" : "application/json",
        .content_type = body ? "application/jose+json" : NULL, /* RFC 8555 section 6.2 */
        .body = hg_text(body),
        .max_size = pem ? CHAIN_MAX : JSON_MAX,
        .timeout = TIMEOUT,
    };
    const struct https_response *response = acme_blocking_https(client->task, client->https, &request);

    if (response->error)
        return acme_client_fail(client, 0, "", "%s: %s", what, response->error);
    return take_answer(client, response, pem);
}

/* A response that cannot be used; `whole_account`: the request was not about any name. */
static bool fail_answer(struct acme_client *client, bool whole_account, const char *what, const char *error)
{
    const struct acme_answer *answer = &client->answer;

    acme_client_fail(client, answer->status, "", "%s: %s (status %d)", what, error, answer->status);
    client->failure.retry_after = answer->retry_after;
    client->failure.whole_account = answer->status == 503 || (answer->status == 429 && whole_account);
    return false;
}

/* ---- Directory and nonce ---- */

static bool take_directory(struct acme_client *client)
{
    static const char *const needed[] = {"newNonce", "newAccount", "newOrder"};
    struct acme_authority *authority = client->authority;
    const json_t *json = client->answer.json;
    const char *info = json_string_value(json_object_get(json, "renewalInfo"));

    if (client->answer.status != 200)
        return fail_answer(client, true, authority->url, "not an ACME directory");
    if (!json)
        return fail_answer(client, true, authority->url, "not an ACME directory: not a JSON object");
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        const char *url = json_string_value(json_object_get(json, needed[i]));
        char error[64];

        snprintf(error, sizeof error, "not an ACME directory: %s is %s", needed[i],
                 url ? "not an https URL" : "missing");
        if (!url || strncasecmp(url, "https://", 8))
            return fail_answer(client, true, authority->url, error);
    }
    client->directory = json_deep_copy(json);
    free(authority->renewal_info);
    authority->renewal_info = info ? strdup(info) : NULL;
    return client->directory || acme_client_fail(client, ACME_LOCAL, "", "out of memory");
}

bool acme_client_read_directory(struct acme_client *client)
{
    const char *url = client->authority->url;

    return client->directory || (send_request(client, "GET", url, url, NULL, false) && take_directory(client));
}

static bool get_nonce(struct acme_client *client)
{
    const char *url = acme_client_resource(client, "newNonce");

    return client->nonce || (send_request(client, "HEAD", url, "newNonce", NULL, false) &&
                             (client->nonce || fail_answer(client, true, "newNonce", "the authority sent no nonce")));
}

/* ---- Signed requests ---- */

static const char *name_of(const struct acme_query *query)
{
    return query->resource ? query->resource : query->url;
}

/* Another attempt may have been asked to wait since this one began. */
static bool is_allowed(struct acme_client *client, const struct acme_query *query)
{
    const time_t until = client->authority->paused_until, left = until - acme_clock();

    if (left <= 0 || !query->payload || query->about_account)
        return true;
    if (left <= PATIENCE) {
        task_sleep(client->task, (hg_time)left * HG_SECOND);
        return true;
    }
    acme_client_fail(client, 429, "rateLimited", "%s: the authority requested a pause until %s", name_of(query),
                     acme_moment(until).text);
    client->failure.whole_account = true;
    client->failure.retry_after = left;
    return false;
}

static bool post(struct acme_client *client, const struct acme_query *query, const char *url)
{
    char *nonce = client->nonce;
    const char *kid = query->key ? NULL : client->account.kid;
    gnutls_x509_privkey_t key = query->key ? query->key : client->account.key;
    json_t *header = json_pack("{s:s, s:s*, s:s*, s:o*}", "url", url, "nonce", nonce, "kid", kid, "jwk",
                               kid || !key ? NULL : jose_jwk(key));
    json_t *message = jose_sign(header, query->payload ? query->payload : "", key);
    char *body = json_dumps(message, JSON_COMPACT);
    bool sent;

    client->nonce = NULL;
    sent = body ? send_request(client, "POST", url, name_of(query), body, query->pem)
                : acme_client_fail(client, ACME_LOCAL, "", "%s: cannot sign the request", name_of(query));
    json_decref(message);
    free(body);
    free(nonce);
    return sent;
}

static struct hg_text header(const struct acme_client *client, const char *name, unsigned index)
{
    return https_header(&(struct https_response){.headers = hg_text(client->answer.headers)}, name, index);
}

static bool is_problem(const struct acme_client *client)
{
    const struct hg_text type = header(client, "Content-Type", 0), wanted = HG_TEXT("application/problem+json");

    return client->answer.json && type.size >= wanted.size && !strncasecmp(type.data, wanted.data, wanted.size);
}

/* Most rate limits concern the names of an order (RFC 8555 section 6.6) and do not affect others. Those that say so, as
 * Let's Encrypt's do, or that limit requests without names concern the whole account. */
static bool fail_problem(struct acme_client *client, const struct acme_query *query)
{
    const struct acme_answer *answer = &client->answer;
    struct acme_failure *failure = &client->failure;

    acme_client_fail(client, answer->status, acme_problem_type(answer->json), "%s", "");
    acme_problem_print(answer->json, failure->error, sizeof failure->error);
    failure->retry_after = answer->retry_after;
    failure->whole_account =
        answer->status == 503 ||
        (answer->status == 429 && (query->about_account || strcasestr(failure->error, "this account")));
    return false;
}

static bool check_answer(struct acme_client *client, const struct acme_query *query)
{
    const struct acme_answer *answer = &client->answer;

    if (answer->status / 100 == 2 && (query->pem || answer->json || !*answer->body))
        return true;
    if (answer->status / 100 != 2 && is_problem(client))
        return fail_problem(client, query);
    return fail_answer(client, query->about_account, name_of(query),
                       answer->status / 100 == 2   ? "the response is not a JSON object"
                       : answer->status / 100 == 3 ? "a redirect, which is not followed"
                                                   : "no problem document");
}

bool acme_client_ask(struct acme_client *client, const struct acme_query *query)
{
    for (int tries = 0; tries < NONCE_TRIES; tries++) {
        const char *url;

        if (!is_allowed(client, query) || !acme_client_read_directory(client))
            return false;
        url = query->resource ? acme_client_resource(client, query->resource) : query->url;
        if (!url)
            return acme_client_fail(client, 400, "", "%s: not in the authority's directory", name_of(query));
        if (!get_nonce(client) || !post(client, query, url))
            return false;
        if (check_answer(client, query))
            return true;
        if (strcmp(client->failure.type, "badNonce") != 0)
            return false;
    }
    return false;
}

bool acme_client_ask_json(struct acme_client *client, struct acme_query query, json_t *payload)
{
    char *text = payload ? json_dumps(payload, JSON_COMPACT) : NULL;
    bool good;

    query.payload = text;
    good = text ? acme_client_ask(client, &query) : acme_client_fail(client, ACME_LOCAL, "", "out of memory");
    json_decref(payload);
    free(text);
    return good;
}

/* ---- Header fields ---- */

char *acme_client_location(const struct acme_client *client)
{
    const struct hg_text value = header(client, "Location", 0);

    return value.data && value.size > 8 && !strncasecmp(value.data, "https://", 8) ? strndup(value.data, value.size)
                                                                                   : NULL;
}

/* <URL>;rel="relation" (RFC 8288 section 3); authorities send one per field. */
static bool is_relation(struct hg_text value, const char *relation)
{
    char wanted[2][64];

    snprintf(wanted[0], sizeof wanted[0], "rel=\"%s\"", relation);
    snprintf(wanted[1], sizeof wanted[1], "rel=%s", relation);
    return memmem(value.data, value.size, wanted[0], strlen(wanted[0])) ||
           memmem(value.data, value.size, wanted[1], strlen(wanted[1]));
}

char *acme_client_link(const struct acme_client *client, const char *relation, unsigned index)
{
    for (unsigned i = 0;; i++) {
        const struct hg_text value = header(client, "Link", i);
        const char *end;

        if (!value.data)
            return NULL;
        end = memchr(value.data, '>', value.size);
        if (*value.data == '<' && end && is_relation(value, relation) && !index--)
            return strndup(value.data + 1, (size_t)(end - value.data - 1));
    }
}
