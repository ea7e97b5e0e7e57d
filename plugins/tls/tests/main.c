/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/tls/tests/cases.h"
#include "tests/unit/run_suite.h"

#include <netinet/in.h>
#include <unistd.h>

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
