/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A packet being filled.
 */
#ifndef CORE_TUNNEL_PACKET_H
#define CORE_TUNNEL_PACKET_H

#include "core/tunnel/recovery.h"

struct packet {
    uint8_t *start, *next, *end;
    struct recovery *recovery;
    struct sent_frame *frames; /* records of the frames in it, newest first */
};

static inline size_t packet_room(const struct packet *packet)
{
    return (size_t)(packet->end - packet->next);
}

/* Adds the record of a frame about to be written; NULL when out of memory: then the frame must not be written. */
static inline struct sent_frame *packet_record(struct packet *packet, uint8_t type, struct tn_stream *stream)
{
    struct sent_frame *frame = recovery_frame(packet->recovery);

    if (!frame)
        return NULL;
    *frame = (struct sent_frame){.next = packet->frames, .stream = stream, .type = type};
    packet->frames = frame;
    return frame;
}

#endif
