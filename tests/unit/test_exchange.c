/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What <hopgate/stage.h> promises: first by name, then by many random pipelines whose every stage watches that it is
 * treated as promised, and whose every byte is compared.
 */
#include "core/exchange_private.h"
#include "core/message.h"
#include "tests/unit/rig.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- A stage that does as it is told and watches what happens to it ---- */

enum manner {
    MANNER_PASS,   /* no data callback: zero-copy */
    MANNER_BYPASS, /* attach answers BYPASS */
    MANNER_FILTER, /* takes data, in random pieces, and emits it again */
    MANNER_ANSWER, /* takes the exchange and answers with the bytes of its own pattern */
};

struct script {
    enum manner manner;
    bool pauses;         /* pauses heads and ends now and then */
    bool answers_early;  /* MANNER_ANSWER: does not wait for the request's end */
    size_t answer_size;  /* MANNER_ANSWER: bytes of the response */
    unsigned interims;   /* MANNER_ANSWER: 1xx heads before the final one */
    bool take_responses; /* answers in the place of what is below */
    bool fail_heads;     /* head answers ERROR */
    size_t *budget;      /* MANNER_ANSWER: takes that many bytes of the request at most; NULL: all */
    bool overrun;        /* MANNER_ANSWER: emits more than its credit */
    struct watch *watch;
};

/* What all stages of one test share. */
struct watch {
    unsigned first_seed, seed;
    unsigned attached, detached, resets;
    struct hg_reason reason; /* of the last reset */
    char detail[256];
    struct hg_self *bottom;     /* who answers */
    struct hg_self *paused[64]; /* who waits for a resume, and in which direction */
    enum hg_direction directions[64];
    size_t paused_count;
    bool in_callback;
};

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

/* One assertion for a whole slice: each costs a system call. */
static void compare(const struct watch *watch, const uint8_t *data, size_t size, enum hg_direction direction,
                    uint64_t at)
{
    for (size_t i = 0; i < size; i++)
        if (data[i] != pattern(direction, at + i))
            ck_abort_msg("wrong byte %llu (HG_SEED=%u)", (unsigned long long)(at + i), watch->first_seed);
}

static unsigned draw(struct watch *watch, unsigned below)
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

static bool maybe_pause(struct hg_self *self, enum hg_direction direction)
{
    struct watch *watch = script_of(self)->watch;

    if (!script_of(self)->pauses || draw(watch, 3))
        return false;
    ck_assert_uint_lt(watch->paused_count, 64);
    watch->paused[watch->paused_count] = self;
    watch->directions[watch->paused_count++] = direction;
    return true;
}

static struct hg_slice pattern_slice(enum hg_direction direction, uint64_t at, size_t size)
{
    struct hg_buffer *buffer = hg_buffer_new(&worker_host, size ? size : 1);

    for (size_t i = 0; i < size; i++)
        buffer->data[i] = pattern(direction, at + i);
    return (struct hg_slice){buffer, buffer->data, size};
}

/* Emits a stream's next bytes as far as the credit goes. */
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

static void answer(struct hg_self *self)
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
    bool paused;

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
    paused = maybe_pause(self, direction);
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
    bool paused;

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
    paused = maybe_pause(self, direction);
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
        hg_resume(self, direction);
    }
}

static void probe_detach(struct hg_self *self)
{
    struct probe *probe = self->state;
    struct watch *watch = script_of(self)->watch;

    enter(self);
    ck_assert(probe->attached && !probe->detached);
    probe->detached = true;
    watch->detached++;
    for (size_t i = 0; i < watch->paused_count; i++)
        if (watch->paused[i] == self)
            watch->paused[i] = NULL;
    leave(self);
}

static const struct hg_stage_ops probe_ops = {
    .size = sizeof probe_ops,
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
    .size = sizeof passing_ops,
    .events = HG_EVENTS_MESSAGES,
    .self_size = sizeof(struct probe),
    .attach = probe_attach,
    .head = probe_head,
    .reset = probe_reset,
    .detach = probe_detach,
};
static const struct hg_plugin probe_plugin = {HG_PLUGIN_HEADER, .role = HG_ROLE_STAGE, .name = "probe",
                                              .ops = &probe_ops};
