/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Takes what waits at the places of an exchange through their stages. Only here are stages called.
 */
#include "core/base/message.h"
#include "core/exchange/exchange_private.h"

#include <stdio.h>

static void count_call(struct node *node)
{
    node->stage->calls++;
}

static void inbox_hold(struct node *node, struct inbox *inbox)
{
    inbox->held = true;
    inbox->held_since = hg_now(node->public.worker);
}

/* Whether an inbox may be worked on; takes note of a resume. */
static bool inbox_is_released(struct node *node, struct inbox *inbox)
{
    if (!inbox->held)
        return true;
    if (!inbox->resumed)
        return false;
    inbox->held = false;
    node->stage->held += hg_now(node->public.worker) - inbox->held_since;
    return true;
}

/* Tells those who emit into `node` that there is room again. */
static void offer_credit(struct node *node, enum hg_direction direction)
{
    struct node *from = node_neighbour(node, direction == HG_DOWN ? HG_UP : HG_DOWN);

    if (node->inboxes[direction].bytes > node_window(node, direction) / 2)
        return;
    for (; from; from = node_neighbour(from, direction == HG_DOWN ? HG_UP : HG_DOWN)) {
        if (from->wants_credit[direction]) {
            from->wants_credit[direction] = false;
            from->exchange->writable[direction] |= UINT64_C(1) << from->index;
            exchange_schedule(from->exchange);
        }
        if (!node_is_transparent(from, direction))
            return;
    }
}

static void leave(struct node *node)
{
    if (!node->attached)
        return;
    node->attached = false;
    node->is_out = true;
    if (node->ops->detach) {
        count_call(node);
        node->ops->detach(&node->public);
    }
}

/* What is below `node` is over: it becomes the last place. */
static void cut_below(struct node *node, const struct hg_reason *reason)
{
    struct exchange *exchange = node->exchange;

    for (unsigned i = node->index + 1; i <= exchange->bottom; i++) {
        struct node *below = &exchange->nodes[i];

        if (below->attached && below->ops->reset && i != exchange->reset_by) {
            count_call(below);
            below->ops->reset(&below->public, reason);
        }
        leave(below);
        below->is_out = true;
        inbox_clear(exchange, &below->inboxes[HG_DOWN]);
        inbox_clear(exchange, &below->inboxes[HG_UP]);
    }
    exchange->bottom = node->index;
    if (!node->inboxes[HG_DOWN].ended)
        node_mark(node, HG_DOWN);
    offer_credit(node, HG_DOWN); /* what has filled the place below is gone */
}

/* A stage answers in the place of what is below it. */
static void replace_below(struct node *node)
{
    static const struct hg_reason replaced = {502, NULL, "answered by a stage above", 0};

    node->exchange->response = NULL;
    cut_below(node, &replaced);
    inbox_clear(node->exchange, &node->inboxes[HG_UP]);
}

static void stage_error(struct node *node)
{
    char detail[128];

    snprintf(detail, sizeof detail, "%s failed", node->public.worker->instance->name);
    exchange_reset(&node->public, &(struct hg_reason){500, "proxy_internal_error", detail, 0});
}

/* A head has passed `node`: it goes on, or has reached its last place. */
static void pass_head(struct node *node, enum hg_direction direction, struct hg_head *head)
{
    struct node *next = node_neighbour(node, direction);

    if (!hg_head_is_interim(head))
        node->inboxes[direction].head_seen = true;
    if (next)
        node_append_head(next, direction, head);
    else
        exchange_head_done(node->exchange, head);
}

/* The newest response head is what everybody may look at; a final one is kept until the exchange is over. */
static void note_response(struct exchange *exchange, struct hg_head *head)
{
    exchange->public.response = head;
    if (!hg_head_is_interim(head) && !exchange->response)
        exchange->response = head;
}

static enum hg_verdict attach(struct node *node)
{
    if (node->attached || node->bypassed)
        return HG_NEXT;
    count_call(node);
    if (node->ops->attach && node->ops->attach(&node->public) == HG_BYPASS) {
        node->bypassed = true;
        return HG_BYPASS;
    }
    node->attached = true;
    return HG_NEXT;
}

