/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Takes events out of inboxes and passes them to the stages.
 */
#include "core/base/message.h"
#include "core/config/only.h"
#include "core/exchange/exchange_private.h"

#include <stdio.h>

static void inbox_hold(struct slot *slot, struct inbox *inbox)
{
    inbox->held = true;
    inbox->held_since = slot_now(slot);
}

/* Whether an inbox may be worked on; a pending resume takes effect here. */
static bool inbox_is_released(struct slot *slot, struct inbox *inbox)
{
    if (!inbox->held)
        return true;
    if (!inbox->resumed)
        return false;
    inbox->held = false;
    slot->stage->held += slot_now(slot) - inbox->held_since;
    return true;
}

static void stage_error(struct slot *slot)
{
    char detail[128];

    snprintf(detail, sizeof detail, "%s failed", slot->public.worker->instance->name);
    exchange_reset(&slot->public, &(struct hg_reason){500, "proxy_internal_error", detail, 0});
}

/* A head has passed `slot`: hands it to the next slot, if any. False: the exchange is over. */
static bool pass_head(struct slot *slot, enum hg_direction direction, struct hg_head *head)
{
    struct slot *next = slot_neighbour(slot, direction);

    if (!hg_head_is_interim(head)) {
        slot->inboxes[direction].head_seen = true;
        if (!slot->index)
            slot->exchange->outcome.first_byte = slot_now(slot);
    }
    if (next && next->inboxes[direction].head_came) {
        slot->hook = HOOK_HEAD; /* the callback that let the head pass */
        slot_breach(slot, BREACH_SECOND_ANSWER, "has emitted a final head and passes on another one");
        slot->hook = HOOK_NONE;
        exchange_head_done(slot->exchange, head);
        return false;
    }
    if (next)
        slot_append_head(next, direction, head);
    else
        exchange_head_done(slot->exchange, head);
    return true;
}

/* All stages may look at the newest response head; a final one is kept until the exchange ends. */
static void note_response(struct exchange *exchange, struct hg_head *head)
{
    exchange->public.response = head;
    if (!hg_head_is_interim(head) && !exchange->response)
        exchange->response = head;
}

/* Whether the stage understands what the exchange carries; if not, the exchange is reset. */
static bool understands(struct slot *slot)
{
    static const struct {
        uint32_t event;
        const char *name;
    } kinds[] = {
        [HG_TRAFFIC_HTTP] = {HG_EVENTS_MESSAGES, "HTTP"},
        [HG_TRAFFIC_STREAM] = {HG_EVENTS_STREAM, "byte streams"},
        [HG_TRAFFIC_DATAGRAMS] = {HG_EVENTS_DATAGRAMS, "datagrams"},
    };
    enum hg_traffic traffic = slot->exchange->request->traffic;
    char detail[128];

    if (slot->ops->events & kinds[traffic].event)
        return true;
    snprintf(detail, sizeof detail, "%s does not support %s", slot->public.worker->instance->name, kinds[traffic].name);
    exchange_reset(&slot->public, &(struct hg_reason){501, "http_request_error", detail, 0});
    return false;
}

/* False: the exchange is over. */
static bool attach(struct slot *slot)
{
    enum hg_verdict verdict = HG_NEXT;

    if (slot->attached || slot->bypassed)
        return true;
    if (slot->stage->only && !only_matches(slot->stage->only, slot->exchange->request, &slot->exchange->public.user)) {
        verdict = HG_BYPASS;
    } else if (!understands(slot)) {
        return false;
    } else if (slot->ops->attach) {
        slot_enter(slot, HOOK_ATTACH, HG_DOWN);
        verdict = slot->ops->attach(&slot->public);
        if (verdict != HG_NEXT && verdict != HG_BYPASS)
            slot_breach(slot, BREACH_VERDICT, "returns %d", (int)verdict);
        slot_leave(slot);
    }
    slot->attached = verdict == HG_NEXT;
    slot->bypassed = verdict == HG_BYPASS;
    if (slot->bypassed && !slot_neighbour(slot, HG_DOWN))
        stage_error(slot); /* nobody left to answer */
    return !slot_is_over(slot);
}

/* Passes the first head of the inbox to the stage. *verdict is NEXT unless the stage says otherwise. False: the
 * exchange is over. */
