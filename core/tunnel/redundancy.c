/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/tunnel/redundancy.h"

#include "core/tunnel/recovery_private.h"

/* What is repeated follows the first copy at a part of the round-trip time, and not at once: packets that a queue drops
 * are neighbours. */
#define DELAY_MIN      TN_MILLISECOND
#define DELAY_RTT_PART 64
/* On a shorter path a repair takes no longer than anybody notices. */
#define RTT_MIN (10 * TN_MILLISECOND)
/* A path loses packets when one of so many before was lost: 0.1 % keep it so. */
#define LOSS_MEMORY 1000
/* More data in one frame is no thin traffic: two of these still fit into a packet of an ordinary path. */
#define DATA_MAX 550

/* Whether the path is one that repetition is for, and has room: half of the window is left to what is new. */
static bool repeat_pays(const struct tn_link *link)
{
    const struct recovery *recovery = &link->recovery;

    return recovery->packets_lost > 0 && recovery->largest_sent - recovery->largest_sent_at_loss < LOSS_MEMORY &&
           link->session && !link->hold && recovery->smoothed_rtt >= RTT_MIN && recovery->pto_count == 0 &&
           2 * recovery->bytes_in_flight < recovery->congestion.window;
}

static bool wants_repetition(const struct sent_frame *frame)
{
    return frame->size <= DATA_MAX && session_wants_repetition(frame);
}

static bool has_frame_to_repeat(const struct sent_packet *packet)
{
    for (const struct sent_frame *frame = packet->frames; frame; frame = frame->next) {
        if (wants_repetition(frame))
            return true;
    }
    return false;
}

/* The position of the first packet that holds something to repeat; the record's count: none does. */
static uint32_t first_to_repeat(const struct tn_link *link)
{
    const struct recovery *recovery = &link->recovery;
    uint32_t position = recovery_find(recovery, link->repeat_from);

    while (position < recovery->count && !has_frame_to_repeat(packet_at(recovery, position)))
        position++;
    return position;
}

static tn_time repeat_time(const struct tn_link *link, const struct sent_packet *packet)
{
    tn_time delay = link->recovery.smoothed_rtt / DELAY_RTT_PART;

    return packet->time + (delay > DELAY_MIN ? delay : DELAY_MIN);
}

tn_time redundancy_deadline(const struct tn_link *link)
{
    uint32_t position;

    if (link->recovery.reliable || !repeat_pays(link))
        return TN_TIME_NEVER;
    position = first_to_repeat(link);
    return position < link->recovery.count ? repeat_time(link, packet_at(&link->recovery, position)) : TN_TIME_NEVER;
}

/* False when the packet is full. */
static bool repeat_packet(struct packet *packet, const struct sent_packet *sent)
{
    for (struct sent_frame *frame = sent->frames; frame; frame = frame->next) {
        if (!wants_repetition(frame))
            continue;
        /* What does not even fit into an empty packet is not repeated at all. */
        if (!session_repeat(frame, packet) && packet->next > packet->start)
            return false;
        frame->repeated = true;
    }
    return true;
}

void redundancy_write(struct tn_link *link, struct packet *packet, tn_time now)
{
    const struct recovery *recovery = &link->recovery;
    uint32_t position;

    if (recovery->reliable || !repeat_pays(link))
        return;
    for (position = first_to_repeat(link); position < recovery->count; position++) {
        const struct sent_packet *sent = packet_at(recovery, position);

        if (!has_frame_to_repeat(sent))
            continue;
        if (repeat_time(link, sent) > now || !repeat_packet(packet, sent))
            break;
    }
    link->repeat_from = position < recovery->count ? packet_at(recovery, position)->number : recovery->largest_sent + 1;
}
