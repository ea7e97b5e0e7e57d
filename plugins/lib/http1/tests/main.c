/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/lib/http1/tests/cases.h"
#include "tests/unit/run_suite.h"

int main(void)
{
    Suite *suite = suite_create("http1");

    suite_add_tcase(suite, corpus_tests());
    suite_add_tcase(suite, request_tests());
    suite_add_tcase(suite, response_tests());
    suite_add_tcase(suite, writing_tests());
    return run_suite(suite);
}