static bool call_head(struct slot *slot, enum hg_direction direction, enum hg_verdict *verdict)
{
    struct inbox *inbox = &slot->inboxes[direction];

    *verdict = HG_NEXT;
    if (direction == HG_UP)
        note_response(slot->exchange, inbox->heads);
    else if (!attach(slot))
        return false;
    if (slot->bypassed || !slot->ops->head)
        return true;
    inbox->resumed = false;
    slot_enter(slot, HOOK_HEAD, direction);
    *verdict = slot->ops->head(&slot->public, direction, inbox->heads);
    if (*verdict > HG_ERROR || *verdict == HG_BYPASS)
        slot_breach(slot, BREACH_VERDICT, "returns %d", (int)*verdict);
    else if (*verdict == HG_NEXT || *verdict == HG_PAUSE)
        slot_head_is_valid(slot, direction, inbox->heads, "passes on");
    slot_leave(slot);
    return !slot_is_over(slot);
}

/* Takes the first head out of the inbox and through the stage. False: the inbox is held, or the exchange is over. */
static bool run_head(struct slot *slot, enum hg_direction direction)
{
    struct inbox *inbox = &slot->inboxes[direction];
    struct hg_head *head = inbox->heads;
    enum hg_verdict verdict = HG_NEXT;

    if (!inbox->head_called) {
        if (!call_head(slot, direction, &verdict))
            return false;
        if (verdict == HG_PAUSE) {
            inbox->head_called = true;
            inbox_hold(slot, inbox);
            return inbox_is_released(slot, inbox);
        }
    }
    inbox->head_called = false;
    if (verdict == HG_ERROR) {
        stage_error(slot);
        return false;
    }
    if (verdict == HG_TAKEN && direction == HG_UP) {
        exchange_replace_below(slot);
        return false;
    }
    if (verdict == HG_TAKEN)
        slot->exchange->bottom = slot->index;
    inbox->heads = head->next;
    return pass_head(slot, direction, head);
}

/* Moves all data past a stage that is not involved. */
static void pass_data(struct slot *slot, enum hg_direction direction)
{
    struct inbox *inbox = &slot->inboxes[direction];
    struct slot *to = slot_receiver(slot, direction);

    while (inbox->slice_count) {
        struct hg_slice slice = inbox->slices[inbox->first_slice];

        inbox->first_slice = (inbox->first_slice + 1) % inbox->slice_room;
        inbox->slice_count--;
        inbox->bytes -= slice.size;
        if (to)
            slot_append_slice(to, direction, slice);
        else
            hg_buffer_unref(slice.buffer);
    }
}

/* Offers the first slice to the stage. False: it did not take all of it, or the exchange is over. */
static bool run_slice(struct slot *slot, enum hg_direction direction)
{
    struct inbox *inbox = &slot->inboxes[direction];
    struct hg_slice *slice = &inbox->slices[inbox->first_slice];
    size_t size = slice->size, used;

    inbox->resumed = false;
    slot_enter(slot, HOOK_DATA, direction);
    used = slot->ops->data(&slot->public, direction, slice);
    if (used > size)
        slot_breach(slot, BREACH_CONSUMED, "consumes %zu of %zu bytes", used, size);
    else if (!used && inbox->resumed)
        slot_breach(slot, BREACH_SPIN, "consumes nothing and resumes, which would never end");
    slot_leave(slot);
    if (slot_is_over(slot))
        return false;
    slot->stage->bytes[direction] += used;
    if (!slot->index)
        slot->exchange->outcome.bytes[HG_UP] += used;
    inbox->bytes -= used;
    if (used < size) {
        *slice = hg_slice_from(*slice, used);
        inbox_hold(slot, inbox);
        return inbox_is_released(slot, inbox);
    }
    hg_buffer_unref(slice->buffer);
    inbox->first_slice = (inbox->first_slice + 1) % inbox->slice_room;
    inbox->slice_count--;
    return true;
}

