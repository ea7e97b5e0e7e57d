/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Congestion control: decides how many bytes may be in flight and how fast they are sent (RFC 9002 section 7). A
 * controller is a table of functions that operate on its own state, so that a link can use any of them.
 */
#ifndef CORE_TUNNEL_CONGESTION_H
#define CORE_TUNNEL_CONGESTION_H

#include "core/tunnel/bbr.h"
#include "core/tunnel/cubic.h"
#include "core/tunnel/delivery_rate.h"
#include "core/tunnel/tunnel.h"

/* RFC 9002 section 7.2. */
#define CONGESTION_INITIAL_PACKETS 10
/* More than any known path needs, and small enough to keep sums from overflowing. */
#define CONGESTION_WINDOW_MAX (UINT64_C(1) << 32)

struct congestion;

/* An ACK that acknowledged something new. Losses that it revealed have been reported before. */
struct congestion_ack {
    tn_time now;
    uint64_t bytes;           /* newly acknowledged */
    uint64_t bytes_in_flight; /* after this ACK */
    tn_time rtt;              /* the sample as measured; 0: none */
    tn_time smoothed_rtt;
    bool application_limited; /* sending was not limited by the window (section 7.8) */
    bool window_limited;      /* the window has been filled since the last ACK */
    struct delivery_sample delivery;
};

/* A packet that was declared lost. */
struct congestion_loss {
    tn_time now;
    tn_time time_sent;
    uint64_t bytes;
    uint64_t in_flight_sent; /* bytes in flight when it was sent, including itself */
    uint64_t lost_since;     /* bytes lost since it was sent, including itself */
    bool application_limited;
    bool continues; /* the previous packet was lost together with it */
};

struct congestion_ops {
    const char *name;
    void (*start)(struct congestion *congestion, tn_time now);
    /* A packet is about to be sent after a pause in which nothing was in flight or waiting to be sent. */
    void (*resumed)(struct congestion *congestion, tn_time now);
    void (*acknowledged)(struct congestion *congestion, const struct congestion_ack *ack);
    void (*lost)(struct congestion *congestion, const struct congestion_loss *loss);
    /* Everything sent over a long time was lost (section 7.6). */
    void (*persistent)(struct congestion *congestion);
    /* Everything declared lost in the last episode of loss has been acknowledged after all. */
    void (*spurious)(struct congestion *congestion, tn_time now);
};

struct congestion {
    const struct congestion_ops *ops;
    /* Set by the controller. */
    uint64_t window;    /* bytes allowed in flight */
    double pacing_rate; /* bytes per nanosecond */
    uint64_t events;    /* how often it was reduced because of congestion */
    /* Set by the link. */
    uint64_t packet_size; /* the packet size that the path carries, in bytes */
    tn_time initial_rtt;
    tn_time path_rtt; /* the latest sample, without the peer's delay; 0: none yet */
    struct delivery delivery;
    union {
        struct cubic cubic;
        struct bbr bbr;
    };
};

extern const struct congestion_ops congestion_cubic;
extern const struct congestion_ops congestion_bbr;

#endif
