/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Handshakes: both ends, certificates, tickets.
 */
#include "plugins/dtls/tests/cases.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static void expect_refusal(const char *text)
{
    struct hg_link *link = test_connect(&pair);

    test_wait(&pair, link->down || link->up, 5000);
    ck_assert(link->down && !link->up);
    ck_assert_msg(strstr(link->reason, text), "\"%s\" is not in \"%s\"", text, link->reason);
}

/* ---- Handshakes ---- */

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
    /* Packets begin with datagrams of 1,200 bytes; what the loopback interface takes may be probed for. */
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

START_TEST(a_wrong_name_is_refused)
{
    pair.client_config.client.server_name = "other.test";
    test_pair_start(&pair, true, true, 0);
    expect_refusal("is for gate.test, not for \"other.test\" (option server_name)");
    test_run(&pair, 50);
    ck_assert_ptr_null(pair.accepted);
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

START_TEST(a_certificate_out_of_its_time_is_refused)
{
    struct test_certificate old = test_certificate_new("gate.test", &ca, -7200, -3600);
    struct test_certificate young = test_certificate_new("gate.test", &ca, 3000, 3600);

    hg_certificate_unref(pair.provider.certificate);
    pair.provider.certificate = test_certificate_offer(&old);
    test_pair_start(&pair, true, true, 0);
    expect_refusal("has expired (20");
    hg_certificate_unref(pair.provider.certificate);
    pair.provider.certificate = test_certificate_offer(&young);
    expect_refusal("is this machine's clock right?");
    test_certificate_free(&old);
    test_certificate_free(&young);
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
    test_run(&pair, 1000); /* the client sends its hello again meanwhile */
    ck_assert_uint_eq(pair.provider.asked, 1);
    test_pair_answer(&pair, hg_certificate_ref(pair.provider.certificate));
    test_wait(&pair, link->up && pair.accepted && pair.accepted->up, 2000);
    ck_assert(link->up && pair.accepted->up);

    link = test_connect(&pair);
    test_ops()->cancel(pair.client, link);
    link->down = true;
}
END_TEST

START_TEST(a_parked_handshake_is_refused_or_given_up)
{
    struct hg_link *link;

    pair.provider.later = true;
    pair.gateway_config.handshake_timeout = 300 * HG_MILLISECOND;
    test_pair_start(&pair, true, true, 0);
    link = test_connect(&pair);
    test_wait(&pair, pair.provider.done, 1000);
    test_pair_answer(&pair, NULL);
    test_wait(&pair, link->down, 1000);
    ck_assert_ptr_nonnull(strstr(link->reason, "it has no certificate for that name"));
    link = test_connect(&pair);
    test_wait(&pair, pair.provider.done, 1000);
    ck_assert(pair.provider.done != NULL);
    test_wait(&pair, pair.provider.cancelled == 1, 1000);
    ck_assert_uint_eq(pair.provider.cancelled, 1);
}
END_TEST

START_TEST(a_ticket_resumes)
{
    struct hg_link *link;

    test_pair_start(&pair, true, true, 0);
    test_connect_up(&pair);
    link = test_connect_up(&pair);
    ck_assert_str_eq(link->security, "DTLS1.2 ECDHE-X25519 AES-128-GCM, resumed");
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
    test_close(link, true);
    stop_other();
    start_other(true, false, port);
    link = test_connect_up(&pair);
    ck_assert_str_eq(link->security, "DTLS1.2 ECDHE-X25519 AES-128-GCM");
    ck_assert_uint_eq(COUNTER(pair.client, handshakes_failed), 0);
}
END_TEST

/* The certificate has run out since the ticket was given. */
START_TEST(a_resumed_session_is_verified_again)
{
    struct test_certificate brief = test_certificate_new("gate.test", &ca, -10, 2);
    struct hg_link *link;

    hg_certificate_unref(pair.provider.certificate);
    pair.provider.certificate = test_certificate_offer(&brief);
    test_pair_start(&pair, true, true, 0);
    link = test_connect_up(&pair);
    test_run(&pair, 3100);
    link = test_connect(&pair);
    test_wait(&pair, link->down || link->up, 2000);
    ck_assert(link->down && !link->up);
    ck_assert_msg(strstr(link->reason, "has expired"), "%s", link->reason);
    ck_assert_uint_eq(COUNTER(pair.client, resumed), 1);
    test_certificate_free(&brief);
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

/* The gateway cannot read the tickets that it has given any more. */
static void change_ticket_key(void)
{
    struct dtls_instance *instance = pair.gateway->instance->state;

    gnutls_free(instance->setup.ticket_key.data);
    ck_assert_int_ge(gnutls_session_ticket_key_generate(&instance->setup.ticket_key), 0);
}

/* Whichever datagram of a handshake is lost: first of full ones, then of resumed ones. */
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

/* Both ends are so slow that everything is sent again before it is read. */
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
    TCase *tests = new_case("handshakes", 60);

    tcase_add_test(tests, both_ends_open_a_link);
    tcase_add_test(tests, the_gateway_closes);
    tcase_add_test(tests, the_core_closes_at_batch_end);
    tcase_add_test(tests, a_wrong_name_is_refused);
    tcase_add_test(tests, a_wrong_authority_is_refused);
    tcase_add_test(tests, a_certificate_out_of_its_time_is_refused);
    tcase_add_test(tests, no_certificate_is_told);
    tcase_add_test(tests, a_handshake_is_parked_for_its_certificate);
    tcase_add_test(tests, a_parked_handshake_is_refused_or_given_up);
    tcase_add_test(tests, a_ticket_resumes);
    tcase_add_test(tests, a_ticket_of_a_gateway_that_is_gone_does_no_harm);
    tcase_add_test(tests, a_resumed_session_is_verified_again);
    tcase_add_test(tests, each_gateway_has_its_address_and_its_ticket);
    tcase_add_test(tests, the_core_refuses_a_link);
    tcase_add_test(tests, a_connect_is_cancelled_at_any_moment);
    tcase_add_loop_test(tests, a_lost_datagram_only_delays, 0, 2);
    tcase_add_loop_test(tests, slow_ends_come_through, 0, 2);
    return tests;
}
