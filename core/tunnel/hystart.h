/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * HyStart++ (RFC 9406): leaves slow start when round-trip times begin to rise, before packets are lost.
 */
#ifndef CORE_TUNNEL_HYSTART_H
#define CORE_TUNNEL_HYSTART_H

#include "core/tunnel/tunnel.h"

enum hystart_phase {
    HYSTART_SLOW_START,
    HYSTART_CONSERVATIVE, /* conservative slow start: grows at a quarter of the rate, and checks whether the delay
                             persists */
    HYSTART_DONE,
};

struct hystart {
    enum hystart_phase phase;
    unsigned samples;         /* in this round */
    unsigned rounds;          /* of conservative slow start */
    tn_time round_min;        /* TN_TIME_NEVER: none yet */
    tn_time last_round_min;   /* TN_TIME_NEVER: none yet */
    tn_time baseline;         /* round_min when conservative slow start began */
    uint64_t round_delivered; /* the round ends with the first packet sent after this much was delivered */
};

void hystart_start(struct hystart *hystart);

/* Processes an ACK in slow start; returns by how many of its bytes the window may grow. `prior_delivered`: bytes
 * delivered when its newest packet was sent; `delivered`: bytes delivered now. */
uint64_t hystart_acknowledged(struct hystart *hystart, uint64_t bytes, tn_time rtt, uint64_t prior_delivered,
                              uint64_t delivered);

#endif
