/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/tests/cases.h"
#include "tests/unit/run_suite.h"

int main(void)
{
    Suite *suite = suite_create("acme");

    suite_add_tcase(suite, cases_parts());
    suite_add_tcase(suite, cases_options());
    suite_add_tcase(suite, cases_metrics());
    suite_add_tcase(suite, cases_on_demand());
    suite_add_tcase(suite, cases_renewal_time());
    suite_add_tcase(suite, cases_order());
    suite_add_tcase(suite, cases_download());
    suite_add_tcase(suite, cases_account());
    suite_add_tcase(suite, cases_pauses());
    suite_add_tcase(suite, cases_revocation());
    suite_add_tcase(suite, cases_saving());
    suite_add_tcase(suite, cases_death());
    suite_add_tcase(suite, cases_storm());
    return run_suite(suite);
}
