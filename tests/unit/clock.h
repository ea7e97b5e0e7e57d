/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A monotonic clock that only clock_pass() advances. In a test linked with it, it is the clock of core/ and also of
 * libev, so results do not depend on the speed of the machine or on the tool that runs the test.
 */
#ifndef TESTS_UNIT_CLOCK_H
#define TESTS_UNIT_CLOCK_H

#include <hopgate/types.h>

hg_time clock_now(void);
void clock_pass(hg_time time);
/* The machine sleeps: the monotonic clock stops, CLOCK_BOOTTIME does not. */
void clock_sleep(hg_time time);

#endif
