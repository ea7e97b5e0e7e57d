/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Pacing (RFC 9002 section 7.7): a leaky bucket that lets packets go in quanta of a millisecond, since finer timers
 * cost more than they bring.
 */
#ifndef CORE_TUNNEL_PACER_H
#define CORE_TUNNEL_PACER_H

#include "core/tunnel/tunnel.h"

#define PACER_QUANTUM TN_MILLISECOND

struct pacer {
    double rate;   /* bytes per nanosecond */
    double tokens; /* bytes that might go at `last` */
    double packet; /* bytes of a full packet */
    tn_time last;
    tn_time resume; /* nothing goes before */
};

void pacer_start(struct pacer *pacer, double rate, uint64_t packet_size, tn_time now);

/* Takes the new rate; one who waits may go earlier. */
void pacer_set_rate(struct pacer *pacer, double rate, uint64_t packet_size, tn_time now);

void pacer_sent(struct pacer *pacer, uint64_t bytes, tn_time now);

static inline bool pacer_allows(const struct pacer *pacer, tn_time now)
{
    return now >= pacer->resume;
}

#endif
