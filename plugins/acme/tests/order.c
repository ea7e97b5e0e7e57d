/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * One order from its beginning to its end: the authority and the answers that it may give (RFC 8555 section 7.4).
 */
#include "plugins/acme/tests/cases.h"
#include "plugins/acme/tests/lab.h"

/* The least that it takes: each request of each kind once. */
START_TEST(test_plain)
{
    static const char *const kinds[] = {"directory", "new-nonce", "new-account", "new-order",
                                        "challenge", "finalize",  "certificate"};

    lab_start();
    lab_run_until_issued(1, LAB_MINUTE);
    lab_check_one();
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        ck_assert_msg(fake_ca_seen(lab->ca, kinds[i]) == 1, "%s: %u", kinds[i], fake_ca_seen(lab->ca, kinds[i]));
    ck_assert_str_eq(lab->ca->orders[0].authorizations[0].tried, "tls-alpn-01");
    ck_assert_ptr_null(fake_store_first(&lab->store, "acme/orders"));
    ck_assert_ptr_null(fake_store_first(&lab->store, "acme/challenges"));
    ck_assert_uint_eq(lab->presented_count, 0);
}
END_TEST

TCase *cases_order(void)
{
    TCase *tests = tcase_create("order");

    tcase_add_checked_fixture(tests, lab_set_up, lab_tear_down);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, test_plain);
    return tests;
}
