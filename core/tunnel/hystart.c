/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/tunnel/hystart.h"

/* RFC 9406 section 4.3. The RFC's limit on the growth per ACK is only for senders that do not pace. */
#define MIN_RTT_THRESHOLD   (4 * TN_MILLISECOND)
#define MAX_RTT_THRESHOLD   (16 * TN_MILLISECOND)
#define MIN_RTT_DIVISOR     8
#define RTT_SAMPLES         8
#define GROWTH_DIVISOR      4
#define CONSERVATIVE_ROUNDS 5

void hystart_start(struct hystart *hystart)
{
    *hystart = (struct hystart){.round_min = TN_TIME_NEVER, .last_round_min = TN_TIME_NEVER, .baseline = TN_TIME_NEVER};
}

static void hystart_next_round(struct hystart *hystart, uint64_t delivered)
{
    hystart->round_delivered = delivered;
    hystart->last_round_min = hystart->round_min;
    hystart->round_min = TN_TIME_NEVER;
    hystart->samples = 0;
    if (hystart->phase == HYSTART_CONSERVATIVE && ++hystart->rounds >= CONSERVATIVE_ROUNDS)
        hystart->phase = HYSTART_DONE;
}

static void hystart_compare(struct hystart *hystart)
{
    tn_time threshold = hystart->last_round_min / MIN_RTT_DIVISOR;

    if (hystart->samples < RTT_SAMPLES)
        return;
    if (hystart->phase == HYSTART_CONSERVATIVE) {
        /* The delay has gone back down: it was only jitter. */
        if (hystart->round_min < hystart->baseline)
            hystart->phase = HYSTART_SLOW_START;
        return;
    }
    if (hystart->last_round_min == TN_TIME_NEVER)
        return;
    if (threshold < MIN_RTT_THRESHOLD)
        threshold = MIN_RTT_THRESHOLD;
    if (threshold > MAX_RTT_THRESHOLD)
        threshold = MAX_RTT_THRESHOLD;
    if (hystart->round_min >= hystart->last_round_min + threshold) {
        hystart->phase = HYSTART_CONSERVATIVE;
        hystart->baseline = hystart->round_min;
        hystart->rounds = 0;
    }
}

uint64_t hystart_acknowledged(struct hystart *hystart, uint64_t bytes, tn_time rtt, uint64_t prior_delivered,
                              uint64_t delivered)
{
    if (hystart->phase == HYSTART_DONE)
        return bytes;
    if (prior_delivered >= hystart->round_delivered)
        hystart_next_round(hystart, delivered);
    if (rtt > 0) {
        hystart->samples++;
        if (rtt < hystart->round_min)
            hystart->round_min = rtt;
        hystart_compare(hystart);
    }
    return hystart->phase == HYSTART_CONSERVATIVE ? bytes / GROWTH_DIVISOR : bytes;
}
