/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/ca.h"

#include "plugins/acme/account.h"
#include "plugins/acme/clock.h"
#include "plugins/acme/jws.h"
#include "plugins/acme/schedule.h"

#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>

/* Bounds of what an authority sends, far above what any does. */
#define JSON_MAX  ((size_t)256 << 10)
#define CHAIN_MAX ((size_t)1 << 20)
#define TIMEOUT   (30 * HG_SECOND)
/* An authority that refuses every second nonce is met in tests only; one in twenty now and then. */
#define NONCE_TRIES 24

/* By how much clocks may differ, seconds. */
#define AHEAD_MAX 3600
#define DAY       86400

/* The longest pause of an authority that is waited for in the middle of an order, in seconds. */
#define PATIENCE 60

enum step {
    STEP_DIRECTORY,
    STEP_NONCE,
    STEP_POST,
};

struct acme_request {
    struct acme_ca *ca;
    struct https_call *call;
    acme_answered answered;
    void *arg;
    enum step step;
    unsigned tries;
    unsigned account; /* which one asks */
    char *url, *resource, *payload;
    gnutls_x509_privkey_t key; /* NULL: the account's */
    bool pem, anyway;
    struct hg_timer *soon; /* begins after acme_ca_ask() has returned, or when a pause is over */
    char error[1024];
};

/* ---- Life ---- */

struct acme_ca *acme_ca_new(struct hg_worker *worker, struct https *https, const char *url)
{
    struct acme_ca *ca = calloc(1, sizeof *ca);
    uint8_t hash[32];

    if (!ca)
        return NULL;
    ca->worker = worker;
    ca->config = worker->cfg;
    ca->https = https;
    ca->url = url;
    gnutls_hash_fast(GNUTLS_DIG_SHA256, url, strlen(url), hash);
    for (size_t i = 0; i < 16; i++)
        sprintf(ca->id + 2 * i, "%02x", hash[i]);
    return ca;
}

void acme_ca_free(struct acme_ca *ca)
{
    if (!ca)
        return;
    acme_account_free(ca->account);
    json_decref(ca->directory);
    while (ca->nonce_count)
        free(ca->nonces[--ca->nonce_count]);
    free(ca);
}

const char *acme_ca_resource(const struct acme_ca *ca, const char *name)
{
    return json_string_value(json_object_get(ca->directory, name));
}

void acme_ca_forget_directory(struct acme_ca *ca)
{
    json_decref(ca->directory);
    ca->directory = NULL;
}

void acme_request_cancel(struct acme_request *request)
{
    if (!request)
        return;
    if (request->call)
        https_cancel(request->call);
    hg_timer_free(request->ca->worker->host, request->soon);
    free(request->url);
    free(request->resource);
    free(request->payload);
    free(request);
}

/* ---- Answers ---- */

/* Limits mostly are of the names of an order (RFC 8555 section 6.6), so the others go on; of the account or of the
 * whole authority are those that name it, as Let's Encrypt's do, or that something without names has met. */
static bool is_of_account(const struct acme_request *request, const struct acme_answer *what)
{
    if (what->status != 429)
        return what->status == 503;
    return request->step != STEP_POST || request->anyway || (what->error && strcasestr(what->error, "this account"));
}

static void answer(struct acme_request *request, struct acme_answer *what)
{
    const acme_answered answered = request->answered;
    void *arg = request->arg;

    request->call = NULL; /* it ends with its callback */
    what->type = what->type ? what->type : "";
    what->account = request->account;
    what->of_account = what->of_account || is_of_account(request, what);
    answered(arg, what);
    acme_request_cancel(request);
}

static void answer_error(struct acme_request *request, const struct https_response *response)
{
    struct acme_answer failure = {.error = request->error,
                                  .status = response ? response->status : 0,
                                  .retry_after = response ? response->retry_after : 0,
                                  .response = response};

    if (!failure.status || failure.status >= 500)
        acme_ca_forget_directory(request->ca); /* who knows whether it still holds */
    answer(request, &failure);
}

static const char *what_was_asked(const struct acme_request *request)
{
    return request->resource ? request->resource : request->url;
}

/* Every failure names what was asked. */
__attribute__((format(printf, 3, 4))) static void fail(struct acme_request *request,
                                                       const struct https_response *response, const char *format, ...)
{
    char what[768];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    snprintf(request->error, sizeof request->error, "%s: %s",
             request->step == STEP_DIRECTORY ? request->ca->url : what_was_asked(request), what);
    answer_error(request, response);
}