static const struct hg_plugin passing_plugin = {HG_PLUGIN_HEADER, .role = HG_ROLE_STAGE, .name = "passing",
                                                .ops = &passing_ops};

/* ---- The edge of the tests ---- */

struct caller {
    struct watch *watch; /* the first members are those of struct script that the shared functions look at */
    struct hg_self *self;
    uint64_t request_size, sent, got;
    unsigned heads, interims, ends, resets, detaches, writables;
    int status;
    bool stalled; /* reads nothing of the response */
    struct hg_reason reason;
    char detail[256];
};

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
}

static const struct hg_stage_ops caller_exchange = {
    .size = sizeof caller_exchange,
    .events = HG_EVENTS_MESSAGES,
    .head = caller_head,
    .data = caller_data,
    .end = caller_end,
    .reset = caller_reset,
    .writable = caller_writable,
    .detach = caller_detach,
};
static const struct hg_edge_ops caller_ops = {.size = sizeof caller_ops, .exchange = &caller_exchange};
static const struct hg_plugin caller_plugin = {HG_PLUGIN_HEADER, .role = HG_ROLE_EDGE, .name = "caller",
                                               .ops = &caller_ops};

static void call(struct rig *rig, struct caller *caller)
{
    struct hg_head *request = hg_head_new(&worker_host, HG_REQUEST);

    hg_head_set(&worker_host, request, &request->method, HG_TEXT("POST"));
    caller->self = hg_exchange_open(rig_worker(rig, 0), request, caller);
    ck_assert_ptr_nonnull(caller->self);
    if (caller->request_size)
        caller_send(caller);
    else
        hg_emit_end(caller->self, HG_DOWN, NULL);
}

/* Turns the loop and lets who has paused go on, until the exchange is over. */
static void run_to_end(struct rig *rig, struct watch *watch, const struct caller *caller)
{
    for (unsigned turn = 0; turn < 100000 && !caller->detaches; turn++) {
        rig_run(rig, NULL, NULL, 0);
        if (watch->paused_count) {
            size_t i = draw(watch, (unsigned)watch->paused_count);
            struct hg_self *self = watch->paused[i];
            enum hg_direction direction = watch->directions[i];

            watch->paused[i] = watch->paused[--watch->paused_count];
            watch->directions[i] = watch->directions[watch->paused_count];
            if (self)
                hg_resume(self, direction);
        }
    }
    ck_assert_msg(caller->detaches == 1, "the exchange did not end (HG_SEED=%u)", watch->first_seed);
    ck_assert_uint_eq(rig->worker->exchange_count, 0);
    ck_assert_uint_eq(watch->attached, watch->detached);
}

#define MOST_PARTS 8

static struct rig *start(struct script *scripts, size_t count)
{
    struct rig_part parts[MOST_PARTS] = {{&caller_plugin, NULL}};
    struct rig *rig;

    for (size_t i = 0; i < count; i++)
        parts[i + 1] =
            (struct rig_part){scripts[i].manner == MANNER_PASS ? &passing_plugin : &probe_plugin, &scripts[i]};
    rig = rig_new(PIPELINE_CLIENT, parts, count + 1);
    rig_start(rig);
    return rig;
}

static void check_complete(const struct caller *caller, size_t answer_size)
{
    ck_assert_uint_eq(caller->heads, 1);
    ck_assert_uint_eq(caller->ends, 1);
    ck_assert_uint_eq(caller->resets, 0);
    ck_assert_uint_eq(caller->got, answer_size);
    ck_assert_uint_eq(caller->sent, caller->request_size);
}

