/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Sets of numbers as sorted ranges: packet numbers received, stream offsets acknowledged or lost.
 */
#ifndef CORE_TUNNEL_RANGES_H
#define CORE_TUNNEL_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The numbers from `start` up to, but not including, `end`. */
struct range {
    uint64_t start, end;
};

/* Ascending; no two touch. All zeros is the empty set. */
struct ranges {
    struct range *items;
    size_t count, capacity;
};

void ranges_free(struct ranges *ranges);

/* The index of the first range that ends above `value`; `count` if there is none. */
size_t ranges_find(const struct ranges *ranges, uint64_t value);
bool ranges_contain(const struct ranges *ranges, uint64_t value);

/* Add or remove all numbers from start up to end. False when out of memory: then the set has not changed. */
bool ranges_add(struct ranges *ranges, uint64_t start, uint64_t end);
bool ranges_remove(struct ranges *ranges, uint64_t start, uint64_t end);

#endif
