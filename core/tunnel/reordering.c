/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/tunnel/reordering.h"

/* RFC 9002 sections 6.1.1 and 6.1.2: kPacketThreshold, and kTimeThreshold of 9/8. */
#define PACKET_THRESHOLD 3
#define TIME_THRESHOLD   8
/* RFC 8985 section 6.2 step 4: the window grows by a quarter of the minimum round-trip time, and is reset after this
 * many recoveries. */
#define STEP         4
#define QUIET_LOSSES 16

void reordering_too_late(struct reordering *reordering, uint64_t number, uint64_t largest_sent)
{
    reordering->quiet = 0;
    if (reordering->level > 0 && number <= reordering->raised_at)
        return;
    reordering->level++;
    reordering->raised_at = largest_sent;
}

void reordering_in_time(struct reordering *reordering, uint64_t distance)
{
    if (distance >= PACKET_THRESHOLD)
        reordering->quiet = 0;
}

void reordering_loss(struct reordering *reordering)
{
    if (reordering->level > 0 && ++reordering->quiet >= QUIET_LOSSES)
        *reordering = (struct reordering){0};
}

uint64_t reordering_packets(const struct reordering *reordering)
{
    return reordering->level > 0 ? UINT64_MAX : PACKET_THRESHOLD;
}

tn_time reordering_window(const struct reordering *reordering, tn_time rtt, tn_time smoothed_rtt, tn_time min_rtt)
{
    tn_time least = rtt / TIME_THRESHOLD, window = 0;

    if (reordering->level > 1)
        window = (reordering->level - 1) * (min_rtt / STEP);
    window = window < smoothed_rtt ? window : smoothed_rtt;
    return window > least ? window : least;
}
