/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A monotonic clock that stands still but for clock_pass(). Linked into a test, it is the clock of core/ and of libev
 * too: what happens does not depend on how fast the machine is, or the tool that runs the test.
 */
#ifndef TESTS_UNIT_CLOCK_H
#define TESTS_UNIT_CLOCK_H

#include <hopgate/types.h>

hg_time clock_now(void);
void clock_pass(hg_time time);
/* The machine sleeps: the monotonic clock stands still, that of CLOCK_BOOTTIME does not. */
void clock_sleep(hg_time time);

#endif
