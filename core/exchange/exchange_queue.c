/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What waits at the places of an exchange, and which place is next.
 */
#include "core/base/message.h"
#include "core/exchange/exchange_private.h"

#include <stdio.h>
#include <stdlib.h>

/* What may wait for a stage that does not take it: enough to go on with, and so little that thousands may stall. */
#define HELD_WINDOW 12288

void exchange_schedule(struct exchange *exchange)
{
    struct exchange_table *table = exchange->table;

    if (exchange->is_ready)
        return;
    exchange->is_ready = true;
    exchange->next_ready = NULL;
    *table->ready_tail = exchange;
    table->ready_tail = &exchange->next_ready;
}

static void note_reset(struct exchange *exchange, const struct hg_reason *reason, unsigned by)
{
    exchange->reset_by = by;
    exchange->reason = *reason;
    snprintf(exchange->detail, sizeof exchange->detail, "%s", reason->detail ? reason->detail : "");
    exchange->reason.detail = exchange->detail;
    exchange_schedule(exchange);
}

void exchange_reset_by(struct exchange *exchange, const struct hg_reason *reason, unsigned by)
{
    if (exchange->is_reset)
        return;
    exchange->is_reset = true;
    exchange->is_breaking = false;
    note_reset(exchange, reason, by);
}

void exchange_break_by(struct exchange *exchange, const struct hg_reason *reason, unsigned by)
{
    if (exchange->is_reset || (exchange->is_breaking && by >= exchange->reset_by))
        return;
    exchange->is_breaking = true;
    exchange->is_cut = false;
    note_reset(exchange, reason, by);
}

bool node_is_over(const struct node *node)
{
    const struct exchange *exchange = node->exchange;

    return exchange->is_reset || node->is_out || (exchange->is_breaking && node->index >= exchange->reset_by);
}

void node_mark(struct node *node, enum hg_direction direction)
{
    node->exchange->work[direction] |= UINT64_C(1) << node->index;
    exchange_schedule(node->exchange);
}

struct node *node_neighbour(struct node *node, enum hg_direction direction)
{
    struct exchange *exchange = node->exchange;

    if (direction == HG_DOWN)
        return node->index < exchange->bottom ? &exchange->nodes[node->index + 1] : NULL;
    return node->index > 0 ? &exchange->nodes[node->index - 1] : NULL;
}

bool inbox_is_empty(const struct inbox *inbox)
{
    return !inbox->heads && !inbox->slice_count && !inbox->end_waits;
}

bool node_is_transparent(const struct node *node, enum hg_direction direction)
{
    return (node->bypassed || (node->attached && !node->ops->data)) && node->inboxes[direction].head_seen &&
           inbox_is_empty(&node->inboxes[direction]);
}

size_t node_window(const struct node *node, enum hg_direction direction)
{
    size_t window = node->exchange->table->buffer;

    return node->inboxes[direction].held && window > HELD_WINDOW ? HELD_WINDOW : window;
}

struct node *node_receiver(struct node *node, enum hg_direction direction)
{
    struct node *next = node_neighbour(node, direction);

    while (next && node_is_transparent(next, direction)) {
        struct node *after = node_neighbour(next, direction);

        if (!after)
            break;
        next = after;
    }
    return next;
}

void node_append_head(struct node *node, enum hg_direction direction, struct hg_head *head)
{
    struct inbox *inbox = &node->inboxes[direction];

    head->next = NULL;
    if (inbox->heads)
        inbox->last_head->next = head;
    else
        inbox->heads = head;
    inbox->last_head = head;
    node_mark(node, direction);
}

static int inbox_reserve(struct inbox *inbox)
{
    size_t room = inbox->slice_room ? 2 * inbox->slice_room : FEW_SLICES;
    struct hg_slice *slices;

    if (inbox->slice_count < inbox->slice_room)
        return 0;
    slices = inbox->slice_room ? malloc(room * sizeof *slices) : inbox->few_slices;
    if (!slices)
        return -1;
    for (size_t i = 0; i < inbox->slice_count; i++)
        slices[i] = inbox->slices[(inbox->first_slice + i) % inbox->slice_room];
    if (inbox->slices != inbox->few_slices)
        free(inbox->slices);
    inbox->slices = slices;
    inbox->slice_room = room;
    inbox->first_slice = 0;
    return 0;
}

void node_append_slice(struct node *node, enum hg_direction direction, struct hg_slice slice)
{
    struct inbox *inbox = &node->inboxes[direction];

    if (inbox_reserve(inbox)) {
        hg_buffer_unref(slice.buffer);
        exchange_reset_by(node->exchange, &(struct hg_reason){503, "proxy_internal_error", "out of memory", 1}, NOBODY);
        return;
    }
    inbox->slices[(inbox->first_slice + inbox->slice_count++) % inbox->slice_room] = slice;
    inbox->bytes += slice.size;
    node_mark(node, direction);
}

void node_append_end(struct node *node, enum hg_direction direction, struct hg_fields *trailers)
{
    struct inbox *inbox = &node->inboxes[direction];

    if (inbox->end_waits || inbox->ended) {
        message_fields_free(trailers);
        return;
    }
    inbox->end_waits = true;
    inbox->trailers = trailers;
    node_mark(node, direction);
}

void exchange_head_done(struct exchange *exchange, struct hg_head *head)
{
    if (head == exchange->request || head == exchange->response)
        return;
    if (exchange->public.response == head)
        exchange->public.response = exchange->response;
    message_head_free(head);
}

void inbox_clear(struct exchange *exchange, struct inbox *inbox)
{
    while (inbox->heads) {
        struct hg_head *head = inbox->heads;

        inbox->heads = head->next;
        exchange_head_done(exchange, head);
    }
    inbox->last_head = NULL;
    while (inbox->slice_count) {
        hg_buffer_unref(inbox->slices[inbox->first_slice].buffer);
        inbox->first_slice = (inbox->first_slice + 1) % inbox->slice_room;
        inbox->slice_count--;
    }
    if (inbox->slices != inbox->few_slices)
        free(inbox->slices);
    inbox->slices = NULL;
    inbox->slice_room = 0;
    inbox->bytes = 0;
    message_fields_free(inbox->trailers);
    inbox->trailers = NULL;
    inbox->end_waits = false;
}