/* Takes the first head out of the inbox and through the stage. False: the inbox is held, or the exchange is over. */
static bool run_head(struct node *node, enum hg_direction direction)
{
    struct inbox *inbox = &node->inboxes[direction];
    struct hg_head *head = inbox->heads;
    enum hg_verdict verdict = HG_NEXT;

    if (!inbox->head_called) {
        if (direction == HG_UP)
            note_response(node->exchange, head);
        else if (attach(node) == HG_BYPASS && !node_neighbour(node, HG_DOWN))
            verdict = HG_ERROR;
        if (!node->bypassed && node->ops->head) {
            inbox->resumed = false;
            count_call(node);
            verdict = node->ops->head(&node->public, direction, head);
            if (node_is_over(node))
                return false;
        }
        if (verdict == HG_PAUSE) {
            inbox->head_called = true;
            inbox_hold(node, inbox);
            return inbox_is_released(node, inbox);
        }
    }
    inbox->head_called = false;
    if (verdict == HG_ERROR) {
        stage_error(node);
        return false;
    }
    if (verdict == HG_TAKEN && direction == HG_UP) {
        replace_below(node);
        return false;
    }
    if (verdict == HG_TAKEN)
        node->exchange->bottom = node->index;
    inbox->heads = head->next;
    pass_head(node, direction, head);
    return true;
}

/* Moves all data of a place that has no part in it to the next one. */
static void pass_data(struct node *node, enum hg_direction direction)
{
    struct inbox *inbox = &node->inboxes[direction];
    struct node *to = node_receiver(node, direction);

    while (inbox->slice_count) {
        struct hg_slice slice = inbox->slices[inbox->first_slice];

        inbox->first_slice = (inbox->first_slice + 1) % inbox->slice_room;
        inbox->slice_count--;
        inbox->bytes -= slice.size;
        if (to)
            node_append_slice(to, direction, slice);
        else
            hg_buffer_unref(slice.buffer);
    }
}

/* Offers the first slice to the stage. False: it has not taken all of it, or the exchange is over. */
static bool run_slice(struct node *node, enum hg_direction direction)
{
    struct inbox *inbox = &node->inboxes[direction];
    struct hg_slice *slice = &inbox->slices[inbox->first_slice];
    size_t size = slice->size, used;

    inbox->resumed = false;
    count_call(node);
    used = node->ops->data(&node->public, direction, slice);
    if (node_is_over(node))
        return false;
    used = used < size ? used : size;
    node->stage->bytes[direction] += used;
    inbox->bytes -= used;
    if (used < size) {
        *slice = hg_slice_from(*slice, used);
        inbox_hold(node, inbox);
        return inbox_is_released(node, inbox);
    }
    hg_buffer_unref(slice->buffer);
    inbox->first_slice = (inbox->first_slice + 1) % inbox->slice_room;
    inbox->slice_count--;
    return true;
}

static void run_end(struct node *node, enum hg_direction direction)
{
    struct inbox *inbox = &node->inboxes[direction];
    enum hg_verdict verdict = HG_NEXT;
    struct node *next;

    if (!inbox->end_called && !node->bypassed && node->ops->end) {
        inbox->resumed = false;
        count_call(node);
        verdict = node->ops->end(&node->public, direction, inbox->trailers);
        if (verdict == HG_PAUSE && !node_is_over(node)) {
            inbox->end_called = true;
            inbox_hold(node, inbox);
            if (!inbox_is_released(node, inbox))
                return;
        }
    }
    if (node_is_over(node))
        return;
    if (verdict == HG_ERROR || verdict == HG_TAKEN) {
        stage_error(node);
        return;
    }
    next = node_neighbour(node, direction);
    inbox->end_waits = false;
    inbox->ended = true;
    if (next)
        node_append_end(next, direction, inbox->trailers);
    else
        message_fields_free(inbox->trailers);
    inbox->trailers = NULL;
}

