/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/tunnel/redundancy.h"

#include "core/tunnel/recovery_private.h"

/* A repetition follows the first copy after part of a round-trip time and not at once, because a queue drops packets
 * that are next to each other. */
#define DELAY_MIN      TN_MILLISECOND
#define DELAY_RTT_PART 64
/* On a shorter path, recovery is too fast for anyone to notice. */
#define RTT_MIN (10 * TN_MILLISECOND)
/* A path counts as lossy if one of the last so many packets was lost, so 0.1 % loss keeps it so. */
#define LOSS_MEMORY 1000
/* A frame with more data is not thin traffic. Two of this size still fit into a packet of an ordinary path. */
#define DATA_MAX 550

/* Whether repetition makes sense on this path and there is room for it: half of the window is reserved for new data. */
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

/* The position of the first packet with anything to repeat; the record's count: none. */
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

/* False if the packet is full. */
static bool repeat_packet(struct packet *packet, const struct sent_packet *sent)
{
    for (struct sent_frame *frame = sent->frames; frame; frame = frame->next) {
        if (!wants_repetition(frame))
            continue;
        /* A frame that does not fit even into an empty packet is never repeated. */
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