START_TEST(a_plain_exchange_goes_down_and_up)
{
    struct watch watch = {.seed = 1};
    struct script scripts[] = {{.manner = MANNER_PASS, .watch = &watch},
                               {.manner = MANNER_ANSWER, .answer_size = 300000, .interims = 2, .watch = &watch}};
    struct caller caller = {.watch = &watch, .request_size = 200000};
    struct rig *rig = start(scripts, 2);

    call(rig, &caller);
    ck_assert_uint_eq(watch.attached, 0); /* nothing is called while emitting */
    run_to_end(rig, &watch, &caller);
    check_complete(&caller, 300000);
    ck_assert_uint_eq(caller.interims, 2);
    ck_assert_int_eq(caller.status, 200);
    rig_free(rig);
}
END_TEST

START_TEST(a_bypassing_stage_sees_nothing_more)
{
    struct watch watch = {.seed = 1};
    struct script scripts[] = {{.manner = MANNER_BYPASS, .watch = &watch},
                               {.manner = MANNER_ANSWER, .answer_size = 10, .watch = &watch}};
    struct caller caller = {.watch = &watch, .request_size = 10};
    struct rig *rig = start(scripts, 2);

    call(rig, &caller);
    run_to_end(rig, &watch, &caller);
    check_complete(&caller, 10);
    ck_assert_uint_eq(watch.attached, 1);
    rig_free(rig);
}
END_TEST

START_TEST(nobody_answers)
{
    struct watch watch = {.seed = 1};
    struct script scripts[] = {{.manner = MANNER_BYPASS, .watch = &watch}};
    struct caller caller = {.watch = &watch};
    struct rig *rig = start(scripts, 1);

    call(rig, &caller);
    run_to_end(rig, &watch, &caller);
    ck_assert_uint_eq(caller.resets, 1);
    ck_assert_int_eq(caller.reason.status, 500);
    rig_free(rig);
}
END_TEST

START_TEST(a_failing_stage_is_named)
{
    struct watch watch = {.seed = 1};
    struct script scripts[] = {{.manner = MANNER_FILTER, .fail_heads = true, .watch = &watch},
                               {.manner = MANNER_ANSWER, .answer_size = 10, .watch = &watch}};
    struct caller caller = {.watch = &watch, .request_size = 10};
    struct rig *rig = start(scripts, 2);

    call(rig, &caller);
    run_to_end(rig, &watch, &caller);
    ck_assert_uint_eq(caller.resets, 1);
    ck_assert_int_eq(caller.reason.status, 500);
    ck_assert_str_eq(caller.detail, "probe failed");
    rig_free(rig);
}
END_TEST

START_TEST(credit_bounds_what_waits_for_a_stalled_reader)
{
    struct watch watch = {.seed = 1};
    struct script scripts[] = {{.manner = MANNER_PASS, .watch = &watch},
                               {.manner = MANNER_ANSWER, .answer_size = 10000000, .watch = &watch}};
    struct caller caller = {.watch = &watch, .stalled = true};
    struct rig *rig = start(scripts, 2);
    struct exchange *exchange;

    call(rig, &caller);
    for (int i = 0; i < 100; i++)
        rig_run(rig, NULL, NULL, 0);
    exchange = rig->worker->exchanges;
    ck_assert_uint_le(exchange->nodes[0].inboxes[HG_UP].bytes, 65536);
    ck_assert_uint_gt(exchange->nodes[0].inboxes[HG_UP].bytes, 65536 - 4096); /* less credit is told as none */
    ck_assert_uint_eq(exchange->nodes[1].inboxes[HG_UP].bytes, 0);
    caller.stalled = false;
    hg_resume(caller.self, HG_UP);
    run_to_end(rig, &watch, &caller);
    check_complete(&caller, 10000000);
    rig_free(rig);
}
END_TEST

