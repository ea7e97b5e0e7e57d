/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * When certificates are renewed, when attempts are repeated.
 */
#include "plugins/acme/schedule.h"

#include "plugins/acme/tests/cases.h"

#define DAY 86400.0

/* A third of the lifetime is left, half of a short one; by chance a tenth of that more. */
START_TEST(test_renewal)
{
    static const struct {
        double lifetime, least, most;
    } cases[] = {
        {20, 9, 10},
        {6 * DAY, 2.7 * DAY, 3 * DAY},
        {90 * DAY, 57 * DAY, 60 * DAY},
        {3650 * DAY, 2311 * DAY, 2434 * DAY},
    };
    const time_t begins = 1700000000;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int tenth = 0; tenth < 10; tenth++) {
            const double after =
                (double)(acme_renewal_time(begins, begins + (time_t)cases[i].lifetime, tenth / 10.0) - begins);

            ck_assert_msg(after >= cases[i].least && after <= cases[i].most, "%g: %g", cases[i].lifetime, after);
        }
    ck_assert_int_eq(acme_renewal_time(begins, begins - 5, 0.5), begins);
}
END_TEST

START_TEST(test_backoff)
{
    const time_t now = 1700000000;

    ck_assert_double_eq_tol(acme_backoff(1, 60, 21600, 0, 0, now, 0.5), 60, 0.001);
    ck_assert_double_eq_tol(acme_backoff(4, 60, 21600, 0, 0, now, 0.5), 480, 0.001);
    ck_assert_double_eq_tol(acme_backoff(40, 60, 21600, 0, 0, now, 0.5), 21600, 0.001);
    ck_assert_double_eq_tol(acme_backoff(UINT32_MAX, 60, 21600, 0, 0, now, 0.5), 21600, 0.001);
    ck_assert_double_eq_tol(acme_backoff(1, 60, 21600, 0, 0, now, 0), 45, 0.001);
    /* Ten hours are left of ninety days: an attempt an hour. */
    ck_assert_double_eq_tol(acme_backoff(40, 60, 21600, now - (time_t)(90 * DAY) + 36000, now + 36000, now, 0.5), 3600,
                            0.001);
    /* It is over, or about to be: no rush beyond the shortest pause. */
    ck_assert_double_eq_tol(acme_backoff(40, 60, 21600, now - 1000, now - 10, now, 0.5), 21600, 0.001);
    ck_assert_double_eq_tol(acme_backoff(40, 60, 21600, now - 10000, now + 20, now, 0.5), 60, 0.001);
}
END_TEST

TCase *cases_schedule(void)
{
    TCase *tests = tcase_create("schedule");

    tcase_add_test(tests, test_renewal);
    tcase_add_test(tests, test_backoff);
    return tests;
}