static bool is_problem(const struct https_response *response)
{
    const struct hg_text type = https_header(response, "Content-Type", 0);
    const struct hg_text wanted = HG_TEXT("application/problem+json");

    return type.size >= wanted.size && !strncasecmp(type.data, wanted.data, wanted.size);
}

static void keep_nonce(struct acme_ca *ca, const struct https_response *response)
{
    const struct hg_text nonce = https_header(response, "Replay-Nonce", 0);
    size_t size;

    if (!nonce.size || nonce.size > 512 || ca->nonce_count == ACME_NONCES)
        return;
    for (size = 0; size < nonce.size; size++)
        if (nonce.data[size] < '-' || nonce.data[size] > 'z')
            return; /* not base64url, RFC 8555 section 6.5.1 */
    ca->nonces[ca->nonce_count] = strndup(nonce.data, nonce.size);
    if (ca->nonces[ca->nonce_count])
        ca->nonce_count++;
}

/* A machine may boot with a clock that is far ahead, until somebody sets it: by the authority's, less is due. */
static void note_clock(struct acme_ca *ca, const struct https_response *response)
{
    const time_t ahead = acme_clock() - response->date;

    if (!response->date)
        return;
    if (ahead > AHEAD_MAX && !ca->ahead)
        hg_log(ca->worker->instance, HG_LOG_WARNING,
               "the clock here, %s, is %.1f days ahead of that of %s: what is due by it alone is not renewed",
               acme_moment(acme_clock()).text, (double)ahead / DAY, ca->url);
    ca->ahead = ahead > AHEAD_MAX ? ahead : 0;
}

/* ---- One request after another ---- */

static void proceed(struct acme_request *request);

static void got_directory(struct acme_request *request, const struct https_response *response, const json_t *json)
{
    static const char *const needed[] = {"newNonce", "newAccount", "newOrder"};

    if (response->status != 200) {
        fail(request, response, "status %d instead of a directory", response->status);
        return;
    }
    if (!json) {
        fail(request, response, "no ACME directory: not a JSON object");
        return;
    }
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        const char *url = json_string_value(json_object_get(json, needed[i]));

        if (!url || strncasecmp(url, "https://", 8)) {
            fail(request, response, "no ACME directory: %s is %s", needed[i], url ? "no https URL" : "missing");
            return;
        }
    }
    json_decref(request->ca->directory);
    request->ca->directory = json_deep_copy(json);
    proceed(request);
}

static void got_nonce(struct acme_request *request, const struct https_response *response)
{
    if (request->ca->nonce_count)
        proceed(request);
    else
        fail(request, response, "the authority gave no nonce (status %d)", response->status);
}

static void got_answer(struct acme_request *request, const struct https_response *response, const json_t *json)
{
    struct acme_answer what = {.status = response->status,
                               .json = json,
                               .body = response->body,
                               .retry_after = response->retry_after,
                               .response = response};

    if (response->status / 100 == 2) {
        if (request->pem || json || !response->body.size)
            answer(request, &what);
        else
            fail(request, response, "the answer is not a JSON object");
        return;
    }
    if (!json || !is_problem(response)) {
        fail(request, response, "status %d%s", response->status,
             response->status / 100 == 3 ? ", a redirect, which is not followed" : " without a problem document");
        return;
    }
    what.type = acme_problem_type(json);
    if (!strcmp(what.type, "badNonce") && ++request->tries < NONCE_TRIES) {
        request->call = NULL;
        proceed(request);
        return;
    }
    acme_problem_print(json, request->error, sizeof request->error);
    what.error = request->error;
    answer(request, &what);
}

static void on_response(void *arg, const struct https_response *response)
{
    struct acme_request *request = arg;
    json_t *json = NULL;

    request->call = NULL;
    if (response->error) {
        fail(request, NULL, "%s", response->error);
        return;
    }
    keep_nonce(request->ca, response);
    note_clock(request->ca, response);
    if (!request->pem || response->status / 100 != 2)
        json = json_loadb(response->body.data, response->body.size, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(json)) {
        json_decref(json);
        json = NULL;
    }
    switch (request->step) {
    case STEP_DIRECTORY:
        got_directory(request, response, json);
        break;
    case STEP_NONCE:
        got_nonce(request, response);
        break;
    default:
        got_answer(request, response, json);
    }
    json_decref(json);
}

