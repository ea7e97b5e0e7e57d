/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "tests/sim/bottleneck.h"

#include "core/base/buffer.h"
#include "tests/sim/network.h"

#include <stdlib.h>

#define CAPACITY 1400
/* A datagram of 1,200 bytes, for paths whose limit is probed. */
#define BASE 1163
/* DTLS 1.2 with AES-GCM, UDP and IPv4. */
#define OVERHEAD 65
#define BATCH    64

enum {
    CLIENT = 0,
    GATEWAY = 1,
};

struct flow {
    struct tn_session *sessions[2];
    struct tn_link *links[2];
    struct tn_stream *stream;
    uint64_t numbers[2];
    uint64_t received, received_early;
    tn_time start, last_received, longest_gap;
    bool dirty[2];
};

struct run {
    const struct bottleneck *bottleneck;
    struct random random;
    struct network network;
    struct flow flows[BOTTLENECK_FLOWS_MAX];
    struct hg_slice slice; /* written again and again */
    tn_time now, end, half;
    tn_time sample_at;
    double *samples; /* queueing delays, ms */
    size_t sample_count, sample_capacity;
};

static void flow_start(struct run *run, struct flow *flow, enum tn_congestion congestion)
{
    for (int side = 0; side < 2; side++) {
        struct tn_params params;

        tn_params_default(&params);
        params.is_client = side == CLIENT;
        params.packet_size = run->bottleneck->probe_max ? BASE : CAPACITY;
        params.packet_size_max = run->bottleneck->probe_max;
        params.packet_overhead = OVERHEAD;
        params.congestion = congestion;
        /* A link knows it from its handshake. */
        params.initial_rtt = (tn_time)(run->bottleneck->delay * 1e6);
        flow->sessions[side] = tn_session_new(&params);
        flow->links[side] = tn_link_new(flow->sessions[side], &params, run->now);
        flow->dirty[side] = true;
        if (!flow->sessions[side] || !flow->links[side])
            abort();
    }
    for (int side = 0; side < 2; side++) {
        struct tn_peer_params peer;

        tn_session_local_params(flow->sessions[!side], &peer);
        tn_session_set_peer_params(flow->sessions[side], &peer);
    }
    flow->stream = tn_stream_open(flow->sessions[GATEWAY]);
}

static void flow_free(struct flow *flow)
{
    for (int side = 0; side < 2; side++) {
        tn_link_free(flow->links[side]);
        tn_session_free(flow->sessions[side]);
    }
}

static void flow_write(struct run *run, struct flow *flow)
{
    while (tn_stream_write(flow->stream, &run->slice) == run->slice.size)
        ;
}

static void flow_events(struct run *run, struct flow *flow, int side)
{
    struct tn_event event;
    struct hg_slice slice;

    while (tn_session_next_event(flow->sessions[side], &event)) {
        if (event.type == TN_EVENT_WRITABLE && side == GATEWAY)
            flow_write(run, flow);
        if (event.type != TN_EVENT_READABLE)
            continue;
        while (tn_stream_peek(event.stream, &slice)) {
            if (flow->last_received > 0 && run->now - flow->last_received > flow->longest_gap)
                flow->longest_gap = run->now - flow->last_received;
            flow->last_received = run->now;
            flow->received += slice.size;
            tn_stream_consume(event.stream, slice.size);
        }
    }
}

static void flow_serve(struct run *run, struct flow *flow, int side)
{
    uint8_t packet[TN_PACKET_MAX];
    size_t size;

    if (!flow->dirty[side])
        return;
    flow->dirty[side] = false;
    tn_link_batch_end(flow->links[side], run->now);
    do {
        flow_events(run, flow, side);
        size = tn_link_send(flow->links[side], run->now, flow->numbers[side], packet, sizeof packet);
        if (size > 0) {
            run->network.epoch = (unsigned)(flow - run->flows);
            network_send(&run->network, !side, run->now, flow->numbers[side]++, packet, size);
        }
    } while (size > 0);
}

static void run_arrivals(struct run *run)
{
    while (network_next(&run->network) <= run->now) {
        struct network_packet packet = network_take(&run->network);
        struct flow *flow = &run->flows[packet.epoch];

        if (tn_link_receive(flow->links[packet.to], run->now, packet.number, packet.data, packet.size))
            abort();
        flow->dirty[packet.to] = true;
        free(packet.data);
    }
}

static void run_timeouts(struct run *run, struct flow *flow)
{
    for (int side = 0; side < 2; side++) {
        if (tn_link_deadline(flow->links[side]) > run->now)
            continue;
        if (tn_link_timeout(flow->links[side], run->now))
            abort();
        flow->dirty[side] = true;
    }
}

/* Once per millisecond in the second half: how long a packet that arrived now would have to wait. */
static void run_sample(struct run *run)
{
    tn_time busy_until = run->network.paths[CLIENT].busy_until;

    if (run->now < run->sample_at)
        return;
    run->sample_at = run->now + TN_MILLISECOND;
    if (run->sample_count < run->sample_capacity)
        run->samples[run->sample_count++] = busy_until > run->now ? (double)(busy_until - run->now) / 1e6 : 0;
}

