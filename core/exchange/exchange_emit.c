/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Requests of stages, made in callbacks or outside of them. They are only queued; no stage is called from here.
 */
#include "core/base/message.h"
#include "core/exchange/exchange_private.h"

/* Whether the stage is still part of the exchange. */
static bool is_present(struct slot *slot)
{
    if (!slot->is_out)
        return true;
    if (slot->hook != HOOK_DETACH)
        slot_note_breach(slot, BREACH_DETACHED, "uses an exchange after detach()");
    return false;
}

static bool may_act(struct slot *slot, enum hg_direction direction)
{
    return is_present(slot) && slot_is_direction(slot, direction);
}

/* The slot that `slot` emits to; NULL: what it emits is discarded. */
static struct slot *emits_to(struct slot *slot, enum hg_direction direction)
{
    const struct exchange *exchange = slot->exchange;
    struct slot *next;

    if (!may_act(slot, direction) || slot_is_over(slot))
        return NULL;
    next = slot_neighbour(slot, direction);
    if (!next && (direction != HG_DOWN || !exchange->is_shortened))
        slot_breach(slot, BREACH_DIRECTION, "emits %s, where there is no stage", direction == HG_DOWN ? "down" : "up");
    return next;
}

/* Whether the head may follow what `slot` has emitted so far. */
static bool may_emit_head(struct slot *slot, enum hg_direction direction, const struct inbox *next,
                          const struct hg_head *head)
{
    if (!slot_head_is_valid(slot, direction, head, "emits"))
        return false;
    if (next->head_came)
        slot_breach(slot, BREACH_SECOND_HEAD, "emits a head after the final one");
    return !next->head_came;
}

/* Whether the stage may emit the head, which it still owns; otherwise it must not be freed. */
static bool owns_head(struct slot *slot, enum hg_direction direction, const struct hg_head *head)
{
    const struct exchange *exchange = slot->exchange;
    const struct slot *next = slot_neighbour(slot, direction);

    if (!head)
        slot_breach(slot, BREACH_NO_HEAD, "emits a head that is NULL");
    else if (head == exchange->request || head == exchange->response || head == slot->inboxes[direction].heads)
        slot_breach(slot, BREACH_FOREIGN_HEAD, "emits a head that is not its own");
    else if (next && next->inboxes[direction].heads && head == next->inboxes[direction].last_head)
        slot_breach(slot, BREACH_SAME_HEAD, "emits the same head again");
    else
        return true;
    return false;
}

size_t exchange_emit_head(struct hg_self *self, enum hg_direction direction, struct hg_head *head)
{
    struct slot *slot = slot_of(self), *to;

    if (!may_act(slot, direction)) {
        message_head_free(head);
        return 0;
    }
    if (!owns_head(slot, direction, head))
        return 0;
    to = emits_to(slot, direction);
    if (!to || !may_emit_head(slot, direction, &to->inboxes[direction], head)) {
        message_head_free(head);
        return 0;
    }
    slot_append_head(to, direction, head);
    return exchange_credit(self, direction);
}

/* The same for data and for an end. */
static bool may_emit_data(struct slot *slot, const struct inbox *next)
{
    if (!next->head_came)
        slot_breach(slot, BREACH_EARLY_DATA, "emits data before the final head");
    else if (next->end_waits || next->ended)
        slot_breach(slot, BREACH_LATE_DATA, "emits data after the end");
    else
        return true;
    return false;
}

static bool may_emit_end(struct slot *slot, const struct inbox *next)
{
    if (!next->head_came)
        slot_breach(slot, BREACH_EARLY_END, "emits an end before the final head");
    else if (next->end_waits || next->ended)
        slot_note_breach(slot, BREACH_SECOND_END, "emits a second end");
    else
        return true;
    return false;
}

