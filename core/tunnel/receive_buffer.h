/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The receiving half of a byte sequence: puts what arrived in order, in counted buffers.
 */
#ifndef CORE_TUNNEL_RECEIVE_BUFFER_H
#define CORE_TUNNEL_RECEIVE_BUFFER_H

#include <hopgate/buffer.h>
#include <stdbool.h>

/* The most that one buffer holds. */
#define RECEIVE_BUFFER_CHUNK 16384
/* The most pieces that wait behind gaps in one sequence, beside one for each RECEIVE_BUFFER_PIECE bytes from the first
 * unread to the last that arrived: so a peer that sends single bytes with gaps between them cannot make us hold many
 * times its credit, but one whose queue overflowed, where each second packet of a window gets lost, is not told to send
 * again what did arrive. */
#define RECEIVE_BUFFER_SEGMENTS_MAX 1024
#define RECEIVE_BUFFER_PIECE        1024

/* Received bytes that lie together. Each buffer belongs to one segment; it is filled up to the segment's end. */
struct segment {
    struct hg_buffer *buffer;
    uint64_t offset; /* of the first byte in the sequence */
    uint32_t start;  /* of the first byte in the buffer */
    uint32_t size;
};

/* All zero is an empty buffer. */
struct receive_buffer {
    struct segment *segments; /* ascending by offset, disjoint; from `head` on */
    uint32_t head, count, capacity;
    uint32_t chunk;      /* the size for the next buffer that nothing better is known of */
    uint64_t read;       /* all below were consumed */
    uint64_t contiguous; /* all below arrived */
};

enum receive_buffer_result {
    RECEIVE_BUFFER_OK,
    RECEIVE_BUFFER_FULL, /* too many segments, or no memory: a part may have been taken, the rest must come again */
};

/* Takes the bytes at `offset` as far as they are new. Bytes behind a gap are only taken while there are fewer than
 * `segments_max` segments (and RECEIVE_BUFFER_SEGMENTS_MAX); bytes that are next in order always. */
enum receive_buffer_result receive_buffer_add(struct receive_buffer *receiver, uint64_t offset, const uint8_t *data,
                                              size_t size, uint32_t segments_max);

/* The first bytes that can be read; false when there are none. */
bool receive_buffer_peek(const struct receive_buffer *receiver, struct hg_slice *slice);

/* Drops the first `size` bytes, at most contiguous - read. */
void receive_buffer_consume(struct receive_buffer *receiver, uint64_t size);

/* Drops all bytes; the offsets stay. */
void receive_buffer_drop(struct receive_buffer *receiver);

/* Makes it empty for another sequence. A small array is kept for that: most sequences need no other. */
void receive_buffer_reset(struct receive_buffer *receiver);

#endif
