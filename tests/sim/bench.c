/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The cost of the tunnel's code alone: bytes flow from a gateway to a client with no network in between, without losses
 * and comparisons. Meant for callgrind and perf as much as for its figure.
 */
#include "core/base/buffer.h"
#include "tests/sim/sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BATCH 64

struct bench {
    struct tn_session *sessions[2];
    struct tn_link *links[2];
    uint64_t numbers[2];
    uint64_t left, received, packets;
    struct hg_slice slice; /* written again and again */
    size_t capacity;
    tn_time now;
    uint8_t packet[BATCH][TN_PACKET_MAX];
};

static void bench_write(struct bench *bench, struct tn_stream *stream)
{
    while (bench->left > 0) {
        struct hg_slice slice = hg_slice_first(bench->slice, bench->left);
        size_t taken = tn_stream_write(stream, &slice);

        bench->left -= taken;
        if (taken < slice.size)
            return;
    }
    tn_stream_finish(stream);
}

static void bench_read(struct bench *bench, struct tn_stream *stream)
{
    struct hg_slice slice;

    while (tn_stream_peek(stream, &slice)) {
        bench->received += slice.size;
        tn_stream_consume(stream, slice.size);
    }
}

/* Carries one batch to the other end. */
static size_t bench_carry(struct bench *bench, int from)
{
    struct tn_link *to = bench->links[!from];
    size_t sizes[BATCH], count = 0;

    while (count < BATCH) {
        sizes[count] = tn_link_send(bench->links[from], bench->now, bench->numbers[from] + count, bench->packet[count],
                                    bench->capacity);
        if (sizes[count] == 0)
            break;
        count++;
    }
    bench->now += 20000;
    for (size_t i = 0; i < count; i++)
        if (tn_link_receive(to, bench->now, bench->numbers[from] + i, bench->packet[i], sizes[i]))
            abort();
    tn_link_batch_end(to, bench->now);
    bench->numbers[from] += count;
    bench->packets += count;
    return count;
}

static void bench_events(struct bench *bench, int side)
{
    struct tn_event event;

    while (tn_session_next_event(bench->sessions[side], &event)) {
        if (event.type == TN_EVENT_WRITABLE && side == GATEWAY)
            bench_write(bench, event.stream);
        else if (event.type == TN_EVENT_READABLE)
            bench_read(bench, event.stream);
    }
}

static void bench_start(struct bench *bench)
{
    struct tn_peer_params peer;

    for (int side = 0; side < 2; side++) {
        struct tn_params params;

        tn_params_default(&params);
        params.is_client = side == CLIENT;
        params.packet_size = bench->capacity;
        bench->sessions[side] = tn_session_new(&params);
        bench->links[side] = tn_link_new(bench->sessions[side], &params, bench->now);
    }
    for (int side = 0; side < 2; side++) {
        tn_session_local_params(bench->sessions[!side], &peer);
        tn_session_set_peer_params(bench->sessions[side], &peer);
    }
}

/* One turn of both ends; false if a peer is dead. */
static bool bench_turn(struct bench *bench, void (*events)(struct bench *bench, int side))
{
    size_t sent = bench_carry(bench, GATEWAY);

    events(bench, CLIENT);
    sent += bench_carry(bench, CLIENT);
    events(bench, GATEWAY);
    if (sent > 0)
        return true;
    bench->now += TN_MILLISECOND;
    return !tn_link_timeout(bench->links[0], bench->now) && !tn_link_timeout(bench->links[1], bench->now);
}

static void bench_ask(struct bench *bench)
{
    struct hg_slice question = hg_slice_first(bench->slice, 64);
    struct tn_stream *stream;

    if (bench->left == 0)
        return;
    stream = tn_stream_open(bench->sessions[GATEWAY]);
    if (!stream)
        return;
    bench->left--;
    tn_stream_write(stream, &question);
    tn_stream_finish(stream);
}

/* The client answers each request, and the gateway sends another one after each answer. */
static void bench_exchange_events(struct bench *bench, int side)
{
    struct tn_event event;
    struct hg_slice slice;

    while (tn_session_next_event(bench->sessions[side], &event)) {
        if (event.type != TN_EVENT_READABLE)
            continue;
        while (tn_stream_peek(event.stream, &slice))
            tn_stream_consume(event.stream, slice.size);
        if (!tn_stream_fin_read(event.stream))
            continue;
        if (side == CLIENT) {
            slice = hg_slice_first(bench->slice, 64);
            tn_stream_write(event.stream, &slice);
            tn_stream_finish(event.stream);
        } else {
            bench->received++;
        }
        tn_stream_release(event.stream);
        if (side == GATEWAY)
            bench_ask(bench);
    }
}

static struct bench *bench_new(size_t capacity)
{
    struct bench *bench = calloc(1, sizeof *bench);
    struct hg_buffer *buffer = buffer_new(16384);

    if (!bench || !buffer || capacity < TN_PACKET_MIN || capacity > TN_PACKET_MAX)
        exit(2);
    bench->capacity = capacity;
    bench->now = TN_SECOND;
    bench->slice = (struct hg_slice){buffer, buffer->data, 16384};
    bench_start(bench);
    return bench;
}

static void bench_free(struct bench *bench)
{
    for (int side = 0; side < 2; side++) {
        tn_link_free(bench->links[side]);
        tn_session_free(bench->sessions[side]);
    }
    hg_buffer_unref(bench->slice.buffer);
    free(bench);
}

int bench_run(uint64_t megabytes, size_t capacity, uint64_t streams)
{
    struct bench *bench = bench_new(capacity);
    uint64_t total = megabytes << 20;
    double seconds;
    clock_t start = clock();

    bench->left = total;
    for (uint64_t i = 0; i < streams; i++)
        bench_write(bench, tn_stream_open(bench->sessions[GATEWAY]));
    while (bench->received < total)
        if (!bench_turn(bench, bench_events))
            return 1;
    seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    printf("bench: %.2f GB/s, %.0f ns a packet for both ends, %" PRIu64 " packets of up to %zu bytes, %" PRIu64
           " streams\n",
           (double)total / seconds / 1e9, seconds * 1e9 / (double)bench->packets, bench->packets, capacity, streams);
    bench_free(bench);
    return 0;
}

int bench_exchanges(uint64_t exchanges, uint64_t at_once)
{
    struct bench *bench = bench_new(1400);
    double seconds;
    clock_t start = clock();

    bench->left = exchanges;
    for (uint64_t i = 0; i < at_once; i++)
        bench_ask(bench);
    while (bench->received < exchanges)
        if (!bench_turn(bench, bench_exchange_events))
            return 1;
    seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    printf("bench: %.0f exchanges a second of 64 bytes each way, %.0f ns each for both ends, %" PRIu64
           " at once, %" PRIu64 " packets\n",
           (double)exchanges / seconds, seconds * 1e9 / (double)exchanges, at_once, bench->packets);
    bench_free(bench);
    return 0;
}
