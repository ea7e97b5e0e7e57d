/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Peers that are cut off, slow, foreign or malicious.
 */
#include "plugins/tls/tests/cases.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void expect_down(const struct hg_link *link, const char *text)
{
    test_wait(&pair, link->down, 2000);
    ck_assert(link->down);
    ck_assert_msg(strstr(link->reason, text), "\"%s\" is not in \"%s\"", text, link->reason);
}

/* Receives what the gateway sends to a raw peer until the end. */
static int raw_end(struct raw *raw)
{
    char data[256];
    ssize_t got;

    for (int i = 0; i < 2000; i++) {
        got = gnutls_record_recv(raw->session, data, sizeof data);
        if (got == 0 || (got < 0 && gnutls_error_is_fatal((int)got)))
            return (int)got;
        test_turn(&pair);
    }
    return GNUTLS_E_TIMEDOUT;
}

START_TEST(a_truncated_stream_is_reported)
{
    struct hg_link *link;
    struct raw raw;

    test_pair_start(&pair, true, false, 0);
    link = raw_link(&raw);
    raw_close(&raw);
    expect_down(link, "the peer closed the TCP connection without close_notify");
    ck_assert_uint_eq(COUNTER(pair.gateway, truncated), 1);

    link = raw_link(&raw);
    raw_send(&raw, "\0\1a\0\3bc", 7);
    test_wait(&pair, link->packets == 1, 1000);
    raw_close(&raw);
    expect_down(link, "the peer closed the TCP connection in the middle of a packet without close_notify");
    ck_assert_uint_eq(link->packets, 1);

    link = raw_link(&raw);
    raw_send(&raw, "\0\3bc", 4);
    gnutls_bye(raw.session, GNUTLS_SHUT_WR);
    expect_down(link, "closed by the peer in the middle of a packet");
    ck_assert_int_eq(raw_end(&raw), 0); /* close_notify is answered */
    raw_close(&raw);
}
END_TEST

START_TEST(a_reset_is_reported)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    struct hg_link *link;
    struct raw raw;

    test_pair_start(&pair, true, false, 0);
    link = raw_link(&raw);
    setsockopt(raw.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    raw_close(&raw);
    expect_down(link, "Connection reset by peer");
}
END_TEST

START_TEST(a_bad_length_is_reported_at_both_ends)
{
    static const char *const bad[] = {"\0\0", "\x40\x01", "\xff\xff"};

    test_pair_start(&pair, true, false, 0);
    for (int i = 0; i < 3; i++) {
        struct hg_link *link;
        struct raw raw;

        link = raw_link(&raw);
        raw_send(&raw, "\0\2ab", 4);
        raw_send(&raw, bad[i], 2);
        expect_down(link, i ? "a packet of more than 16384 bytes was announced" : "a packet of 0 bytes was announced");
        ck_assert_uint_eq(link->packets, 1);
        ck_assert_int_eq(raw_end(&raw), GNUTLS_E_FATAL_ALERT_RECEIVED);
        ck_assert_int_eq(gnutls_alert_get(raw.session), GNUTLS_A_DECODE_ERROR);
        raw_close(&raw);
    }
}
END_TEST

/* Every packet in single bytes, each in its own record. */
START_TEST(single_bytes_make_packets)
{
    struct hg_link *link;
    struct raw raw;

    test_pair_start(&pair, true, false, 0);
    link = raw_link(&raw);
    link->checks_numbers = true;
    for (unsigned i = 0; i < 50; i++) {
        raw_send(&raw, "\0", 1);
        raw_send(&raw, "\2", 1);
        raw_send(&raw, "a", 1);
        if (i % 7 == 0)
            test_turn(&pair);
        raw_send(&raw, "b", 1);
    }
    test_wait(&pair, link->packets == 50, 1000);
    ck_assert_uint_eq(link->bytes, 100);
    gnutls_bye(raw.session, GNUTLS_SHUT_WR);
    expect_down(link, "closed by the peer");
    raw_close(&raw);
}
END_TEST

START_TEST(noise_is_not_a_handshake)
{
    static const char *const noise[] = {"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x40\x01", "\x16\x03\x01\0\x04\2\0\0\0",
                                        "SSH-2.0-x\r\n", "\x15\x03\x01\0\2\2\x28"};
    static const size_t sizes[] = {18, 5, 9, 11, 7};

    test_pair_start(&pair, true, false, 0);
    for (unsigned i = 0; i < 5; i++) {
        char answer[64];
        struct raw raw;

        raw_connect(&raw);
        ck_assert_int_eq(send(raw.fd, noise[i], sizes[i], MSG_NOSIGNAL), (ssize_t)sizes[i]);
        test_wait(&pair, COUNTER(pair.gateway, handshakes_failed) == i + 1, 1000);
        ck_assert_uint_eq(COUNTER(pair.gateway, handshakes_failed), i + 1);
        test_wait(&pair, recv(raw.fd, answer, sizeof answer, 0) == 0, 1000);
        raw_close(&raw);
    }
    ck_assert_ptr_null(pair.links);
}
END_TEST

