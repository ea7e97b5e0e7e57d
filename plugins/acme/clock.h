/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#ifndef ACME_CLOCK_H
#define ACME_CLOCK_H

#include <hopgate/types.h>
#include <time.h>

/* The wall clock. */
time_t acme_clock(void);
/* The monotonic one as it is now; the loop's, hg_now(), is that of when the loop woke up. */
hg_time acme_steady_clock(void);

#endif
