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

static void expect_refusal(const char *text)
{
    struct hg_link *link = test_connect(&pair);

    test_wait(&pair, link->down || link->up, 5000);
    ck_assert(link->down && !link->up);
    ck_assert_msg(strstr(link->reason, text), "\"%s\" is not in \"%s\"", text, link->reason);
}

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

START_TEST(the_gateway_closes)
{
    struct hg_link *client;

    test_pair_start(&pair, true, true, 0);
    client = test_connect_up(&pair);
    test_close(pair.accepted, true);
    test_wait(&pair, client->down, 1000);
    ck_assert_str_eq(client->reason, "closed by the peer");
}
END_TEST

START_TEST(the_core_closes_at_batch_end)
{
    struct hg_link *client, *gateway;

    test_pair_start(&pair, true, true, 0);
    client = test_connect_up(&pair);
    gateway = pair.accepted;
    client->close_at_batch_end = true;
    test_send(gateway, "x", 1);
    test_wait(&pair, gateway->down, 1000);
    ck_assert(client->down && gateway->down);
    client = test_connect_up(&pair);
    pair.accepted->close_at_batch_end = true;
    test_send(client, "x", 1);
    test_wait(&pair, client->down, 1000);
    ck_assert(client->down);
}
END_TEST

/* The last packets arrive although the one who closes has bytes that it has not read. */
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

START_TEST(a_wrong_name_is_refused)
{
    pair.client_config.client.server_name = "other.test";
    test_pair_start(&pair, true, true, 0);
    expect_refusal("is for gate.test, not for \"other.test\" (option server_name)");
    test_run(&pair, 50);
    ck_assert_ptr_null(pair.accepted);
    ck_assert_uint_eq(COUNTER(pair.gateway, handshakes_failed), 1);
}
END_TEST

START_TEST(a_wrong_authority_is_refused)
{
    struct test_certificate stranger = test_certificate_new("another authority", NULL, -3600, 3600);
    struct test_certificate signed_by_it = test_certificate_new("gate.test", &stranger, -3600, 3600);

    hg_certificate_unref(pair.provider.certificate);
    pair.provider.certificate = test_certificate_offer(&signed_by_it);
    test_pair_start(&pair, true, true, 0);
    expect_refusal("is signed by \"CN=another authority\", which /tmp/");
    test_certificate_free(&signed_by_it);
    test_certificate_free(&stranger);
}
END_TEST

START_TEST(an_old_certificate_is_refused)
{
    struct test_certificate old = test_certificate_new("gate.test", &ca, -7200, -3600);

    hg_certificate_unref(pair.provider.certificate);
    pair.provider.certificate = test_certificate_offer(&old);
    test_pair_start(&pair, true, true, 0);
    expect_refusal("has expired (20");
    test_certificate_free(&old);
}
END_TEST

START_TEST(no_certificate_is_told)
{
    hg_certificate_unref(pair.provider.certificate);
    pair.provider.certificate = NULL;
    test_pair_start(&pair, true, true, 0);
    expect_refusal("it has no certificate for that name");
}
END_TEST

START_TEST(a_handshake_is_parked_for_its_certificate)
{
    struct hg_link *link;

    pair.provider.later = true;
    test_pair_start(&pair, true, true, 0);
    link = test_connect(&pair);
    test_wait(&pair, pair.provider.done, 1000);
    test_run(&pair, 20);
    ck_assert_uint_eq(pair.provider.asked, 1);
    test_pair_answer(&pair, hg_certificate_ref(pair.provider.certificate));
    test_wait(&pair, link->up && pair.accepted && pair.accepted->up, 2000);
    ck_assert(link->up && pair.accepted->up);

    link = test_connect(&pair);
    test_wait(&pair, pair.provider.done, 1000);
    test_pair_answer(&pair, NULL);
    test_wait(&pair, link->down, 1000);
    ck_assert_ptr_nonnull(strstr(link->reason, "it has no certificate for that name"));
}
END_TEST

START_TEST(a_parked_handshake_is_given_up)
{
    pair.provider.later = true;
    pair.gateway_config.handshake_timeout = 200 * HG_MILLISECOND;
    test_pair_start(&pair, true, true, 0);
    test_connect(&pair);
    test_wait(&pair, pair.provider.done, 1000);
    test_wait(&pair, pair.provider.cancelled == 1, 1000);
    ck_assert_uint_eq(pair.provider.cancelled, 1);
}
END_TEST

START_TEST(a_ticket_resumes)
{
    struct hg_link *link;

    test_pair_start(&pair, true, true, 0);
    link = test_connect_up(&pair);
    test_send(pair.accepted, "x", 1);
    test_wait(&pair, link->packets == 1, 1000);
    link = test_connect_up(&pair);
    ck_assert_str_eq(link->security, "TLS1.3 ECDHE-X25519 AES-128-GCM, resumed");
    ck_assert_uint_eq(COUNTER(pair.gateway, resumed), 1);
    ck_assert_uint_eq(COUNTER(pair.client, resumed), 1);
    ck_assert_uint_eq(COUNTER(pair.client, handshakes), 2);
}
END_TEST

START_TEST(a_ticket_of_a_gateway_that_is_gone_does_no_harm)
{
    struct hg_link *link;
    uint16_t port;

    start_other(true, false, 0);
    port = other.port;
    test_pair_start(&pair, false, true, port);
    link = test_connect_up(&pair);
    test_wait(&pair, false, 20);
    test_close(link, true);
    test_run(&pair, 20);
    stop_other();
    start_other(true, false, port);
    link = test_connect_up(&pair);
    ck_assert_str_eq(link->security, "TLS1.3 ECDHE-X25519 AES-128-GCM");
    ck_assert_uint_eq(COUNTER(pair.client, handshakes_failed), 0);
}
END_TEST

