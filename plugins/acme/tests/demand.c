/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Certificates on demand: whom quotas count.
 */
#include "plugins/acme/demand.h"

#include "plugins/acme/tests/cases.h"

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

TCase *cases_demand(void)
{
    TCase *tests = tcase_create("demand");

    tcase_add_test(tests, test_source);
    return tests;
}
