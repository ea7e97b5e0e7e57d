/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/tunnel/loss_episode.h"

/* An episode of more pieces than an ACK reports is never found spurious; so it is not followed. */
#define PIECES_MAX 20

void loss_episode_free(struct loss_episode *episode)
{
    ranges_free(&episode->numbers);
}

void loss_episode_add(struct loss_episode *episode, uint64_t number, uint64_t largest_sent)
{
    if (!episode->open || number > episode->end) {
        episode->numbers.count = 0;
        episode->end = largest_sent;
        episode->open = true;
    } else if (episode->numbers.count == 0) {
        return;
    }
    if (!ranges_add(&episode->numbers, number, number + 1) || episode->numbers.count > PIECES_MAX)
        episode->numbers.count = 0;
}

bool loss_episode_acknowledged(struct loss_episode *episode, const struct frame *ack)
{
    struct ack_walk walk;

    if (episode->numbers.count == 0)
        return false;
    frame_ack_first(ack, &walk);
    do {
        if (walk.high < episode->numbers.items[0].start)
            return false;
        if (!ranges_remove(&episode->numbers, walk.low, walk.high + 1))
            episode->numbers.count = 0;
        else if (episode->numbers.count == 0)
            return true;
    } while (episode->numbers.count > 0 && frame_ack_next(&walk));
    return false;
}
