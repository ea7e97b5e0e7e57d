/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Code that rarely runs: at startup, for a new link or session, on request, or after an error.
 */
#ifndef CORE_BASE_COLD_H
#define CORE_BASE_COLD_H

/* The compiler optimizes such a function for size, and treats branches that call it as unlikely. */
#define COLD __attribute__((cold))

#endif
