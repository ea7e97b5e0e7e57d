/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * How it works. Each place of an exchange has an inbox for each direction. Whatever a place emits goes into the inbox
 * of the next place that would do anything with it; nothing is called while emitting. exchange_run() then takes events
 * out of inboxes and calls the stages until all inboxes are empty or held. So no callback ever runs inside another,
 * and the credit of an emitter is simply the room in the inbox that it emits into.
 */
#include "core/exchange/exchange.h"

#include "core/base/message.h"
#include "core/exchange/exchange_private.h"

#include <stdio.h>
#include <stdlib.h>

/* Credit below this is told as none: many tiny reads cost more than one that waits a little. */
#define LEAST_CREDIT 4096

/* Freed exchanges that are kept for the next ones. */
#define SPARE_EXCHANGES 256

static struct node *node_of(struct hg_self *self)
{
    return (struct node *)self;
}

/* ---- Being made and freed ---- */

static size_t aligned(size_t size)
{
    return (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
}

/* The bytes of one exchange: its nodes, and behind them what the stages keep in `state`. */
static size_t exchange_bytes(const struct exchange_table *table)
{
    size_t bytes = aligned(sizeof(struct exchange) + table->stage_count * sizeof(struct node));

    for (size_t i = 1; i < table->stage_count; i++)
        bytes += aligned(table->stages[i].ops->self_size);
    return bytes;
}

static void node_init(struct exchange *exchange, size_t index, struct stage *stage, void *state)
{
    struct node *node = &exchange->nodes[index];

    node->public.host = stage->worker->host;
    node->public.worker = stage->worker;
    node->public.exchange = &exchange->public;
    node->public.cfg = stage->worker->cfg;
    node->public.state = state;
    node->ops = stage->ops;
    node->stage = stage;
    node->exchange = exchange;
    node->index = (unsigned)index;
}

static struct exchange *exchange_allocate(struct exchange_table *table)
{
    struct exchange *exchange = table->spares;
    size_t bytes = exchange_bytes(table);
    char *states;

    if (exchange) {
        table->spares = exchange->next;
        table->spare_count--;
    } else {
        exchange = malloc(bytes);
        if (!exchange)
            return NULL;
    }
    memset(exchange, 0, bytes);
    exchange->table = table;
    states = (char *)exchange + aligned(sizeof *exchange + table->stage_count * sizeof(struct node));
    for (size_t i = 1; i < table->stage_count; i++) {
        size_t size = table->stages[i].ops->self_size;

        node_init(exchange, i, &table->stages[i], size ? states : NULL);
        states += aligned(size);
    }
    return exchange;
}

struct hg_self *exchange_open(struct exchange_table *table, struct stage *top, struct hg_head *request, void *state)
{
    struct exchange *exchange = exchange_allocate(table);

    if (!exchange)
        return NULL;
    node_init(exchange, 0, top, state);
    exchange->nodes[0].attached = true;
    exchange->bottom = (unsigned)table->stage_count - 1;
    exchange->public.number = ++table->last_number;
    exchange->public.started = hg_now(top->worker);
    exchange->public.request = request;
    exchange->request = request;
    exchange->next = table->open;
    if (exchange->next)
        exchange->next->previous = exchange;
    table->open = exchange;
    table->open_count++;
    exchange_emit_head(&exchange->nodes[0].public, HG_DOWN, request);
    return &exchange->nodes[0].public;
}

void exchange_free(struct exchange *exchange)
{
    struct exchange_table *table = exchange->table;

    for (size_t i = 0; i < table->stage_count; i++)
        for (int direction = HG_DOWN; direction <= HG_UP; direction++)
            inbox_clear(exchange, &exchange->nodes[i].inboxes[direction]);
    message_head_free(exchange->request);
    message_head_free(exchange->response);
    if (exchange->previous)
        exchange->previous->next = exchange->next;
    else
        table->open = exchange->next;
    if (exchange->next)
        exchange->next->previous = exchange->previous;
    table->open_count--;
    if (table->spare_count >= SPARE_EXCHANGES) {
        free(exchange);
        return;
    }
    exchange->next = table->spares;
    table->spares = exchange;
    table->spare_count++;
}

int exchange_table_init(struct exchange_table *table, size_t top_count, size_t stage_count, size_t buffer)
{
    *table = (struct exchange_table){.top_count = top_count, .stage_count = 1, .buffer = buffer};
    table->ready_tail = &table->ready;
    table->tops = calloc(top_count, sizeof *table->tops);
    table->stages = calloc(stage_count + 1, sizeof *table->stages);
    return table->tops && table->stages ? 0 : -1;
}

void exchange_table_free(struct exchange_table *table)
{
    while (table->spares) {
        struct exchange *exchange = table->spares;

        table->spares = exchange->next;
        free(exchange);
    }
    free(table->tops);
    free(table->stages);
}

/* ---- What stages ask for ---- */

static size_t credit_left(struct node *node, enum hg_direction direction)
{
    const struct node *to = node_receiver(node, direction);
    size_t window, held;

    if (!to)
        return node->exchange->table->buffer;
    window = node_window(to, direction);
    held = to->inboxes[direction].bytes;
    return held < window && window - held >= LEAST_CREDIT ? window - held : 0;
}

size_t exchange_credit(struct hg_self *self, enum hg_direction direction)
{
    struct node *node = node_of(self);
    size_t credit = node_is_over(node) ? 0 : credit_left(node, direction);

    /* Only writable() takes it back: who asks again meanwhile and finds a little may still have to wait for more. */
    if (!credit)
        node->wants_credit[direction] = true;
    return credit;
}

size_t exchange_emit_head(struct hg_self *self, enum hg_direction direction, struct hg_head *head)
{
    struct node *node = node_of(self), *to = node_neighbour(node, direction);

    if (node_is_over(node) || !to) {
        exchange_head_done(node->exchange, head);
        return 0;
    }
    node_append_head(to, direction, head);
    return exchange_credit(self, direction);
}

size_t exchange_emit(struct hg_self *self, enum hg_direction direction, const struct hg_slice *slice)
{
    struct node *node = node_of(self), *to = node_receiver(node, direction);
    char detail[128];

    if (node_is_over(node) || !to)
        return 0;
    if (slice->size + to->inboxes[direction].bytes > node->exchange->table->buffer) {
        snprintf(detail, sizeof detail, "%s emitted %zu bytes beyond its credit", self->worker->instance->name,
                 slice->size);
        exchange_reset(self, &(struct hg_reason){500, "proxy_internal_error", detail, 0});
        return 0;
    }
    if (slice->size) {
        hg_buffer_ref(slice->buffer);
        node_append_slice(to, direction, *slice);
    }
    return exchange_credit(self, direction);
}

void exchange_emit_end(struct hg_self *self, enum hg_direction direction, struct hg_fields *trailers)
{
    struct node *node = node_of(self), *to = node_neighbour(node, direction);

    if (node_is_over(node) || !to)
        message_fields_free(trailers);
    else
        node_append_end(to, direction, trailers);
}

void exchange_resume(struct hg_self *self, enum hg_direction direction)
{
    struct node *node = node_of(self);

    node->inboxes[direction].resumed = true;
    node_mark(node, direction);
}

void exchange_reset(struct hg_self *self, const struct hg_reason *reason)
{
    exchange_reset_by(node_of(self)->exchange, reason, node_of(self)->index);
}

void exchange_break(struct hg_self *self, const struct hg_reason *reason)
{
    struct node *node = node_of(self);

    if (node->index) /* nothing is above the first place */
        exchange_break_by(node->exchange, reason, node->index);
    else
        exchange_reset(self, reason);
}

void exchange_set_target(struct hg_self *self, const struct hg_target *target)
{
    node_of(self)->exchange->public.target = *target;
}

void exchange_set_service(struct hg_self *self, const struct hg_service *service)
{
    node_of(self)->exchange->public.service = service;
}
