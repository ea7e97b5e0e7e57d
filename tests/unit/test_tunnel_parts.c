/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The parts of the tunnel one by one; the sets and the reassembly compared with simple models.
 */
#include "core/base/buffer.h"
#include "core/tunnel/acks.h"
#include "core/tunnel/frame.h"
#include "core/tunnel/pacer.h"
#include "core/tunnel/ranges.h"
#include "core/tunnel/receive_buffer.h"
#include "core/tunnel/send_buffer.h"
#include "core/tunnel/varint.h"
#include "tests/sim/random.h"
#include "tests/unit/run_suite.h"
#include "tests/unit/slowness.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* RFC 9000 appendix A.1. */
START_TEST(varint_examples)
{
    static const struct {
        uint8_t bytes[8];
        size_t size;
        uint64_t value;
        bool shortest;
    } examples[] = {
        {{0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c}, 8, UINT64_C(151288809941952652), true},
        {{0x9d, 0x7f, 0x3e, 0x7d}, 4, 494878333, true},
        {{0x7b, 0xbd}, 2, 15293, true},
        {{0x25}, 1, 37, true},
        {{0x40, 0x25}, 2, 37, false},
    };

    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        const uint8_t *in = examples[i].bytes;
        uint8_t out[8];
        uint64_t value;

        ck_assert(!varint_read(&in, in + examples[i].size - 1, &value));
        ck_assert(varint_read(&in, examples[i].bytes + examples[i].size, &value));
        ck_assert_uint_eq(value, examples[i].value);
        ck_assert_ptr_eq(in, examples[i].bytes + examples[i].size);
        if (examples[i].shortest) {
            ck_assert_uint_eq((size_t)(varint_write(out, value) - out), examples[i].size);
            ck_assert_mem_eq(out, examples[i].bytes, examples[i].size);
        }
    }
}
END_TEST

#define MODEL 256

/* Check's assertions write to a file, so many comparisons share one. */
static void ranges_compare(const struct ranges *ranges, const bool *model)
{
    bool same = true;

    for (uint64_t i = 0; i < MODEL; i++)
        same &= ranges_contain(ranges, i) == model[i];
    for (size_t i = 0; i < ranges->count; i++) {
        same &= ranges->items[i].start < ranges->items[i].end;
        same &= i == 0 || ranges->items[i - 1].end < ranges->items[i].start;
    }
    ck_assert(same);
}

START_TEST(ranges_against_model)
{
    struct random random = {(uint64_t)_i + 1};
    struct ranges ranges = {0};
    bool model[MODEL] = {0};

    for (int step = 0; step < 500; step++) {
        uint64_t start = random_between(&random, 0, MODEL - 1);
        uint64_t end = random_between(&random, start, start + 20 < MODEL ? start + 20 : MODEL);
        bool add = random_chance(&random, 0.5);

        ck_assert(add ? ranges_add(&ranges, start, end) : ranges_remove(&ranges, start, end));
        for (uint64_t i = start; i < end; i++)
            model[i] = add;
        ranges_compare(&ranges, model);
    }
    ranges_free(&ranges);
}
END_TEST

static void send_buffer_write(struct send_buffer *sender, const uint8_t *data, size_t size)
{
    struct hg_buffer *buffer = buffer_new(size);
    struct hg_slice slice = {buffer, buffer->data, size};

    memcpy(buffer->data, data, size);
    ck_assert(send_buffer_append(sender, &slice));
    hg_buffer_unref(buffer);
}

