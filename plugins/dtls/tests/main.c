/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/dtls/tests/cases.h"
#include "tests/unit/run_suite.h"

#include <string.h>

static void reset_kernel(void)
{
    memset(&kernel, 0, sizeof kernel);
}

TCase *dtls_case(const char *name, double seconds)
{
    TCase *tests = new_case(name, seconds);

    tcase_add_checked_fixture(tests, reset_kernel, NULL);
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("dtls");

    suite_add_tcase(suite, unit_tests());
    suite_add_tcase(suite, config_tests());
    suite_add_tcase(suite, handshake_tests());
    suite_add_tcase(suite, address_tests());
    suite_add_tcase(suite, data_tests());
    suite_add_tcase(suite, socket_tests());
    suite_add_tcase(suite, hostile_tests());
    suite_add_tcase(suite, roster_tests());
    return run_suite(suite);
}
