/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/http1/tests/cases.h"

int main(void)
{
    Suite *suite = suite_create("http1");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, corpus_tests());
    suite_add_tcase(suite, request_tests());
    suite_add_tcase(suite, response_tests());
    suite_add_tcase(suite, writing_tests());
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
