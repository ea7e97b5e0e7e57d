/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Frame types, and parsing of frames (docs/protocol.md section 3, RFC 9000 section 19).
 */
#ifndef CORE_TUNNEL_FRAME_H
#define CORE_TUNNEL_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum frame_type {
    FRAME_PADDING = 0x00,
    FRAME_PING = 0x01,
    FRAME_ACK = 0x02,
    FRAME_RESET_STREAM = 0x04,
    FRAME_STOP_SENDING = 0x05,
    FRAME_CONTROL = 0x06,
    FRAME_STREAM = 0x08, /* to 0x0f, with the three bits below */
    FRAME_MAX_DATA = 0x10,
    FRAME_MAX_STREAM_DATA = 0x11,
    FRAME_MAX_STREAMS = 0x12,
    FRAME_DATA_BLOCKED = 0x14,
    FRAME_STREAM_DATA_BLOCKED = 0x15,
    FRAME_STREAMS_BLOCKED = 0x16,
    FRAME_CLOSE = 0x1c,
};

enum {
    STREAM_FIN = 0x01,
    STREAM_LENGTH = 0x02,
    STREAM_OFFSET = 0x04,
};

/* An ACK's delay is in units of 2^3 microseconds. */
#define ACK_DELAY_EXPONENT 3

/* A parsed frame. Which members are valid depends on the type; `data` points into the packet. */
struct frame {
    uint8_t type; /* FRAME_STREAM for 0x08 to 0x0f */
    bool fin;
    uint64_t stream_id;
    uint64_t offset;
    uint64_t value; /* error code, or the limit of MAX_… and …_BLOCKED */
    uint64_t final_size;
    const uint8_t *data;
    size_t size;
    struct {
        uint64_t largest, delay, range_count, first_range;
        const uint8_t *ranges, *ranges_end; /* pairs of gap and length, already checked for length and range */
    } ack;
};

/* Parses the frame at `*in` and advances it past the frame. False if the type is unknown, or the frame truncated or out
 * of range; `type` is set even then. */
bool frame_read(const uint8_t **in, const uint8_t *end, struct frame *frame);

/* Walks the ranges of an ACK downwards: from low to high, both inclusive. */
struct ack_walk {
    const uint8_t *next, *end;
    uint64_t low, high;
};

void frame_ack_first(const struct frame *frame, struct ack_walk *walk);
/* Moves to the next range; false after the last one. */
bool frame_ack_next(struct ack_walk *walk);

/* Whether a frame of this type belongs to the session, not to the link. */
static inline bool frame_of_session(uint8_t type)
{
    return type == FRAME_RESET_STREAM || type == FRAME_STOP_SENDING ||
           (type >= FRAME_STREAM && type <= FRAME_STREAMS_BLOCKED);
}

/* RFC 9000 section 13.2: whether the receiver must acknowledge it. */
static inline bool frame_elicits_ack(uint8_t type)
{
    return type != FRAME_PADDING && type != FRAME_ACK && type != FRAME_CLOSE;
}

#endif
