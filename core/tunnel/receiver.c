/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/tunnel/receiver.h"

#include "core/base/buffer.h"

#include <stdlib.h>
#include <string.h>

/* The first array, which an empty receiver may keep. */
#define SEGMENTS_MIN 4

static uint64_t segment_end(const struct segment *segment)
{
    return segment->offset + segment->size;
}

/* The index, counted from head, of the first segment that ends above `offset`. */
static uint32_t receiver_find(const struct receiver *receiver, uint64_t offset)
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
static bool receiver_reserve(struct receiver *receiver)
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

/* How large a buffer to make for `size` bytes: exact for a lone message and behind a gap; larger and larger while bytes
 * pile up behind each other, so that bulk comes in few large slices. Never many times what is there, whatever came
 * before: what a peer makes us hold is bounded by its credit. */
static size_t receiver_chunk(const struct receiver *receiver, uint32_t index, uint64_t offset, size_t size)
{
    size_t chunk = size;

    if (offset == receiver->contiguous)
        chunk = receiver->chunk < 16 * size ? receiver->chunk : 16 * size;
    if (index > 0) {
        const struct segment *before = &receiver->segments[receiver->head + index - 1];

        if (segment_end(before) == offset && 2 * before->buffer->capacity > chunk)
            chunk = 2 * before->buffer->capacity;
    }
    if (chunk > RECEIVER_CHUNK)
        chunk = RECEIVER_CHUNK;
    return chunk > size ? chunk : size;
}

/* Copies into the room that the segment before `index` has left in its buffer; returns how much. */
static size_t receiver_extend(struct receiver *receiver, uint32_t index, uint64_t offset, const uint8_t *data,
                              size_t size)
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

/* Puts a new segment at `index`. */
static bool receiver_insert(struct receiver *receiver, uint32_t index, uint64_t offset, const uint8_t *data,
                            size_t size)
{
    struct hg_buffer *buffer;
    struct segment *segment;

    if (!receiver_reserve(receiver))
        return false;
    buffer = buffer_new(receiver_chunk(receiver, index, offset, size));
    if (!buffer)
        return false;
    memcpy(buffer->data, data, size);
    segment = &receiver->segments[receiver->head + index];
    memmove(segment + 1, segment, (receiver->count - index) * sizeof *segment);
    *segment = (struct segment){buffer, offset, 0, (uint32_t)size};
    receiver->count++;
    return true;
}

/* Takes bytes that no segment covers, between the segments at index - 1 and index. Moves `index` behind them. */
static bool receiver_fill(struct receiver *receiver, uint32_t *index, uint64_t offset, const uint8_t *data, size_t size,
                          uint32_t segments_max)
{
    bool in_order = offset == receiver->contiguous;
    size_t done = receiver_extend(receiver, *index, offset, data, size);

    while (done < size) {
        size_t piece = size - done < RECEIVER_CHUNK ? size - done : RECEIVER_CHUNK;

        if ((!in_order && receiver->count >= segments_max) ||
            !receiver_insert(receiver, *index, offset + done, data + done, piece))
            return false;
        ++*index;
        done += piece;
    }
    return true;
}

/* Moves `contiguous` on over all segments that now connect. */
static void receiver_advance(struct receiver *receiver)
{
    uint32_t i = receiver_find(receiver, receiver->contiguous);

    for (; i < receiver->count; i++) {
        const struct segment *segment = &receiver->segments[receiver->head + i];

        if (segment->offset > receiver->contiguous)
            break;
        receiver->contiguous = segment_end(segment);
    }
}

/* The most segments this receiver may have when bytes up to `end` come. */
static uint32_t receiver_limit(const struct receiver *receiver, uint64_t end, uint32_t segments_max)
{
    uint64_t own;

    if (receiver->count > 0 && segment_end(&receiver->segments[receiver->head + receiver->count - 1]) > end)
        end = segment_end(&receiver->segments[receiver->head + receiver->count - 1]);
    own = RECEIVER_SEGMENTS_MAX + (end > receiver->read ? end - receiver->read : 0) / RECEIVER_PIECE;
    return own < segments_max ? (uint32_t)own : segments_max;
}

enum receiver_result receiver_add(struct receiver *receiver, uint64_t offset, const uint8_t *data, size_t size,
                                  uint32_t segments_max)
{
    enum receiver_result result = RECEIVER_OK;
    uint64_t end = offset + size;
    uint32_t i;

    segments_max = receiver_limit(receiver, end, segments_max);
    if (offset < receiver->contiguous) {
        uint64_t known = receiver->contiguous - offset;

        if (known >= size)
            return RECEIVER_OK;
        offset += known;
        data += known;
    }
    i = receiver_find(receiver, offset);
    while (offset < end) {
        const struct segment *after = i < receiver->count ? &receiver->segments[receiver->head + i] : NULL;
        uint64_t gap_end = after && after->offset < end ? after->offset : end;

        if (gap_end > offset) {
            size_t piece = (size_t)(gap_end - offset);

            if (!receiver_fill(receiver, &i, offset, data, piece, segments_max)) {
                result = RECEIVER_FULL;
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
    receiver_advance(receiver);
    return result;
}

bool receiver_peek(const struct receiver *receiver, struct hg_slice *slice)
{
    const struct segment *first;

    if (receiver->read == receiver->contiguous)
        return false;
    first = &receiver->segments[receiver->head];
    *slice = (struct hg_slice){first->buffer, first->buffer->data + first->start, first->size};
    return true;
}

void receiver_consume(struct receiver *receiver, uint64_t size)
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
        /* A buffer that stayed half empty was too large a guess. */
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

void receiver_drop(struct receiver *receiver)
{
    for (uint32_t i = 0; i < receiver->count; i++)
        hg_buffer_unref(receiver->segments[receiver->head + i].buffer);
    free(receiver->segments);
    receiver->segments = NULL;
    receiver->head = receiver->count = receiver->capacity = 0;
}

void receiver_reset(struct receiver *receiver)
{
    struct segment *kept = receiver->capacity == SEGMENTS_MIN ? receiver->segments : NULL;

    for (uint32_t i = 0; i < receiver->count; i++)
        hg_buffer_unref(receiver->segments[receiver->head + i].buffer);
    if (!kept)
        free(receiver->segments);
    *receiver = (struct receiver){.segments = kept, .capacity = kept ? SEGMENTS_MIN : 0};
}
