/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Variable-length integers (RFC 9000 section 16).
 */
#ifndef CORE_TUNNEL_VARINT_H
#define CORE_TUNNEL_VARINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VARINT_MAX ((UINT64_C(1) << 62) - 1)

/* The length of the shortest encoding; `value` is at most VARINT_MAX. */
static inline size_t varint_size(uint64_t value)
{
    return value < 0x40 ? 1 : value < 0x4000 ? 2 : value < 0x40000000 ? 4 : 8;
}

/* Writes the shortest encoding and returns the byte after it. */
static inline uint8_t *varint_write(uint8_t *out, uint64_t value)
{
    size_t size = varint_size(value);
    unsigned prefix = size == 1 ? 0 : size == 2 ? 0x40 : size == 4 ? 0x80 : 0xc0;

    for (size_t i = size; i-- > 0; value >>= 8)
        out[i] = (uint8_t)value;
    out[0] = (uint8_t)(out[0] | prefix);
    return out + size;
}

/* Reads an integer from `*in`, which is advanced past it; false if `end` comes first. */
static inline bool varint_read(const uint8_t **in, const uint8_t *end, uint64_t *value)
{
    const uint8_t *p = *in;
    size_t size;
    uint64_t v;

    if (p == end)
        return false;
    size = (size_t)1 << (p[0] >> 6);
    if ((size_t)(end - p) < size)
        return false;
    v = p[0] & 0x3f;
    for (size_t i = 1; i < size; i++)
        v = v << 8 | p[i];
    *in = p + size;
    *value = v;
    return true;
}

#endif
