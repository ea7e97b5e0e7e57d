/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * How much slower than usual all is: Check's own word for it, CK_TIMEOUT_MULTIPLIER, which tests/valgrind.sh sets. What
 * is awaited may take so much longer, and what must be quick too; what must not come early stays as it is.
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

/* How often to do what is done `usual` times with other random numbers, or many times alike: a twelfth of that where
 * all is slower. What valgrind finds it finds in few of them, which use memory in the same ways; the plain suite and
 * the one under AddressSanitizer do them all. */
static inline unsigned repetitions(unsigned usual)
{
    return slowness() > 1 ? (usual + 11) / 12 : usual;
}

#endif
