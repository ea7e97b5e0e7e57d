/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Replaces plugins/lib/http_client/http_client.c: passes requests to the authorities, checks them, and applies the
 * rules.
 */
#include "plugins/acme/tests/fake_ca.h"
#include "plugins/lib/http_client/http_client.h"

#include <check.h>
#include <hopgate/host.h>
#include <stdio.h>
#include <stdlib.h>

#define LATENCY (100 * HG_MILLISECOND)

struct https {
    struct https_call *calls;
};

struct https_call {
    struct https_call *next, **place;
    struct hg_timer *timer;
    char *url, *body;
    https_done done;
    void *arg;
    /* From the URL. */
    struct fake_ca *ca;
    char kind[24];
    unsigned number;
};

struct fake_world *fake_world;

/* ---- Checks ---- */

static unsigned nonce_number(const json_t *header)
{
    const char *text = json_string_value(json_object_get(header, "nonce"));
    unsigned number = 0;

    return text && sscanf(text, "n%u", &number) == 1 ? number : 0;
}

static bool take_nonce(struct fake_ca *ca, unsigned number)
{
    const bool good = number && number < sizeof ca->nonces && ca->nonces[number] == 1;

    if (good)
        ca->nonces[number] = 2;
    return good;
}

static void give_nonce(struct fake_ca *ca, struct fake_reply *reply)
{
    ck_assert_uint_lt(ca->nonce_count + 1, sizeof ca->nonces);
    ca->nonces[++ca->nonce_count] = 1;
    fake_reply_field(reply, "Replay-Nonce", "n%u", ca->nonce_count);
}

/* The account in the header. False, with a reply: it is unknown or deactivated. */
static bool find_account(struct fake_ca *ca, const json_t *header, int *number, struct fake_reply *reply)
{
    const char *kid = json_string_value(json_object_get(header, "kid"));
    const char *slash = kid ? strrchr(kid, '/') : NULL;

    *number = slash ? atoi(slash + 1) : -1;
    if (!kid)
        return true;
    if (ca->unknown_status && *number >= (int)ca->account_count)
        fake_reply_problem(reply, ca->unknown_status, "malformed", "no such KeyID");
    else if (*number < 0 || *number >= (int)ca->account_count || ca->accounts[*number].forgotten)
        fake_reply_problem(reply, 400, "accountDoesNotExist", "there is no such account");
    else if (ca->accounts[*number].deactivated)
        fake_reply_problem(reply, 403, "unauthorized", "the account is deactivated");
    else
        return true;
    return false;
}

/* RFC 8555 section 6. A request that is not signed properly is a fault of acme. */
static void serve_signed(struct https_call *call, struct fake_reply *reply)
{
    struct fake_ca *ca = call->ca;
    struct fake_request request = {.kind = call->kind, .number = call->number, .url = call->url};
    json_t *message = json_loads(call->body, 0, NULL), *header = fake_jose_header(message), *again = NULL;
    json_t *payload = NULL;
    const char *url = json_string_value(json_object_get(header, "url"));
    const bool fresh = take_nonce(ca, nonce_number(header));

    ck_assert_msg(url && !strcmp(url, call->url), "%s: signed for %s", call->url, url ? url : "no URL");
    ck_assert(!json_object_get(header, "kid") != !json_object_get(header, "jwk"));
    ck_assert_msg(json_object_get(header, "kid") || !strcmp(call->kind, "new-account") || !strcmp(call->kind, "revoke"),
                  "%s: without account", call->url);
    if (!fresh) {
        fake_reply_problem(reply, 400, "badNonce", "the nonce is old");
    } else if (find_account(ca, header, &request.account, reply)) {
        request.jwk = json_object_get(header, "jwk");
        payload = fake_jose_open(message, request.account < 0 ? NULL : ca->accounts[request.account].jwk, &again);
        if (!payload)
            fake_reply_problem(reply, 400, "malformed", "the signature is wrong");
    }
    if (payload) {
        request.payload = json_is_null(payload) ? NULL : payload;
        fake_ca_serve(ca, &request, reply);
    }
    json_decref(message);
    json_decref(header);
    json_decref(again);
    json_decref(payload);
}

static void serve(struct https_call *call, struct fake_reply *reply)
{
    reply->status = 200;
    if (call->body)
        serve_signed(call, reply);
    else if (!strcmp(call->kind, "directory"))
        fake_ca_directory(call->ca, reply);
    else if (strcmp(call->kind, "new-nonce") != 0)
        reply->status = 404;
    if (strcmp(call->kind, "directory") != 0)
        give_nonce(call->ca, reply);
}

/* ---- Rules ---- */

static struct fake_rule *rule_for(struct fake_ca *ca, const char *kind)
{
    for (size_t i = ca->rule_count; i--;) {
        struct fake_rule *rule = &ca->rules[i];

        if (strcmp(rule->kind, "*") != 0 && strcmp(rule->kind, kind) != 0)
            continue;
        if (rule->skip) {
            rule->skip--;
            continue;
        }
        if (!rule->times || rule->hits < rule->times) {
            rule->hits++;
            return rule;
        }
    }
    return NULL;
}

/* The rule replaces the CA's response. */
static void follow(struct https_call *call, const struct fake_rule *rule, struct fake_reply *reply)
{
    reply->status = rule->status;
    if (rule->type)
        fake_reply_problem(reply, rule->status, rule->type, rule->detail);
    if (strcmp(call->kind, "new-nonce") != 0)
        give_nonce(call->ca, reply);
}

