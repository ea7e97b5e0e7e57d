/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * An episode of loss: the packets that were declared lost within about one round trip. When the peer acknowledges all
 * of them later, they were only late, and the reaction to the loss was wrong.
 */
#ifndef CORE_TUNNEL_SPURIOUS_LOSS_H
#define CORE_TUNNEL_SPURIOUS_LOSS_H

#include "core/tunnel/frame.h"
#include "core/tunnel/ranges.h"

struct spurious_loss {
    struct ranges numbers; /* declared lost and not acknowledged since; empty when the episode is of no more interest */
    uint64_t end;          /* the largest number that was sent when the episode began */
    bool open;
    bool partial; /* not all of its packets are in `numbers` any more: it is never found spurious as a whole */
};

/* What an ACK tells of an episode. */
struct loss_verdict {
    bool any;         /* a packet of it had only been late, … */
    uint64_t largest; /* … and which was the last of these */
    bool all;         /* the last ones that were still missing: there was no loss at all */
};

void spurious_loss_free(struct spurious_loss *episode);

/* Takes note that a packet was declared lost. Returns whether a new episode begins with it. */
bool spurious_loss_add(struct spurious_loss *episode, uint64_t number, uint64_t largest_sent);

/* Takes an ACK. */
struct loss_verdict spurious_loss_acknowledged(struct spurious_loss *episode, const struct frame *ack);

#endif
