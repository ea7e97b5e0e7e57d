/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "tests/unit/scripted_stages.h"

#include "core/exchange/exchange_private.h"

#include "core/base/message.h"

#include <check.h>
#include <stdio.h>

/* ---- A stage that follows a script and checks how it is treated ---- */

struct probe {
    bool attached, detached;
    bool heads[2], ends[2];
    uint64_t got[2], sent[2];
    bool out_of_credit[2];
};

static uint8_t pattern(enum hg_direction direction, uint64_t at)
{
    return (uint8_t)((at * 2654435761u >> 7) ^ (direction ? 0x55 : 0));
}

/* One assertion for the whole slice, as each costs a system call. */
static void compare(const struct watch *watch, const uint8_t *data, size_t size, enum hg_direction direction,
                    uint64_t at)
{
    for (size_t i = 0; i < size; i++)
        if (data[i] != pattern(direction, at + i))
            ck_abort_msg("wrong byte %llu (HG_SEED=%u)", (unsigned long long)(at + i), watch->first_seed);
}

unsigned draw(struct watch *watch, unsigned below)
{
    watch->seed = watch->seed * 1103515245 + 12345;
    return (watch->seed >> 8) % below;
}

static const struct script *script_of(const struct hg_self *self)
{
    return self->cfg;
}

static void enter(struct hg_self *self)
{
    struct watch *watch = script_of(self)->watch;

    ck_assert_msg(!watch->in_callback, "a callback ran inside another one");
    watch->in_callback = true;
}

static void leave(struct hg_self *self)
{
    script_of(self)->watch->in_callback = false;
}

static bool maybe_pause(struct hg_self *self, enum hg_direction direction, bool surely)
{
    struct watch *watch = script_of(self)->watch;

    if (!surely && (!script_of(self)->pauses || draw(watch, 3)))
        return false;
    ck_assert_uint_lt(watch->paused_count, 64);
    watch->paused[watch->paused_count] = self;
    watch->directions[watch->paused_count++] = direction;
    return true;
}

static void resume(struct hg_self *self, enum hg_direction direction)
{
    if (slot_of(self)->inboxes[direction].held)
        hg_resume(self, direction);
}

static struct hg_slice pattern_slice(enum hg_direction direction, uint64_t at, size_t size)
{
    struct hg_buffer *buffer = hg_buffer_new(&worker_host, size ? size : 1);

    for (size_t i = 0; i < size; i++)
        buffer->data[i] = pattern(direction, at + i);
    return (struct hg_slice){buffer, buffer->data, size};
}

/* Emits the next bytes of a stream, as far as the credit allows. */
static void emit_pattern(struct hg_self *self, struct probe *probe, enum hg_direction direction, uint64_t total)
{
    struct watch *watch = script_of(self)->watch;
    size_t credit = hg_credit(self, direction);

    while (credit && probe->sent[direction] < total) {
        size_t size = 1 + draw(watch, 20000);
        struct hg_slice slice;

        if (size > credit)
            size = credit;
        if (size > total - probe->sent[direction])
            size = total - probe->sent[direction];
        slice = pattern_slice(direction, probe->sent[direction], size);
        credit = hg_emit(self, direction, &slice);
        hg_buffer_unref(slice.buffer);
        probe->sent[direction] += size;
    }
    if (probe->sent[direction] == total && !probe->ends[direction]) {
        probe->ends[direction] = true;
        hg_emit_end(self, direction, NULL);
    }
}

static enum hg_verdict probe_attach(struct hg_self *self)
{
    struct probe *probe = self->state;

    enter(self);
    ck_assert(!probe->attached);
    ck_assert_ptr_nonnull(self->exchange->request);
    leave(self);
    if (script_of(self)->manner == MANNER_BYPASS)
        return HG_BYPASS;
    probe->attached = true;
    script_of(self)->watch->attached++;
    return HG_NEXT;
}

static void emit_response_head(struct hg_self *self, int status)
{
    struct hg_head *head = hg_head_new(&worker_host, HG_RESPONSE);

    head->status = status;
    hg_emit_head(self, HG_UP, head);
}