/* Random pieces are sent, lost and acknowledged in any order; the remaining bytes must always be available. */
START_TEST(send_buffer_against_model)
{
    struct random random = {(uint64_t)_i + 1};
    struct send_buffer sender = {0};
    uint8_t bytes[300], out[300];
    uint64_t written = 0;
    bool same = true, acknowledged[300] = {0}, lost[300] = {0};

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)random_next(&random);
    for (int step = 0; step < 400; step++) {
        uint64_t start, end;

        if (written < sizeof bytes && random_chance(&random, 0.3)) {
            uint64_t size = random_between(&random, 1, 40);

            size = size < sizeof bytes - written ? size : sizeof bytes - written;
            send_buffer_write(&sender, bytes + written, (size_t)size);
            written += size;
            sender.next = written;
        }
        if (written == 0)
            continue;
        start = random_between(&random, 0, written - 1);
        end = random_between(&random, start, start + 60 < written ? start + 60 : written);
        if (random_chance(&random, 0.6)) {
            ck_assert(send_buffer_lose(&sender, start, end - start));
            for (uint64_t i = start; i < end; i++)
                lost[i] = !acknowledged[i];
        } else {
            ck_assert(send_buffer_acknowledge(&sender, start, end - start));
            for (uint64_t i = start; i < end; i++)
                lost[i] = !(acknowledged[i] = true);
        }
        for (start = 0; start < written && acknowledged[start];)
            start++;
        ck_assert_uint_eq(sender.acknowledged, start);
        for (uint64_t i = 0; i < written; i++)
            same &= ranges_contain(&sender.lost, i) == lost[i];
        start = random_between(&random, sender.acknowledged, written);
        send_buffer_copy(&sender, start, (size_t)(written - start), out);
        ck_assert_mem_eq(out, bytes + start, (size_t)(written - start));
    }
    ck_assert(same);
    ck_assert(send_buffer_acknowledge(&sender, 0, written));
    ck_assert_uint_eq(sender.acknowledged, written);
    ck_assert_uint_eq(sender.count, 0);
    ck_assert_uint_eq(sender.lost.count, 0);
    ck_assert_uint_eq(sender.acknowledged_ranges.count, 0);
    send_buffer_drop(&sender);
}
END_TEST

/* Adjacent pieces of one buffer become one slice, so writing byte by byte takes no memory for each. */
START_TEST(send_buffer_joins_slices)
{
    struct send_buffer sender = {0};
    struct hg_buffer *buffer = buffer_new(100);

    for (size_t i = 0; i < 100; i++) {
        struct hg_slice slice = {buffer, buffer->data + i, 1};

        ck_assert(send_buffer_append(&sender, &slice));
    }
    ck_assert_uint_eq(sender.count, 1);
    ck_assert_uint_eq(sender.end, 100);
    send_buffer_drop(&sender);
    hg_buffer_unref(buffer);
}
END_TEST

/* Overlapping pieces in any order; bytes are read as they arrive. */
START_TEST(receive_buffer_against_model)
{
    struct random random = {(uint64_t)_i + 1};
    struct receive_buffer receiver = {0};
    uint8_t bytes[3000];
    bool here[3001] = {0};
    uint64_t read = 0, contiguous;

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)random_next(&random);
    while (read < sizeof bytes) {
        uint64_t start = random_between(&random, 0, sizeof bytes - 1);
        uint64_t end = random_between(&random, start, start + 90 < sizeof bytes ? start + 90 : sizeof bytes);
        struct hg_slice slice;

        ck_assert_int_eq(receive_buffer_add(&receiver, start, bytes + start, (size_t)(end - start), UINT32_MAX),
                         RECEIVE_BUFFER_OK);
        memset(here + start, true, (size_t)(end - start));
        for (contiguous = read; here[contiguous];)
            contiguous++;
        ck_assert_uint_eq(receiver.contiguous, contiguous);
        ck_assert_int_eq(receive_buffer_peek(&receiver, &slice), contiguous > read);
        while (random_chance(&random, 0.5) && receive_buffer_peek(&receiver, &slice)) {
            size_t size = (size_t)random_between(&random, 1, slice.size);

            ck_assert_uint_le(slice.size, contiguous - read);
            ck_assert_mem_eq(slice.data, bytes + read, slice.size);
            receive_buffer_consume(&receiver, size);
            read += size;
        }
    }
    ck_assert_uint_eq(receiver.count, 0);
    receive_buffer_drop(&receiver);
}
END_TEST