START_TEST(asking_for_credit_again_loses_no_writable)
{
    struct watch watch = {.seed = 1};
    size_t budget = 0;
    struct script scripts[] = {{.manner = MANNER_ANSWER, .answer_size = 10, .budget = &budget, .watch = &watch}};
    struct caller caller = {.watch = &watch, .request_size = 200000};
    struct rig *rig = start(scripts, 1);

    call(rig, &caller);
    rig_run(rig, NULL, NULL, 0);
    ck_assert_uint_eq(hg_credit(caller.self, HG_DOWN), 0);
    budget = 20000; /* some credit again, but too little for writable() */
    hg_resume(watch.bottom, HG_DOWN);
    rig_run(rig, NULL, NULL, 0);
    ck_assert_uint_gt(hg_credit(caller.self, HG_DOWN), 0);
    ck_assert_uint_eq(caller.writables, 0);
    budget = SIZE_MAX;
    hg_resume(watch.bottom, HG_DOWN);
    run_to_end(rig, &watch, &caller);
    ck_assert_uint_gt(caller.writables, 0);
    check_complete(&caller, 10);
    rig_free(rig);
}
END_TEST

START_TEST(emitting_beyond_the_credit_resets)
{
    struct watch watch = {.seed = 1};
    struct script scripts[] = {{.manner = MANNER_ANSWER, .overrun = true, .watch = &watch}};
    struct caller caller = {.watch = &watch};
    struct rig *rig = start(scripts, 1);

    call(rig, &caller);
    run_to_end(rig, &watch, &caller);
    ck_assert_uint_eq(caller.resets, 1);
    ck_assert_int_eq(caller.reason.status, 500);
    ck_assert_ptr_nonnull(strstr(caller.detail, "probe emitted 65537 bytes"));
    rig_free(rig);
}
END_TEST

START_TEST(a_stage_answers_in_the_place_of_what_is_below)
{
    struct watch watch = {.seed = 1};
    struct script scripts[] = {
        {.manner = MANNER_FILTER, .take_responses = true, .answer_size = 70000, .watch = &watch},
        {.manner = MANNER_FILTER, .watch = &watch},
        {.manner = MANNER_ANSWER, .answer_size = 500000, .answers_early = true, .watch = &watch}};
    struct caller caller = {.watch = &watch, .request_size = 100000};
    struct rig *rig = start(scripts, 3);

    call(rig, &caller);
    run_to_end(rig, &watch, &caller);
    ck_assert_uint_eq(caller.heads, 1);
    ck_assert_uint_eq(caller.got, 70000);
    ck_assert_uint_eq(caller.ends, 1);
    ck_assert_uint_eq(watch.resets, 2); /* both stages below, once each */
    rig_free(rig);
}
END_TEST

/* What waited below goes with it, and so does who held it back. */
START_TEST(an_upload_goes_on_when_a_stage_above_answers)
{
    struct watch watch = {.seed = 1};
    size_t budget = 0;
    struct script scripts[] = {{.manner = MANNER_PASS, .take_responses = true, .answer_size = 100, .watch = &watch},
                               {.manner = MANNER_ANSWER, .budget = &budget, .answer_size = 100, .watch = &watch}};
    struct caller caller = {.watch = &watch, .request_size = 200000};
    struct rig *rig = start(scripts, 2);

    call(rig, &caller);
    rig_run(rig, NULL, NULL, 0);
    ck_assert_uint_eq(hg_credit(caller.self, HG_DOWN), 0);
    answer(watch.bottom);
    run_to_end(rig, &watch, &caller);
    check_complete(&caller, 100);
    rig_free(rig);
}
END_TEST

START_TEST(a_reset_tells_all_but_its_maker)
{
    struct watch watch = {.seed = 1};
    struct script scripts[] = {{.manner = MANNER_FILTER, .watch = &watch},
                               {.manner = MANNER_ANSWER, .answer_size = 1000000, .watch = &watch}};
    struct caller caller = {.watch = &watch, .request_size = 1000000, .stalled = true};
    struct rig *rig = start(scripts, 2);
    static const struct hg_reason gone = {499, NULL, "the public user is gone", 0};

    call(rig, &caller);
    rig_run(rig, NULL, NULL, 0);
    hg_reset(caller.self, &gone);
    hg_reset(caller.self, &gone); /* a second one changes nothing */
    run_to_end(rig, &watch, &caller);
    ck_assert_uint_eq(caller.resets, 0);
    ck_assert_uint_eq(watch.resets, 2);
    ck_assert_str_eq(watch.detail, "the public user is gone");
    rig_free(rig);
}
END_TEST

