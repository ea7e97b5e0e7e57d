/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Handshakes: both ends, certificates, tickets, addresses.
 */
#include "plugins/tls/tests/cases.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

START_TEST(both_ends_open_a_link)
{
    struct hg_link *client, *gateway;

    test_pair_start(&pair, true, true, 0);
    client = test_connect_up(&pair);
    gateway = pair.accepted;
    client->checks_numbers = gateway->checks_numbers = true;
    ck_assert_str_eq(client->security, "TLS1.3 ECDHE-X25519 AES-128-GCM");
    ck_assert_str_eq(gateway->security, client->security);
    ck_assert_str_eq(pair.provider.server_name, "gate.test");
    ck_assert_uint_eq(client->max_packet, 16382);
    ck_assert_int_eq(strncmp(gateway->peer, "127.0.0.1:", 10), 0);
    for (unsigned i = 0; i < 100; i++) {
        ck_assert_uint_eq(test_send(client, "down", 4), i);
        test_wait(&pair, gateway->packets == i + 1, 1000);
        ck_assert_mem_eq(gateway->last, "down", 4);
        ck_assert_uint_eq(test_send(gateway, "answer", 6), i);
        test_wait(&pair, client->packets == i + 1, 1000);
        ck_assert_uint_eq(client->last_size, 6);
        ck_assert_mem_eq(client->last, "answer", 6);
    }
    test_close(client, true);
    test_wait(&pair, gateway->down, 1000);
    ck_assert_str_eq(gateway->reason, "closed by the peer");
}
END_TEST

/* The last packets arrive even though the closing end has bytes that it has not read. */
START_TEST(a_graceful_close_loses_nothing)
{
    static uint8_t packet[16000];
    struct hg_link *client, *gateway;
    unsigned sent = 0;

    test_pair_start(&pair, true, true, 0);
    client = test_connect_up(&pair);
    gateway = pair.accepted;
    while (test_ops()->send(gateway->handle, packet, sizeof packet) == 0 && sent < 100)
        sent++;
    test_ops()->flush(gateway->handle);
    for (int i = 0; i < 10; i++)
        test_send(client, packet, sizeof packet);
    test_close(gateway, true);
    test_wait(&pair, client->down, 3000);
    ck_assert_str_eq(client->reason, "closed by the peer");
    ck_assert_uint_eq(client->packets, sent);
    test_wait(&pair, ((struct tls_worker *)pair.gateway->state)->closing_count == 0, 3000);
    ck_assert_uint_eq(((struct tls_worker *)pair.gateway->state)->closing_count, 0);
}
END_TEST

/* ---- Addresses ---- */

static void add_address(const char *host, uint16_t port)
{
    struct hg_sockaddr *to = &pair.resolve[pair.resolve_count++];
    struct sockaddr_in *address = (struct sockaddr_in *)&to->address;

    ck_assert_str_eq(host, "127.0.0.1");
    *address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    to->size = sizeof *address;
}

START_TEST(a_closed_port_is_reported)
{
    char text[96];

    test_pair_start(&pair, false, true, fixture_free_port());
    snprintf(text, sizeof text, "127.0.0.1:%u: connection refused; nothing is listening on that TCP port", pair.port);
    expect_refusal(text);
}
END_TEST

START_TEST(addresses_are_tried_in_turn)
{
    struct hg_link *link;

    test_pair_start(&pair, true, true, 0);
    add_address("127.0.0.1", fixture_free_port());
    add_address("127.0.0.1", fixture_free_port());
    add_address("127.0.0.1", pair.port);
    link = test_connect_up(&pair);
    ck_assert(link->up);
    ck_assert_uint_eq(COUNTER(pair.client, handshakes_failed), 2);
}
END_TEST

/* A listener whose connections nobody accepts, with a full queue: TCP no longer answers. */
START_TEST(the_next_address_is_tried_in_parallel_with_a_silent_one)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int silent = socket(AF_INET, SOCK_STREAM, 0), fill[4];
    socklen_t size = sizeof address;
    struct hg_link *link;
    hg_time began;

    ck_assert_int_eq(bind(silent, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(silent, 0), 0);
    getsockname(silent, (struct sockaddr *)&address, &size);
    for (int i = 0; i < 4; i++) {
        fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(fill[i], (struct sockaddr *)&address, sizeof address);
    }
    test_pair_start(&pair, true, true, 0);
    add_address("127.0.0.1", ntohs(address.sin_port));
    add_address("127.0.0.1", ntohs(address.sin_port));
    ((struct sockaddr_in *)&pair.resolve[1].address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1); /* closed */
    add_address("127.0.0.1", pair.port);
    began = test_clock();
    link = test_connect(&pair);
    test_wait(&pair, link->up || link->down, 5000);
    ck_assert_msg(link->up, "%s", link->reason);
    ck_assert_uint_ge(test_clock() - began, 200 * HG_MILLISECOND);
    ck_assert_uint_lt(test_clock() - began, slowness() * 1300 * HG_MILLISECOND);
    ck_assert_uint_eq(COUNTER(pair.client, handshakes_failed), 1);
    pair.resolve_count = 1;
    pair.client_config.handshake_timeout = 300 * HG_MILLISECOND;
    expect_refusal("there is no gateway, or TCP is blocked on the way");
    for (int i = 0; i < 4; i++)
        close(fill[i]);
    close(silent);
}
END_TEST

TCase *handshake_tests(void)
{
    TCase *tests = new_case("handshakes", 30);

    add_handshake_tests(tests);
    tcase_add_test(tests, both_ends_open_a_link);
    tcase_add_test(tests, a_graceful_close_loses_nothing);
    tcase_add_test(tests, a_closed_port_is_reported);
    tcase_add_test(tests, addresses_are_tried_in_turn);
    tcase_add_test(tests, the_next_address_is_tried_in_parallel_with_a_silent_one);
    return tests;
}
