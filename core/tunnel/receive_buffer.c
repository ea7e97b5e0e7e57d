/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/tunnel/receive_buffer.h"

#include "core/base/buffer.h"

#include <stdlib.h>
#include <string.h>

/* The size of the first array, which an empty buffer may keep. */
#define SEGMENTS_MIN 4

static uint64_t segment_end(const struct segment *segment)
{
    return segment->offset + segment->size;
}

/* The index, counted from head, of the first segment that ends above `offset`. */
static uint32_t receive_buffer_find(const struct receive_buffer *receiver, uint64_t offset)
{
    const struct segment *segments;
    uint32_t low = 0, high = receiver->count;

    if (high == 0)
        return 0;
    segments = receiver->segments + receiver->head;
    if (segment_end(&segments[high - 1]) <= offset)
        return high;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (segment_end(&segments[middle]) > offset)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Makes room for one more segment at the end of the array. */
static bool receive_buffer_reserve(struct receive_buffer *receiver)
{
    if (receiver->head + receiver->count < receiver->capacity)
        return true;
    if (receiver->head > receiver->capacity / 2) {
        memmove(receiver->segments, receiver->segments + receiver->head, receiver->count * sizeof *receiver->segments);
        receiver->head = 0;
    } else {
        uint32_t capacity = receiver->capacity ? 2 * receiver->capacity : SEGMENTS_MIN;
        struct segment *segments = realloc(receiver->segments, capacity * sizeof *segments);

        if (!segments)
            return false;
        receiver->segments = segments;
        receiver->capacity = capacity;
    }
    return true;
}

/* How large a buffer to allocate for `size` bytes: exact for a single message or data after a gap; growing while data
 * accumulates, so that bulk data comes in few large slices. Never many times the data at hand, regardless of earlier
 * data, since the memory that a peer can make us hold is bounded by its credit. */
static size_t receive_buffer_chunk(const struct receive_buffer *receiver, uint32_t index, uint64_t offset, size_t size)
{
    size_t chunk = size;

    if (offset == receiver->contiguous)
        chunk = receiver->chunk < 16 * size ? receiver->chunk : 16 * size;
    if (index > 0) {
        const struct segment *before = &receiver->segments[receiver->head + index - 1];

        if (segment_end(before) == offset && 2 * before->buffer->capacity > chunk)
            chunk = 2 * before->buffer->capacity;
    }
    if (chunk > RECEIVE_BUFFER_CHUNK)
        chunk = RECEIVE_BUFFER_CHUNK;
    return chunk > size ? chunk : size;
}

/* Copies into the room left in the buffer of the segment before `index`; returns how much. */
static size_t receive_buffer_extend(struct receive_buffer *receiver, uint32_t index, uint64_t offset,
                                    const uint8_t *data, size_t size)
{
    struct segment *before;
    size_t room;

    if (index == 0)
        return 0;
    before = &receiver->segments[receiver->head + index - 1];
    if (segment_end(before) != offset)
        return 0;
    room = before->buffer->capacity - before->start - before->size;
    if (size > room)
        size = room;
    memcpy(before->buffer->data + before->start + before->size, data, size);
    before->size += (uint32_t)size;
    if (size == room && before->buffer->capacity > receiver->chunk)
        receiver->chunk = (uint32_t)before->buffer->capacity;
    return size;
}

/* Inserts a new segment at `index`. */
static bool receive_buffer_insert(struct receive_buffer *receiver, uint32_t index, uint64_t offset, const uint8_t *data,
                                  size_t size)
{
    struct hg_buffer *buffer;
    struct segment *segment;

    if (!receive_buffer_reserve(receiver))
        return false;
    buffer = buffer_new(receive_buffer_chunk(receiver, index, offset, size));
    if (!buffer)
        return false;
    memcpy(buffer->data, data, size);
    segment = &receiver->segments[receiver->head + index];
    memmove(segment + 1, segment, (receiver->count - index) * sizeof *segment);
    *segment = (struct segment){buffer, offset, 0, (uint32_t)size};
    receiver->count++;
    return true;
}

/* Takes bytes that no segment covers yet, between the segments at index - 1 and index. Advances `index` past them. */
static bool receive_buffer_fill(struct receive_buffer *receiver, uint32_t *index, uint64_t offset, const uint8_t *data,
                                size_t size, uint32_t segments_max)
{
    bool in_order = offset == receiver->contiguous;
    size_t done = receive_buffer_extend(receiver, *index, offset, data, size);

    while (done < size) {
        size_t piece = size - done < RECEIVE_BUFFER_CHUNK ? size - done : RECEIVE_BUFFER_CHUNK;

        if ((!in_order && receiver->count >= segments_max) ||
            !receive_buffer_insert(receiver, *index, offset + done, data + done, piece))
            return false;
        ++*index;
        done += piece;
    }
    return true;
}

/* Advances `contiguous` over all segments that are now connected. */
static void receive_buffer_advance(struct receive_buffer *receiver)
{
    uint32_t i = receive_buffer_find(receiver, receiver->contiguous);

    for (; i < receiver->count; i++) {
        const struct segment *segment = &receiver->segments[receiver->head + i];

        if (segment->offset > receiver->contiguous)
            break;
        receiver->contiguous = segment_end(segment);
    }
}

/* The most segments this buffer may have when bytes up to `end` arrive. */
static uint32_t receive_buffer_limit(const struct receive_buffer *receiver, uint64_t end, uint32_t segments_max)
{
    uint64_t own;

    if (receiver->count > 0 && segment_end(&receiver->segments[receiver->head + receiver->count - 1]) > end)
        end = segment_end(&receiver->segments[receiver->head + receiver->count - 1]);
    own = RECEIVE_BUFFER_SEGMENTS_MAX + (end > receiver->read ? end - receiver->read : 0) / RECEIVE_BUFFER_PIECE;
    return own < segments_max ? (uint32_t)own : segments_max;
}

enum receive_buffer_result receive_buffer_add(struct receive_buffer *receiver, uint64_t offset, const uint8_t *data,
                                              size_t size, uint32_t segments_max)
{
    enum receive_buffer_result result = RECEIVE_BUFFER_OK;
    uint64_t end = offset + size;
    uint32_t i;

    segments_max = receive_buffer_limit(receiver, end, segments_max);
    if (offset < receiver->contiguous) {
        uint64_t known = receiver->contiguous - offset;

        if (known >= size)
            return RECEIVE_BUFFER_OK;
        offset += known;
        data += known;
    }
    i = receive_buffer_find(receiver, offset);
    while (offset < end) {
        const struct segment *after = i < receiver->count ? &receiver->segments[receiver->head + i] : NULL;
        uint64_t gap_end = after && after->offset < end ? after->offset : end;

        if (gap_end > offset) {
            size_t piece = (size_t)(gap_end - offset);

            if (!receive_buffer_fill(receiver, &i, offset, data, piece, segments_max)) {
                result = RECEIVE_BUFFER_FULL;
                break;
            }
            data += piece;
            offset += piece;
        } else {
            uint64_t known = segment_end(after) - offset;

            if (known > end - offset)
                known = end - offset;
            data += known;
            offset += known;
            i++;
        }
    }
    receive_buffer_advance(receiver);
    return result;
}

bool receive_buffer_peek(const struct receive_buffer *receiver, struct hg_slice *slice)
{
    const struct segment *first;

    if (receiver->read == receiver->contiguous)
        return false;
    first = &receiver->segments[receiver->head];
    *slice = (struct hg_slice){first->buffer, first->buffer->data + first->start, first->size};
    return true;
}

void receive_buffer_consume(struct receive_buffer *receiver, uint64_t size)
{
    receiver->read += size;
    while (size > 0) {
        struct segment *first = &receiver->segments[receiver->head];

        if (size < first->size) {
            first->start += (uint32_t)size;
            first->size -= (uint32_t)size;
            first->offset += size;
            return;
        }
        size -= first->size;
        /* A buffer that stayed half empty: the guess was too large. */
        if (first->start + first->size < first->buffer->capacity / 2)
            receiver->chunk = first->start + first->size;
        hg_buffer_unref(first->buffer);
        receiver->head++;
        receiver->count--;
    }
    if (receiver->count == 0) {
        receiver->head = 0;
        if (receiver->capacity > 16) {
            free(receiver->segments);
            receiver->segments = NULL;
            receiver->capacity = 0;
        }
    }
}

void receive_buffer_drop(struct receive_buffer *receiver)
{
    for (uint32_t i = 0; i < receiver->count; i++)
        hg_buffer_unref(receiver->segments[receiver->head + i].buffer);
    free(receiver->segments);
    receiver->segments = NULL;
    receiver->head = receiver->count = receiver->capacity = 0;
}

void receive_buffer_reset(struct receive_buffer *receiver)
{
    struct segment *kept = receiver->capacity == SEGMENTS_MIN ? receiver->segments : NULL;

    for (uint32_t i = 0; i < receiver->count; i++)
        hg_buffer_unref(receiver->segments[receiver->head + i].buffer);
    if (!kept)
        free(receiver->segments);
    *receiver = (struct receive_buffer){.segments = kept, .capacity = kept ? SEGMENTS_MIN : 0};
}
