/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The receiving half of a byte sequence: puts what arrived in order, in counted buffers.
 */
#ifndef CORE_TUNNEL_RECEIVER_H
#define CORE_TUNNEL_RECEIVER_H

#include <hopgate/buffer.h>
#include <stdbool.h>

/* The most that one buffer holds. */
#define RECEIVER_CHUNK 16384
/* The most pieces that wait behind gaps in one sequence, beside one for each RECEIVER_PIECE bytes from the first unread
 * to the last that arrived: so a peer that sends single bytes with gaps between them cannot make us hold many times its
 * credit, but one whose queue overflowed, where each second packet of a window gets lost, is not told to send again
 * what did arrive. */
#define RECEIVER_SEGMENTS_MAX 1024
#define RECEIVER_PIECE        1024

/* Received bytes that lie together. Each buffer belongs to one segment; it is filled up to the segment's end. */
struct segment {
    struct hg_buffer *buffer;
    uint64_t offset; /* of the first byte in the sequence */
    uint32_t start;  /* of the first byte in the buffer */
    uint32_t size;
};

/* All zero is an empty receiver. */
struct receiver {
    struct segment *segments; /* ascending by offset, disjoint; from `head` on */
    uint32_t head, count, capacity;
    uint32_t chunk;      /* the size for the next buffer that nothing better is known of */
    uint64_t read;       /* all below were consumed */
    uint64_t contiguous; /* all below arrived */
};

enum receiver_result {
    RECEIVER_OK,
    RECEIVER_FULL, /* too many segments, or no memory: a part may have been taken, the rest must come again */
};

/* Takes the bytes at `offset` as far as they are new. Bytes behind a gap are only taken while there are fewer than
 * `segments_max` segments (and RECEIVER_SEGMENTS_MAX); bytes that are next in order always. */
enum receiver_result receiver_add(struct receiver *receiver, uint64_t offset, const uint8_t *data, size_t size,
                                  uint32_t segments_max);

/* The first bytes that can be read; false when there are none. */
bool receiver_peek(const struct receiver *receiver, struct hg_slice *slice);

/* Drops the first `size` bytes, at most contiguous - read. */
void receiver_consume(struct receiver *receiver, uint64_t size);

/* Drops all bytes; the offsets stay. */
void receiver_drop(struct receiver *receiver);

/* Makes it empty for another sequence. A small array is kept for that: most sequences need no other. */
void receiver_reset(struct receiver *receiver);

#endif
