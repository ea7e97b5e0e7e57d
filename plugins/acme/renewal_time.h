/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * When certificates are renewed and when a failed attempt is repeated. Pure: times and chance are arguments.
 *
 * `chance` is from 0 up to 1, exclusively.
 */
#ifndef ACME_RENEWAL_TIME_H
#define ACME_RENEWAL_TIME_H

#include <hopgate/types.h>
#include <time.h>

/* A third of the lifetime before the end, half of it for those that live less than ten days (as Let's Encrypt
 * recommends), and a little earlier by chance, so that certificates made together do not stay together. */
time_t acme_renewal_time(time_t begins, time_t ends, double chance);

/* Little is left of a certificate that should have been renewed long ago, or nothing. */
bool acme_is_emergency(time_t begins, time_t ends, time_t now);

/* Seconds to wait after the `failures`th failed attempt in a row: doubled each time from `min` on, a quarter more
 * or less by chance, never more than `max`. A certificate that ends soon (`ends`, 0: there is none) is tried more
 * often: so that there are ten attempts in what is left of it; when it is over, a tenth of what has passed since is the
 * longest pause, but not less than 20 minutes. */
double acme_backoff(unsigned failures, double min, double max, time_t begins, time_t ends, time_t now, double chance);

/* From 0 up to 1. */
double acme_chance(void);

#endif