void answer(struct hg_self *self)
{
    const struct script *script = script_of(self);
    struct probe *probe = self->state;

    for (unsigned i = 0; i < script->interims; i++)
        emit_response_head(self, 103);
    emit_response_head(self, 200);
    probe->heads[HG_UP] = true;
    if (script->overrun) {
        struct hg_slice slice = pattern_slice(HG_UP, 0, 65537);

        hg_emit(self, HG_UP, &slice);
        hg_buffer_unref(slice.buffer);
        return;
    }
    emit_pattern(self, probe, HG_UP, script->answer_size);
}

static enum hg_verdict probe_head(struct hg_self *self, enum hg_direction direction, struct hg_head *head)
{
    const struct script *script = script_of(self);
    struct probe *probe = self->state;
    bool doubles, paused;

    enter(self);
    ck_assert(probe->attached && !probe->detached);
    ck_assert_int_eq(head->kind, direction == HG_DOWN ? HG_REQUEST : HG_RESPONSE);
    ck_assert(!probe->heads[direction]);
    if (!hg_head_is_interim(head))
        probe->heads[direction] = true;
    leave(self);
    if (script->fail_heads)
        return HG_ERROR;
    if (direction == HG_UP && script->take_responses) {
        answer(self);
        return HG_TAKEN;
    }
    if (script->manner == MANNER_ANSWER) {
        script->watch->bottom = self;
        if (script->answers_early)
            answer(self);
        return HG_TAKEN;
    }
    doubles = script->doubles_head && direction == HG_UP;
    if (doubles)
        emit_response_head(self, 200);
    paused = maybe_pause(self, direction, doubles);
    return paused ? HG_PAUSE : HG_NEXT;
}

static size_t probe_data(struct hg_self *self, enum hg_direction direction, const struct hg_slice *slice)
{
    const struct script *script = script_of(self);
    struct probe *probe = self->state;
    size_t size = slice->size, credit;

    enter(self);
    ck_assert(probe->attached && !probe->detached && probe->heads[direction] && slice->size > 0);
    if (script->pauses && draw(script->watch, 2)) {
        size = draw(script->watch, (unsigned)slice->size + 1);
        if (size < slice->size && script->watch->paused_count < 64) {
            script->watch->paused[script->watch->paused_count] = self;
            script->watch->directions[script->watch->paused_count++] = direction;
        } else {
            size = slice->size;
        }
    }
    if (script->budget && direction == HG_DOWN) {
        size = size < *script->budget ? size : *script->budget;
        *script->budget -= size;
    }
    if (script->manner == MANNER_FILTER && !script->take_responses) {
        credit = hg_credit(self, direction);
        if (size > credit) {
            size = credit;
            probe->out_of_credit[direction] = true;
        }
        if (size) {
            struct hg_slice out = hg_slice_first(*slice, size);

            hg_emit(self, direction, &out);
        }
    }
    compare(script->watch, slice->data, size, direction, probe->got[direction]);
    probe->got[direction] += size;
    leave(self);
    return size;
}

static enum hg_verdict probe_end(struct hg_self *self, enum hg_direction direction, struct hg_fields *trailers)
{
    const struct script *script = script_of(self);
    struct probe *probe = self->state;
    bool doubles, paused;

    enter(self);
    ck_assert(probe->attached && !probe->detached && probe->heads[direction]);
    ck_assert(!probe->ends[direction]);
    probe->ends[direction] = true;
    (void)trailers;
    leave(self);
    if (script->manner == MANNER_ANSWER && !script->answers_early)
        answer(self);
    if (script->manner == MANNER_ANSWER)
        return HG_NEXT;
    doubles = script->doubles_end && direction == HG_UP;
    if (doubles)
        hg_emit_end(self, HG_UP, NULL);
    paused = maybe_pause(self, direction, doubles);
    return paused ? HG_PAUSE : HG_NEXT;
}

