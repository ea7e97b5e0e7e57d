/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * How it works. Each place of an exchange has an inbox for each direction. Whatever a place emits goes into the inbox
 * of the next place that would do anything with it; nothing is called while emitting. exchange_run() then takes events
 * out of inboxes and calls the stages until all inboxes are empty or held. So no callback ever runs inside another,
 * and the credit of an emitter is simply the room in the inbox that it emits into.
 */
#include "core/exchange.h"

#include "core/exchange_private.h"
#include "core/log.h"
#include "core/message.h"

#include <stdio.h>
#include <stdlib.h>

/* Credit below this is told as none: many tiny reads cost more than one that waits a little. */
#define LEAST_CREDIT 4096

/* Freed exchanges that a worker keeps for the next ones. */
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
static size_t exchange_bytes(const struct worker *worker)
{
    size_t bytes = aligned(sizeof(struct exchange) + worker->path_count * sizeof(struct node));

    for (size_t i = 1; i < worker->path_count; i++)
        bytes += aligned(worker->path[i].ops->self_size);
    return bytes;
}

static void node_init(struct exchange *exchange, size_t index, struct place *place, void *state)
{
    struct node *node = &exchange->nodes[index];

    node->public.host = &worker_host;
    node->public.worker = place->worker;
    node->public.exchange = &exchange->public;
    node->public.cfg = place->worker->cfg;
    node->public.state = state;
    node->ops = place->ops;
    node->place = place;
    node->exchange = exchange;
    node->index = (unsigned)index;
}

static struct exchange *exchange_allocate(struct worker *worker)
{
    struct exchange *exchange = worker->spare_exchanges;
    size_t bytes = exchange_bytes(worker);
    char *states;

    if (exchange) {
        worker->spare_exchanges = exchange->next;
        worker->spare_exchange_count--;
    } else {
        exchange = malloc(bytes);
        if (!exchange)
            return NULL;
    }
    memset(exchange, 0, bytes);
    exchange->worker = worker;
    states = (char *)exchange + aligned(sizeof *exchange + worker->path_count * sizeof(struct node));
    for (size_t i = 1; i < worker->path_count; i++) {
        size_t size = worker->path[i].ops->self_size;

        node_init(exchange, i, &worker->path[i], size ? states : NULL);
        states += aligned(size);
    }
    return exchange;
}

struct hg_self *exchange_open(struct worker *worker, struct place *top, struct hg_head *request, void *state)
{
    struct exchange *exchange = exchange_allocate(worker);

    if (!exchange)
        return NULL;
    node_init(exchange, 0, top, state);
    exchange->nodes[0].attached = true;
    exchange->bottom = (unsigned)worker->path_count - 1;
    exchange->public.number = ++worker->next_exchange;
    exchange->public.started = worker_now(worker);
    exchange->public.request = request;
    exchange->request = request;
    exchange->next = worker->exchanges;
    if (exchange->next)
        exchange->next->previous = exchange;
    worker->exchanges = exchange;
    worker->exchange_count++;
    exchange_emit_head(&exchange->nodes[0].public, HG_DOWN, request);
    return &exchange->nodes[0].public;
}

/* Frees a head that nobody will look at any more; the request and the final response stay until the end. */
static void head_done(struct exchange *exchange, struct hg_head *head)
{
    if (head == exchange->request || head == exchange->response)
        return;
    if (exchange->public.response == head)
        exchange->public.response = exchange->response;
    message_head_free(head);
}

