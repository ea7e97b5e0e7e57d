/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The receiving half of a byte sequence: reassembles it in counted buffers.
 */
#ifndef CORE_TUNNEL_RECEIVE_BUFFER_H
#define CORE_TUNNEL_RECEIVE_BUFFER_H

#include <hopgate/buffer.h>
#include <stdbool.h>

/* The largest buffer. */
#define RECEIVE_BUFFER_CHUNK 16384
/* The most pieces that may wait behind gaps in a sequence, plus one for each RECEIVE_BUFFER_PIECE bytes from the first
 * unread byte to the last one that arrived. So a peer that sends single bytes with gaps between them cannot make us
 * hold many times its credit, but a peer whose queue overflowed, so that every second packet of a window was lost, need
 * not resend what did arrive. */
#define RECEIVE_BUFFER_SEGMENTS_MAX 1024
#define RECEIVE_BUFFER_PIECE        1024

/* A contiguous run of received bytes. Each buffer belongs to one segment, and is filled up to the segment's end. */
struct segment {
    struct hg_buffer *buffer;
    uint64_t offset; /* of the first byte in the sequence */
    uint32_t start;  /* of the first byte in the buffer */
    uint32_t size;
};

/* All zeros is an empty buffer. */
struct receive_buffer {
    struct segment *segments; /* ascending by offset, disjoint; starting at `head` */
    uint32_t head, count, capacity;
    uint32_t chunk;      /* the size of the next buffer unless there is a better estimate */
    uint64_t read;       /* all bytes below have been consumed */
    uint64_t contiguous; /* all bytes below have arrived */
};

enum receive_buffer_result {
    RECEIVE_BUFFER_OK,
    RECEIVE_BUFFER_FULL, /* too many segments, or no memory: part may have been taken, the rest must be sent again */
};

/* Takes those bytes at `offset` that are new. Bytes after a gap are only taken while there are fewer than
 * `segments_max` segments (and the limit above); the next bytes in order always are. */
enum receive_buffer_result receive_buffer_add(struct receive_buffer *receiver, uint64_t offset, const uint8_t *data,
                                              size_t size, uint32_t segments_max);

/* The next readable bytes; false if there are none. */
bool receive_buffer_peek(const struct receive_buffer *receiver, struct hg_slice *slice);

/* Drops the first `size` bytes, at most contiguous - read. */
void receive_buffer_consume(struct receive_buffer *receiver, uint64_t size);

/* Drops all bytes; the offsets stay. */
void receive_buffer_drop(struct receive_buffer *receiver);

/* Empties it for use with another sequence. A small array is kept, which is enough for most. */
void receive_buffer_reset(struct receive_buffer *receiver);

#endif