static void probe_reset(struct hg_self *self, const struct hg_reason *reason)
{
    struct probe *probe = self->state;
    struct watch *watch = script_of(self)->watch;

    enter(self);
    ck_assert(probe->attached && !probe->detached);
    watch->resets++;
    watch->reason = *reason;
    snprintf(watch->detail, sizeof watch->detail, "%s", reason->detail);
    leave(self);
}

static void probe_writable(struct hg_self *self, enum hg_direction direction)
{
    const struct script *script = script_of(self);
    struct probe *probe = self->state;

    enter(self);
    ck_assert(probe->attached && !probe->detached);
    leave(self);
    if (script->manner == MANNER_ANSWER || (script->take_responses && direction == HG_UP)) {
        emit_pattern(self, probe, HG_UP, script->answer_size);
    } else if (probe->out_of_credit[direction]) {
        probe->out_of_credit[direction] = false;
        resume(self, direction);
    }
}

static void probe_detach(struct hg_self *self)
{
    struct probe *probe = self->state;
    struct watch *watch = script_of(self)->watch;

    enter(self);
    ck_assert(probe->attached && !probe->detached);
    probe->detached = true;
    ck_assert_ptr_nonnull(self->exchange->outcome);
    watch->detached++;
    if (watch->bottom == self)
        watch->bottom = NULL;
    for (size_t i = 0; i < watch->paused_count; i++)
        if (watch->paused[i] == self)
            watch->paused[i] = NULL;
    leave(self);
}

static const struct hg_stage_ops probe_ops = {
    .events = HG_EVENTS_MESSAGES,
    .self_size = sizeof(struct probe),
    .attach = probe_attach,
    .head = probe_head,
    .data = probe_data,
    .end = probe_end,
    .reset = probe_reset,
    .writable = probe_writable,
    .detach = probe_detach,
};
static const struct hg_stage_ops passing_ops = {
    .events = HG_EVENTS_MESSAGES,
    .self_size = sizeof(struct probe),
    .attach = probe_attach,
    .head = probe_head,
    .reset = probe_reset,
    .detach = probe_detach,
};
static const struct hg_plugin probe_plugin = {.abi = HG_ABI, .role = HG_ROLE_STAGE, .name = "probe", .ops = &probe_ops};
static const struct hg_plugin passing_plugin = {
    .abi = HG_ABI, .role = HG_ROLE_STAGE, .name = "passing", .ops = &passing_ops};

/* ---- The edge of the tests ---- */

static enum hg_verdict caller_head(struct hg_self *self, enum hg_direction direction, struct hg_head *head)
{
    struct caller *caller = self->state;

    ck_assert_int_eq(direction, HG_UP);
    ck_assert_ptr_eq(self->exchange->response, head);
    if (hg_head_is_interim(head))
        caller->interims++;
    else
        caller->heads++;
    caller->status = head->status;
    return HG_NEXT;
}

static size_t caller_data(struct hg_self *self, enum hg_direction direction, const struct hg_slice *slice)
{
    struct caller *caller = self->state;

    ck_assert_int_eq(direction, HG_UP);
    if (caller->stalled)
        return 0;
    compare(caller->watch, slice->data, slice->size, HG_UP, caller->got);
    caller->got += slice->size;
    return slice->size;
}

static enum hg_verdict caller_end(struct hg_self *self, enum hg_direction direction, struct hg_fields *trailers)
{
    struct caller *caller = self->state;

    (void)trailers;
    ck_assert_int_eq(direction, HG_UP);
    caller->ends++;
    return HG_NEXT;
}

static void caller_reset(struct hg_self *self, const struct hg_reason *reason)
{
    struct caller *caller = self->state;

    caller->resets++;
    caller->reason = *reason;
    snprintf(caller->detail, sizeof caller->detail, "%s", reason->detail);
}

static void caller_send(struct caller *caller)
{
    size_t credit = hg_credit(caller->self, HG_DOWN);

    while (credit && caller->sent < caller->request_size) {
        size_t size = 1 + draw(caller->watch, 30000);
        struct hg_slice slice;

        size = size < credit ? size : credit;
        if (size > caller->request_size - caller->sent)
            size = caller->request_size - caller->sent;
        slice = pattern_slice(HG_DOWN, caller->sent, size);
        caller->sent += size;
        credit = hg_emit(caller->self, HG_DOWN, &slice);
        hg_buffer_unref(slice.buffer);
        if (caller->sent == caller->request_size)
            hg_emit_end(caller->self, HG_DOWN, NULL);
    }
}

