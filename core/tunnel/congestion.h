/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Congestion control: what decides how many bytes may be in flight, and how fast they go out (RFC 9002 section 7). A
 * controller is a table of functions over its own state, so that a link can be given another one.
 */
#ifndef CORE_TUNNEL_CONGESTION_H
#define CORE_TUNNEL_CONGESTION_H

#include "core/tunnel/bbr.h"
#include "core/tunnel/cubic.h"
#include "core/tunnel/delivery_rate.h"
#include "core/tunnel/tunnel.h"

/* RFC 9002 section 7.2. */
#define CONGESTION_INITIAL_PACKETS 10
/* Above it no path known needs more; keeps sums far from overflow. */
#define CONGESTION_WINDOW_MAX (UINT64_C(1) << 32)

struct congestion;

/* One ACK that acknowledged something new. What it showed to be lost was told before. */
struct congestion_ack {
    tn_time now;
    uint64_t bytes;           /* newly acknowledged */
    uint64_t bytes_in_flight; /* now */
    tn_time rtt;              /* the sample, as it was measured; 0: none */
    tn_time smoothed_rtt;
    bool application_limited; /* the window was not what limited sending (section 7.8) */
    bool window_limited;      /* the window was used up since the last ACK */
    struct delivery_sample delivery;
};

/* One packet that was declared lost. */
struct congestion_loss {
    tn_time now;
    tn_time time_sent;
    uint64_t bytes;
    uint64_t in_flight_sent; /* bytes in flight when it was sent, with it */
    uint64_t lost_since;     /* bytes lost since it was sent, with it */
    bool application_limited;
    bool continues; /* the packet before it was lost together with it */
};

struct congestion_ops {
    const char *name;
    void (*start)(struct congestion *congestion, tn_time now);
    /* A packet goes while nothing is in flight, since there was nothing to send. */
    void (*resumed)(struct congestion *congestion, tn_time now);
    void (*acknowledged)(struct congestion *congestion, const struct congestion_ack *ack);
    void (*lost)(struct congestion *congestion, const struct congestion_loss *loss);
    /* Everything sent over a long time was lost (section 7.6). */
    void (*persistent)(struct congestion *congestion);
    /* All that was declared lost in the last episode of loss has been acknowledged after all. */
    void (*spurious)(struct congestion *congestion, tn_time now);
};

struct congestion {
    const struct congestion_ops *ops;
    /* What a controller decides. */
    uint64_t window;    /* bytes that may be in flight */
    double pacing_rate; /* bytes per nanosecond */
    uint64_t events;    /* reductions for congestion */
    /* What it is told. */
    uint64_t packet_size; /* what the path takes, bytes */
    tn_time initial_rtt;
    tn_time path_rtt; /* the newest sample, without the peer's delay; 0: none yet */
    struct delivery delivery;
    union {
        struct cubic cubic;
        struct bbr bbr;
    };
};

extern const struct congestion_ops congestion_cubic;
extern const struct congestion_ops congestion_bbr;

#endif