static void run_end(struct slot *slot, enum hg_direction direction)
{
    struct inbox *inbox = &slot->inboxes[direction];
    enum hg_verdict verdict = HG_NEXT;
    struct slot *next;

    if (!inbox->end_called && !slot->bypassed && slot->ops->end) {
        inbox->resumed = false;
        slot_enter(slot, HOOK_END, direction);
        verdict = slot->ops->end(&slot->public, direction, inbox->trailers);
        if (verdict != HG_NEXT && verdict != HG_PAUSE && verdict != HG_ERROR)
            slot_breach(slot, BREACH_VERDICT, "returns %d", (int)verdict);
        slot_leave(slot);
        if (verdict == HG_PAUSE && !slot_is_over(slot)) {
            inbox->end_called = true;
            inbox_hold(slot, inbox);
            if (!inbox_is_released(slot, inbox))
                return;
        }
    }
    if (slot_is_over(slot))
        return;
    if (verdict == HG_ERROR) {
        stage_error(slot);
        return;
    }
    next = slot_neighbour(slot, direction);
    inbox->end_waits = false;
    inbox->ended = true;
    if (next && (next->inboxes[direction].end_waits || next->inboxes[direction].ended)) {
        slot->hook = HOOK_END;
        slot_note_breach(slot, BREACH_SECOND_END, "has emitted an end and passes on another one");
        slot->hook = HOOK_NONE;
        next = NULL;
    }
    if (next)
        slot_append_end(next, direction, inbox->trailers);
    else
        message_fields_free(inbox->trailers);
    inbox->trailers = NULL;
}

/* Everything before the flush has been taken. False: the exchange is over. */
static bool run_flush(struct slot *slot, enum hg_direction direction)
{
    struct slot *next = slot_neighbour(slot, direction);

    slot->inboxes[direction].flush_waits = false;
    if (slot->inboxes[direction].end_waits)
        return true;
    if (!slot->bypassed && slot->ops->flush) {
        slot_enter(slot, HOOK_FLUSH, direction);
        slot->ops->flush(&slot->public, direction);
        slot_leave(slot);
    } else if (next) {
        slot_append_flush(next, direction);
    }
    return !slot_is_over(slot);
}

/* Works on one inbox until it is empty or held. */
static void run_inbox(struct slot *slot, enum hg_direction direction)
{
    struct inbox *inbox = &slot->inboxes[direction];

    if (slot_is_over(slot) || !inbox_is_released(slot, inbox))
        return;
    while (inbox->heads)
        if (!run_head(slot, direction))
            return;
    if (!inbox->head_seen)
        return;
    if (inbox->slice_count) {
        if (slot->bypassed || !slot->ops->data) {
            pass_data(slot, direction);
        } else {
            while (inbox->slice_count)
                if (!run_slice(slot, direction))
                    break;
        }
        if (slot_is_over(slot))
            return;
        slot_offer_credit(slot, direction);
    }
    if (inbox->slice_count || inbox->held)
        return;
    if (inbox->flush_waits && !run_flush(slot, direction))
        return;
    if (inbox->end_waits)
        run_end(slot, direction);
}

static void run_writable(struct exchange *exchange, enum hg_direction direction)
{
    uint64_t set = exchange->writable[direction];

    exchange->writable[direction] = 0;
    for (; set && !exchange->is_reset; set &= set - 1) {
        struct slot *slot = &exchange->slots[__builtin_ctzll(set)];

        if (slot->attached && slot->ops->writable && !slot_is_over(slot)) {
            slot_enter(slot, HOOK_WRITABLE, direction);
            slot->ops->writable(&slot->public, direction);
            slot_leave(slot);
        }
    }
}

static bool is_complete(const struct exchange *exchange)
{
    return exchange->slots[0].inboxes[HG_UP].ended && exchange->slots[exchange->bottom].inboxes[HG_DOWN].ended;
}

static void exchange_run(struct exchange *exchange)
{
    for (;;) {
        enum hg_direction direction = exchange->work[HG_UP] ? HG_UP : HG_DOWN;
        uint64_t set = exchange->work[direction];

        if (exchange->is_breaking && (!exchange->is_cut || !exchange->work[HG_UP]))
            exchange_continue_break(exchange);
        if (exchange->is_reset) {
            exchange_finish_reset(exchange);
            return;
        }
        if (set) {
            exchange->work[direction] = set & (set - 1);
            run_inbox(&exchange->slots[__builtin_ctzll(set)], direction);
        } else if (exchange->writable[HG_UP]) {
            run_writable(exchange, HG_UP);
        } else if (exchange->writable[HG_DOWN]) {
            run_writable(exchange, HG_DOWN);
        } else {
            break;
        }
    }
    if (is_complete(exchange))
        exchange_finish(exchange);
    else
        exchange->is_ready = false; /* only now: events queued during the run have been handled */
}

void exchange_run_ready(struct exchange_table *table)
{
    while (table->ready) {
        struct exchange *exchange = table->ready;

        table->ready = exchange->next_ready;
        if (!table->ready)
            table->ready_tail = &table->ready;
        exchange_run(exchange);
    }
}
