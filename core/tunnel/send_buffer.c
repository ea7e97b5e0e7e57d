/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/tunnel/send_buffer.h"

#include <stdlib.h>
#include <string.h>

/* The size of the first array, which an empty buffer may keep. */
#define SLICES_MIN 4

static struct send_buffer_slice *slice_at(const struct send_buffer *sender, uint32_t position)
{
    return &sender->slices[(sender->head + position) & (sender->capacity - 1)];
}

static bool send_buffer_grow(struct send_buffer *sender)
{
    uint32_t capacity = sender->capacity ? 2 * sender->capacity : SLICES_MIN;
    struct send_buffer_slice *slices;

    if (capacity > UINT32_MAX / 4)
        return false;
    slices = malloc(capacity * sizeof *slices);
    if (!slices)
        return false;
    for (uint32_t i = 0; i < sender->count; i++)
        slices[i] = *slice_at(sender, i);
    free(sender->slices);
    sender->slices = slices;
    sender->head = 0;
    sender->capacity = capacity;
    return true;
}

bool send_buffer_append(struct send_buffer *sender, const struct hg_slice *slice)
{
    struct send_buffer_slice *last;

    if (slice->size == 0)
        return true;
    if (sender->count > 0) {
        last = slice_at(sender, sender->count - 1);
        if (last->slice.buffer == slice->buffer && last->slice.data + last->slice.size == slice->data) {
            last->slice.size += slice->size;
            sender->end += slice->size;
            return true;
        }
    }
    if (sender->count == sender->capacity && !send_buffer_grow(sender))
        return false;
    last = slice_at(sender, sender->count++);
    last->slice = *slice;
    last->offset = sender->end;
    hg_buffer_ref(slice->buffer);
    sender->end += slice->size;
    return true;
}

/* The position of the slice that contains `offset`. */
static uint32_t send_buffer_find(const struct send_buffer *sender, uint64_t offset)
{
    uint32_t low = 0, high = sender->count - 1;

    if (sender->hint < sender->count && slice_at(sender, sender->hint)->offset <= offset) {
        low = sender->hint;
        if (low == high || slice_at(sender, low + 1)->offset > offset)
            return low;
    }
    while (low < high) {
        uint32_t middle = low + (high - low + 1) / 2;

        if (slice_at(sender, middle)->offset <= offset)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

void send_buffer_copy(struct send_buffer *sender, uint64_t offset, size_t size, uint8_t *out)
{
    uint32_t position;

    if (size == 0)
        return;
    position = send_buffer_find(sender, offset);
    for (;;) {
        const struct send_buffer_slice *from = slice_at(sender, position);
        size_t skip = (size_t)(offset - from->offset);
        size_t piece = from->slice.size - skip;

        if (piece > size)
            piece = size;
        memcpy(out, from->slice.data + skip, piece);
        out += piece;
        offset += piece;
        size -= piece;
        if (size == 0)
            break;
        position++;
    }
    sender->hint = position;
}

/* Drops slices that are fully acknowledged. */
static void send_buffer_release(struct send_buffer *sender)
{
    while (sender->count > 0) {
        struct send_buffer_slice *first = slice_at(sender, 0);

        if (first->offset + first->slice.size > sender->acknowledged)
            break;
        hg_buffer_unref(first->slice.buffer);
        sender->head = (sender->head + 1) & (sender->capacity - 1);
        sender->count--;
        sender->hint -= sender->hint > 0;
    }
    if (sender->count == 0 && sender->capacity > 64) {
        free(sender->slices);
        sender->slices = NULL;
        sender->head = sender->capacity = 0;
    }
}

bool send_buffer_acknowledge(struct send_buffer *sender, uint64_t offset, uint64_t size)
{
    uint64_t end = offset + size;

    if (end <= sender->acknowledged)
        return true;
    if (sender->lost.count > 0 && !ranges_remove(&sender->lost, offset, end))
        return false;
    if (offset > sender->acknowledged)
        return ranges_add(&sender->acknowledged_ranges, offset, end);
    sender->acknowledged = end;
    /* Removing from the front never splits a range, so it cannot fail. The next range may begin exactly here. */
    ranges_remove(&sender->acknowledged_ranges, 0, end);
    if (sender->acknowledged_ranges.count > 0 && sender->acknowledged_ranges.items[0].start == end) {
        sender->acknowledged = sender->acknowledged_ranges.items[0].end;
        ranges_remove(&sender->acknowledged_ranges, 0, sender->acknowledged);
    }
    send_buffer_release(sender);
    return true;
}

bool send_buffer_lose(struct send_buffer *sender, uint64_t offset, uint64_t size)
{
    const struct ranges *known = &sender->acknowledged_ranges;
    uint64_t end = offset + size;

    if (offset < sender->acknowledged)
        offset = sender->acknowledged;
    for (size_t i = ranges_find(known, offset); offset < end; i++) {
        uint64_t gap_end = i < known->count && known->items[i].start < end ? known->items[i].start : end;

        if (gap_end > offset && !ranges_add(&sender->lost, offset, gap_end))
            return false;
        if (i >= known->count)
            break;
        offset = known->items[i].end;
    }
    return true;
}

void send_buffer_drop(struct send_buffer *sender)
{
    for (uint32_t i = 0; i < sender->count; i++)
        hg_buffer_unref(slice_at(sender, i)->slice.buffer);
    free(sender->slices);
    sender->slices = NULL;
    sender->head = sender->count = sender->capacity = sender->hint = 0;
    ranges_free(&sender->acknowledged_ranges);
    ranges_free(&sender->lost);
}

void send_buffer_reset(struct send_buffer *sender)
{
    struct send_buffer_slice *kept = sender->capacity == SLICES_MIN ? sender->slices : NULL;

    for (uint32_t i = 0; i < sender->count; i++)
        hg_buffer_unref(slice_at(sender, i)->slice.buffer);
    if (!kept)
        free(sender->slices);
    ranges_free(&sender->acknowledged_ranges);
    ranges_free(&sender->lost);
    *sender = (struct send_buffer){.slices = kept, .capacity = kept ? SLICES_MIN : 0};
}
