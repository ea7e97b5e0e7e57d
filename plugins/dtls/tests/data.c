/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Packets: batches, messages that the kernel splits, errors from the kernel, path limits.
 */
#include "plugins/dtls/tests/cases.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint8_t bytes[16384];

/* Sends packets that start with their number; returns how many were accepted. */
static unsigned send_numbered(struct hg_link *link, unsigned count, size_t size)
{
    for (unsigned i = 0; i < count; i++) {
        memcpy(bytes, &i, sizeof i);
        if (test_ops()->send(link->handle, bytes, size) < 0)
            return i;
    }
    return count;
}

static unsigned last_of(const struct hg_link *link)
{
    unsigned number;

    memcpy(&number, link->last, sizeof number);
    return number;
}

START_TEST(a_batch_leaves_and_arrives_in_one_piece)
{
    struct hg_link *link, *gateway;
    unsigned batches;

    pair.client_config.mtu = 1500;
    test_pair_start(&pair, true, true, 0);
    link = test_connect_up(&pair);
    gateway = pair.accepted;
    test_run(&pair, 20);
    batches = gateway->batches;
    kernel.calls = kernel.messages = kernel.pieces = 0;
    ck_assert_uint_eq(send_numbered(link, 40, link->max_packet), 40);
    ck_assert_uint_eq(kernel.calls, 0);
    test_ops()->flush(link->handle);
    ck_assert_uint_eq(kernel.calls, 1);
    ck_assert_uint_eq(kernel.messages, 1);
    ck_assert_uint_eq(kernel.pieces, 1);
    test_wait(&pair, gateway->packets == 40, 1000);
    ck_assert_uint_eq(gateway->packets, 40);
    ck_assert_uint_eq(gateway->bytes, 40 * link->max_packet);
    ck_assert_uint_eq(last_of(gateway), 39);
    ck_assert_uint_eq(gateway->batches, batches + 1);
}
END_TEST

/* More than fits into one batch, of any sizes, in both directions: send() makes room itself. */
START_TEST(any_sizes_arrive_in_order)
{
    struct hg_link *link, *gateway;
    uint64_t sent = 0, number = 0;

    test_pair_start(&pair, true, true, 0);
    link = test_connect_up(&pair);
    gateway = pair.accepted;
    srand(7);
    for (unsigned round = 0; round < 50; round++) {
        unsigned count = 1 + (unsigned)rand() % 40;

        for (unsigned i = 0; i < count; i++) {
            size_t size = 4 + (size_t)rand() % (rand() % 4 ? 1000 : 16343);

            memset(bytes, (int)size, size);
            number = test_ops()->next_packet_number(link->handle);
            ck_assert_int_eq(test_ops()->send(link->handle, bytes, size), 0);
            sent += size;
            if (i + 1 < count)
                continue;
            test_ops()->flush(link->handle);
            test_wait(&pair, gateway->bytes == sent, 2000);
            ck_assert_uint_eq(gateway->bytes, sent);
            ck_assert_uint_eq(gateway->last_number, number);
            ck_assert_uint_eq(gateway->last_size, size);
            ck_assert_mem_eq(gateway->last, bytes, size);
        }
    }
}
END_TEST

/* The core skips numbers (RFC 9000 section 21.4): nothing is sent for them, and later ones keep their numbers. */
START_TEST(numbers_can_be_skipped)
{
    struct hg_link *client, *link, *peer;
    uint64_t number;

    test_pair_start(&pair, true, true, 0);
    client = test_connect_up(&pair);
    link = _i ? client : pair.accepted;
    peer = _i ? pair.accepted : client;
    for (unsigned round = 1; round <= 300; round++) {
        number = test_ops()->next_packet_number(link->handle);
        test_ops()->skip_packet_number(link->handle);
        ck_assert_uint_eq(test_ops()->next_packet_number(link->handle), number + 1);
        ck_assert_int_eq(test_ops()->send(link->handle, bytes, 100), 0);
        test_ops()->flush(link->handle);
        test_wait(&pair, peer->packets == round, 1000);
        ck_assert_uint_eq(peer->packets, round);
        ck_assert_uint_eq(peer->last_number, number + 1);
    }
}
END_TEST

