/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * An episode of loss: the packets that were declared lost within about one round trip. When the peer acknowledges all
 * of them later, they were only late, and the reaction to the loss was wrong.
 */
#ifndef CORE_TUNNEL_LOSS_EPISODE_H
#define CORE_TUNNEL_LOSS_EPISODE_H

#include "core/tunnel/frame.h"
#include "core/tunnel/ranges.h"

struct loss_episode {
    struct ranges numbers; /* declared lost and not acknowledged since; empty when the episode is of no more interest */
    uint64_t end;          /* the largest number that was sent when the episode began */
    bool open;
};

void loss_episode_free(struct loss_episode *episode);

/* Takes note that a packet was declared lost. */
void loss_episode_add(struct loss_episode *episode, uint64_t number, uint64_t largest_sent);

/* Takes an ACK. True when it acknowledges the last packets of the episode that were still missing. */
bool loss_episode_acknowledged(struct loss_episode *episode, const struct frame *ack);

#endif