static void inbox_clear(struct exchange *exchange, struct inbox *inbox)
{
    while (inbox->heads) {
        struct hg_head *head = inbox->heads;

        inbox->heads = head->next;
        head_done(exchange, head);
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

static void exchange_free(struct exchange *exchange)
{
    struct worker *worker = exchange->worker;

    for (size_t i = 0; i < worker->path_count; i++)
        for (int direction = HG_DOWN; direction <= HG_UP; direction++)
            inbox_clear(exchange, &exchange->nodes[i].inboxes[direction]);
    message_head_free(exchange->request);
    message_head_free(exchange->response);
    if (exchange->previous)
        exchange->previous->next = exchange->next;
    else
        worker->exchanges = exchange->next;
    if (exchange->next)
        exchange->next->previous = exchange->previous;
    worker->exchange_count--;
    if (worker->spare_exchange_count >= SPARE_EXCHANGES) {
        free(exchange);
        return;
    }
    exchange->next = worker->spare_exchanges;
    worker->spare_exchanges = exchange;
    worker->spare_exchange_count++;
}

void exchange_free_spares(struct worker *worker)
{
    while (worker->spare_exchanges) {
        struct exchange *exchange = worker->spare_exchanges;

        worker->spare_exchanges = exchange->next;
        free(exchange);
    }
}

/* ---- Queueing ---- */

static void schedule(struct exchange *exchange)
{
    struct worker *worker = exchange->worker;

    if (exchange->is_ready)
        return;
    exchange->is_ready = true;
    exchange->next_ready = NULL;
    *worker->ready_tail = exchange;
    worker->ready_tail = &exchange->next_ready;
}

static void reset(struct exchange *exchange, const struct hg_reason *reason, unsigned by)
{
    if (exchange->is_reset)
        return;
    exchange->is_reset = true;
    exchange->reset_by = by;
    exchange->reason = *reason;
    snprintf(exchange->detail, sizeof exchange->detail, "%s", reason->detail ? reason->detail : "");
    exchange->reason.detail = exchange->detail;
    schedule(exchange);
}

static void mark(struct node *node, enum hg_direction direction)
{
    node->exchange->work[direction] |= UINT64_C(1) << node->index;
    schedule(node->exchange);
}

/* The place after `node` in that direction, or NULL behind the last. */
static struct node *neighbour(struct node *node, enum hg_direction direction)
{
    struct exchange *exchange = node->exchange;

    if (direction == HG_DOWN)
        return node->index < exchange->bottom ? &exchange->nodes[node->index + 1] : NULL;
    return node->index > 0 ? &exchange->nodes[node->index - 1] : NULL;
}

static bool inbox_is_empty(const struct inbox *inbox)
{
    return !inbox->heads && !inbox->slice_count && !inbox->end_waits;
}

/* Whether data would pass a place untouched: it has no part in it, and nothing that must go before waits there. */
static bool is_transparent(const struct node *node, enum hg_direction direction)
{
    return (node->bypassed || (node->attached && !node->ops->data)) && node->inboxes[direction].head_seen &&
           inbox_is_empty(&node->inboxes[direction]);
}

/* The place whose inbox the data of `node` goes into. */
static struct node *receiver(struct node *node, enum hg_direction direction)
{
    struct node *next = neighbour(node, direction);

    while (next && is_transparent(next, direction)) {
        struct node *after = neighbour(next, direction);

        if (!after)
            break;
        next = after;
    }
    return next;
}

static void count_call(struct node *node)
{
    node->place->calls++;
}

static void append_head(struct node *node, enum hg_direction direction, struct hg_head *head)
{
    struct inbox *inbox = &node->inboxes[direction];

    head->next = NULL;
    if (inbox->heads)
        inbox->last_head->next = head;
    else
        inbox->heads = head;
    inbox->last_head = head;
    mark(node, direction);
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

/* Puts a slice, with the reference that comes with it, into an inbox. */
static void append_slice(struct node *node, enum hg_direction direction, struct hg_slice slice)
{
    struct inbox *inbox = &node->inboxes[direction];

    if (inbox_reserve(inbox)) {
        hg_buffer_unref(slice.buffer);
        reset(node->exchange, &(struct hg_reason){503, "proxy_internal_error", "out of memory", 1}, NOBODY);
        return;
    }
    inbox->slices[(inbox->first_slice + inbox->slice_count++) % inbox->slice_room] = slice;
    inbox->bytes += slice.size;
    mark(node, direction);
}

static void append_end(struct node *node, enum hg_direction direction, struct hg_fields *trailers)
{
    struct inbox *inbox = &node->inboxes[direction];

    if (inbox->end_waits || inbox->ended) {
        message_fields_free(trailers);
        return;
    }
    inbox->end_waits = true;
    inbox->trailers = trailers;
    mark(node, direction);
}

/* ---- What stages ask for ---- */

static size_t credit_left(struct node *node, enum hg_direction direction)
{
    const struct node *to = receiver(node, direction);
    size_t window = node->exchange->worker->exchange_buffer;
    size_t held;

    if (!to)
        return window;
    held = to->inboxes[direction].bytes;
    return held < window && window - held >= LEAST_CREDIT ? window - held : 0;
}

size_t exchange_credit(struct hg_self *self, enum hg_direction direction)
{
    struct node *node = node_of(self);
    size_t credit = node->exchange->is_reset ? 0 : credit_left(node, direction);

    /* Only writable() takes it back: who asks again meanwhile and finds a little may still have to wait for more. */
    if (!credit)
        node->wants_credit[direction] = true;
    return credit;
}

size_t exchange_emit_head(struct hg_self *self, enum hg_direction direction, struct hg_head *head)
{
    struct node *node = node_of(self), *to = neighbour(node, direction);

    if (node->exchange->is_reset || node->is_out || !to) {
        head_done(node->exchange, head);
        return 0;
    }
    append_head(to, direction, head);
    return exchange_credit(self, direction);
}

size_t exchange_emit(struct hg_self *self, enum hg_direction direction, const struct hg_slice *slice)
{
    struct node *node = node_of(self), *to = receiver(node, direction);
    char detail[128];

    if (node->exchange->is_reset || node->is_out || !to)
        return 0;
    if (slice->size + to->inboxes[direction].bytes > node->exchange->worker->exchange_buffer) {
        snprintf(detail, sizeof detail, "%s emitted %zu bytes beyond its credit", self->worker->instance->name,
                 slice->size);
        exchange_reset(self, &(struct hg_reason){500, "proxy_internal_error", detail, 0});
        return 0;
    }
    if (slice->size) {
        hg_buffer_ref(slice->buffer);
        append_slice(to, direction, *slice);
    }
    return exchange_credit(self, direction);
}

void exchange_emit_end(struct hg_self *self, enum hg_direction direction, struct hg_fields *trailers)
{
    struct node *node = node_of(self), *to = neighbour(node, direction);

    if (node->exchange->is_reset || node->is_out || !to)
        message_fields_free(trailers);
    else
        append_end(to, direction, trailers);
}

void exchange_resume(struct hg_self *self, enum hg_direction direction)
{
    struct node *node = node_of(self);

    node->inboxes[direction].resumed = true;
    mark(node, direction);
}

void exchange_reset(struct hg_self *self, const struct hg_reason *reason)
{
    reset(node_of(self)->exchange, reason, node_of(self)->index);
}

void exchange_set_target(struct hg_self *self, const struct hg_target *target)
{
    node_of(self)->exchange->public.target = *target;
}

/* ---- Running ---- */

static void inbox_hold(struct node *node, struct inbox *inbox)
{
    inbox->held = true;
    inbox->held_since = worker_now(node->exchange->worker);
}

/* Whether an inbox may be worked on; takes note of a resume. */
static bool inbox_is_released(struct node *node, struct inbox *inbox)
{
    if (!inbox->held)
        return true;
    if (!inbox->resumed)
        return false;
    inbox->held = false;
    node->place->held += worker_now(node->exchange->worker) - inbox->held_since;
    return true;
}

/* Tells those who emit into `node` that there is room again. */
static void offer_credit(struct node *node, enum hg_direction direction)
{
    struct node *from = neighbour(node, direction == HG_DOWN ? HG_UP : HG_DOWN);
    size_t window = node->exchange->worker->exchange_buffer;

    if (node->inboxes[direction].bytes > window / 2)
        return;
    for (; from; from = neighbour(from, direction == HG_DOWN ? HG_UP : HG_DOWN)) {
        if (from->wants_credit[direction]) {
            from->wants_credit[direction] = false;
            from->exchange->writable[direction] |= UINT64_C(1) << from->index;
            schedule(from->exchange);
        }
        if (!is_transparent(from, direction))
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

/* A stage answers in the place of what is below it: that is over. */
static void cut_below(struct node *node)
{
    struct exchange *exchange = node->exchange;
    static const struct hg_reason replaced = {502, NULL, "answered by a stage above", 0};

    for (unsigned i = node->index + 1; i <= exchange->bottom; i++) {
        struct node *below = &exchange->nodes[i];

        if (below->attached && below->ops->reset) {
            count_call(below);
            below->ops->reset(&below->public, &replaced);
        }
        leave(below);
        below->is_out = true;
        inbox_clear(exchange, &below->inboxes[HG_DOWN]);
        inbox_clear(exchange, &below->inboxes[HG_UP]);
    }
    exchange->bottom = node->index;
    inbox_clear(exchange, &node->inboxes[HG_UP]);
    if (!node->inboxes[HG_DOWN].ended)
        mark(node, HG_DOWN);
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
    struct node *next = neighbour(node, direction);

    if (!hg_head_is_interim(head))
        node->inboxes[direction].head_seen = true;
    if (next)
        append_head(next, direction, head);
    else
        head_done(node->exchange, head);
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
        else if (attach(node) == HG_BYPASS && !neighbour(node, HG_DOWN))
            verdict = HG_ERROR;
        if (!node->bypassed && node->ops->head) {
            inbox->resumed = false;
            count_call(node);
            verdict = node->ops->head(&node->public, direction, head);
            if (node->exchange->is_reset)
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
        node->exchange->response = NULL;
        cut_below(node);
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
    struct node *to = receiver(node, direction);

    while (inbox->slice_count) {
        struct hg_slice slice = inbox->slices[inbox->first_slice];

        inbox->first_slice = (inbox->first_slice + 1) % inbox->slice_room;
        inbox->slice_count--;
        inbox->bytes -= slice.size;
        if (to)
            append_slice(to, direction, slice);
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
    if (node->exchange->is_reset)
        return false;
    used = used < size ? used : size;
    node->place->bytes[direction] += used;
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
        if (verdict == HG_PAUSE && !node->exchange->is_reset) {
            inbox->end_called = true;
            inbox_hold(node, inbox);
            if (!inbox_is_released(node, inbox))
                return;
        }
    }
    if (node->exchange->is_reset)
        return;
    if (verdict == HG_ERROR || verdict == HG_TAKEN) {
        stage_error(node);
        return;
    }
    next = neighbour(node, direction);
    inbox->end_waits = false;
    inbox->ended = true;
    if (next)
        append_end(next, direction, inbox->trailers);
    else
        message_fields_free(inbox->trailers);
    inbox->trailers = NULL;
}

/* Works on one inbox until it is empty or held. */
static void run_inbox(struct node *node, enum hg_direction direction)
{
    struct inbox *inbox = &node->inboxes[direction];
    struct exchange *exchange = node->exchange;

    if (node->is_out || !inbox_is_released(node, inbox))
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
        if (exchange->is_reset)
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

        if (node->attached && node->ops->writable) {
            count_call(node);
            node->ops->writable(&node->public, direction);
        }
    }
}

static void finish(struct exchange *exchange)
{
    for (unsigned i = 0; i < exchange->worker->path_count; i++)
        leave(&exchange->nodes[i]);
    exchange_free(exchange);
}

static void finish_reset(struct exchange *exchange)
{
    for (unsigned i = 0; i < exchange->worker->path_count; i++) {
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

static void exchange_run(struct exchange *exchange)
{
    for (;;) {
        enum hg_direction direction = exchange->work[HG_UP] ? HG_UP : HG_DOWN;
        uint64_t set = exchange->work[direction];

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

void exchange_run_ready(struct worker *worker)
{
    while (worker->ready) {
        struct exchange *exchange = worker->ready;

        worker->ready = exchange->next_ready;
        if (!worker->ready)
            worker->ready_tail = &worker->ready;
        exchange_run(exchange);
    }
}

void exchange_reset_all(struct worker *worker, const struct hg_reason *reason)
{
    for (struct exchange *exchange = worker->exchanges; exchange; exchange = exchange->next)
        reset(exchange, reason, NOBODY);
    exchange_run_ready(worker);
}
