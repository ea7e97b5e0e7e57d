/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/renewal_time.h"

#include <gnutls/crypto.h>
#include <math.h>

#define SHORT_LIFETIME (10 * 86400)
/* How much earlier a renewal may be, as a part of the lifetime left then. */
#define SPREAD 0.1
/* How much a pause is randomized. */
#define JITTER 0.25
/* An emergency: less than this part of the lifetime is left. */
#define EMERGENCY 0.15
/* The shortest pause in an emergency: Let's Encrypt allows five failed validations of a name per hour; more would pause
 * the account for all names. If a certificate lives only for hours, it is this part of the lifetime. */
#define RUSH          (20 * 60)
#define RUSH_LIFETIME 0.01

time_t acme_renewal_time(time_t begins, time_t ends, double chance)
{
    const double lifetime = (double)(ends - begins);
    const double left = lifetime < SHORT_LIFETIME ? lifetime / 2 : lifetime / 3;

    return ends <= begins ? begins : ends - (time_t)(left * (1 + SPREAD * chance));
}

bool acme_is_emergency(time_t begins, time_t ends, time_t now)
{
    return (double)(ends - now) < EMERGENCY * (double)(ends - begins);
}

double acme_backoff(unsigned failures, double min, double max, time_t begins, time_t ends, time_t now, double chance)
{
    const double tenth = fabs((double)(ends - now)) / 10, part = RUSH_LIFETIME * (double)(ends - begins);
    double pause = min, most = part < RUSH ? part : RUSH;

    for (unsigned i = 1; i < failures && pause < max; i++)
        pause *= 2;
    pause = pause < max / (1 + JITTER) ? pause : max / (1 + JITTER);
    most = most > tenth ? most : tenth;
    most = most > min ? most : min;
    if (ends && acme_is_emergency(begins, ends, now) && pause > most)
        pause = most;
    return pause * (1 + JITTER * (2 * chance - 1));
}

double acme_chance(void)
{
    uint32_t number = 0;

    gnutls_rnd(GNUTLS_RND_NONCE, &number, sizeof number);
    return number / 4294967296.0;
}