/* A single message takes only the memory it needs, and bulk data comes in few large pieces. */
START_TEST(receive_buffer_chunks)
{
    struct receive_buffer receiver = {0};
    static const uint8_t bytes[1400];
    struct hg_slice slice;
    uint64_t offset = 0;

    for (int i = 0; i < 10; i++, offset += 100) {
        ck_assert_int_eq(receive_buffer_add(&receiver, offset, bytes, 100, UINT32_MAX), RECEIVE_BUFFER_OK);
        ck_assert(receive_buffer_peek(&receiver, &slice));
        ck_assert_uint_eq(slice.size, 100);
        ck_assert_uint_eq(slice.buffer->capacity, 100);
        receive_buffer_consume(&receiver, 100);
    }
    for (int i = 0; i < 500; i++, offset += 1400)
        ck_assert_int_eq(receive_buffer_add(&receiver, offset, bytes, 1400, UINT32_MAX), RECEIVE_BUFFER_OK);
    ck_assert_uint_lt(receiver.count, 500 * 1400 / RECEIVE_BUFFER_CHUNK + 10);
    /* A single byte after bulk data does not get a large chunk. */
    receive_buffer_consume(&receiver, receiver.contiguous - receiver.read);
    ck_assert_int_eq(receive_buffer_add(&receiver, offset, bytes, 1, UINT32_MAX), RECEIVE_BUFFER_OK);
    ck_assert(receive_buffer_peek(&receiver, &slice));
    ck_assert_uint_le(slice.buffer->capacity, 16);
    receive_buffer_drop(&receiver);
}
END_TEST

/* Bytes with gaps between them: refused above the limit, while the next bytes in order are always taken. */
START_TEST(receive_buffer_limit)
{
    struct receive_buffer receiver = {0};
    uint8_t byte = 0;
    uint64_t end = 2 * RECEIVE_BUFFER_SEGMENTS_MAX + RECEIVE_BUFFER_PIECE;

    for (uint64_t i = 2; i <= end; i += 2)
        receive_buffer_add(&receiver, i, &byte, 1, UINT32_MAX);
    ck_assert_int_eq(receive_buffer_add(&receiver, end + 2, &byte, 1, UINT32_MAX), RECEIVE_BUFFER_FULL);
    ck_assert_uint_ge(receiver.count, RECEIVE_BUFFER_SEGMENTS_MAX);
    ck_assert_uint_le(receiver.count, RECEIVE_BUFFER_SEGMENTS_MAX + end / RECEIVE_BUFFER_PIECE);
    for (uint64_t i = 0; i < end; i++)
        ck_assert_int_eq(receive_buffer_add(&receiver, i, &byte, 1, UINT32_MAX), RECEIVE_BUFFER_OK);
    ck_assert_uint_ge(receiver.contiguous, end);
    receive_buffer_drop(&receiver);
}
END_TEST

/* Every second packet of a large window is lost: everything that arrives is taken. */
START_TEST(receive_buffer_takes_overflow)
{
    static const uint8_t piece[1200];
    struct receive_buffer receiver = {0};

    for (uint64_t i = 1; i < 8000; i += 2)
        ck_assert_int_eq(receive_buffer_add(&receiver, i * sizeof piece, piece, sizeof piece, UINT32_MAX),
                         RECEIVE_BUFFER_OK);
    ck_assert_uint_eq(receiver.count, 4000);
    receive_buffer_drop(&receiver);
}
END_TEST

/* The same for a limit given by the caller. */
START_TEST(receive_buffer_limit_of_session)
{
    struct receive_buffer receiver = {0};
    uint8_t byte = 0;

    ck_assert_int_eq(receive_buffer_add(&receiver, 2, &byte, 1, 1), RECEIVE_BUFFER_OK);
    ck_assert_int_eq(receive_buffer_add(&receiver, 4, &byte, 1, 1), RECEIVE_BUFFER_FULL);
    ck_assert_int_eq(receive_buffer_add(&receiver, 0, &byte, 1, 0), RECEIVE_BUFFER_OK);
    receive_buffer_drop(&receiver);
}
END_TEST

