/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Congestion control: what decides how many bytes may be in flight (RFC 9002 section 7). A controller is a table of
 * functions over its own state, so that a link can be given another one.
 */
#ifndef CORE_TUNNEL_CONGESTION_H
#define CORE_TUNNEL_CONGESTION_H

#include "core/tunnel/tunnel.h"

struct congestion;

/* One packet that was acknowledged, or several that were declared lost together. */
struct congestion_sample {
    tn_time now;
    tn_time time_sent;        /* of the packet; of the newest one lost */
    uint64_t bytes;           /* of the packet, or of all lost together */
    uint64_t bytes_in_flight; /* before the acknowledgement, after the loss */
    tn_time smoothed_rtt;
    bool application_limited; /* the window was not what limited sending (section 7.8) */
};

struct congestion_ops {
    const char *name;
    void (*start)(struct congestion *congestion);
    void (*acknowledged)(struct congestion *congestion, const struct congestion_sample *sample);
    void (*lost)(struct congestion *congestion, const struct congestion_sample *sample);
    /* Everything sent over a long time was lost (section 7.6). */
    void (*persistent)(struct congestion *congestion);
    /* Bytes per nanosecond at which to send. */
    double (*pacing_rate)(const struct congestion *congestion, tn_time smoothed_rtt);
};

struct congestion {
    const struct congestion_ops *ops;
    uint64_t window;      /* bytes that may be in flight */
    uint64_t packet_size; /* what the path takes, bytes */
    uint64_t events;      /* reductions of the window */
    union {
        struct {
            uint64_t slow_start_threshold;
            tn_time recovery_start; /* 0: never reduced */
        } newreno;
    };
};

extern const struct congestion_ops congestion_newreno;

#endif
