/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Addresses: which are tried, which one wins, and the error if none does.
 */
#include "plugins/dtls/tests/cases.h"

#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

/* A UDP socket on loopback that never answers. */
static int silent_socket(struct hg_sockaddr *address)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address->address;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    memset(address, 0, sizeof *address);
    v4->sin_family = AF_INET;
    v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address->size = sizeof *v4;
    ck_assert_int_eq(bind(fd, (struct sockaddr *)v4, sizeof *v4), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)v4, &address->size), 0);
    return fd;
}

static void set_gateway(struct hg_sockaddr *address)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address->address;

    memset(address, 0, sizeof *address);
    v4->sin_family = AF_INET;
    v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    v4->sin_port = htons(pair.port);
    address->size = sizeof *v4;
}

START_TEST(a_closed_port_is_reported_at_once)
{
    struct hg_link *link;
    hg_time begun = test_clock();

    close(silent_socket(&pair.resolve[0]));
    pair.resolve_count = 1;
    test_pair_start(&pair, false, true, 1);
    link = test_connect(&pair);
    test_wait(&pair, link->down, 4000);
    ck_assert_msg(strstr(link->reason, "connection refused; nothing is listening on that UDP port"), "%s",
                  link->reason);
    ck_assert_uint_lt(test_clock() - begun, slowness() * HG_SECOND);
}
END_TEST

START_TEST(a_silent_address_is_reported)
{
    struct hg_link *link;
    int fd = silent_socket(&pair.resolve[0]);

    pair.resolve_count = 1;
    pair.client_config.handshake_timeout = 700 * HG_MILLISECOND;
    test_pair_start(&pair, false, true, 1);
    link = test_connect(&pair);
    test_wait(&pair, link->down, 4000);
    ck_assert_msg(strstr(link->reason, "no response from 127.0.0.1:"), "%s", link->reason);
    close(fd);
}
END_TEST

START_TEST(a_name_that_does_not_exist_is_reported)
{
    struct hg_link *link;

    pair.connect.host = "no-such-name.invalid";
    test_pair_start(&pair, false, true, 1);
    link = test_connect(&pair);
    test_wait(&pair, link->down, 15000);
    ck_assert_msg(strstr(link->reason, "cannot look up no-such-name.invalid: "), "%s", link->reason);
}
END_TEST

/* The closed port is given up at once, the silent ones after one Connection Attempt Delay each. */
START_TEST(addresses_are_tried_in_parallel)
{
    hg_time begun;
    int fds[2];

    test_pair_start(&pair, true, true, 0);
    close(silent_socket(&pair.resolve[0]));
    for (int i = 0; i < 2; i++)
        fds[i] = silent_socket(&pair.resolve[1 + i]);
    set_gateway(&pair.resolve[3]);
    pair.resolve_count = 4;
    begun = test_clock();
    test_connect_up(&pair);
    ck_assert_uint_ge(test_clock() - begun, 450 * HG_MILLISECOND);
    ck_assert_uint_lt(test_clock() - begun, slowness() * 2500 * HG_MILLISECOND);
    ck_assert_uint_eq(COUNTER(pair.client, handshakes_failed), 1);
    for (int i = 0; i < 2; i++)
        close(fds[i]);
}
END_TEST

/* The resolver sorted them with all addresses of one family first. */
START_TEST(families_take_turns)
{
    int fds[3];
    char byte;

    test_pair_start(&pair, true, true, 0);
    for (int i = 0; i < 3; i++)
        fds[i] = silent_socket(&pair.resolve[i]);
    for (int i = 0; i < 3; i++) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&pair.resolve[i].address;

        close(fds[i]);
        fds[i] = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        *v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
        pair.resolve[i].size = sizeof *v6;
        ck_assert_int_eq(bind(fds[i], (struct sockaddr *)v6, sizeof *v6), 0);
        ck_assert_int_eq(getsockname(fds[i], (struct sockaddr *)v6, &pair.resolve[i].size), 0);
    }
    set_gateway(&pair.resolve[3]);
    pair.resolve_count = 4;
    test_connect_up(&pair);
    ck_assert_int_gt(recv(fds[0], &byte, 1, MSG_DONTWAIT), 0);
    ck_assert_int_lt(recv(fds[2], &byte, 1, MSG_DONTWAIT), 0); /* the second one may on a slow machine */
    for (int i = 0; i < 3; i++)
        close(fds[i]);
}
END_TEST

/* Two sockets cannot have the same address, so the next attempt waits for the previous one to end. */
START_TEST(a_fixed_port_goes_from_one_address_to_the_next)
{
    struct hg_sockaddr own;
    int fd = silent_socket(&pair.resolve[0]);

    close(silent_socket(&own));
    pair.client_config.bind =
        (struct hg_address){.host = "127.0.0.1", .port = ntohs(((struct sockaddr_in *)&own.address)->sin_port)};
    test_pair_start(&pair, true, true, 0);
    set_gateway(&pair.resolve[1]);
    pair.resolve_count = 2;
    test_connect_up(&pair);
    ck_assert_uint_eq(COUNTER(pair.client, handshakes_failed), 1);
    close(fd);
}
END_TEST

