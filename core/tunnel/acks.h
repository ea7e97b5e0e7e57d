/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Acknowledgements: which packets arrived, and when to acknowledge them (RFC 9000 section 13.2).
 */
#ifndef CORE_TUNNEL_ACKS_H
#define CORE_TUNNEL_ACKS_H

#include "core/tunnel/ranges.h"
#include "core/tunnel/tunnel.h"

struct acks {
    struct ranges received;
    uint64_t floor;        /* all numbers below count as received: their ranges have been forgotten */
    uint64_t report_floor; /* the peer has confirmed our ACKs below this, so they need not be repeated */
    tn_time largest_time;  /* when the largest number arrived */
    tn_time deadline;      /* when an ACK must be sent; TN_TIME_NEVER: nothing to acknowledge */
    unsigned waiting;      /* ack-eliciting packets since the last ACK */
    bool due;              /* an ACK must be sent now */
};

void acks_start(struct acks *acks);
void acks_free(struct acks *acks);

/* Whether the packet was received before, or is too old to tell. */
bool acks_seen(const struct acks *acks, uint64_t number);

/* Records a processed packet. False when out of memory: then it must not count as processed. */
bool acks_add(struct acks *acks, uint64_t number, bool eliciting, tn_time now, tn_time max_ack_delay);

/* Call at the end of a batch of packets: if more than one is waiting, an ACK is due. */
void acks_batch_end(struct acks *acks);

/* Writes an ACK frame of at most `capacity` bytes. Returns the byte after it, or `out` if none was written. */
uint8_t *acks_write(struct acks *acks, uint8_t *out, size_t capacity, tn_time now);

/* The largest number received. Only valid once a packet was received. */
uint64_t acks_largest(const struct acks *acks);

/* An ACK frame for packets up to `largest` was itself acknowledged. */
void acks_confirmed(struct acks *acks, uint64_t largest);

#endif
