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

#endif
