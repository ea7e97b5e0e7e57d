/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/tunnel/pacer.h"

/* After a pause, this many packets may be sent at once (RFC 9002 section 7.7: the initial window), or this many
 * quanta. */
#define BURST_PACKETS 10
#define BURST_QUANTA  2

static double pacer_burst(const struct pacer *pacer)
{
    double packets = BURST_PACKETS * pacer->packet;
    double quanta = BURST_QUANTA * (double)PACER_QUANTUM * pacer->rate;

    return packets > quanta ? packets : quanta;
}

static void pacer_refill(struct pacer *pacer, tn_time now)
{
    double burst = pacer_burst(pacer);

    if (now > pacer->last)
        pacer->tokens += (double)(now - pacer->last) * pacer->rate;
    if (pacer->tokens > burst)
        pacer->tokens = burst;
    pacer->last = now;
}

/* If less than a packet's worth is left, waits for a whole quantum. */
static void pacer_schedule(struct pacer *pacer)
{
    double quantum = (double)PACER_QUANTUM * pacer->rate;
    double missing = (quantum > pacer->packet ? quantum : pacer->packet) - pacer->tokens;

    pacer->resume = 0;
    if (pacer->tokens < pacer->packet)
        pacer->resume = pacer->last + (tn_time)(missing / pacer->rate) + 1;
}

void pacer_start(struct pacer *pacer, double rate, uint64_t packet_size, tn_time now)
{
    *pacer = (struct pacer){.rate = rate, .packet = (double)packet_size, .last = now};
    pacer->tokens = pacer_burst(pacer);
}

void pacer_set_rate(struct pacer *pacer, double rate, uint64_t packet_size, tn_time now)
{
    bool waiting = !pacer_allows(pacer, now);

    pacer_refill(pacer, now);
    pacer->rate = rate;
    pacer->packet = (double)packet_size;
    if (waiting)
        pacer_schedule(pacer);
}

void pacer_sent(struct pacer *pacer, uint64_t bytes, tn_time now)
{
    pacer_refill(pacer, now);
    pacer->tokens -= (double)bytes;
    pacer_schedule(pacer);
}
