/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/tunnel/spurious_loss.h"

/* An episode with more pieces than an ACK reports is never found to be spurious as a whole: only the newest pieces are
 * tracked. */
#define PIECES_MAX 20

void spurious_loss_free(struct spurious_loss *episode)
{
    ranges_free(&episode->numbers);
}

bool spurious_loss_add(struct spurious_loss *episode, uint64_t number, uint64_t largest_sent)
{
    struct ranges *numbers = &episode->numbers;
    bool begins = !episode->open || number > episode->end;

    if (begins) {
        numbers->count = 0;
        episode->end = largest_sent;
        episode->open = true;
        episode->partial = false;
    }
    if (!ranges_add(numbers, number, number + 1))
        episode->partial = true;
    if (numbers->count > PIECES_MAX) {
        ranges_remove(numbers, numbers->items[0].start, numbers->items[0].end);
        episode->partial = true;
    }
    return begins;
}

/* Removes the numbers from low to high, both inclusive, from those that are missing. */
static void spurious_loss_found(struct spurious_loss *episode, uint64_t low, uint64_t high,
                                struct loss_verdict *verdict)
{
    struct ranges *numbers = &episode->numbers;
    size_t i = ranges_find(numbers, low);

    if (i == numbers->count || numbers->items[i].start > high)
        return;
    while (i + 1 < numbers->count && numbers->items[i + 1].start <= high)
        i++;
    if (!verdict->any)
        verdict->largest = numbers->items[i].end - 1 < high ? numbers->items[i].end - 1 : high;
    verdict->any = true;
    if (!ranges_remove(numbers, low, high + 1)) {
        episode->partial = true;
        numbers->count = 0;
    }
}

struct loss_verdict spurious_loss_acknowledged(struct spurious_loss *episode, const struct frame *ack)
{
    struct loss_verdict verdict = {0};
    struct ack_walk walk;

    if (episode->numbers.count == 0)
        return verdict;
    frame_ack_first(ack, &walk);
    do {
        if (walk.high < episode->numbers.items[0].start)
            break;
        spurious_loss_found(episode, walk.low, walk.high, &verdict);
    } while (episode->numbers.count > 0 && frame_ack_next(&walk));
    verdict.all = verdict.any && episode->numbers.count == 0 && !episode->partial;
    /* The verdict is final: the rest of the episode changes nothing. */
    episode->partial |= verdict.all;
    return verdict;
}