/* The error reported is that of the last one to fail. */
START_TEST(failure_of_all_addresses_is_reported)
{
    struct hg_link *link;
    int fd = silent_socket(&pair.resolve[0]);

    close(silent_socket(&pair.resolve[1]));
    pair.resolve_count = 2;
    pair.client_config.handshake_timeout = 700 * HG_MILLISECOND;
    test_pair_start(&pair, false, true, 1);
    link = test_connect(&pair);
    test_wait(&pair, link->down, 5000);
    ck_assert_msg(strstr(link->reason, "no response from 127.0.0.1:"), "%s", link->reason);
    ck_assert_uint_eq(COUNTER(pair.client, handshakes_failed), 2);
    close(fd);
}
END_TEST

/* The client's connected socket only receives from the exact address it sent to. */
START_TEST(answers_come_from_the_address_asked)
{
    struct hg_link *link;

    pair.listen.host = "*";
    test_pair_start(&pair, true, true, 0);
    pair.connect.host = "127.0.0.1";
    test_connect_up(&pair);
    pair.connect.host = "127.7.7.7";
    link = test_connect_up(&pair);
    test_send(pair.accepted, "from there", 10);
    test_wait(&pair, link->packets == 1, 1000);
    ck_assert_uint_eq(link->packets, 1);
}
END_TEST

START_TEST(ipv6_works)
{
    struct hg_link *link;

    pair.listen.host = "::1";
    pair.connect.host = "::1";
    test_pair_start(&pair, true, true, 0);
    link = test_connect_up(&pair);
    ck_assert_int_eq(strncmp(pair.accepted->peer, "[::1]:", 6), 0);
    ck_assert_int_eq(strncmp(link->peer, "[::1]:", 6), 0);
    test_send(link, "six", 3);
    test_send(pair.accepted, "six", 3);
    test_wait(&pair, link->packets == 1 && pair.accepted->packets == 1, 1000);
    ck_assert_uint_eq(link->packets + pair.accepted->packets, 2);
}
END_TEST

/* A dual-stack socket, as another core might pass in. */
START_TEST(mapped_ipv4_works)
{
    struct hg_link *link;
    struct dtls_path path;
    struct sockaddr_in6 mapped = {.sin6_family = AF_INET6, .sin6_port = htons(7)};
    char text[DTLS_PATH_TEXT];

    test_pair_start(&pair, true, true, 0);
    link = test_connect_up(&pair);
    inet_pton(AF_INET6, "::ffff:127.0.0.1", &mapped.sin6_addr);
    dtls_path_init(&path, (struct sockaddr *)&mapped);
    ck_assert_str_eq(dtls_path_print(&path, text), "127.0.0.1:7");
    ck_assert_uint_eq(dtls_path_headers(&path), 28);
    ck_assert_uint_eq(dtls_path_route_limit(&path), dtls_path_route_limit(&ASSOCIATION(link)->path));
}
END_TEST

START_TEST(bind_address_is_used)
{
    pair.client_config.bind = (struct hg_address){.host = "127.0.0.9", .port = 0};
    test_pair_start(&pair, true, true, 0);
    test_connect_up(&pair);
    ck_assert_int_eq(strncmp(pair.accepted->peer, "127.0.0.9:", 10), 0);
}
END_TEST

START_TEST(a_foreign_bind_address_is_reported)
{
    struct hg_link *link;

    pair.client_config.bind = (struct hg_address){.host = "192.0.2.1", .port = 0};
    test_pair_start(&pair, true, true, 0);
    link = test_connect(&pair);
    test_wait(&pair, link->down, 1000);
    ck_assert_msg(strstr(link->reason, "cannot bind to 192.0.2.1: "), "%s", link->reason);
}
END_TEST

TCase *address_tests(void)
{
    TCase *tests = dtls_case("addresses", 30);

    tcase_add_test(tests, a_closed_port_is_reported_at_once);
    tcase_add_test(tests, a_silent_address_is_reported);
    tcase_add_test(tests, a_name_that_does_not_exist_is_reported);
    tcase_add_test(tests, addresses_are_tried_in_parallel);
    tcase_add_test(tests, families_take_turns);
    tcase_add_test(tests, a_fixed_port_goes_from_one_address_to_the_next);
    tcase_add_test(tests, failure_of_all_addresses_is_reported);
    tcase_add_test(tests, answers_come_from_the_address_asked);
    tcase_add_test(tests, ipv6_works);
    tcase_add_test(tests, mapped_ipv4_works);
    tcase_add_test(tests, bind_address_is_used);
    tcase_add_test(tests, a_foreign_bind_address_is_reported);
    return tests;
}
