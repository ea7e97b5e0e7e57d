/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * How much slower than usual everything is, according to Check's CK_TIMEOUT_MULTIPLIER, which tests/valgrind.sh sets.
 * Upper limits on time are multiplied by it; lower limits are not.
 */
#ifndef TESTS_UNIT_SLOWNESS_H
#define TESTS_UNIT_SLOWNESS_H

#include <stdlib.h>

static inline unsigned slowness(void)
{
    const char *multiplier = getenv("CK_TIMEOUT_MULTIPLIER");
    int value = multiplier ? atoi(multiplier) : 1;

    return value > 1 ? (unsigned)value : 1;
}

/* How often to repeat something that is usually done `usual` times, with other random numbers or in parallel: a twelfth
 * of that if everything is slower. valgrind finds its errors in a few repetitions, which use memory in the same ways;
 * the plain suite and the one under AddressSanitizer do them all. */
static inline unsigned repetitions(unsigned usual)
{
    return slowness() > 1 ? (usual + 11) / 12 : usual;
}

#endif
