/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * How exchanges work. A stage's part in an exchange is a slot, which has an inbox for each direction. Emitted events go
 * into the inbox of the next slot that uses them; emitting calls no stage. exchange_run() then takes events out of the
 * inboxes and calls the stages until all inboxes are empty or held. So no callback ever runs inside another, and a
 * stage's credit is the room in the inbox that it emits into.
 */
#include "core/exchange/exchange.h"

#include "core/base/log.h"
#include "core/base/message.h"
#include "core/base/socket_address.h"
#include "core/exchange/exchange_private.h"

#include <stdlib.h>

/* How many freed exchanges are kept for reuse. */
#define SPARE_EXCHANGES 256

static size_t aligned(size_t size)
{
    return (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
}

/* The size of an exchange: its slots, followed by the `state` of each stage. */
static size_t exchange_bytes(const struct exchange_table *table)
{
    size_t bytes = aligned(sizeof(struct exchange) + table->stage_count * sizeof(struct slot));

    for (size_t i = 1; i < table->stage_count; i++)
        bytes += aligned(table->stages[i].ops->self_size);
    return bytes;
}

static void slot_init(struct exchange *exchange, size_t index, struct stage *stage, void *state)
{
    struct slot *slot = &exchange->slots[index];

    slot->public.host = stage->worker->host;
    slot->public.worker = stage->worker;
    slot->public.exchange = &exchange->public;
    slot->public.cfg = stage->worker->cfg;
    slot->public.state = state;
    slot->ops = stage->ops;
    slot->stage = stage;
    slot->exchange = exchange;
    slot->index = (unsigned)index;
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
    memset(exchange, 0, offsetof(struct exchange, detail));
    memset(exchange->slots, 0, bytes - offsetof(struct exchange, slots));
    exchange->table = table;
    states = (char *)exchange + aligned(sizeof *exchange + table->stage_count * sizeof(struct slot));
    for (size_t i = 1; i < table->stage_count; i++) {
        size_t size = table->stages[i].ops->self_size;

        slot_init(exchange, i, &table->stages[i], size ? states : NULL);
        states += aligned(size);
    }
    return exchange;
}

struct hg_self *exchange_open(struct exchange_table *table, struct stage *top, struct hg_head *request, void *state)
{
    struct exchange *exchange;

    if (!request || request->kind != HG_REQUEST || request->traffic > HG_TRAFFIC_DATAGRAMS) {
        log_line(HG_LOG_ERROR, top->worker->instance->name,
                 "this plugin has a bug: it opens an exchange without the head of a request");
        return NULL;
    }
    exchange = exchange_allocate(table);
    if (!exchange)
        return NULL;
    slot_init(exchange, 0, top, state);
    exchange->slots[0].attached = true;
    exchange->bottom = (unsigned)table->stage_count - 1;
    exchange->public.number = ++table->last_number;
    exchange->public.started = slot_now(&exchange->slots[0]);
    exchange->public.request = request;
    socket_address_parse(&exchange->public.user, request->peer);
    exchange->request = request;
    exchange->next = table->open;
    if (exchange->next)
        exchange->next->previous = exchange;
    table->open = exchange;
    table->open_count++;
    slot_append_head(slot_neighbour(&exchange->slots[0], HG_DOWN), HG_DOWN, request);
    return &exchange->slots[0].public;
}

void exchange_free(struct exchange *exchange)
{
    struct exchange_table *table = exchange->table;

    for (size_t i = 0; i < table->stage_count; i++)
        for (int direction = HG_DOWN; direction <= HG_UP; direction++)
            inbox_clear(exchange, &exchange->slots[i].inboxes[direction]);
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