START_TEST(a_resumed_session_is_verified_again)
{
    struct hg_link *link;

    test_pair_start(&pair, true, true, 0);
    test_connect_up(&pair);
    test_run(&pair, 20);
    pair.client_config.client.server_name = "other.test";
    link = test_connect(&pair);
    test_wait(&pair, link->down, 2000);
    ck_assert_ptr_nonnull(strstr(link->reason, "is for gate.test, not for \"other.test\""));
    ck_assert_uint_eq(COUNTER(pair.client, resumed), 1);
}
END_TEST

/* A ticket of one is not shown to the other, which would not know it. */
START_TEST(each_gateway_has_its_address_and_its_ticket)
{
    struct hg_address gateways[2] = {{.host = "127.0.0.1"}, {.host = "localhost"}};
    struct hg_link *links[4];
    const struct hg_address *told;
    size_t count;

    pair.client_config.client.connect = (struct hg_list){2, gateways};
    test_pair_start(&pair, true, true, 0);
    gateways[0].port = gateways[1].port = pair.port;
    told = test_ops()->gateways(pair.client->instance, &count);
    ck_assert_uint_eq(count, 2);
    ck_assert_ptr_eq(told, gateways);
    for (size_t i = 0; i < 4; i++) {
        links[i] = test_connect_to(&pair, i % 2);
        test_wait(&pair, links[i]->up || links[i]->down, 5000);
        ck_assert_msg(links[i]->up, "%s", links[i]->reason);
        test_run(&pair, 20);
        ck_assert_int_eq(strstr(links[i]->security, "resumed") != NULL, i >= 2);
    }
    gateways[1].host = "no-such-name.invalid";
    links[0] = test_connect_to(&pair, 1);
    test_wait(&pair, links[0]->down, 15000);
    ck_assert_ptr_nonnull(strstr(links[0]->reason, "cannot look up no-such-name.invalid"));
}
END_TEST

START_TEST(the_core_refuses_a_link)
{
    struct hg_link *link;

    pair.refuse_links = true;
    test_pair_start(&pair, true, true, 0);
    link = test_connect(&pair);
    test_wait(&pair, link->down, 1000);
    ck_assert_msg(link->up && link->down, "%s", link->reason);
    ck_assert_ptr_nonnull(strstr(link->reason, "Internal error"));
}
END_TEST

START_TEST(a_connect_is_cancelled_at_any_moment)
{
    test_pair_start(&pair, true, true, 0);
    for (unsigned turns = 0; turns < 8; turns++) {
        struct hg_link *link = test_connect(&pair);

        for (unsigned i = 0; i < turns; i++)
            test_turn(&pair);
        if (!link->up) {
            test_ops()->cancel(pair.client, link);
            link->down = true;
        }
    }
    test_connect_up(&pair);
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

START_TEST(a_closed_port_is_told)
{
    char text[96];

    test_pair_start(&pair, false, true, free_port());
    snprintf(text, sizeof text, "127.0.0.1:%u refused: nothing listens on that TCP port", pair.port);
    expect_refusal(text);
}
END_TEST

START_TEST(addresses_are_tried_in_turn)
{
    struct hg_link *link;

    test_pair_start(&pair, true, true, 0);
    add_address("127.0.0.1", free_port());
    add_address("127.0.0.1", free_port());
    add_address("127.0.0.1", pair.port);
    link = test_connect_up(&pair);
    ck_assert(link->up);
    ck_assert_uint_eq(COUNTER(pair.client, handshakes_failed), 2);
}
END_TEST

/* A listener that nobody accepts at, with its queue full: TCP does not answer any more. */
START_TEST(a_silent_address_is_left_for_the_next)
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
    add_address("127.0.0.1", pair.port);
    began = test_clock();
    link = test_connect(&pair);
    test_wait(&pair, link->up || link->down, 5000);
    ck_assert_msg(link->up, "%s", link->reason);
    ck_assert_uint_ge(test_clock() - began, 1400 * HG_MILLISECOND);
    pair.resolve_count = 1;
    pair.client_config.handshake_timeout = 300 * HG_MILLISECOND;
    expect_refusal("no gateway there, or TCP is blocked on the way");
    for (int i = 0; i < 4; i++)
        close(fill[i]);
    close(silent);
}
END_TEST

TCase *handshake_tests(void)
{
    TCase *tests = new_case("handshakes", 30);

    tcase_add_test(tests, both_ends_open_a_link);
    tcase_add_test(tests, the_gateway_closes);
    tcase_add_test(tests, the_core_closes_at_batch_end);
    tcase_add_test(tests, a_graceful_close_loses_nothing);
    tcase_add_test(tests, a_wrong_name_is_refused);
    tcase_add_test(tests, a_wrong_authority_is_refused);
    tcase_add_test(tests, an_old_certificate_is_refused);
    tcase_add_test(tests, no_certificate_is_told);
    tcase_add_test(tests, a_handshake_is_parked_for_its_certificate);
    tcase_add_test(tests, a_parked_handshake_is_given_up);
    tcase_add_test(tests, a_ticket_resumes);
    tcase_add_test(tests, a_ticket_of_a_gateway_that_is_gone_does_no_harm);
    tcase_add_test(tests, a_resumed_session_is_verified_again);
    tcase_add_test(tests, each_gateway_has_its_address_and_its_ticket);
    tcase_add_test(tests, the_core_refuses_a_link);
    tcase_add_test(tests, a_connect_is_cancelled_at_any_moment);
    tcase_add_test(tests, a_closed_port_is_told);
    tcase_add_test(tests, addresses_are_tried_in_turn);
    tcase_add_test(tests, a_silent_address_is_left_for_the_next);
    return tests;
}
