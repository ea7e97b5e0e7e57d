/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Pacing (RFC 9002 section 7.7): a leaky bucket that releases packets in quanta of a millisecond, as finer timers cost
 * more than they gain.
 */
#ifndef CORE_TUNNEL_PACER_H
#define CORE_TUNNEL_PACER_H

#include "core/tunnel/tunnel.h"

#define PACER_QUANTUM TN_MILLISECOND

struct pacer {
    double rate;   /* bytes per nanosecond */
    double tokens; /* bytes that could have been sent at `last` */
    double packet; /* size of a full packet in bytes */
    tn_time last;
    tn_time resume; /* nothing may be sent before */
};

void pacer_start(struct pacer *pacer, double rate, uint64_t packet_size, tn_time now);

/* Sets a new rate; a waiting packet may then be sent earlier. */
void pacer_set_rate(struct pacer *pacer, double rate, uint64_t packet_size, tn_time now);

void pacer_sent(struct pacer *pacer, uint64_t bytes, tn_time now);

static inline bool pacer_allows(const struct pacer *pacer, tn_time now)
{
    return now >= pacer->resume;
}

#endif
