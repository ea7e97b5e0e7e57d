/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Handshakes: both ends, certificates, tickets.
 */
#include "plugins/dtls/tests/cases.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

START_TEST(both_ends_open_a_link)
{
    struct hg_link *client, *gateway;
    uint64_t number;

    test_pair_start(&pair, true, true, 0);
    client = test_connect_up(&pair);
    gateway = pair.accepted;
    ck_assert_str_eq(client->security, "DTLS1.2 ECDHE-X25519 AES-128-GCM");
    ck_assert_str_eq(gateway->security, client->security);
    ck_assert_str_eq(pair.provider.server_name, "gate.test");
    /* Packets start with datagrams of 1,200 bytes; sizes up to the loopback interface's MTU may be probed. */
    ck_assert_uint_eq(client->max_packet, 1200 - 37);
    ck_assert_uint_eq(gateway->max_packet, 1200 - 37);
    ck_assert_uint_eq(client->probe_max, 16347);
    ck_assert_uint_eq(gateway->probe_max, 16347);
    ck_assert_uint_eq(client->overhead, 20 + 8 + 37);
    for (int i = 0; i < 100; i++) {
        number = test_send(client, "down", 4);
        test_wait(&pair, gateway->packets == (unsigned)i + 1, 1000);
        ck_assert_uint_eq(gateway->last_number, number);
        ck_assert_mem_eq(gateway->last, "down", 4);
        number = test_send(gateway, "answer", 6);
        test_wait(&pair, client->packets == (unsigned)i + 1, 1000);
        ck_assert_uint_eq(client->last_number, number);
        ck_assert_mem_eq(client->last, "answer", 6);
    }
    test_close(client, true);
    test_wait(&pair, gateway->down, 1000);
    ck_assert_str_eq(gateway->reason, "closed by the peer");
}
END_TEST

/* The gateway can no longer decrypt the tickets that it has issued. */
static void change_ticket_key(void)
{
    struct dtls_instance *instance = pair.gateway->instance->state;

    gnutls_free(instance->setup.ticket_key.data);
    ck_assert_int_ge(gnutls_session_ticket_key_generate(&instance->setup.ticket_key), 0);
}

/* Loses each datagram of a handshake in turn: first of full handshakes, then of resumed ones. */
START_TEST(a_lost_datagram_only_delays)
{
    struct hg_link *link = NULL;
    unsigned lost = 0;

    test_pair_start(&pair, true, true, 0);
    for (unsigned after = 0; after < 12; after++) {
        pair.accepted = NULL;
        kernel.error = ENOBUFS;
        kernel.after = after;
        kernel.times = 1;
        link = test_connect(&pair);
        test_wait(&pair, link->down || (link->up && pair.accepted && pair.accepted->up), 4000);
        ck_assert_msg(link->up && !link->down && pair.accepted, "%u: %s", after, link->reason);
        lost += kernel.times == 0;
        kernel.times = 0;
        kernel.after = 0;
        test_send(pair.accepted, "x", 1);
        test_wait(&pair, link->packets == 1, 1000);
        ck_assert_uint_eq(link->packets, 1);
        test_close(link, false);
        if (_i == 0)
            change_ticket_key();
    }
    ck_assert_uint_ge(lost, 4);
}
END_TEST

/* Both ends are so slow that everything is retransmitted before it is read. */
START_TEST(slow_ends_come_through)
{
    struct hg_link *link;

    pair.client_config.handshake_timeout = pair.gateway_config.handshake_timeout = 30 * HG_SECOND;
    test_pair_start(&pair, true, true, 0);
    for (unsigned i = 0; i < 2; i++) {
        hg_time begun = test_clock();

        pair.accepted = NULL;
        link = test_connect(&pair);
        while (!link->down && !(link->up && pair.accepted) && test_clock() - begun < 12 * HG_SECOND) {
            usleep(_i ? 450000 : 850000);
            test_turn(&pair);
        }
        ck_assert_msg(link->up && !link->down && pair.accepted, "%s", link->reason);
    }
}
END_TEST

TCase *handshake_tests(void)
{
    TCase *tests = dtls_case("handshakes", 60);

    add_handshake_tests(tests);
    tcase_add_test(tests, both_ends_open_a_link);
    tcase_add_loop_test(tests, a_lost_datagram_only_delays, 0, 2);
    tcase_add_loop_test(tests, slow_ends_come_through, 0, 2);
    return tests;
}
