/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * How much reordering a path is taken to do before what is overtaken counts as lost. RFC 9002 section 6.1 allows to
 * adapt to it; this is how RFC 8985 (RACK-TLP) section 6.2 does: once packets have come late, others that overtake say
 * nothing any more, only time does, and more of it for each round trip that was too impatient still.
 */
#ifndef CORE_TUNNEL_REORDERING_H
#define CORE_TUNNEL_REORDERING_H

#include "core/tunnel/tunnel.h"

struct reordering {
    unsigned level;     /* 0: none seen */
    unsigned quiet;     /* episodes of loss since any was seen */
    uint64_t raised_at; /* the largest number sent when the level rose: what was sent before knows nothing of it */
};

/* The packet was declared lost, and then acknowledged. */
void reordering_too_late(struct reordering *reordering, uint64_t number, uint64_t largest_sent);

/* A packet was acknowledged after one that was sent `distance` packets later, and had not been taken for lost. */
void reordering_in_time(struct reordering *reordering, uint64_t distance);

/* An episode of loss begins. */
void reordering_loss(struct reordering *reordering);

/* By how many others a packet must be overtaken to be lost; UINT64_MAX: their number does not matter. */
uint64_t reordering_packets(const struct reordering *reordering);

/* How much longer than a round trip a packet may be under way. */
tn_time reordering_window(const struct reordering *reordering, tn_time rtt, tn_time smoothed_rtt, tn_time min_rtt);

#endif