/* Works on one inbox until it is empty or held. */
static void run_inbox(struct node *node, enum hg_direction direction)
{
    struct inbox *inbox = &node->inboxes[direction];

    if (node_is_over(node) || !inbox_is_released(node, inbox))
        return;
    while (inbox->heads)
        if (!run_head(node, direction))
            return;
    if (!inbox->head_seen)
        return;
    if (inbox->slice_count) {
        if (node->bypassed || !node->ops->data) {
            pass_data(node, direction);
        } else {
            while (inbox->slice_count)
                if (!run_slice(node, direction))
                    break;
        }
        if (node_is_over(node))
            return;
        offer_credit(node, direction);
    }
    if (inbox->end_waits && !inbox->slice_count && !inbox->held)
        run_end(node, direction);
}

static void run_writable(struct exchange *exchange, enum hg_direction direction)
{
    uint64_t set = exchange->writable[direction];

    exchange->writable[direction] = 0;
    for (; set && !exchange->is_reset; set &= set - 1) {
        struct node *node = &exchange->nodes[__builtin_ctzll(set)];

        if (node->attached && node->ops->writable && !node_is_over(node)) {
            count_call(node);
            node->ops->writable(&node->public, direction);
        }
    }
}

static void finish(struct exchange *exchange)
{
    for (unsigned i = 0; i < exchange->table->stage_count; i++)
        leave(&exchange->nodes[i]);
    exchange_free(exchange);
}

static void finish_reset(struct exchange *exchange)
{
    exchange_log_failure(exchange);
    for (unsigned i = 0; i < exchange->table->stage_count; i++) {
        struct node *node = &exchange->nodes[i];

        if (!node->attached || i == exchange->reset_by || !node->ops->reset)
            continue;
        count_call(node);
        node->ops->reset(&node->public, &exchange->reason);
    }
    finish(exchange);
}

static bool is_complete(const struct exchange *exchange)
{
    return exchange->nodes[0].inboxes[HG_UP].ended && exchange->nodes[exchange->bottom].inboxes[HG_DOWN].ended;
}

/* A response is being broken off: whether all that had been emitted of it has been taken. */
static bool is_taken(const struct exchange *exchange)
{
    for (unsigned i = 0; i < exchange->reset_by; i++)
        if (!inbox_is_empty(&exchange->nodes[i].inboxes[HG_UP]))
            return false;
    return true;
}

/* Goes on with breaking a response off. The place that has asked for it is never the first one. */
static void run_breaking(struct exchange *exchange)
{
    if (!exchange->is_cut) {
        exchange->is_cut = true;
        cut_below(&exchange->nodes[exchange->reset_by - 1], &exchange->reason);
    }
    if (is_taken(exchange))
        exchange->is_reset = true;
}

static void exchange_run(struct exchange *exchange)
{
    for (;;) {
        enum hg_direction direction = exchange->work[HG_UP] ? HG_UP : HG_DOWN;
        uint64_t set = exchange->work[direction];

        if (exchange->is_breaking && (!exchange->is_cut || !exchange->work[HG_UP]))
            run_breaking(exchange);
        if (exchange->is_reset) {
            finish_reset(exchange);
            return;
        }
        if (set) {
            exchange->work[direction] = set & (set - 1);
            run_inbox(&exchange->nodes[__builtin_ctzll(set)], direction);
        } else if (exchange->writable[HG_UP]) {
            run_writable(exchange, HG_UP);
        } else if (exchange->writable[HG_DOWN]) {
            run_writable(exchange, HG_DOWN);
        } else {
            break;
        }
    }
    if (is_complete(exchange))
        finish(exchange);
    else
        exchange->is_ready = false; /* only now: what it queued while it ran is done already */
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

void exchange_reset_all(struct exchange_table *table, const struct hg_reason *reason)
{
    for (struct exchange *exchange = table->open; exchange; exchange = exchange->next)
        exchange_reset_by(exchange, reason, NOBODY);
    exchange_run_ready(table);
}
