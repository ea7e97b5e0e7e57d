/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/tunnel/ranges.h"

#include <stdlib.h>
#include <string.h>

void ranges_free(struct ranges *ranges)
{
    free(ranges->items);
    memset(ranges, 0, sizeof *ranges);
}

size_t ranges_find(const struct ranges *ranges, uint64_t value)
{
    size_t low = 0, high = ranges->count;

    /* Most lookups are for the newest numbers. */
    if (high == 0 || ranges->items[high - 1].end <= value)
        return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (ranges->items[middle].end > value)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

bool ranges_contain(const struct ranges *ranges, uint64_t value)
{
    size_t i = ranges_find(ranges, value);

    return i < ranges->count && ranges->items[i].start <= value;
}

/* Inserts a new range at `index`. */
static bool ranges_insert(struct ranges *ranges, size_t index, struct range range)
{
    if (ranges->count == ranges->capacity) {
        size_t capacity = ranges->capacity ? 2 * ranges->capacity : 4;
        struct range *items = realloc(ranges->items, capacity * sizeof *items);

        if (!items)
            return false;
        ranges->items = items;
        ranges->capacity = capacity;
    }
    memmove(ranges->items + index + 1, ranges->items + index, (ranges->count - index) * sizeof *ranges->items);
    ranges->items[index] = range;
    ranges->count++;
    return true;
}

/* Removes the ranges from `first` up to, but not including, `last`. */
static void ranges_erase(struct ranges *ranges, size_t first, size_t last)
{
    memmove(ranges->items + first, ranges->items + last, (ranges->count - last) * sizeof *ranges->items);
    ranges->count -= last - first;
    if (ranges->count == 0 && ranges->capacity > 64)
        ranges_free(ranges);
}

bool ranges_add(struct ranges *ranges, uint64_t start, uint64_t end)
{
    size_t first, last;

    if (start >= end)
        return true;
    /* The first range that touches or follows `start`, and the first that lies beyond `end`. */
    first = start == 0 ? 0 : ranges_find(ranges, start - 1);
    last = first;
    while (last < ranges->count && ranges->items[last].start <= end)
        last++;
    if (first == last)
        return ranges_insert(ranges, first, (struct range){start, end});
    if (ranges->items[first].start > start)
        ranges->items[first].start = start;
    if (ranges->items[last - 1].end > end)
        end = ranges->items[last - 1].end;
    ranges->items[first].end = end > ranges->items[first].end ? end : ranges->items[first].end;
    if (last - first > 1)
        ranges_erase(ranges, first + 1, last);
    return true;
}

bool ranges_remove(struct ranges *ranges, uint64_t start, uint64_t end)
{
    size_t first, last;

    if (start >= end || ranges->count == 0)
        return true;
    first = ranges_find(ranges, start);
    if (first == ranges->count || ranges->items[first].start >= end)
        return true;
    if (ranges->items[first].start < start) {
        struct range *whole = &ranges->items[first];
        uint64_t whole_end = whole->end;

        if (whole_end > end && !ranges_insert(ranges, first + 1, (struct range){end, whole_end}))
            return false;
        ranges->items[first].end = start;
        if (whole_end >= end)
            return true;
        first++;
    }
    for (last = first; last < ranges->count && ranges->items[last].end <= end;)
        last++;
    if (last < ranges->count && ranges->items[last].start < end)
        ranges->items[last].start = end;
    if (last > first)
        ranges_erase(ranges, first, last);
    return true;
}