static void send_call(struct acme_request *request, enum step step, const char *method, const char *url,
                      const char *body)
{
    const struct https_request call = {
        .method = method,
        .url = url,
        .accept = request->pem && step == STEP_POST ? "application/pem-certificate-chain" : "application/json",
        .content_type = body ? "application/jose+json" : NULL, /* RFC 8555 section 6.2 */
        .body = hg_text(body),
        .max_size = request->pem && step == STEP_POST ? CHAIN_MAX : JSON_MAX,
        .timeout = TIMEOUT,
    };

    request->step = step;
    request->call = https_send(request->ca->https, &call, on_response, request);
    if (!request->call)
        fail(request, NULL, "out of memory");
}

static void post(struct acme_request *request, const char *url)
{
    struct acme_ca *ca = request->ca;
    char *nonce = ca->nonces[--ca->nonce_count];
    const struct acme_jws message = {.key = request->key ? request->key : ca->account->key,
                                     .kid = request->key ? NULL : ca->account->kid,
                                     .nonce = nonce,
                                     .url = url,
                                     .payload = request->payload ? request->payload : ""};
    char *body = message.key ? acme_jws(&message) : NULL;

    request->account = ca->account->number;
    if (body)
        send_call(request, STEP_POST, "POST", url, body);
    else
        fail(request, NULL, "the request cannot be signed");
    free(body);
    free(nonce);
}

/* The account was given up, for something else that was asked meanwhile (RFC 8555 section 6.2: no request but
 * newAccount and revokeCert goes without it). */
static bool lacks_account(const struct acme_request *request)
{
    return !request->key && !request->ca->account->kid;
}

/* The authority has told somebody else of this account to come back later, after this was begun. True: it waits, or was
 * answered. */
static bool is_held(struct acme_request *request)
{
    const time_t until = request->ca->paused_until, left = until - acme_clock();

    if (left <= 0 || !request->payload || request->anyway)
        return false;
    if (left <= PATIENCE) {
        hg_timer_set(request->ca->worker->host, request->soon, (hg_time)left * HG_SECOND);
        return true;
    }
    snprintf(request->error, sizeof request->error, "%s: the authority asked for no requests before %s",
             what_was_asked(request), acme_moment(until).text);
    answer(request,
           &(struct acme_answer){
               .error = request->error, .type = "rateLimited", .status = 429, .of_account = true, .retry_after = left});
    return true;
}

/* The next of directory, nonce and the request itself. */
static void proceed(struct acme_request *request)
{
    struct acme_ca *ca = request->ca;
    const char *url;

    if (is_held(request))
        return;
    if (!ca->directory) {
        send_call(request, STEP_DIRECTORY, "GET", ca->url, NULL);
        return;
    }
    if (request->step == STEP_DIRECTORY && !request->url && !request->resource) {
        answer(request, &(struct acme_answer){.status = 200});
        return;
    }
    url = request->resource ? acme_ca_resource(ca, request->resource) : request->url;
    if (!url) {
        fail(request, NULL, "the authority's directory has no such resource");
        return;
    }
    if (lacks_account(request))
        fail(request, NULL, "there is no account any more");
    else if (!ca->nonce_count)
        send_call(request, STEP_NONCE, "HEAD", acme_ca_resource(ca, "newNonce"), NULL);
    else
        post(request, url);
}

static void begin(void *arg)
{
    struct acme_request *request = arg;

    proceed(request);
}

static char *copy(const char *text)
{
    return text ? strdup(text) : NULL;
}

/* It begins in a moment, so that no failure is told within the call. */
static struct acme_request *request_new(struct acme_ca *ca, const struct acme_query *query, acme_answered answered,
                                        void *arg)
{
    struct acme_request *request = calloc(1, sizeof *request);

    if (!request)
        return NULL;
    *request = (struct acme_request){.ca = ca,
                                     .answered = answered,
                                     .arg = arg,
                                     .url = copy(query->url),
                                     .resource = copy(query->resource),
                                     .payload = copy(query->payload),
                                     .key = query->key,
                                     .pem = query->pem,
                                     .anyway = query->anyway,
                                     .soon = hg_timer_new(ca->worker, begin, request)};
    if (!request->soon || !query->url != !request->url || !query->resource != !request->resource ||
        !query->payload != !request->payload) {
        acme_request_cancel(request);
        return NULL;
    }
    hg_timer_set(ca->worker->host, request->soon, 0);
    return request;
}

struct acme_request *acme_ca_ask(struct acme_ca *ca, const struct acme_query *query, acme_answered answered, void *arg)
{
    return request_new(ca, query, answered, arg);
}

struct acme_request *acme_ca_read_directory(struct acme_ca *ca, acme_answered answered, void *arg)
{
    return request_new(ca, &(struct acme_query){0}, answered, arg);
}