START_TEST(truncated_frames)
{
    static const uint8_t frames[][24] = {
        {0x04, 0x41, 0x00, 0x05, 0x42, 0x00},
        {0x05, 0x01, 0x44, 0x00},
        {0x06, 0x00, 0x02, 'a', 'b'},
        {0x0f, 0x01, 0x05, 0x03, 'a', 'b', 'c'},
        {0x10, 0x80, 0, 0, 1},
        {0x11, 0x01, 0x44, 0x00},
        {0x02, 0x0a, 0x01, 0x01, 0x02, 0x01, 0x01},
        {0x1c, 0x01, 0x00, 0x02, 'n', 'o'},
    };
    static const size_t sizes[] = {6, 4, 5, 7, 5, 4, 7, 6};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t cut = 1; cut <= sizes[i]; cut++) {
            /* A copy of exactly this size, so that a sanitizer detects reads beyond it. */
            uint8_t *copy = malloc(cut);
            const uint8_t *in = copy;
            struct frame frame;

            ck_assert_ptr_nonnull(copy);
            memcpy(copy, frames[i], cut);
            ck_assert_int_eq(frame_read(&in, copy + cut, &frame), cut == sizes[i]);
            if (cut == sizes[i])
                ck_assert_ptr_eq(in, copy + cut);
            free(copy);
        }
    }
}
END_TEST

START_TEST(frames_out_of_range)
{
    static const struct {
        uint8_t bytes[24];
        size_t size;
    } frames[] = {
        {{0x03}, 1},                                     /* ECN counts */
        {{0x07}, 1},                                     /* NEW_TOKEN */
        {{0x40, 0x01}, 2},                               /* a type not in its shortest encoding */
        {{0x02, 0x05, 0x00, 0x00, 0x06}, 5},             /* a first range below 0 */
        {{0x02, 0x05, 0x00, 0x01, 0x02, 0x02, 0x00}, 7}, /* a second one */
        {{0x0e, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 'a'}, 12}, /* an end above 2^62 - 1 */
        {{0x06, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 'a'}, 11},
    };

    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        const uint8_t *in = frames[i].bytes;
        struct frame frame;

        ck_assert(!frame_read(&in, frames[i].bytes + frames[i].size, &frame));
    }
}
END_TEST

static const tn_time delay = 5 * TN_MILLISECOND;

START_TEST(acks_policy)
{
    struct acks acks;
    uint8_t out[100];

    acks_start(&acks);
    /* One packet: delayed, but not too long. */
    ck_assert(acks_add(&acks, 7, true, 1000, delay));
    acks_batch_end(&acks);
    ck_assert(!acks.due);
    ck_assert_uint_eq(acks.deadline, 1000 + delay);
    /* Two in a batch: now. */
    ck_assert(acks_add(&acks, 8, true, 2000, delay));
    ck_assert(!acks.due);
    acks_batch_end(&acks);
    ck_assert(acks.due);
    ck_assert_uint_eq(acks.deadline, 1000 + delay);
    ck_assert(acks_write(&acks, out, sizeof out, 3000) > out);
    ck_assert(!acks.due);
    ck_assert_uint_eq(acks.deadline, TN_TIME_NEVER);
    /* Packets that elicit no ACK. */
    ck_assert(acks_add(&acks, 9, false, 3000, delay));
    ck_assert_uint_eq(acks.deadline, TN_TIME_NEVER);
    /* After a gap: now. A late packet: now. */
    ck_assert(acks_add(&acks, 11, true, 4000, delay));
    ck_assert(acks.due);
    acks_write(&acks, out, sizeof out, 4000);
    ck_assert(acks_add(&acks, 10, true, 4000, delay));
    ck_assert(acks.due);
    acks_write(&acks, out, sizeof out, 4000);
    /* Every tenth within a batch. */
    for (uint64_t i = 12; i < 21; i++)
        ck_assert(acks_add(&acks, i, true, 5000, delay));
    ck_assert(!acks.due);
    ck_assert(acks_add(&acks, 21, true, 5000, delay));
    ck_assert(acks.due);
    ck_assert_uint_eq(acks.received.count, 1);
    acks_free(&acks);
}
END_TEST

