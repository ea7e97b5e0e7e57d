/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#ifndef ACME_CLOCK_H
#define ACME_CLOCK_H

#include <time.h>

/* The wall clock. */
time_t acme_clock(void);

#endif
