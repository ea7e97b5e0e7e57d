/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * An episode of loss: the packets declared lost within about one round trip. If the peer acknowledges all of them
 * later, they were only late, and reacting to the loss was wrong.
 */
#ifndef CORE_TUNNEL_SPURIOUS_LOSS_H
#define CORE_TUNNEL_SPURIOUS_LOSS_H

#include "core/tunnel/frame.h"
#include "core/tunnel/ranges.h"

struct spurious_loss {
    struct ranges numbers; /* declared lost and not acknowledged since; empty once the episode no longer matters */
    uint64_t end;          /* the largest number sent when the episode began */
    bool open;
    bool partial; /* some of its packets are no longer in `numbers`: it is never found to be spurious as a whole */
};

/* What an ACK reveals about an episode. */
struct loss_verdict {
    bool any;         /* a packet of the episode was only late, … */
    uint64_t largest; /* … and the last one of these */
    bool all;         /* the last missing packets have arrived: nothing was lost at all */
};

void spurious_loss_free(struct spurious_loss *episode);

/* Records that a packet was declared lost. Returns whether this begins a new episode. */
bool spurious_loss_add(struct spurious_loss *episode, uint64_t number, uint64_t largest_sent);

/* Processes an ACK. */
struct loss_verdict spurious_loss_acknowledged(struct spurious_loss *episode, const struct frame *ack);

#endif