size_t exchange_emit(struct hg_self *self, enum hg_direction direction, const struct hg_slice *slice)
{
    struct slot *slot = slot_of(self), *to = emits_to(slot, direction);
    size_t room;

    if (!to || !may_emit_data(slot, &to->inboxes[direction]))
        return 0;
    to = slot_receiver(slot, direction);
    room = slot->exchange->table->buffer - to->inboxes[direction].bytes;
    if (slice->size > room) {
        slot_breach(slot, BREACH_CREDIT, "emits %zu bytes, more than its credit", slice->size);
        return 0;
    }
    if (slice->size) {
        hg_buffer_ref(slice->buffer);
        slot_append_slice(to, direction, *slice);
        if (!slot->index)
            slot->exchange->outcome.bytes[HG_DOWN] += slice->size;
    }
    return exchange_credit(self, direction);
}

void exchange_emit_end(struct hg_self *self, enum hg_direction direction, struct hg_fields *trailers)
{
    struct slot *slot = slot_of(self), *to = emits_to(slot, direction);

    if (to && may_emit_end(slot, &to->inboxes[direction]))
        slot_append_end(to, direction, trailers);
    else
        message_fields_free(trailers);
}

void exchange_flush(struct hg_self *self, enum hg_direction direction)
{
    struct slot *slot = slot_of(self), *next;

    if (!slot->exchange->table->gathers || !may_act(slot, direction) || slot_is_over(slot))
        return;
    next = slot_receiver(slot, direction);
    if (next)
        slot_append_flush(next, direction);
}

/* A callback may resume before it returns; a pause that it then returns ends at once. */
static bool may_resume(const struct slot *slot, enum hg_direction direction)
{
    return slot->inboxes[direction].held || slot_is_over(slot) ||
           (slot->hook_direction == direction &&
            (slot->hook == HOOK_HEAD || slot->hook == HOOK_DATA || slot->hook == HOOK_END));
}

void exchange_resume(struct hg_self *self, enum hg_direction direction)
{
    struct slot *slot = slot_of(self);

    if (!may_act(slot, direction))
        return;
    if (!may_resume(slot, direction)) {
        slot_note_breach(slot, BREACH_RESUME, "resumes something that it does not hold");
        return;
    }
    slot->inboxes[direction].resumed = true;
    slot_mark(slot, direction);
}

/* The reason given, or a replacement if it is missing or invalid. */
static const struct hg_reason *checked(struct slot *slot, const struct hg_reason *reason)
{
    static const struct hg_reason unknown = {500, "proxy_internal_error", "no reason was given", 0};

    if (reason && reason->status >= 400 && reason->status <= 599)
        return reason;
    if (reason)
        slot_note_breach(slot, BREACH_STATUS, "resets with status %d", reason->status);
    else
        slot_note_breach(slot, BREACH_NO_REASON, "resets without a reason");
    return &unknown;
}

void exchange_reset(struct hg_self *self, const struct hg_reason *reason)
{
    struct slot *slot = slot_of(self);

    if (is_present(slot))
        exchange_reset_by(slot->exchange, checked(slot, reason), slot->index);
}

void exchange_break(struct hg_self *self, const struct hg_reason *reason)
{
    struct slot *slot = slot_of(self);

    if (!slot->index) /* there is nothing above the first slot */
        exchange_reset(self, reason);
    else if (is_present(slot))
        exchange_break_by(slot->exchange, checked(slot, reason), slot->index);
}

void exchange_set_target(struct hg_self *self, const struct hg_target *target)
{
    if (is_present(slot_of(self)))
        slot_of(self)->exchange->public.target = *target;
}

void exchange_set_service(struct hg_self *self, const struct hg_service *service)
{
    if (is_present(slot_of(self)))
        slot_of(self)->exchange->public.service = service;
}

void exchange_set_tls(struct hg_self *self, const struct hg_tls *tls)
{
    if (is_present(slot_of(self)))
        slot_of(self)->exchange->public.tls = tls;
}