START_TEST(everything_works_without_gso)
{
    struct hg_link *link, *gateway;

    pair.client_config.mtu = 1500;
    test_pair_start(&pair, true, true, 0);
    link = test_connect_up(&pair);
    gateway = pair.accepted;
    kernel.pieces = 0;
    kernel.error = _i ? EINVAL : EIO;
    kernel.times = 1;
    kernel.only_pieces = true;
    ck_assert_uint_eq(send_numbered(link, 60, 1000), 60);
    test_ops()->flush(link->handle);
    test_wait(&pair, gateway->packets == 60, 1000);
    ck_assert_uint_eq(gateway->packets, 60);
    ck_assert_uint_eq(last_of(gateway), 59);
    ck_assert_uint_eq(send_numbered(link, 60, 1000), 60);
    test_ops()->flush(link->handle);
    test_wait(&pair, gateway->packets == 120, 1000);
    ck_assert_uint_eq(gateway->packets, 120);
    ck_assert_uint_eq(kernel.pieces, 0);
}
END_TEST

START_TEST(a_full_kernel_buffer_is_waited_for)
{
    struct hg_link *client, *link, *peer;
    unsigned taken, calls;

    pair.client_config.mtu = pair.gateway_config.mtu = 1500;
    test_pair_start(&pair, true, true, 0);
    client = test_connect_up(&pair);
    link = _i ? pair.accepted : client;
    peer = _i ? client : pair.accepted;
    kernel.error = EAGAIN;
    kernel.times = 3;
    taken = send_numbered(link, 1000, 1400);
    ck_assert_uint_gt(taken, 80);
    ck_assert_uint_lt(taken, 1000);
    ck_assert_uint_eq(test_ops()->next_packet_number(link->handle), 1 + taken);
    ck_assert_int_eq(test_ops()->send(link->handle, bytes, 1400), -1);
    calls = kernel.calls;
    test_ops()->flush(link->handle); /* does not try again until the kernel reports room */
    ck_assert_uint_eq(kernel.calls, calls);
    ck_assert_uint_eq(link->writable, 0);
    test_wait(&pair, peer->packets == taken, 1000);
    ck_assert_uint_eq(kernel.times, 0);
    ck_assert_uint_eq(peer->packets, taken);
    ck_assert_uint_eq(last_of(peer), taken - 1);
    ck_assert_uint_eq(link->writable, 1);
    test_send(link, "go on", 5);
    test_wait(&pair, peer->packets == taken + 1, 1000);
    ck_assert_uint_eq(peer->packets, taken + 1);
}
END_TEST

START_TEST(a_link_closes_with_a_full_kernel_buffer)
{
    struct hg_link *link, *peer;

    test_pair_start(&pair, true, true, 0);
    peer = test_connect_up(&pair);
    link = pair.accepted;
    kernel.error = EAGAIN;
    kernel.times = 2;
    ck_assert_uint_lt(send_numbered(link, 1000, 1400), 1000);
    test_close(link, true);
    test_wait(&pair, peer->down || kernel.times == 0, 1000);
    test_run(&pair, 50);
    ck_assert_uint_eq(link->writable, 0);
    ck_assert_uint_gt(peer->packets, 80); /* what it had accepted is still sent */
    test_connect_up(&pair);
}
END_TEST

START_TEST(temporary_errors_only_lose_datagrams)
{
    static const int codes[] = {ENOBUFS, EPERM, ENETUNREACH, EHOSTUNREACH, ECONNREFUSED, ENOMEM};
    struct hg_link *link, *gateway;

    test_pair_start(&pair, true, true, 0);
    link = test_connect_up(&pair);
    gateway = pair.accepted;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        kernel.error = codes[i];
        kernel.times = 1;
        test_send(link, "lost", 4);
        test_send(link, "found", 5);
        test_wait(&pair, gateway->packets == i + 1, 1000);
        ck_assert_uint_eq(gateway->packets, i + 1);
        ck_assert_mem_eq(gateway->last, "found", 5);
        ck_assert(!link->down);
    }
    ck_assert_uint_eq(COUNTER(pair.client, send_errors), sizeof codes / sizeof codes[0]);
}
END_TEST

