/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * When certificates are renewed, and when failed attempts are repeated. `chance`: 0 <= chance < 1.
 */
#ifndef ACME_RENEWAL_TIME_H
#define ACME_RENEWAL_TIME_H

#include <hopgate/types.h>
#include <time.h>

/* When a third of the lifetime is left, or half if the lifetime is less than ten days (as Let's Encrypt recommends),
 * and a little earlier at random, so that not all certificates are renewed at once. */
time_t acme_renewal_time(time_t begins, time_t ends, double chance);

/* Whether a certificate that should have been renewed long ago is about to expire, or has expired. */
bool acme_is_emergency(time_t begins, time_t ends, time_t now);

/* The pause in seconds after that many failed attempts in a row: `min`, doubled each time, up to `max`, and randomized
 * by a quarter. In an emergency (`ends` is 0 if there is no certificate), it is at most a tenth of the time that is
 * left or, after the expiry, has passed since, but this limit is never below 20
 * minutes, or 1 % of the lifetime if that is less. */
double acme_backoff(unsigned failures, double min, double max, time_t begins, time_t ends, time_t now, double chance);

/* 0 <= chance < 1 */
double acme_chance(void);

#endif
