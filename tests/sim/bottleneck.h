/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Bulk transfers that share a bottleneck: how congestion control uses a path.
 */
#ifndef TESTS_SIM_BOTTLENECK_H
#define TESTS_SIM_BOTTLENECK_H

#include "core/tunnel/tunnel.h"

#define BOTTLENECK_FLOWS_MAX 4

struct bottleneck {
    double rate;           /* Mbit/s, including the headers of all layers */
    double delay;          /* ms of round-trip time, without queueing */
    double queue;          /* its size in bandwidth-delay products; packets that do not fit are dropped */
    double loss;           /* probability for each packet in each direction */
    double late_share;     /* this share of the packets comes … */
    double late_by;        /* … this many ms later, so that later packets overtake them */
    double seconds;        /* duration */
    size_t probe_max;      /* the largest packet that path MTU probing tries; 0: no probing, packets have 1,400 bytes */
    size_t mtu, mtu_later; /* the largest packets that get through, at first and after `mtu_change` seconds; 0: any */
    double mtu_change;
    uint64_t seed;
    size_t flow_count;
    enum tn_congestion flows[BOTTLENECK_FLOWS_MAX];
    double starts[BOTTLENECK_FLOWS_MAX]; /* seconds; up to a tenth is added at random */
};

struct bottleneck_result {
    double goodput[BOTTLENECK_FLOWS_MAX];      /* Mbit/s of stream bytes from the flow's start to the end */
    double late_goodput[BOTTLENECK_FLOWS_MAX]; /* the same over the last half */
    double queue_delay_p50, queue_delay_p99;   /* ms, over the last half */
    uint64_t congestion_events[BOTTLENECK_FLOWS_MAX];
    uint64_t packets_sent, packets_lost; /* actually, on the path */
    uint64_t declared_lost;
    double longest_gap; /* ms in which nothing new of the first flow arrived, once something had */
    size_t packet_size; /* what its sender had found by the end */
    uint64_t mtu_probes_sent, mtu_probes_lost, black_holes;
};

void bottleneck_run(const struct bottleneck *bottleneck, struct bottleneck_result *result);

#endif
