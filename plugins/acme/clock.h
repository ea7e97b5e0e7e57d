/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#ifndef ACME_CLOCK_H
#define ACME_CLOCK_H

#include <time.h>

/* The wall clock. */
time_t acme_clock(void);

/* "2026-11-26 16:44:04 UTC" */
struct acme_moment {
    char text[32];
};

static inline struct acme_moment acme_moment(time_t when)
{
    struct acme_moment moment = {"?"};
    struct tm parts;

    if (gmtime_r(&when, &parts))
        strftime(moment.text, sizeof moment.text, "%Y-%m-%d %H:%M:%S UTC", &parts);
    return moment;
}

#endif
