/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Certificates on demand: whom quotas count.
 */
#include "plugins/acme/demand.h"

#include "plugins/acme/tests/cases.h"

#include <hopgate/host.h>
#include <stdio.h>
#include <stdlib.h>

START_TEST(test_source)
{
    static const char *const cases[][2] = {
        {"192.0.2.1:443", "192.0.2.1"},
        {"[2001:db8:1:2:3:4:5:6]:50000", "2001:db8:1:2::"},
        {"[2001:db8:1:2:ffff::]:1", "2001:db8:1:2::"},
        {"[::1]:1", "::"},
        {"[fe80::1%eth0]:1", "[fe80::1%eth0"},
        {"[2001:db8:1:2:3:4:5", "[2001:db8:1:2:3:4"},
        {"unix", "unix"},
        {"", ""},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_str_eq(acme_demand_source(hg_text(cases[i][0])).text, cases[i][1]);
}
END_TEST

/* ---- Quotas ---- */

#define MINUTES(count) ((hg_time)(count)*60 * HG_SECOND)

static const struct acme_config config = {.on_demand_per_hour = 10, .on_demand_per_source = 4};

/* How many of so many orders are allowed. */
static unsigned order(struct acme_quotas *quotas, const char *address, unsigned count, hg_time now)
{
    struct acme_source source;
    unsigned allowed = 0;

    snprintf(source.text, sizeof source.text, "%s", address);
    while (count--)
        allowed += !acme_quotas_count(quotas, &config, &source, now);
    return allowed;
}

START_TEST(test_quotas)
{
    struct acme_quotas quotas = {0};

    ck_assert_uint_eq(order(&quotas, "a", 9, MINUTES(1000)), 4);
    ck_assert_uint_eq(order(&quotas, "b", 9, MINUTES(1000)), 4);
    ck_assert_uint_eq(order(&quotas, "c", 9, MINUTES(1000)), 2);
    ck_assert_uint_eq(quotas.source_count, 3);
    ck_assert_uint_eq(order(&quotas, "d", 9, MINUTES(1066)), 4);
    ck_assert_uint_eq(quotas.source_count, 1); /* the others are forgotten */
    free(quotas.sources);
}
END_TEST

/* Whoever asks all the time gets no more in any hour, wherever it begins, and not much less. */
START_TEST(test_any_hour)
{
    enum { TIME = 600 };
    struct acme_quotas quotas = {0};
    unsigned allowed[TIME], all = 0;

    for (int i = 0; i < TIME; i++) {
        allowed[i] = order(&quotas, "a", i < 2 * _i ? 0 : 3, MINUTES(1000 + i));
        all += allowed[i];
    }
    for (int begin = 0; begin < TIME; begin++) {
        unsigned in_hour = 0;

        for (int i = begin; i < begin + 60 && i < TIME; i++)
            in_hour += allowed[i];
        ck_assert_msg(in_hour <= 4, "%u in the hour after minute %d", in_hour, begin);
    }
    ck_assert_uint_ge(all, 4 * (TIME - 2 * (unsigned)_i) / 66);
    free(quotas.sources);
}
END_TEST

/* After a long time, nothing counts. */
START_TEST(test_long_after)
{
    static const unsigned minutes[] = {66, 1000, 1000000};
    struct acme_quotas quotas = {0};

    ck_assert_uint_eq(order(&quotas, "a", 9, MINUTES(1000)), 4);
    ck_assert_uint_eq(order(&quotas, "a", 9, MINUTES(1000 + minutes[_i])), 4);
    ck_assert_uint_eq(order(&quotas, "a", 9, MINUTES(1000 + minutes[_i])), 0);
    free(quotas.sources);
}
END_TEST

TCase *cases_demand(void)
{
    TCase *tests = tcase_create("demand");

    tcase_add_test(tests, test_source);
    tcase_add_test(tests, test_quotas);
    tcase_add_loop_test(tests, test_any_hour, 0, 5);
    tcase_add_loop_test(tests, test_long_after, 0, 3);
    return tests;
}
