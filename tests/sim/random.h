/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Random numbers from a seed, the same on every machine (splitmix64).
 */
#ifndef TESTS_SIM_RANDOM_H
#define TESTS_SIM_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

static inline uint64_t random_mix(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static inline uint64_t random_next(struct random *random)
{
    random->state += UINT64_C(0x9e3779b97f4a7c15);
    return random_mix(random->state);
}

/* From `low` to `high`, both inclusive. */
static inline uint64_t random_between(struct random *random, uint64_t low, uint64_t high)
{
    return low + random_next(random) % (high - low + 1);
}

static inline bool random_chance(struct random *random, double probability)
{
    return (double)(random_next(random) >> 11) * 0x1p-53 < probability;
}

/* The same range, but small values are as likely as large ones. */
static inline uint64_t random_scaled(struct random *random, uint64_t low, uint64_t high)
{
    uint64_t top = high;

    while (top > low && random_chance(random, 0.5))
        top = low + (top - low) / 4;
    return random_between(random, low, top);
}

#endif
