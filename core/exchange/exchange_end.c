/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * How exchanges end: complete, by a reset, or with a response that breaks off. Every stage that was attached gets
 * detach(), once.
 */
#include "core/exchange/exchange_private.h"

#include <stdio.h>

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

/* Sets how the exchange ended. `reason` NULL: it is complete; `by` NULL: the core ended it. */
static void set_outcome(struct exchange *exchange, const struct hg_reason *reason, const struct slot *by)
{
    struct hg_outcome *outcome = &exchange->outcome;

    outcome->complete = !reason;
    outcome->status = exchange->response && outcome->first_byte ? exchange->response->status
                      : reason                                  ? reason->status
                                                                : 0;
    outcome->ended = slot_now(&exchange->slots[0]);
    outcome->error = reason ? reason->error : NULL;
    outcome->detail = reason ? reason->detail : NULL;
    outcome->ended_by = by ? by->public.worker->instance->name : reason ? "core" : NULL;
    exchange->public.outcome = outcome;
}

static const struct slot *resetter(const struct exchange *exchange)
{
    return exchange->reset_by == NOBODY ? NULL : &exchange->slots[exchange->reset_by];
}

static void report_reset(struct slot *slot, const struct hg_reason *reason)
{
    const struct exchange *exchange = slot->exchange;

    if (!slot->attached || !slot->ops->reset || (slot->index == exchange->reset_by && !exchange->is_breach))
        return;
    slot_enter(slot, HOOK_RESET, HG_DOWN);
    slot->ops->reset(&slot->public, reason);
    slot_leave(slot);
}

static void detach(struct slot *slot)
{
    slot->is_out = true;
    if (!slot->attached)
        return;
    slot->attached = false;
    if (slot->ops->detach) {
        slot_enter(slot, HOOK_DETACH, HG_DOWN);
        slot->ops->detach(&slot->public);
        slot_leave(slot);
    }
}

/* Ends everything below `slot` on behalf of `by`; `slot` becomes the last one. */
static void cut_below(struct slot *slot, const struct hg_reason *reason, const struct slot *by)
{
    struct exchange *exchange = slot->exchange;

    set_outcome(exchange, reason, by);
    for (unsigned i = slot->index + 1; i <= exchange->bottom; i++) {
        struct slot *below = &exchange->slots[i];

        report_reset(below, reason);
        detach(below);
        inbox_clear(exchange, &below->inboxes[HG_DOWN]);
        inbox_clear(exchange, &below->inboxes[HG_UP]);
    }
    exchange->public.outcome = NULL; /* the stages above continue */
    exchange->bottom = slot->index;
    exchange->is_shortened = true;
    if (!slot->inboxes[HG_DOWN].ended)
        slot_mark(slot, HG_DOWN);
    slot_offer_credit(slot, HG_DOWN); /* the inbox below, which may have been full, no longer exists */
}

void exchange_replace_below(struct slot *slot)
{
    static const struct hg_reason replaced = {502, NULL, "answered by a stage above", 0};

    slot->exchange->response = NULL;
    cut_below(slot, &replaced, slot);
    inbox_clear(slot->exchange, &slot->inboxes[HG_UP]);
}

/* The edge comes last, since other stages may look at data that it owns. */
static void detach_all(struct exchange *exchange)
{
    for (size_t i = exchange->table->stage_count; i-- > 0;)
        detach(&exchange->slots[i]);
    exchange_free(exchange);
}

void exchange_finish(struct exchange *exchange)
{
    set_outcome(exchange, NULL, NULL);
    detach_all(exchange);
}

void exchange_finish_reset(struct exchange *exchange)
{
    set_outcome(exchange, &exchange->reason, resetter(exchange));
    exchange_log_failure(exchange);
    for (unsigned i = 0; i < exchange->table->stage_count; i++)
        report_reset(&exchange->slots[i], &exchange->reason);
    detach_all(exchange);
}

/* Whether everything above the break has been taken. */
static bool is_taken(const struct exchange *exchange)
{
    for (unsigned i = 0; i < exchange->reset_by; i++)
        if (!inbox_is_empty(&exchange->slots[i].inboxes[HG_UP]))
            return false;
    return true;
}

void exchange_continue_break(struct exchange *exchange)
{
    if (!exchange->is_cut) {
        exchange->is_cut = true;
        cut_below(&exchange->slots[exchange->reset_by - 1], &exchange->reason, resetter(exchange));
    }
    if (is_taken(exchange))
        exchange->is_reset = true;
}

void exchange_reset_all(struct exchange_table *table, const struct hg_reason *reason)
{
    for (struct exchange *exchange = table->open; exchange; exchange = exchange->next)
        exchange_reset_by(exchange, reason, NOBODY);
    exchange_run_ready(table);
}
