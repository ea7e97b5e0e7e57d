/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The inboxes, which queue the events for each stage of an exchange, and the list of exchanges that are ready to run.
 */
#include "core/base/message.h"
#include "core/exchange/exchange_private.h"

#include <stdlib.h>

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

void slot_mark(struct slot *slot, enum hg_direction direction)
{
    slot->exchange->work[direction] |= UINT64_C(1) << slot->index;
    exchange_schedule(slot->exchange);
}

bool inbox_is_empty(const struct inbox *inbox)
{
    return !inbox->heads && !inbox->slice_count && !inbox->end_waits;
}

void slot_append_head(struct slot *slot, enum hg_direction direction, struct hg_head *head)
{
    struct inbox *inbox = &slot->inboxes[direction];

    head->next = NULL;
    if (inbox->heads)
        inbox->last_head->next = head;
    else
        inbox->heads = head;
    inbox->last_head = head;
    inbox->head_came |= !hg_head_is_interim(head);
    slot_mark(slot, direction);
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

void slot_append_slice(struct slot *slot, enum hg_direction direction, struct hg_slice slice)
{
    struct inbox *inbox = &slot->inboxes[direction];

    if (inbox_reserve(inbox)) {
        hg_buffer_unref(slice.buffer);
        exchange_reset_by(slot->exchange, &(struct hg_reason){503, "proxy_internal_error", "out of memory", 1}, NOBODY);
        return;
    }
    inbox->slices[(inbox->first_slice + inbox->slice_count++) % inbox->slice_room] = slice;
    inbox->bytes += slice.size;
    slot_mark(slot, direction);
}

void slot_append_flush(struct slot *slot, enum hg_direction direction)
{
    slot->inboxes[direction].flush_waits = true;
    slot_mark(slot, direction);
}

void slot_append_end(struct slot *slot, enum hg_direction direction, struct hg_fields *trailers)
{
    struct inbox *inbox = &slot->inboxes[direction];

    inbox->end_waits = true;
    inbox->trailers = trailers;
    slot_mark(slot, direction);
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