static void edit(struct https_call *call, const struct fake_rule *rule, struct fake_reply *reply)
{
    if (rule->edit && reply->document)
        rule->edit(call->ca, reply->document);
    if (!rule->body)
        return;
    json_decref(reply->document);
    reply->document = NULL;
    free(reply->body);
    reply->body = strdup(rule->body);
}

/* ---- A call ---- */

static void call_free(struct https_call *call)
{
    *call->place = call->next;
    if (call->next)
        call->next->place = call->place;
    hg_timer_free(fake_world->host->worker.host, call->timer);
    free(call->url);
    free(call->body);
    free(call);
}

static void deliver(struct https_call *call, struct https_response *response, struct fake_reply *reply)
{
    if (reply->document) {
        free(reply->body);
        reply->body = json_dumps(reply->document, 0);
    }
    response->status = reply->status;
    response->headers = hg_text(reply->fields);
    response->body = hg_text(reply->body ? reply->body : "");
    call->done(call->arg, response);
}

static void answer(void *arg)
{
    struct https_call *call = arg;
    struct fake_rule *rule = rule_for(call->ca, call->kind);
    struct fake_reply reply = {0};
    struct https_response response = {.retry_after = rule ? rule->retry_after : 0};

    if (rule && rule->error && !rule->too_late)
        reply.status = 0;
    else if (rule && rule->status)
        follow(call, rule, &reply);
    else if (!rule || !rule->kills || rule->too_late)
        serve(call, &reply);
    if (rule && rule->kills) {
        fake_world->dead = fake_world->host->stopped = true;
    } else {
        if (rule)
            edit(call, rule, &reply);
        response.error = rule ? rule->error : NULL;
        deliver(call, &response, &reply);
        call_free(call);
    }
    json_decref(reply.document);
    free(reply.body);
}

static void count(struct fake_ca *ca, const char *kind)
{
    size_t i = 0;

    while (*ca->seen[i].kind && strcmp(ca->seen[i].kind, kind) != 0)
        i++;
    snprintf(ca->seen[i].kind, sizeof ca->seen[i].kind, "%s", kind);
    ca->seen[i].count++;
}

/* https://HOST/KIND/NUMBER, https://HOST/ask?domain=NAME */
static void read_url(struct https_call *call)
{
    char host[64] = "";

    ck_assert_msg(sscanf(call->url, "https://%63[^/]/%23[^/]/%u", host, call->kind, &call->number) >= 2, "%s",
                  call->url);
    if (strchr(call->kind, '?'))
        *strchr(call->kind, '?') = 0;
    for (size_t i = 0; i < FAKE_CAS_MAX; i++)
        if (!strcmp(fake_world->cas[i].host, host))
            call->ca = &fake_world->cas[i];
    ck_assert_msg(call->ca, "%s", call->url);
    count(call->ca, call->kind);
}

struct https_call *https_send(struct https *https, const struct https_request *request, https_done done, void *arg)
{
    struct https_call *call;

    if (fake_world->dead)
        return NULL;
    call = calloc(1, sizeof *call);
    call->url = strdup(request->url);
    call->body = strcmp(request->method, "POST") ? NULL : strndup(request->body.data, request->body.size);
    call->done = done;
    call->arg = arg;
    call->timer = hg_timer_new(&fake_world->host->worker, answer, call);
    read_url(call);
    call->next = https->calls;
    call->place = &https->calls;
    if (call->next)
        call->next->place = &call->next;
    https->calls = call;
    hg_timer_set(fake_world->host->worker.host, call->timer, LATENCY);
    return call;
}

void https_cancel(struct https_call *call)
{
    call_free(call);
}

struct https *https_new(struct hg_worker *worker, const char *ca)
{
    (void)worker;
    (void)ca;
    return calloc(1, sizeof(struct https));
}

void https_free(struct https *https)
{
    while (https && https->calls)
        call_free(https->calls);
    free(https);
}

/* ---- The world ---- */

void fake_world_begin(struct fake_world *world, struct fake_host *host)
{
    static const char *const hosts[FAKE_CAS_MAX] = {"ca1.test", "ca2.test"};

    memset(world, 0, sizeof *world);
    world->host = host;
    fake_world = world;
    for (size_t i = 0; i < FAKE_CAS_MAX; i++) {
        world->cas[i].host = hosts[i];
        world->cas[i].lifetime = 90 * 86400;
        fake_issuer_begin(&world->cas[i]);
    }
}

void fake_world_end(struct fake_world *world)
{
    for (size_t i = 0; i < FAKE_CAS_MAX; i++) {
        struct fake_ca *ca = &world->cas[i];

        for (unsigned j = 0; j < ca->account_count; j++)
            json_decref(ca->accounts[j].jwk);
        for (unsigned j = 0; j < ca->order_count; j++) {
            free(ca->orders[j].leaf);
            gnutls_free(ca->orders[j].der.data);
        }
        json_decref(ca->meta);
        fake_issuer_end(ca);
    }
}

struct fake_rule *fake_ca_rule(struct fake_ca *ca, struct fake_rule rule)
{
    ck_assert_uint_lt(ca->rule_count, FAKE_RULES_MAX);
    ca->rules[ca->rule_count] = rule;
    return &ca->rules[ca->rule_count++];
}

void fake_ca_forget_rules(struct fake_ca *ca)
{
    ca->rule_count = 0;
}

unsigned fake_ca_seen(const struct fake_ca *ca, const char *kind)
{
    for (size_t i = 0; i < sizeof ca->seen / sizeof *ca->seen; i++)
        if (!strcmp(ca->seen[i].kind, kind))
            return ca->seen[i].count;
    return 0;
}
