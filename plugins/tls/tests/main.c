/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/tls/tests/cases.h"
#include "tests/unit/run_suite.h"

int main(void)
{
    Suite *suite = suite_create("tls");

    suite_add_tcase(suite, stream_tests());
    suite_add_tcase(suite, config_tests());
    suite_add_tcase(suite, handshake_tests());
    suite_add_tcase(suite, data_tests());
    suite_add_tcase(suite, hostile_tests());
    suite_add_tcase(suite, edge_tests());
    return run_suite(suite);
}