START_TEST(a_smaller_path_shrinks_packets)
{
    struct hg_link *client, *link, *peer;
    size_t before = 8000;

    test_pair_start(&pair, true, true, 0);
    client = test_connect_up(&pair);
    link = _i ? pair.accepted : client;
    peer = _i ? client : pair.accepted;
    ck_assert_int_eq(test_ops()->probe(link->handle, bytes, before),
                     0); /* it arrived, so the core now sends this size */
    test_ops()->flush(link->handle);
    test_wait(&pair, peer->packets == 1, 1000);
    peer->packets = 0;
    kernel.mtu = 1300;
    ck_assert_uint_eq(send_numbered(link, 7, before), 7);
    test_ops()->flush(link->handle);
    ck_assert_uint_eq(link->limit_changes, 0); /* not inside the core's call */
    test_wait(&pair, link->limit_changes, 1000);
    ck_assert_uint_eq(link->limit_changes, 1);
    ck_assert_uint_eq(link->max_packet, 1200 - 37);
    ck_assert_uint_eq(send_numbered(link, 100, link->max_packet), 100);
    test_ops()->flush(link->handle);
    test_wait(&pair, peer->packets == 100, 1000);
    ck_assert_uint_eq(peer->packets, 100);
    ck_assert_uint_eq(link->limit_changes, 1);
    kernel.mtu = 600;
    ck_assert_uint_eq(send_numbered(link, 2, link->max_packet), 2);
    test_ops()->flush(link->handle);
    test_wait(&pair, link->limit_changes == 2, 1000);
    ck_assert_uint_eq(link->max_packet, 548 - 37);
    ck_assert_uint_eq(link->probe_changes, 0);
    ck_assert(!link->down);
}
END_TEST

/* A probe is sent on its own, whatever is queued before and after it, and arrives in order. */
START_TEST(a_probe_is_a_datagram_of_its_own)
{
    struct hg_link *link, *gateway;

    test_pair_start(&pair, true, true, 0);
    link = test_connect_up(&pair);
    gateway = pair.accepted;
    kernel.messages = kernel.pieces = 0;
    ck_assert_uint_eq(send_numbered(link, 5, link->max_packet), 5);
    ck_assert_int_eq(test_ops()->probe(link->handle, bytes, 1435), 0);
    ck_assert_uint_eq(send_numbered(link, 5, link->max_packet), 5);
    test_ops()->flush(link->handle);
    ck_assert_uint_eq(kernel.messages, 3);
    ck_assert_uint_eq(kernel.pieces, 2);
    test_wait(&pair, gateway->packets == 11, 1000);
    ck_assert_uint_eq(gateway->packets, 11);
    ck_assert_uint_eq(gateway->bytes, 10 * link->max_packet + 1435);
    /* Once it is an ordinary size, it is batched as well. */
    ck_assert_uint_eq(send_numbered(link, 5, 1435), 5);
    test_ops()->flush(link->handle);
    ck_assert_uint_eq(kernel.messages, 4);
    ck_assert_uint_eq(kernel.pieces, 3);
}
END_TEST

/* The interface refuses it: this is reported at once and has no other effect. */
START_TEST(a_refused_probe_is_reported_at_once)
{
    struct hg_link *client, *link, *peer;

    test_pair_start(&pair, true, true, 0);
    client = test_connect_up(&pair);
    link = _i ? pair.accepted : client;
    peer = _i ? client : pair.accepted;
    kernel.mtu = 1472;
    ck_assert_int_eq(test_ops()->probe(link->handle, bytes, link->probe_max), 0);
    ck_assert_uint_eq(send_numbered(link, 3, link->max_packet), 3);
    test_ops()->flush(link->handle);
    ck_assert_uint_eq(link->probe_changes, 0); /* not inside the core's call */
    test_wait(&pair, link->probe_changes && peer->packets == 3, 1000);
    ck_assert_uint_eq(link->probe_changes, 1);
    ck_assert_uint_eq(link->probe_max, 16346);
    ck_assert_uint_eq(link->limit_changes, 0);
    ck_assert_uint_eq(peer->packets, 3);
    ck_assert_int_eq(test_ops()->probe(link->handle, bytes, 1435), 0);
    test_ops()->flush(link->handle);
    test_wait(&pair, peer->packets == 4, 1000);
    ck_assert_uint_eq(peer->packets, 4);
    ck_assert_uint_eq(link->probe_changes, 1);
}
END_TEST

