/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The end of main() in each unit test.
 */
#ifndef TESTS_UNIT_RUN_SUITE_H
#define TESTS_UNIT_RUN_SUITE_H

#include <check.h>
#include <stdlib.h>

/* Runs all tests of the suite and frees it. Returns the exit status of the process. */
static inline int run_suite_as(Suite *suite, enum fork_status fork, enum print_output output)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    srunner_set_fork_status(runner, fork);
    srunner_run_all(runner, output);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* The same, controlled by the environment: CK_FORK, CK_VERBOSITY, CK_RUN_CASE. */
static inline int run_suite(Suite *suite)
{
    return run_suite_as(suite, CK_FORK_GETENV, CK_ENV);
}

#endif
