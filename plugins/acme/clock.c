/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A separate file, so that tests can replace it.
 */
#include "plugins/acme/clock.h"

time_t acme_clock(void)
{
    return time(NULL);
}