/* On no socket may the kernel refuse a probe because of a path MTU that it learned from ICMP. */
START_TEST(the_kernel_refuses_no_probe_because_of_icmp)
{
    struct hg_link *link;
    int value = 0;
    socklen_t size = sizeof value;

    test_pair_start(&pair, true, true, 0);
    link = test_connect_up(&pair);
    ck_assert_int_eq(getsockopt(ASSOCIATION(link)->socket->fd, IPPROTO_IP, IP_MTU_DISCOVER, &value, &size), 0);
    ck_assert_int_eq(value, IP_PMTUDISC_PROBE);
    ck_assert_int_eq(getsockopt(ASSOCIATION(pair.accepted)->socket->fd, IPPROTO_IP, IP_MTU_DISCOVER, &value, &size), 0);
    ck_assert_int_eq(value, IP_PMTUDISC_PROBE);
}
END_TEST

START_TEST(the_mtu_option_bounds_packets)
{
    struct hg_link *link;

    pair.client_config.mtu = 1500;
    pair.gateway_config.mtu = 576;
    test_pair_start(&pair, true, true, 0);
    link = test_connect_up(&pair);
    ck_assert_uint_eq(link->max_packet, 1500 - 28 - 37);
    ck_assert_uint_eq(pair.accepted->max_packet, 576 - 28 - 37);
    /* And there is nothing to probe for. */
    ck_assert_uint_eq(link->probe_max, link->max_packet);
    ck_assert_uint_eq(pair.accepted->probe_max, pair.accepted->max_packet);
}
END_TEST

START_TEST(a_handshake_fits_a_small_path)
{
    struct hg_link *link;

    kernel.mtu = 560;
    test_pair_start(&pair, true, true, 0);
    link = test_connect(&pair);
    test_wait(&pair, link->up || link->down, 5000);
    ck_assert_msg(link->up, "%s", link->reason);
}
END_TEST

START_TEST(a_datagram_may_hold_several_records)
{
    struct hg_link *link, *gateway;
    uint8_t both[512];
    size_t size;

    test_pair_start(&pair, true, true, 0);
    link = test_connect_up(&pair);
    gateway = pair.accepted;
    kernel.capture = DTLS_RECORD_APPLICATION_DATA;
    test_send(link, "one", 3);
    test_send(link, "two", 3);
    test_wait(&pair, gateway->packets == 2, 1000);
    ck_assert_uint_eq(kernel.captured_count, 2);
    memcpy(both, kernel.captured[0], kernel.captured_size[0]);
    memcpy(both + kernel.captured_size[0], kernel.captured[1], kernel.captured_size[1]);
    size = kernel.captured_size[0] + kernel.captured_size[1];
    memset(both + size, 23, 12); /* and the start of a third one */
    ck_assert_int_gt(send(ASSOCIATION(link)->socket->fd, both, size + 12, 0), 0);
    test_wait(&pair, gateway->packets == 4, 1000);
    ck_assert_uint_eq(gateway->packets, 4);
    ck_assert_mem_eq(gateway->last, "two", 3);
    ck_assert_uint_eq(gateway->last_number, 2); /* a copy is recognized by its number */
    test_send(link, "three", 5);
    test_wait(&pair, gateway->packets == 5, 1000);
    ck_assert_uint_eq(gateway->packets, 5);
}
END_TEST

/* Reordering far beyond the 64 records of GnuTLS's replay window. */
START_TEST(late_records_arrive)
{
    struct hg_link *link, *gateway;

    test_pair_start(&pair, true, true, 0);
    link = test_connect_up(&pair);
    gateway = pair.accepted;
    kernel.capture = DTLS_RECORD_APPLICATION_DATA;
    test_send(link, "late", 4);
    for (unsigned i = 0; i < 300; i++)
        test_send(link, "more", 4);
    test_wait(&pair, gateway->packets == 301, 2000);
    ck_assert_int_gt(send(ASSOCIATION(link)->socket->fd, kernel.captured[0], kernel.captured_size[0], 0), 0);
    test_wait(&pair, gateway->packets == 302, 1000);
    ck_assert_uint_eq(gateway->packets, 302);
    ck_assert_uint_eq(gateway->last_number, 1);
}
END_TEST