START_TEST(another_protocol_is_refused)
{
    struct raw raw;

    test_pair_start(&pair, true, false, 0);
    raw.split = 0;
    raw_connect(&raw);
    ck_assert_int_eq(raw_handshake(&raw, "http/1.1"), GNUTLS_E_FATAL_ALERT_RECEIVED);
    ck_assert_int_eq(gnutls_alert_get(raw.session), GNUTLS_A_NO_APPLICATION_PROTOCOL);
    raw_close(&raw);
    ck_assert_ptr_null(pair.links);
}
END_TEST

/* One address gets a quarter of the places, so that some are left for others; they become free again after a
 * time-out. */
START_TEST(half_open_connections_are_bounded)
{
    struct raw raw[12];
    struct hg_link *link;

    pair.gateway_config.max_handshakes = 8;
    /* Long enough for the twelve to connect, but not longer than the test can wait. */
    pair.gateway_config.handshake_timeout = (1 + slowness() / 6) * 500 * HG_MILLISECOND;
    test_pair_start(&pair, true, true, 0);
    for (int i = 0; i < 12; i++)
        raw_connect(&raw[i]);
    test_wait(&pair, COUNTER(pair.gateway, refused) == 10, 1000);
    ck_assert_uint_eq(COUNTER(pair.gateway, refused), 10);
    ck_assert_uint_eq(COUNTER(pair.gateway, handshakes_failed), 0);
    test_wait(&pair, COUNTER(pair.gateway, handshakes_failed) == 2, 4000);
    ck_assert_uint_eq(COUNTER(pair.gateway, handshakes_failed), 2);
    link = test_connect(&pair);
    test_wait(&pair, link->up || link->down, 4000);
    ck_assert_msg(link->up, "%s", link->reason);
    for (int i = 0; i < 12; i++)
        raw_close(&raw[i]);
}
END_TEST

/* A peer that sends without pause does not block the loop for others. */
START_TEST(a_turn_is_bounded)
{
    static uint8_t data[16384];
    struct hg_link *link;
    struct raw raw;
    uint64_t most = 0;

    for (size_t i = 0; i < sizeof data; i += 128)
        tls_packet_write_header(data + i, 126);
    test_pair_start(&pair, true, false, 0);
    link = raw_link(&raw);
    for (unsigned round = 0; round < repetitions(300); round++) {
        uint64_t before = link->bytes;

        while (gnutls_record_send(raw.session, data, sizeof data) > 0)
            ;
        link->batches = 0;
        test_turn(&pair);
        if (link->batches == 1 && link->bytes - before > most)
            most = link->bytes - before;
    }
    ck_assert_uint_gt(most, 0);
    ck_assert_uint_le(most, 2 * TLS_INPUT_SIZE);
    raw_close(&raw);
    test_wait(&pair, link->down, 2000);
}
END_TEST

/* Random bytes inside TLS: the gateway survives, whether it ends the link or not. */
START_TEST(random_streams)
{
    srand(1);
    test_pair_start(&pair, true, false, 0);
    for (unsigned round = 0; round < repetitions(60); round++) {
        uint8_t data[600];
        struct hg_link *link;
        struct raw raw;

        link = raw_link(&raw);
        for (int i = 0; i < 8; i++) {
            size_t size = 1 + (size_t)rand() % sizeof data;

            for (size_t j = 0; j < size; j++)
                data[j] = (uint8_t)(rand() % 3 ? rand() % 4 : rand());
            if (gnutls_record_send(raw.session, data, size) < 0)
                break;
            test_turn(&pair);
        }
        raw_close(&raw);
        test_wait(&pair, link->down, 2000);
        ck_assert(link->down);
    }
}
END_TEST

START_TEST(handshakes_of_a_source_are_limited)
{
    struct hg_link *link;
    uint64_t *limited;

    pair.gateway_config.ratelimit = (struct ratelimit_config){.rate = 1, .burst = 2};
    test_pair_start(&pair, true, true, 0);
    limited = hg_counter(pair.gateway, "handshakes_limited", "");
    test_connect_up(&pair);
    test_connect_up(&pair);
    link = test_connect(&pair);
    test_wait(&pair, link->down, 1000);
    ck_assert(link->down && !link->up);
    ck_assert_uint_eq(*limited, 1);
    ck_assert_uint_eq(pair.provider.asked, 2);
    test_run(&pair, 1000);
    test_connect_up(&pair);
}
END_TEST

TCase *hostile_tests(void)
{
    TCase *tests = new_case("hostile peers", 60);

    tcase_add_test(tests, a_truncated_stream_is_reported);
    tcase_add_test(tests, a_reset_is_reported);
    tcase_add_test(tests, a_bad_length_is_reported_at_both_ends);
    tcase_add_test(tests, single_bytes_make_packets);
    tcase_add_test(tests, noise_is_not_a_handshake);
    tcase_add_test(tests, another_protocol_is_refused);
    tcase_add_test(tests, half_open_connections_are_bounded);
    tcase_add_test(tests, a_turn_is_bounded);
    tcase_add_test(tests, random_streams);
    tcase_add_test(tests, handshakes_of_a_source_are_limited);
    return tests;
}
