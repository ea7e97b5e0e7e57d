/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A network between two ends: one path in each direction, with delay, rate, queue, loss, duplicates, reordering, black
 * holes and a maximum packet size.
 */
#ifndef TESTS_SIM_NETWORK_H
#define TESTS_SIM_NETWORK_H

#include "core/tunnel/tunnel.h"
#include "tests/sim/random.h"

struct path {
    double loss, duplicate, overtake; /* probabilities for each packet */
    double late;                      /* probability of arriving `late_by` after its time */
    tn_time late_by;
    tn_time delay, jitter;        /* random jitter is added, which reorders packets */
    double rate;                  /* bytes per nanosecond; 0: unlimited */
    uint64_t queue;               /* bytes that may wait for the rate */
    size_t overhead;              /* bytes of headers around each packet, which count towards the rate */
    tn_time hole_start, hole_end; /* nothing gets through in this period */
    size_t mtu, mtu_later; /* larger packets are lost; the second value is used from `mtu_change` on; 0: no limit */
    tn_time mtu_change;
    bool reliable; /* in order, without loss */
    tn_time batch; /* arrivals are delayed to multiples of this; 0: not */
    tn_time busy_until;
    tn_time last_arrival;
};

struct network_packet {
    tn_time arrival;
    uint64_t order; /* among equal arrivals */
    uint64_t number;
    unsigned epoch; /* of the link: packets of an older one are dropped */
    int to;         /* 0: the client, 1: the gateway */
    uint32_t size;
    uint8_t *data;
};

struct network {
    struct random *random;
    struct path paths[2]; /* to the client, to the gateway */
    unsigned epoch;
    struct network_packet *heap;
    size_t count, capacity;
    uint64_t order, sent, lost, duplicated;
};

void network_send(struct network *network, int to, tn_time now, uint64_t number, const uint8_t *data, size_t size);
/* When the next packet arrives, or TN_TIME_NEVER. */
tn_time network_next(const struct network *network);
/* Takes the packet that arrives first; the caller frees `data`. */
struct network_packet network_take(struct network *network);
void network_free(struct network *network);

#endif
