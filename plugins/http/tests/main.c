/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/http/tests/cases.h"
#include "tests/unit/run_suite.h"

TCase *new_case(const char *name, double seconds)
{
    TCase *tests = tcase_create(name);

    tcase_set_timeout(tests, seconds);
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("http");

    suite_add_tcase(suite, request_tests());
    suite_add_tcase(suite, body_tests());
    suite_add_tcase(suite, early_tests());
    suite_add_tcase(suite, error_tests());
    suite_add_tcase(suite, connection_tests());
    suite_add_tcase(suite, tls_tests());
    suite_add_tcase(suite, corpus_tests());
    return run_suite(suite);
}
