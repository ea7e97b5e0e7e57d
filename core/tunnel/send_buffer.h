/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The sending half of a byte sequence: holds written bytes until they are acknowledged.
 */
#ifndef CORE_TUNNEL_SEND_BUFFER_H
#define CORE_TUNNEL_SEND_BUFFER_H

#include "core/tunnel/ranges.h"

#include <hopgate/buffer.h>

struct send_buffer_slice {
    struct hg_slice slice;
    uint64_t offset; /* offset of its first byte in the sequence */
};

/* Offsets: acknowledged <= next <= end. All zeros is an empty buffer. */
struct send_buffer {
    struct send_buffer_slice *slices; /* a ring, ascending by offset */
    uint32_t head, count, capacity;
    uint32_t hint;                     /* position of the slice read last, counted from head */
    uint64_t acknowledged;             /* all bytes below have been acknowledged and dropped */
    uint64_t next;                     /* all bytes below have been sent at least once */
    uint64_t end;                      /* number of bytes ever written */
    struct ranges acknowledged_ranges; /* above `acknowledged` */
    struct ranges lost;                /* to be sent again; disjoint from what is acknowledged */
};

/* Appends a slice, taking a reference on its buffer. False when out of memory. */
bool send_buffer_append(struct send_buffer *sender, const struct hg_slice *slice);

/* Copies bytes from between `acknowledged` and `end`. */
void send_buffer_copy(struct send_buffer *sender, uint64_t offset, size_t size, uint8_t *out);

/* Record that bytes arrived, or were lost. False when out of memory. */
bool send_buffer_acknowledge(struct send_buffer *sender, uint64_t offset, uint64_t size);
bool send_buffer_lose(struct send_buffer *sender, uint64_t offset, uint64_t size);

/* Drops all bytes and their state; the offsets stay. */
void send_buffer_drop(struct send_buffer *sender);

/* Empties it for use with another sequence. A small array is kept, which is enough for most. */
void send_buffer_reset(struct send_buffer *sender);

static inline uint64_t send_buffer_unsent(const struct send_buffer *sender)
{
    return sender->end - sender->next;
}

#endif
