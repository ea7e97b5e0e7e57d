/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * How much reordering to tolerate before a packet that was overtaken counts as lost. RFC 9002 section 6.1 allows this
 * to adapt, and we do so as RFC 8985 (RACK-TLP) section 6.2 does: once packets have arrived late, being overtaken no
 * longer means anything and only time counts, with more of it allowed after each round trip in which it was too short.
 */
#ifndef CORE_TUNNEL_REORDERING_H
#define CORE_TUNNEL_REORDERING_H

#include "core/tunnel/tunnel.h"

struct reordering {
    unsigned level;     /* 0: none seen */
    unsigned quiet;     /* episodes of loss since the last reordering */
    uint64_t raised_at; /* the largest number sent when the level rose, which earlier packets do not reflect */
};

/* The packet was declared lost, and acknowledged later. */
void reordering_too_late(struct reordering *reordering, uint64_t number, uint64_t largest_sent);

/* A packet was acknowledged after one sent `distance` packets later, without having been declared lost. */
void reordering_in_time(struct reordering *reordering, uint64_t distance);

/* An episode of loss begins. */
void reordering_loss(struct reordering *reordering);

/* How many later packets must be acknowledged for a packet to be lost; UINT64_MAX: their number does not matter. */
uint64_t reordering_packets(const struct reordering *reordering);

/* How much longer than a round trip a packet may take. */
tn_time reordering_window(const struct reordering *reordering, tn_time rtt, tn_time smoothed_rtt, tn_time min_rtt);

#endif
