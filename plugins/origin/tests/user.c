/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/origin/tests/cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void push_body(struct user *user)
{
    size_t credit = hg_credit(user->self, HG_DOWN);

    while (credit && user->sent < user->body_size) {
        size_t size = user->piece ? user->piece : 16384;
        struct hg_buffer *buffer;

        if (size > user->body_size - user->sent)
            size = user->body_size - user->sent;
        if (size > credit)
            size = credit;
        buffer = hg_buffer_new(user->self->host, size);
        for (size_t i = 0; i < size; i++)
            buffer->data[i] = service_pattern(user->sent + i);
        credit = hg_emit(user->self, HG_DOWN, &(struct hg_slice){buffer, buffer->data, size});
        hg_buffer_unref(buffer);
        user->sent += size;
    }
}

void user_push(struct user *user)
{
    struct hg_fields *trailers = NULL;

    if (user->request_ended || user->keeps_body)
        return;
    push_body(user);
    if (user->sent < user->body_size)
        return;
    if (user->trailer) {
        trailers = hg_fields_new(user->self->host);
        hg_field_add(user->self->host, trailers, HG_TEXT("x-trailer"), hg_text(user->trailer));
    }
    user->request_ended = true;
    hg_emit_end(user->self, HG_DOWN, trailers);
}

static enum hg_verdict user_head(struct hg_self *self, enum hg_direction direction, struct hg_head *head)
{
    struct user *user = self->state;
    size_t used = strlen(user->heads);

    ck_assert_int_eq(direction, HG_UP);
    user->head_count++;
    user->ends_connection = hg_text_equal(head->connection, HG_TEXT("close"));
    ck_assert(user->ends_connection || !head->connection.size);
    user->response_length = head->length;
    used += (size_t)snprintf(user->heads + used, sizeof user->heads - used, "%d %.*s", head->status,
                             HG_PRINT(head->reason));
    for (size_t i = 0; i < head->fields.count; i++)
        used += (size_t)snprintf(user->heads + used, sizeof user->heads - used, "|%.*s: %.*s",
                                 HG_PRINT(head->fields.items[i].name), HG_PRINT(head->fields.items[i].value));
    ck_assert_uint_lt(used + 2, sizeof user->heads);
    strcat(user->heads, "\n");
    return HG_NEXT;
}

static void resume_later(void *arg)
{
    struct user *user = arg;

    hg_resume(user->self, HG_UP);
}

static size_t user_data(struct hg_self *self, enum hg_direction direction, const struct hg_slice *slice)
{
    struct user *user = self->state;
    size_t size = slice->size;

    (void)direction;
    if (user->is_stalled)
        return 0;
    if (user->seed && rand_r(&user->seed) % 3 == 0) {
        size = (size_t)rand_r(&user->seed) % (size + 1);
        user->resuming.callback = resume_later;
        user->resuming.arg = user;
        if (size < slice->size)
            hg_post(self->worker, &user->resuming);
    }
    if (user->keeps_slice && !user->kept.size) {
        user->kept = *slice;
        hg_buffer_ref(user->kept.buffer);
    }
    for (size_t i = 0; i < size; i++) {
        if (user->is_pattern && slice->data[i] != service_pattern(user->received + i))
            ck_abort_msg("byte %llu of the response is wrong", (unsigned long long)(user->received + i));
        if (user->received + i + 1 < sizeof user->body)
            user->body[user->received + i] = (char)slice->data[i];
    }
    user->received += size;
    return size;
}

static enum hg_verdict user_end(struct hg_self *self, enum hg_direction direction, struct hg_fields *trailers)
{
    struct user *user = self->state;

    (void)direction;
    user->ends++;
    for (size_t i = 0; trailers && i < trailers->count; i++)
        snprintf(user->trailers + strlen(user->trailers), sizeof user->trailers - strlen(user->trailers),
                 "%.*s: %.*s\n", HG_PRINT(trailers->items[i].name), HG_PRINT(trailers->items[i].value));
    return HG_NEXT;
}

static void user_reset(struct hg_self *self, const struct hg_reason *reason)
{
    struct user *user = self->state;

    user->resets++;
    user->reason = *reason;
    snprintf(user->detail, sizeof user->detail, "%s", reason->detail ? reason->detail : "");
}

static void user_writable(struct hg_self *self, enum hg_direction direction)
{
    if (direction == HG_DOWN)
        user_push(self->state);
}

static void user_detach(struct hg_self *self)
{
    struct user *user = self->state;

    hg_post_cancel(self->worker, &user->resuming);
    user->detaches++;
}

const struct hg_plugin *edge_plugin(void)
{
    static const struct hg_stage_ops exchange = {
        .events = HG_EVENTS_MESSAGES,
        .head = user_head,
        .data = user_data,
        .end = user_end,
        .reset = user_reset,
        .writable = user_writable,
        .detach = user_detach,
    };
    static const struct hg_edge_ops ops = {.exchange = &exchange};
    static const struct hg_plugin plugin = {.abi = HG_ABI, .role = HG_ROLE_EDGE, .name = "edge", .ops = &ops};

    return &plugin;
}

void ask(struct fixture *fixture, struct user *user)
{
    struct hg_worker *edge = fixture_worker(fixture, 0);
    struct hg_head *head = hg_head_new(edge->host, HG_REQUEST);

    hg_head_set(edge->host, head, &head->method, hg_text(user->method ? user->method : "GET"));
    hg_head_set(edge->host, head, &head->scheme, hg_text(user->scheme ? user->scheme : "http"));
    hg_head_set(edge->host, head, &head->path, hg_text(user->path ? user->path : "/"));
    hg_head_set(edge->host, head, &head->authority, hg_text(user->authority ? user->authority : "app.test"));
    hg_head_set(edge->host, head, &head->connection, hg_text(user->connection));
    for (size_t i = 0; i < 8 && user->fields[i]; i++) {
        const char *colon = strchr(user->fields[i], ':');

        hg_field_add(edge->host, &head->fields, (struct hg_text){user->fields[i], (size_t)(colon - user->fields[i])},
                     hg_text(colon + 2));
    }
    head->length = user->body_size && !user->length ? (int64_t)user->body_size
                   : user->length                   ? user->length
                                                    : HG_LENGTH_NONE;
    user->self = hg_exchange_open(edge, head, user);
    ck_assert_ptr_nonnull(user->self);
    if (user->url)
        hg_set_target(user->self, &(struct hg_target){.url = hg_text(user->url)});
    hg_set_service(user->self, user->service);
    user_push(user);
}

bool is_over(void *arg)
{
    return ((struct user *)arg)->detaches > 0;
}

bool has_head(void *arg)
{
    return ((struct user *)arg)->head_count > 0;
}

/* Makes a request and waits for its end. */
void fetch(struct fixture *fixture, struct user *user)
{
    ask(fixture, user);
    ck_assert_msg(fixture_run(fixture, is_over, user, 10000), "%s never ends", user->path ? user->path : "/");
    ck_assert_uint_eq(user->detaches, 1);
    ck_assert_msg(user->ends + user->resets == 1, "%u ends, %u resets", user->ends, user->resets);
}