START_TEST(all_exchanges_are_reset_at_a_stop)
{
    struct watch watch = {.seed = 1};
    struct script scripts[] = {{.manner = MANNER_ANSWER, .answer_size = 1000000, .watch = &watch}};
    struct caller callers[3] = {{.watch = &watch, .stalled = true, .request_size = 1},
                                {.watch = &watch, .stalled = true, .request_size = 1},
                                {.watch = &watch, .stalled = true, .request_size = 1}};
    struct rig *rig = start(scripts, 1);

    for (int i = 0; i < 3; i++)
        call(rig, &callers[i]);
    rig_run(rig, NULL, NULL, 0);
    ck_assert_uint_eq(rig->worker->exchange_count, 3);
    rig_free(rig);
    for (int i = 0; i < 3; i++) {
        ck_assert_uint_eq(callers[i].resets, 1);
        ck_assert_uint_eq(callers[i].detaches, 1);
    }
    ck_assert_uint_eq(watch.attached, watch.detached);
}
END_TEST

/* One random pipeline with one random exchange; now and then reset in the middle. */
static void run_random(unsigned seed)
{
    struct watch watch = {.first_seed = seed, .seed = seed};
    struct script scripts[MOST_PARTS - 1];
    size_t count = 1 + draw(&watch, MOST_PARTS - 2), answer_size = draw(&watch, 3) ? draw(&watch, 200000) : 0;
    struct caller caller = {.watch = &watch, .request_size = draw(&watch, 3) ? draw(&watch, 200000) : 0};
    unsigned reset_at = draw(&watch, 4) ? 0 : 1 + draw(&watch, 20);
    struct rig *rig;

    for (size_t i = 0; i < count; i++)
        scripts[i] =
            (struct script){.manner = (enum manner)draw(&watch, 3), .pauses = draw(&watch, 2), .watch = &watch};
    scripts[count - 1].manner = MANNER_ANSWER;
    scripts[count - 1].answer_size = answer_size;
    scripts[count - 1].answers_early = draw(&watch, 2);
    scripts[count - 1].interims = draw(&watch, 3);
    rig = start(scripts, count);
    call(rig, &caller);
    for (unsigned i = 0; i < reset_at && !caller.detaches; i++)
        rig_run(rig, NULL, NULL, 0);
    if (reset_at && caller.self)
        hg_reset(caller.self, &(struct hg_reason){499, NULL, "random", 0});
    run_to_end(rig, &watch, &caller);
    if (!reset_at)
        check_complete(&caller, answer_size);
    rig_free(rig);
}

START_TEST(random_pipelines_keep_their_promises)
{
    const char *seed = getenv("HG_SEED");

    if (seed) {
        run_random((unsigned)strtoul(seed, NULL, 10));
        return;
    }
    for (unsigned i = 1; i <= 3000; i++)
        run_random(i);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exchange");
    TCase *named = tcase_create("named"), *random_case = tcase_create("random");
    SRunner *runner;
    int failed;

    tcase_add_test(named, a_plain_exchange_goes_down_and_up);
    tcase_add_test(named, a_bypassing_stage_sees_nothing_more);
    tcase_add_test(named, nobody_answers);
    tcase_add_test(named, a_failing_stage_is_named);
    tcase_add_test(named, credit_bounds_what_waits_for_a_stalled_reader);
    tcase_add_test(named, asking_for_credit_again_loses_no_writable);
    tcase_add_test(named, emitting_beyond_the_credit_resets);
    tcase_add_test(named, a_stage_answers_in_the_place_of_what_is_below);
    tcase_add_test(named, an_upload_goes_on_when_a_stage_above_answers);
    tcase_add_test(named, a_reset_tells_all_but_its_maker);
    tcase_add_test(named, all_exchanges_are_reset_at_a_stop);
    tcase_add_test(random_case, random_pipelines_keep_their_promises);
    tcase_set_timeout(random_case, 300);
    suite_add_tcase(suite, named);
    suite_add_tcase(suite, random_case);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
