/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Test data: bytes that depend on their position, so that a lost, duplicated or moved block changes the hash.
 */
#ifndef TESTS_TOOLS_PATTERN_H
#define TESTS_TOOLS_PATTERN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Fills `size` bytes (a multiple of 8) for position `offset` (a multiple of 8): splitmix64 of the word's number. */
static inline void pattern_fill(uint8_t *bytes, size_t size, uint64_t offset)
{
    for (size_t i = 0; i < size; i += 8) {
        uint64_t word = (offset + i) / 8 * 0x9e3779b97f4a7c15u;

        word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9u;
        word = (word ^ (word >> 27)) * 0x94d049bb133111ebu;
        word ^= word >> 31;
        memcpy(bytes + i, &word, 8);
    }
}

#endif
