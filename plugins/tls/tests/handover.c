/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Connections from the edge.
 */
#include "plugins/tls/tests/cases.h"

#include <string.h>

static void start(bool client)
{
    uint16_t port = fixture_free_port();

    pair.edge = edge_part(port);
    test_pair_start(&pair, true, client, port);
}

static void drain_gateway(void)
{
    void (*drain)(struct hg_worker *) = hopgate_plugin()->worker_drain;

    if (drain)
        drain(pair.gateway);
}

START_TEST(the_edge_hands_over)
{
    struct hg_link *client, *gateway;

    start(true);
    client = test_connect_up(&pair);
    gateway = pair.accepted;
    ck_assert_str_eq(client->security, "TLS1.3 ECDHE-X25519 AES-128-GCM");
    ck_assert_int_eq(strncmp(gateway->peer, "127.0.0.1:", 10), 0);
    ck_assert_uint_eq(edge_handed_over(pair.fixture), 1);
    ck_assert_uint_eq(pair.provider.asked, 1);
    test_send(client, "down", 4);
    test_send(gateway, "up", 2);
    test_wait(&pair, client->packets && gateway->packets, 1000);
    ck_assert_mem_eq(gateway->last, "down", 4);
    ck_assert_mem_eq(client->last, "up", 2);
    client = test_connect_up(&pair);
    ck_assert_str_eq(client->security, "TLS1.3 ECDHE-X25519 AES-128-GCM, resumed");
    test_close(client, true);
    test_wait(&pair, pair.accepted->down, 1000);
    ck_assert_str_eq(pair.accepted->reason, "closed by the peer");
}
END_TEST

/* The ClientHello in two pieces, wherever it is split. */
START_TEST(the_first_bytes_may_come_in_pieces)
{
    size_t hello = 10;

    start(false);
    for (size_t split = 1; split < hello; split++) {
        struct raw raw = {.split = split};

        pair.accepted = NULL;
        raw_connect(&raw);
        ck_assert_int_eq(raw_handshake(&raw, TLSCOMMON_ALPN), 0);
        test_wait(&pair, pair.accepted && pair.accepted->up, 2000);
        ck_assert(pair.accepted && pair.accepted->up);
        raw_send(&raw, "\0\2ab", 4);
        test_wait(&pair, pair.accepted->packets == 1, 1000);
        ck_assert_mem_eq(pair.accepted->last, "ab", 2);
        gnutls_bye(raw.session, GNUTLS_SHUT_WR);
        test_wait(&pair, pair.accepted->down, 1000);
        ck_assert_str_eq(pair.accepted->reason, "closed by the peer");
        raw_close(&raw);
        hello = raw.sent; /* the hello and slightly more */
    }
    ck_assert_uint_gt(hello, 200);
    ck_assert_uint_eq(edge_handed_over(pair.fixture), hello - 1);
}
END_TEST

START_TEST(other_protocols_stay_with_the_edge)
{
    static const struct {
        const char *protocol;
        int result; /* the edge refuses protocols that it does not know */
    } others[] = {{"http/1.1", 0},
                  {"hopgate/2", GNUTLS_E_FATAL_ALERT_RECEIVED},
                  {"hopgate/", GNUTLS_E_FATAL_ALERT_RECEIVED},
                  {NULL, 0}};

    start(false);
    for (int i = 0; i < 4; i++) {
        struct raw raw = {.split = 0};

        raw_connect(&raw);
        ck_assert_int_eq(raw_handshake(&raw, others[i].protocol), others[i].result);
        raw_close(&raw);
    }
    ck_assert_uint_eq(edge_handed_over(pair.fixture), 0);
    ck_assert_ptr_null(pair.links);
}
END_TEST

START_TEST(too_many_are_closed)
{
    struct raw raw[3] = {{.split = 20}, {.split = 0}};
    struct hg_link *link;

    pair.provider.later = true;
    pair.gateway_config.max_handshakes = 1;
    start(true);
    link = test_connect(&pair);
    test_wait(&pair, pair.provider.done, 1000);
    raw_connect(&raw[0]);
    ck_assert_int_lt(raw_handshake(&raw[0], TLSCOMMON_ALPN), 0);
    ck_assert_uint_eq(COUNTER(pair.gateway, refused), 1);
    raw_close(&raw[0]);
    test_pair_answer(&pair, hg_certificate_ref(pair.provider.certificate));
    test_wait(&pair, link->up, 1000);
    ck_assert(link->up);
}
END_TEST

START_TEST(those_beyond_the_rate_are_closed)
{
    struct raw raw = {.split = 0};
    uint64_t *limited;

    pair.gateway_config.ratelimit = (struct ratelimit_config){.rate = 1, .burst = 2};
    start(true);
    limited = hg_counter(pair.gateway, "handshakes_limited", "");
    test_connect_up(&pair);
    test_connect_up(&pair);
    raw_connect(&raw);
    ck_assert_int_lt(raw_handshake(&raw, TLSCOMMON_ALPN), 0);
    ck_assert_uint_eq(*limited, 1);
    raw_close(&raw);
    raw_connect(&raw); /* a public user behind the same NAT is unaffected */
    ck_assert_int_eq(raw_handshake(&raw, "http/1.1"), 0);
    raw_close(&raw);
    test_run(&pair, 1000);
    test_connect_up(&pair);
}
END_TEST

/* A session that has lost its link finishes over another one; the core decides whom to refuse when `open` arrives. */
START_TEST(links_are_accepted_while_the_gateway_stops)
{
    struct raw raw = {.split = 0};

    start(true);
    drain_gateway();
    edge_drain(pair.fixture);
    test_send(test_connect_up(&pair), "still here", 10);
    test_wait(&pair, pair.accepted->packets == 1, 1000);
    ck_assert_uint_eq(pair.accepted->packets, 1);
    raw_connect(&raw); /* public users are no longer served */
    ck_assert_int_lt(raw_handshake(&raw, "http/1.1"), 0);
    raw_close(&raw);
    ck_assert_uint_eq(edge_handed_over(pair.fixture), 1);
}
END_TEST

START_TEST(connections_from_before_the_stop_are_served)
{
    struct raw raw = {.split = 0};

    start(false);
    raw_connect(&raw);
    test_run(&pair, 20);
    edge_drain(pair.fixture);
    ck_assert_int_eq(raw_handshake(&raw, "http/1.1"), 0);
    raw_close(&raw);
}
END_TEST

/* The same on a port of the gateway's own. */
START_TEST(a_port_accepts_links_while_the_gateway_stops)
{
    test_pair_start(&pair, true, true, 0);
    drain_gateway();
    test_connect_up(&pair);
}
END_TEST

TCase *edge_tests(void)
{
    TCase *tests = new_case("connections of the edge", 60);

    tcase_add_test(tests, the_edge_hands_over);
    tcase_add_test(tests, the_first_bytes_may_come_in_pieces);
    tcase_add_test(tests, other_protocols_stay_with_the_edge);
    tcase_add_test(tests, too_many_are_closed);
    tcase_add_test(tests, those_beyond_the_rate_are_closed);
    tcase_add_test(tests, links_are_accepted_while_the_gateway_stops);
    tcase_add_test(tests, connections_from_before_the_stop_are_served);
    tcase_add_test(tests, a_port_accepts_links_while_the_gateway_stops);
    return tests;
}
