/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * NewReno (RFC 9002 section 7.3 and appendix B).
 */
#include "core/tunnel/congestion.h"

/* RFC 9002 section 7.2. */
#define INITIAL_PACKETS 10
#define MINIMUM_PACKETS 2
/* Above it no path known needs more; keeps sums far from overflow. */
#define WINDOW_MAX (UINT64_C(1) << 32)

static void newreno_start(struct congestion *congestion)
{
    congestion->window = INITIAL_PACKETS * congestion->packet_size;
    congestion->newreno.slow_start_threshold = UINT64_MAX;
    congestion->newreno.recovery_start = 0;
}

static void newreno_acknowledged(struct congestion *congestion, const struct congestion_sample *sample)
{
    if (sample->application_limited || sample->time_sent <= congestion->newreno.recovery_start)
        return;
    if (congestion->window >= WINDOW_MAX)
        return;
    if (congestion->window < congestion->newreno.slow_start_threshold)
        congestion->window += sample->bytes;
    else
        congestion->window += congestion->packet_size * sample->bytes / congestion->window;
}

static void newreno_lost(struct congestion *congestion, const struct congestion_sample *sample)
{
    uint64_t minimum = MINIMUM_PACKETS * congestion->packet_size;

    /* One reduction for each round trip: losses of packets sent before the last one say nothing new. */
    if (sample->time_sent <= congestion->newreno.recovery_start)
        return;
    congestion->newreno.recovery_start = sample->now;
    congestion->newreno.slow_start_threshold = congestion->window / 2;
    congestion->window = congestion->window / 2 > minimum ? congestion->window / 2 : minimum;
    congestion->events++;
}

static void newreno_persistent(struct congestion *congestion)
{
    congestion->window = MINIMUM_PACKETS * congestion->packet_size;
    congestion->newreno.recovery_start = 0;
}

/* A little above the window per round trip, so that pacing never is what limits (section 7.7); twice in slow start,
 * when the window doubles in each round trip. */
static double newreno_pacing_rate(const struct congestion *congestion, tn_time smoothed_rtt)
{
    double gain = congestion->window < congestion->newreno.slow_start_threshold ? 2.0 : 1.25;

    return gain * (double)congestion->window / (double)(smoothed_rtt ? smoothed_rtt : 1);
}

const struct congestion_ops congestion_newreno = {
    .name = "newreno",
    .start = newreno_start,
    .acknowledged = newreno_acknowledged,
    .lost = newreno_lost,
    .persistent = newreno_persistent,
    .pacing_rate = newreno_pacing_rate,
};