/* By records sent, records received, and time. */
START_TEST(old_keys_are_reported_once)
{
    struct hg_link *client, *gateway;
    struct dtls_limits *limits;

    test_pair_start(&pair, true, true, 0);
    client = test_connect_up(&pair);
    gateway = pair.accepted;
    limits = &ASSOCIATION(client)->limits;
    ck_assert(limits->records > 12000000 && limits->records <= 1 << 24);
    ck_assert(limits->at > test_clock() + 19 * 3600 * HG_SECOND && limits->at <= test_clock() + 24 * 3600 * HG_SECOND);
    if (_i == 2)
        limits->at = test_clock() + 50 * HG_MILLISECOND;
    else
        limits->records = 10;
    for (unsigned i = 0; i < 30; i++) {
        test_send(_i == 0 ? client : gateway, "more", 4);
        test_run(&pair, 5);
        if (i == 2 && _i < 2)
            ck_assert_uint_eq(client->renewals, 0);
    }
    test_wait(&pair, client->renewals > 0, 1000);
    ck_assert_uint_eq(client->renewals, 1);
    ck_assert_uint_eq(gateway->renewals, 0);
    ck_assert(!client->down && !gateway->down);
}
END_TEST

/* Records of the right association that were made without its keys. */
START_TEST(too_many_forgeries_end_an_association)
{
    uint8_t forged[13 + 64] = {23, 254, 253, 0, 1, 0, 0, 0, 0, 1, 0, 0, 64};
    struct hg_link *client, *gateway;

    test_pair_start(&pair, true, true, 0);
    client = test_connect_up(&pair);
    gateway = pair.accepted;
    ck_assert_uint_eq(ASSOCIATION(gateway)->limits.forgeries, UINT64_C(1) << 36);
    ASSOCIATION(gateway)->limits.forgeries = 20;
    for (unsigned i = 0; i < 19; i++) {
        forged[20] = (uint8_t)i;
        ck_assert_int_gt(send(ASSOCIATION(client)->socket->fd, forged, sizeof forged, 0), 0);
        test_send(client, "true", 4);
        test_run(&pair, 2);
    }
    test_wait(&pair, gateway->packets == 19, 1000);
    ck_assert_uint_eq(ASSOCIATION(gateway)->forgeries, 19);
    ck_assert(!gateway->down);
    ck_assert_int_gt(send(ASSOCIATION(client)->socket->fd, forged, sizeof forged, 0), 0);
    test_wait(&pair, gateway->down, 1000);
    ck_assert_str_eq(gateway->reason, "too many forged records");
}
END_TEST

TCase *data_tests(void)
{
    TCase *tests = dtls_case("data", 30);

    tcase_add_test(tests, a_batch_leaves_and_arrives_in_one_piece);
    tcase_add_test(tests, any_sizes_arrive_in_order);
    tcase_add_loop_test(tests, numbers_can_be_skipped, 0, 2);
    tcase_add_loop_test(tests, everything_works_without_gso, 0, 2);
    tcase_add_loop_test(tests, a_full_kernel_buffer_is_waited_for, 0, 2);
    tcase_add_test(tests, a_link_closes_with_a_full_kernel_buffer);
    tcase_add_test(tests, temporary_errors_only_lose_datagrams);
    tcase_add_loop_test(tests, a_smaller_path_shrinks_packets, 0, 2);
    tcase_add_test(tests, a_probe_is_a_datagram_of_its_own);
    tcase_add_loop_test(tests, a_refused_probe_is_reported_at_once, 0, 2);
    tcase_add_test(tests, the_kernel_refuses_no_probe_because_of_icmp);
    tcase_add_test(tests, the_mtu_option_bounds_packets);
    tcase_add_test(tests, a_handshake_fits_a_small_path);
    tcase_add_test(tests, a_datagram_may_hold_several_records);
    tcase_add_test(tests, late_records_arrive);
    tcase_add_loop_test(tests, old_keys_are_reported_once, 0, 3);
    tcase_add_test(tests, too_many_forgeries_end_an_association);
    return tests;
}
