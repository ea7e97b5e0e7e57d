/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/tls/tests/cases.h"

#include <dirent.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

struct test_certificate ca, leaf;
struct test_pair pair, other;
static unsigned descriptors;

static unsigned count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;

    ck_assert_ptr_nonnull(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static void set_up(void)
{
    descriptors = count_descriptors();
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
    ck_assert_uint_eq(count_descriptors(), descriptors);
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

uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
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
    Suite *suite = suite_create("tls");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, stream_tests());
    suite_add_tcase(suite, config_tests());
    suite_add_tcase(suite, handshake_tests());
    suite_add_tcase(suite, data_tests());
    suite_add_tcase(suite, hostile_tests());
    suite_add_tcase(suite, edge_tests());
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
