/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A stage that answers http-01 challenges (RFC 8555 section 8.3): offers `challenge_http01`.
 */
#include "config.h"

#include <hopgate/challenges.h>
#include <hopgate/host.h>
#include <stdlib.h>

#define FOLDER "/.well-known/acme-challenge/"

/* A challenge that is being answered. The worker's state is a list of them; there are only a few, and only during an
 * order. */
struct pending {
    struct pending *next;
    struct hg_buffer *answer; /* the key authorization */
    size_t size;              /* of the key authorization */
    size_t token_size;        /* of the token, with which it begins */
};

static struct pending **find(struct hg_worker *worker, struct hg_text token)
{
    struct pending **at = (struct pending **)&worker->state;

    while (*at && !hg_text_equal((struct hg_text){(const char *)(*at)->answer->data, (*at)->token_size}, token))
        at = &(*at)->next;
    return at;
}

static void drop(struct pending **at)
{
    struct pending *pending = *at;

    *at = pending->next;
    hg_buffer_unref(pending->answer);
    free(pending);
}

/* ---- The capability ---- */

static int present(struct hg_worker *provider, const struct hg_challenge *challenge)
{
    struct pending **at = find(provider, challenge->token), *pending;
    struct hg_text answer = challenge->key_authorization;

    if (*at)
        return 0;
    pending = calloc(1, sizeof *pending);
    if (pending)
        pending->answer = hg_buffer_new(provider->host, answer.size);
    if (!pending || !pending->answer) {
        free(pending);
        return -1;
    }
    memcpy(pending->answer->data, answer.data, answer.size);
    pending->size = answer.size;
    pending->token_size = challenge->token.size;
    *at = pending;
    return 0;
}

static void withdraw(struct hg_worker *provider, struct hg_text token)
{
    struct pending **at = find(provider, token);

    if (*at)
        drop(at);
}

static void worker_stop(struct hg_worker *worker)
{
    while (worker->state)
        drop((struct pending **)&worker->state);
}

/* ---- The stage ---- */

static bool is_challenge(struct hg_text path)
{
    return path.size >= sizeof FOLDER - 1 && !memcmp(path.data, FOLDER, sizeof FOLDER - 1);
}

static enum hg_verdict attach(struct hg_self *self)
{
    return is_challenge(self->exchange->request->path) ? HG_NEXT : HG_BYPASS;
}

/* Emits a response head. False: out of memory. */
static bool emit_head(struct hg_self *self, int status, int64_t length, struct hg_text name, struct hg_text value)
{
    struct hg_head *head = hg_head_new(self->host, HG_RESPONSE);

    if (!head)
        return false;
    head->status = status;
    head->length = length;
    if (hg_field_add(self->host, &head->fields, name, value) ||
        hg_field_add(self->host, &head->fields, HG_TEXT("Cache-Control"), HG_TEXT("no-store"))) {
        hg_head_free(self->host, head);
        return false;
    }
    hg_emit_head(self, HG_UP, head);
    return true;
}

/* The key authorization, with no newline after it (RFC 8555 section 8.3). It is so short that there is always credit
 * for it. */
static enum hg_verdict give_answer(struct hg_self *self, const struct pending *pending, bool with_body)
{
    const struct hg_slice answer = {pending->answer, pending->answer->data, pending->size};

    if (!emit_head(self, 200, (int64_t)pending->size, HG_TEXT("Content-Type"), HG_TEXT("application/octet-stream")))
        return HG_ERROR;
    if (with_body)
        hg_emit(self, HG_UP, &answer);
    hg_emit_end(self, HG_UP, NULL);
    return HG_TAKEN;
}

static enum hg_verdict refuse_method(struct hg_self *self)
{
    if (!emit_head(self, 405, 0, HG_TEXT("Allow"), HG_TEXT("GET, HEAD")))
        return HG_ERROR;
    hg_emit_end(self, HG_UP, NULL);
    return HG_TAKEN;
}

static enum hg_verdict stage_head(struct hg_self *self, enum hg_direction direction, struct hg_head *head)
{
    bool is_get = hg_text_equal(head->method, HG_TEXT("GET")), is_head = hg_text_equal(head->method, HG_TEXT("HEAD"));
    struct hg_text token = head->path;
    const struct pending *pending;
    const char *query;

    if (direction == HG_UP)
        return HG_NEXT;
    if (!is_get && !is_head)
        return refuse_method(self);
    token.data += sizeof FOLDER - 1;
    token.size -= sizeof FOLDER - 1;
    query = token.size ? memchr(token.data, '?', token.size) : NULL;
    if (query)
        token.size = (size_t)(query - token.data);
    pending = *find(self->worker, token);
    if (pending)
        return give_answer(self, pending, is_get);
    hg_reset(self, &(struct hg_reason){.status = 404, .detail = "no challenge with this token is pending"});
    return HG_ERROR;
}

/* Discards the request's body. */
static size_t stage_data(struct hg_self *self, enum hg_direction direction, const struct hg_slice *slice)
{
    (void)self;
    (void)direction;
    return slice->size;
}

HG_EXPORT const struct hg_plugin *hopgate_plugin(void)
{
    static const struct hg_stage_ops ops = {
        .events = HG_EVENTS_MESSAGES | HG_EVENTS_UPGRADED,
        .attach = attach,
        .head = stage_head,
        .data = stage_data,
    };
    static const struct hg_challenges_ops challenges = {.present = present, .withdraw = withdraw};
    static const struct hg_offer offers[] = {{HG_CHALLENGE_HTTP01, HG_CHALLENGES_VERSION, &challenges}, {0}};
    static const struct hg_plugin plugin = {
        .abi = HG_ABI,
        .role = HG_ROLE_STAGE,
        .name = "acme_http01",
        .version = PACKAGE_VERSION,
        .summary = "answers the http-01 challenges of an ACME authority",
        .ops = &ops,
        .offers = offers,
        .worker_stop = worker_stop,
    };

    return &plugin;
}
