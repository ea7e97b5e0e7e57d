/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Delivery-rate estimation (draft-cheng-iccrg-delivery-rate-estimation, since 2024 part of draft-ietf-ccwg-bbr): how
 * fast the path delivers, and whether the path or the application limits it.
 */
#ifndef CORE_TUNNEL_DELIVERY_RATE_H
#define CORE_TUNNEL_DELIVERY_RATE_H

#include "core/tunnel/tunnel.h"

/* Totals of a link since its start. */
struct delivery {
    uint64_t delivered; /* bytes acknowledged */
    uint64_t lost;      /* bytes declared lost */
    tn_time delivered_time;
    tn_time first_sent_time;
    /* Until `delivered` exceeds this, packets count as sent while there was too little data. 0: there was enough. */
    uint64_t limited_until;
};

/* The state when a packet was sent, kept with the packet. */
struct delivery_stamp {
    uint64_t delivered;
    tn_time delivered_time, first_sent_time;
    uint32_t lost;      /* the lower bits */
    uint32_t in_flight; /* bytes, including this packet */
    bool application_limited;
};

/* What an ACK reveals, based on its newest packet. */
struct delivery_sample {
    uint64_t prior_delivered; /* when that packet was sent */
    uint64_t delivered;       /* bytes since then */
    uint64_t lost;            /* bytes since then */
    uint64_t in_flight;       /* bytes, when it was sent */
    double rate;              /* bytes per nanosecond; 0: unknown */
    tn_time interval;
    bool valid; /* a packet was acknowledged */
    bool application_limited;
    uint64_t number; /* of the newest packet */
    tn_time time_sent;
    tn_time prior_time, send_elapsed;
    uint32_t prior_lost;
};

static inline void delivery_sent(struct delivery *delivery, struct delivery_stamp *stamp, uint64_t bytes_in_flight,
                                 uint64_t size, tn_time now)
{
    if (bytes_in_flight == 0)
        delivery->first_sent_time = delivery->delivered_time = now;
    stamp->delivered = delivery->delivered;
    stamp->delivered_time = delivery->delivered_time;
    stamp->first_sent_time = delivery->first_sent_time;
    stamp->lost = (uint32_t)delivery->lost;
    stamp->in_flight = (uint32_t)(bytes_in_flight + size);
    stamp->application_limited = delivery->limited_until != 0;
}

/* Adds an acknowledged packet to the sample. */
static inline void delivery_acknowledged(struct delivery *delivery, struct delivery_sample *sample,
                                         const struct delivery_stamp *stamp, uint64_t number, uint64_t size,
                                         tn_time time_sent, tn_time now)
{
    delivery->delivered += size;
    delivery->delivered_time = now;
    if (sample->valid && number < sample->number)
        return;
    sample->valid = true;
    sample->number = number;
    sample->time_sent = time_sent;
    sample->prior_delivered = stamp->delivered;
    sample->prior_time = stamp->delivered_time;
    sample->send_elapsed = time_sent - stamp->first_sent_time;
    sample->in_flight = stamp->in_flight;
    sample->prior_lost = stamp->lost;
    sample->application_limited = stamp->application_limited;
}

/* Less was sent than would have been possible. */
static inline void delivery_limited(struct delivery *delivery, uint64_t bytes_in_flight)
{
    delivery->limited_until = delivery->delivered + bytes_in_flight;
    if (delivery->limited_until == 0)
        delivery->limited_until = 1;
}

/* Call after all packets of an ACK: computes the rate. A sample shorter than the minimum round-trip time is not
 * usable. */
void delivery_finish(struct delivery *delivery, struct delivery_sample *sample, tn_time min_rtt);

#endif
