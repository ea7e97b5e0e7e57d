/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/log.h"
#include "plugins/dtls/tests/cases.h"

#include <string.h>

struct test_certificate ca, leaf;
struct test_pair pair, other;

static void set_up(void)
{
    memset(&kernel, 0, sizeof kernel);
    ca = test_certificate_new("test authority", NULL, -3600, 3600);
    leaf = test_certificate_new("gate.test", &ca, -3600, 3600);
    test_pair_init(&pair, &ca, &leaf);
}

static void tear_down(void)
{
    stop_other();
    test_pair_free(&pair);
    test_certificate_free(&leaf);
    test_certificate_free(&ca);
}

void start_other(bool gateway, bool client, uint16_t port)
{
    test_pair_init(&other, &ca, &leaf);
    test_pair_start(&other, gateway, client, port);
    pair.beside = &other;
}

void stop_other(void)
{
    if (!pair.beside)
        return;
    pair.beside = NULL;
    test_pair_free(&other);
}

TCase *new_case(const char *name, double seconds)
{
    TCase *tests = tcase_create(name);

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, seconds);
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("dtls");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, unit_tests());
    suite_add_tcase(suite, config_tests());
    suite_add_tcase(suite, handshake_tests());
    suite_add_tcase(suite, address_tests());
    suite_add_tcase(suite, data_tests());
    suite_add_tcase(suite, socket_tests());
    suite_add_tcase(suite, hostile_tests());
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