static void caller_writable(struct hg_self *self, enum hg_direction direction)
{
    ((struct caller *)self->state)->writables++;
    ck_assert_int_eq(direction, HG_DOWN);
    caller_send(self->state);
}

static void caller_detach(struct hg_self *self)
{
    struct caller *caller = self->state;

    caller->detaches++;
    caller->self = NULL;
    caller->outcome = *self->exchange->outcome;
}

static const struct hg_stage_ops caller_exchange = {
    .events = HG_EVENTS_MESSAGES,
    .head = caller_head,
    .data = caller_data,
    .end = caller_end,
    .reset = caller_reset,
    .writable = caller_writable,
    .detach = caller_detach,
};
static const struct hg_edge_ops caller_ops = {.exchange = &caller_exchange};
static const struct hg_plugin caller_plugin = {
    .abi = HG_ABI, .role = HG_ROLE_EDGE, .name = "caller", .ops = &caller_ops};

void call(struct fixture *fixture, struct caller *caller)
{
    struct hg_head *request = hg_head_new(&worker_host, HG_REQUEST);

    hg_head_set(&worker_host, request, &request->method, HG_TEXT("POST"));
    caller->self = hg_exchange_open(fixture_worker(fixture, 0), request, caller);
    ck_assert_ptr_nonnull(caller->self);
    if (caller->request_size)
        caller_send(caller);
    else
        hg_emit_end(caller->self, HG_DOWN, NULL);
}

/* Runs the loop and resumes paused stages until the exchange is over. */
void run_to_end(struct fixture *fixture, struct watch *watch, const struct caller *caller)
{
    for (unsigned turn = 0; turn < 100000 && !caller->detaches; turn++) {
        fixture_run(fixture, NULL, NULL, 0);
        if (watch->paused_count) {
            size_t i = draw(watch, (unsigned)watch->paused_count);
            struct hg_self *self = watch->paused[i];
            enum hg_direction direction = watch->directions[i];

            watch->paused[i] = watch->paused[--watch->paused_count];
            watch->directions[i] = watch->directions[watch->paused_count];
            if (self)
                resume(self, direction);
        }
    }
    ck_assert_msg(caller->detaches == 1, "the exchange did not end (HG_SEED=%u)", watch->first_seed);
    ck_assert_uint_eq(fixture->worker->exchanges.open_count, 0);
    ck_assert_uint_eq(watch->attached, watch->detached);
}

struct fixture *start(struct script *scripts, size_t count)
{
    struct fixture_part parts[MOST_PARTS] = {{&caller_plugin, NULL}};
    struct fixture *fixture;

    for (size_t i = 0; i < count; i++)
        parts[i + 1] =
            (struct fixture_part){scripts[i].manner == MANNER_PASS ? &passing_plugin : &probe_plugin, &scripts[i]};
    fixture = fixture_new(PIPELINE_CLIENT, parts, count + 1);
    fixture_start(fixture);
    return fixture;
}

void check_complete(const struct caller *caller, size_t answer_size)
{
    ck_assert_uint_eq(caller->heads, 1);
    ck_assert_uint_eq(caller->ends, 1);
    ck_assert_uint_eq(caller->resets, 0);
    ck_assert_uint_eq(caller->got, answer_size);
    ck_assert_uint_eq(caller->sent, caller->request_size);
    ck_assert(caller->outcome.complete && !caller->outcome.ended_by && !caller->outcome.error);
    ck_assert_int_eq(caller->outcome.status, 200);
    ck_assert_uint_eq(caller->outcome.bytes[HG_UP], answer_size);
    ck_assert_uint_eq(caller->outcome.bytes[HG_DOWN], caller->request_size);
    ck_assert_uint_ge(caller->outcome.ended, caller->outcome.first_byte);
    ck_assert_uint_gt(caller->outcome.first_byte, 0);
}
