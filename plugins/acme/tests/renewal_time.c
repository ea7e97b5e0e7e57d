/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * When certificates are renewed, and when attempts are repeated.
 */
#include "plugins/acme/renewal_time.h"
#include "plugins/acme/ari.h"

#include "plugins/acme/tests/cases.h"

#define DAY 86400.0

/* A third of the lifetime is left, or half of a short one, or up to a tenth more. */
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
    ck_assert_double_eq_tol(acme_backoff(1, 60, 21600, 0, 0, now, 0), 45, 0.001);
    ck_assert_double_eq_tol(acme_backoff(1, 60, 21600, 0, 0, now, 1), 75, 0.001);
    /* Never longer than the maximum, and randomized below it. */
    ck_assert_double_eq_tol(acme_backoff(40, 60, 21600, 0, 0, now, 1), 21600, 0.001);
    ck_assert_double_eq_tol(acme_backoff(40, 60, 21600, 0, 0, now, 0), 12960, 0.001);
    ck_assert_double_eq_tol(acme_backoff(UINT32_MAX, 60, 21600, 0, 0, now, 1), 21600, 0.001);
    /* Ten hours are left of ninety days: an attempt an hour. */
    ck_assert_double_eq_tol(acme_backoff(40, 60, 21600, now - (time_t)(90 * DAY) + 36000, now + 36000, now, 0.5), 3600,
                            0.001);
    /* Expired, or about to: fewer than five attempts an hour, unless the lifetime is only hours. */
    for (int left = -3; left < 4; left++) {
        const time_t ends = now + left * 3600L;

        ck_assert_double_eq_tol(acme_backoff(40, 60, 21600, ends - (time_t)(90 * DAY), ends, now, 0.5), 1200, 0.001);
        ck_assert_double_ge(acme_backoff(40, 60, 21600, ends - (time_t)(6 * DAY), ends, now, 0), 900);
    }
    /* Slower the longer it is expired: the clock may be wrong, and each attempt may yield a certificate. */
    ck_assert_double_eq_tol(acme_backoff(40, 60, 21600, now - (time_t)(91 * DAY), now - 36000, now, 0.5), 3600, 0.001);
    ck_assert_double_eq_tol(acme_backoff(40, 60, 21600, now - (time_t)(200 * DAY), now - (time_t)(100 * DAY), now, 0.5),
                            17280, 0.001);
    ck_assert_double_eq_tol(acme_backoff(3, 60, 21600, now - 10 * (time_t)DAY, now - 10, now, 0.5), 240, 0.001);
    ck_assert_double_eq_tol(acme_backoff(40, 60, 21600, now - 20000, now - 10, now, 0.5), 199.9, 0.001);
    ck_assert_double_eq_tol(acme_backoff(40, 60, 21600, now - 1000, now + 20, now, 0.5), 60, 0.001);
    ck_assert_double_eq_tol(acme_backoff(40, 300, 21600, now - 20000, now - 10, now, 0.5), 300, 0.001);
}
END_TEST

/* RFC 9773 section 4.2. */
START_TEST(test_window)
{
    static const struct {
        const char *start, *end;
        bool good;
        time_t begins, ends;
    } cases[] = {
        {"2026-01-02T04:00:00Z", "2026-01-03T04:00:00Z", true, 1767326400, 1767412800},
        {"2026-01-02T04:00:00.5Z", "2026-01-02T06:00:00.123456+01:00", true, 1767326400, 1767330000},
        {"2026-01-02T00:30:00-03:30", "2026-01-03T04:00:00z", true, 1767326400, 1767412800},
        {"2026-01-03T04:00:00Z", "2026-01-02T04:00:00Z", false, 0, 0},
        {"2026-01-03T04:00:00Z", "2026-01-03T04:00:00Z", false, 0, 0},
        {"2026-01-03T04:00:00", "2026-01-04T04:00:00Z", false, 0, 0},
        {"tomorrow", "2026-01-04T04:00:00Z", false, 0, 0},
        {NULL, "2026-01-04T04:00:00Z", false, 0, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *json = json_pack("{s:{s:s?, s:s}}", "suggestedWindow", "start", cases[i].start, "end", cases[i].end);
        time_t start = 0, end = 0;

        ck_assert_msg(acme_ari_read(json, &start, &end) == cases[i].good, "case %zu", i);
        if (cases[i].good) {
            ck_assert_int_eq(start, cases[i].begins);
            ck_assert_int_eq(end, cases[i].ends);
        }
        json_decref(json);
    }
    ck_assert(!acme_ari_read(NULL, &(time_t){0}, &(time_t){0}));
}
END_TEST

START_TEST(test_suggested_time)
{
    const time_t begins = 1700000000, ends = begins + 1000;

    ck_assert_int_eq(acme_ari_time(begins + 100, begins + 200, begins + 600, begins, ends, 0.5), begins + 150);
    /* The chosen time stays while it is in the window. */
    ck_assert_int_eq(acme_ari_time(begins + 100, begins + 200, begins + 170, begins, ends, 0.5), begins + 170);
    ck_assert_int_eq(acme_ari_time(begins + 160, begins + 260, begins + 170, begins, ends, 0.5), begins + 170);
    ck_assert_int_eq(acme_ari_time(begins + 180, begins + 280, begins + 170, begins, ends, 0), begins + 180);
    /* In the past: at once. Near or after the expiry: still in time. */
    ck_assert_int_eq(acme_ari_time(begins - 200, begins - 100, begins + 170, begins, ends, 0.5), begins - 150);
    ck_assert_int_eq(acme_ari_time(begins + 5000, begins + 6000, begins + 170, begins, ends, 0.5), begins + 900);
}
END_TEST

TCase *cases_renewal_time(void)
{
    TCase *tests = tcase_create("renewal_time");

    tcase_add_test(tests, test_renewal);
    tcase_add_test(tests, test_backoff);
    tcase_add_test(tests, test_window);
    tcase_add_test(tests, test_suggested_time);
    return tests;
}