static void run_half(struct run *run)
{
    run->half = TN_TIME_NEVER;
    run->sample_at = run->now;
    for (size_t i = 0; i < run->bottleneck->flow_count; i++)
        run->flows[i].received_early = run->flows[i].received;
}

static void run_loop(struct run *run)
{
    while (run->now < run->end) {
        tn_time next = run->end;

        run_arrivals(run);
        for (size_t i = 0; i < run->bottleneck->flow_count; i++) {
            struct flow *flow = &run->flows[i];

            if (!flow->stream && run->now >= flow->start) {
                flow_start(run, flow, run->bottleneck->flows[i]);
                flow_write(run, flow);
            }
            if (!flow->stream) {
                next = flow->start < next ? flow->start : next;
                continue;
            }
            run_timeouts(run, flow);
            for (int side = 0; side < 2; side++) {
                flow_serve(run, flow, side);
                if (tn_link_deadline(flow->links[side]) < next)
                    next = tn_link_deadline(flow->links[side]);
            }
        }
        if (run->now >= run->half)
            run_half(run);
        run_sample(run);
        if (network_next(&run->network) < next)
            next = network_next(&run->network);
        run->now = next > run->now ? next : run->now;
    }
}

static int compare_doubles(const void *a, const void *b)
{
    double difference = *(const double *)a - *(const double *)b;

    return (difference > 0) - (difference < 0);
}

static void run_result(struct run *run, struct bottleneck_result *result)
{
    double half = run->bottleneck->seconds / 2;

    *result = (struct bottleneck_result){.packets_sent = run->network.sent, .packets_lost = run->network.lost};
    for (size_t i = 0; i < run->bottleneck->flow_count; i++) {
        const struct flow *flow = &run->flows[i];
        struct tn_link_stats stats;

        tn_link_stats(flow->links[GATEWAY], &stats);
        result->goodput[i] = (double)flow->received * 8e3 / (double)(run->end - flow->start);
        result->late_goodput[i] = (double)(flow->received - flow->received_early) * 8e-6 / half;
        result->congestion_events[i] = stats.congestion_events;
        result->declared_lost += stats.packets_lost;
        if (i > 0)
            continue;
        result->longest_gap = (double)flow->longest_gap / 1e6;
        result->packet_size = stats.packet_size;
        result->mtu_probes_sent = stats.mtu_probes_sent;
        result->mtu_probes_lost = stats.mtu_probes_lost;
        result->black_holes = stats.black_holes;
    }
    if (run->sample_count == 0)
        return;
    qsort(run->samples, run->sample_count, sizeof *run->samples, compare_doubles);
    result->queue_delay_p50 = run->samples[run->sample_count / 2];
    result->queue_delay_p99 = run->samples[run->sample_count * 99 / 100];
}

void bottleneck_run(const struct bottleneck *bottleneck, struct bottleneck_result *result)
{
    struct run *run = calloc(1, sizeof *run);
    struct hg_buffer *buffer = buffer_new(16384);

    if (!run || !buffer)
        abort();
    run->bottleneck = bottleneck;
    run->random.state = bottleneck->seed;
    run->network.random = &run->random;
    run->slice = (struct hg_slice){buffer, buffer->data, 16384};
    for (int to = 0; to < 2; to++) {
        struct path *path = &run->network.paths[to];

        path->delay = (tn_time)(bottleneck->delay * 1e6 / 2);
        path->loss = bottleneck->loss;
        path->late = bottleneck->late_share;
        path->late_by = (tn_time)(bottleneck->late_by * 1e6);
        path->overhead = OVERHEAD;
        path->mtu = bottleneck->mtu;
        path->mtu_later = bottleneck->mtu_later;
        path->mtu_change =
            bottleneck->mtu_change > 0 ? TN_SECOND + (tn_time)(bottleneck->mtu_change * 1e9) : TN_TIME_NEVER;
        path->hole_start = path->hole_end = TN_TIME_NEVER;
        path->rate = bottleneck->rate / 8e3;
        path->queue = (uint64_t)(bottleneck->queue * path->rate * bottleneck->delay * 1e6);
    }
    run->now = TN_SECOND;
    run->end = run->now + (tn_time)(bottleneck->seconds * 1e9);
    run->half = run->now + (tn_time)(bottleneck->seconds * 5e8);
    run->sample_at = TN_TIME_NEVER;
    run->sample_capacity = (size_t)(bottleneck->seconds * 1000) + 1;
    run->samples = malloc(run->sample_capacity * sizeof *run->samples);
    if (!run->samples)
        abort();
    for (size_t i = 0; i < bottleneck->flow_count; i++)
        run->flows[i].start =
            run->now + (tn_time)(bottleneck->starts[i] * 1e9) + random_between(&run->random, 0, 100 * TN_MILLISECOND);
    run_loop(run);
    run_result(run, result);
    for (size_t i = 0; i < bottleneck->flow_count; i++)
        flow_free(&run->flows[i]);
    network_free(&run->network);
    hg_buffer_unref(buffer);
    free(run->samples);
    free(run);
}
