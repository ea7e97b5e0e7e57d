/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Credit: how much a stage may emit. It is the room in the inbox that the bytes go into. As inboxes are bounded, so is
 * the memory of an exchange, and a slow reader slows down its sender. A stage that found no credit gets writable() once
 * half of the room is free again.
 */
#include "core/exchange/exchange_private.h"

/* Less credit than this counts as none: many tiny reads cost more than waiting a little. */
#define LEAST_CREDIT 4096

/* How many bytes may wait for a stage that takes none at the moment: enough to continue with, and little enough for
 * thousands of exchanges to stall at once. */
#define HELD_WINDOW 12288

/* Whether data passes through a slot untouched: its stage is not involved, and nothing is waiting there that must go
 * first. */
static bool is_transparent(const struct slot *slot, enum hg_direction direction)
{
    return (slot->bypassed || (slot->attached && !slot->ops->data)) && slot->inboxes[direction].head_seen &&
           inbox_is_empty(&slot->inboxes[direction]);
}

/* How many bytes of data an inbox may hold at the moment. */
static size_t window_of(const struct slot *slot, enum hg_direction direction)
{
    size_t window = slot->exchange->table->buffer;

    return slot->inboxes[direction].held && window > HELD_WINDOW ? HELD_WINDOW : window;
}

struct slot *slot_receiver(struct slot *slot, enum hg_direction direction)
{
    struct slot *next = slot_neighbour(slot, direction);

    while (next && is_transparent(next, direction)) {
        struct slot *after = slot_neighbour(next, direction);

        if (!after)
            break;
        next = after;
    }
    return next;
}

static size_t credit_left(struct slot *slot, enum hg_direction direction)
{
    const struct slot *to = slot_receiver(slot, direction);
    size_t window, held;

    if (!to)
        return slot->exchange->table->buffer;
    window = window_of(to, direction);
    held = to->inboxes[direction].bytes;
    return held < window && window - held >= LEAST_CREDIT ? window - held : 0;
}

size_t exchange_credit(struct hg_self *self, enum hg_direction direction)
{
    struct slot *slot = slot_of(self);
    size_t credit;

    if (!slot_is_direction(slot, direction))
        return 0;
    credit = slot_is_over(slot) ? 0 : credit_left(slot, direction);
    /* Only writable() clears it: a stage that asks again in the meantime and gets a little may still have to wait for
     * more. */
    if (!credit)
        slot->wants_credit[direction] = true;
    return credit;
}

/* Offers credit to the slots that emit into `slot`. */
void slot_offer_credit(struct slot *slot, enum hg_direction direction)
{
    struct slot *from = slot_neighbour(slot, direction == HG_DOWN ? HG_UP : HG_DOWN);

    if (slot->inboxes[direction].bytes > window_of(slot, direction) / 2)
        return;
    for (; from; from = slot_neighbour(from, direction == HG_DOWN ? HG_UP : HG_DOWN)) {
        if (from->wants_credit[direction]) {
            from->wants_credit[direction] = false;
            from->exchange->writable[direction] |= UINT64_C(1) << from->index;
            exchange_schedule(from->exchange);
        }
        if (!is_transparent(from, direction))
            return;
    }
}