START_TEST(acks_frame)
{
    struct acks acks;
    struct frame frame;
    struct ack_walk walk;
    uint8_t out[100];
    const uint8_t *in = out, *end;

    acks_start(&acks);
    for (uint64_t i = 0; i < 300; i += 3)
        ck_assert(acks_add(&acks, i, true, i, delay));
    /* The oldest are forgotten, and count as received. */
    ck_assert_uint_eq(acks.received.count, 64);
    ck_assert(acks_seen(&acks, 1));
    ck_assert(!acks_seen(&acks, 296));
    ck_assert(acks_seen(&acks, 297));
    end = acks_write(&acks, out, sizeof out, 297 + 80 * 1000);
    ck_assert(frame_read(&in, end, &frame));
    ck_assert_ptr_eq(in, end);
    ck_assert_uint_eq(frame.ack.largest, 297);
    ck_assert_uint_eq(frame.ack.delay, 10);
    ck_assert_uint_eq(frame.ack.range_count, 19);
    frame_ack_first(&frame, &walk);
    for (uint64_t i = 0; i < 20; i++) {
        ck_assert_uint_eq(walk.low, 297 - 3 * i);
        ck_assert_uint_eq(walk.high, 297 - 3 * i);
        ck_assert_int_eq(frame_ack_next(&walk), i < 19);
    }
    /* Confirmed ranges are not reported again, unless something new arrived in them. */
    acks_confirmed(&acks, 291);
    in = out;
    ck_assert(frame_read(&in, acks_write(&acks, out, sizeof out, 300), &frame));
    ck_assert_uint_eq(frame.ack.range_count, 2);
    ck_assert(acks_add(&acks, 283, true, 400, delay));
    in = out;
    ck_assert(frame_read(&in, acks_write(&acks, out, sizeof out, 400), &frame));
    ck_assert_uint_eq(frame.ack.range_count, 5);
    acks_free(&acks);
}
END_TEST

/* A thousand packets of 1,000 bytes at 10 bytes per microsecond: a tenth of a second, except for the first burst. */
START_TEST(pacer_rate)
{
    struct pacer pacer;
    tn_time now = TN_SECOND, start = now;
    unsigned waits = 0;

    pacer_start(&pacer, 0.01, 1000, now);
    for (int i = 0; i < 1000; i++) {
        if (!pacer_allows(&pacer, now)) {
            ck_assert_uint_gt(pacer.resume, now);
            now = pacer.resume;
            waits++;
        }
        pacer_sent(&pacer, 1000, now);
    }
    ck_assert_uint_ge(now - start, 97 * TN_MILLISECOND);
    ck_assert_uint_le(now - start, 101 * TN_MILLISECOND);
    /* In quanta of a millisecond, not packet by packet. */
    ck_assert_uint_le(waits, 110);
    /* A packet that waits for a slow rate is sent as soon as a higher rate is known. */
    pacer_start(&pacer, 0.00001, 1000, now);
    while (pacer_allows(&pacer, now))
        pacer_sent(&pacer, 1000, now);
    ck_assert_uint_gt(pacer.resume, now + 50 * TN_MILLISECOND);
    pacer_set_rate(&pacer, 0.01, 1000, now);
    ck_assert_uint_le(pacer.resume, now + 2 * TN_MILLISECOND);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tunnel parts");
    TCase *parts = tcase_create("parts");

    tcase_add_test(parts, varint_examples);
    tcase_add_loop_test(parts, ranges_against_model, 0, (int)repetitions(20));
    tcase_add_loop_test(parts, send_buffer_against_model, 0, (int)repetitions(40));
    tcase_add_test(parts, send_buffer_joins_slices);
    tcase_add_loop_test(parts, receive_buffer_against_model, 0, (int)repetitions(15));
    tcase_add_test(parts, receive_buffer_chunks);
    tcase_add_test(parts, receive_buffer_limit);
    tcase_add_test(parts, receive_buffer_takes_overflow);
    tcase_add_test(parts, receive_buffer_limit_of_session);
    tcase_add_test(parts, truncated_frames);
    tcase_add_test(parts, frames_out_of_range);
    tcase_add_test(parts, acks_policy);
    tcase_add_test(parts, acks_frame);
    tcase_add_test(parts, pacer_rate);
    tcase_set_timeout(parts, 60);
    suite_add_tcase(suite, parts);
    return run_suite(suite);
}
