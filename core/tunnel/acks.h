/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Acknowledging: which packets came in, and when to tell (RFC 9000 section 13.2).
 */
#ifndef CORE_TUNNEL_ACKS_H
#define CORE_TUNNEL_ACKS_H

#include "core/tunnel/ranges.h"
#include "core/tunnel/tunnel.h"

struct acks {
    struct ranges received;
    uint64_t floor;        /* all numbers below count as received: their ranges were forgotten */
    uint64_t report_floor; /* the peer knows that its ACK below this arrived: no need to repeat it */
    tn_time largest_time;  /* when the largest number came */
    tn_time deadline;      /* when an ACK must go; TN_TIME_NEVER: nothing waits */
    unsigned waiting;      /* ack-eliciting packets since the last ACK */
    bool due;              /* an ACK must go now */
};

void acks_start(struct acks *acks);
void acks_free(struct acks *acks);

/* Whether the packet was seen before, or is so old that this cannot be told. */
bool acks_seen(const struct acks *acks, uint64_t number);

/* Takes note of a packet that was processed. False when out of memory: then it must not have been processed. */
bool acks_add(struct acks *acks, uint64_t number, bool eliciting, tn_time now, tn_time max_ack_delay);

/* At the end of a batch of packets: more than one waiting is reason enough. */
void acks_batch_end(struct acks *acks);

/* Writes an ACK frame into at most `capacity` bytes and returns the byte behind it, `out` when it cannot. */
uint8_t *acks_write(struct acks *acks, uint8_t *out, size_t capacity, tn_time now);

/* The largest number received; only when something was received. */
uint64_t acks_largest(const struct acks *acks);

/* An ACK frame that went up to `largest` was acknowledged itself. */
void acks_confirmed(struct acks *acks, uint64_t largest);

#endif
