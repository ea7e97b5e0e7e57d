/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Packets over real sockets: order, sizes, backpressure, many links.
 */
#include "plugins/tls/tests/cases.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static uint8_t packet[TLS_PACKET_MAX];

static void fill_packet(uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++)
        packet[i] = (uint8_t)(number + i);
}

static void expect_packet(const struct hg_link *link, uint64_t number, size_t size)
{
    ck_assert_uint_eq(link->last_size, size);
    ck_assert_uint_eq(link->last_number, number);
    for (size_t i = 0; i < size; i++)
        if (link->last[i] != (uint8_t)(number + i))
            ck_abort_msg("byte %zu of %zu is wrong", i, size);
}

START_TEST(packets_of_every_kind_of_size_arrive)
{
    static const size_t sizes[] = {1, 2, 255, 256, 1200, 8190, 16380, 16381, 16382, 16383, 16384};
    struct hg_link *client, *gateway;

    test_pair_start(&pair, true, true, 0);
    client = test_connect_up(&pair);
    gateway = pair.accepted;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        fill_packet(i, sizes[i]);
        test_send(client, packet, sizes[i]);
        test_wait(&pair, gateway->packets == i + 1, 1000);
        expect_packet(gateway, i, sizes[i]);
    }
}
END_TEST

/* Packets that are sent together need few records, and arrive as one batch. */
START_TEST(packets_are_gathered)
{
    struct hg_link *client, *gateway;
    uint64_t bytes = 0;

    test_pair_start(&pair, true, true, 0);
    client = test_connect_up(&pair);
    gateway = pair.accepted;
    gateway->checks_numbers = true;
    test_run(&pair, 10);
    gateway->batches = 0;
    for (unsigned i = 0; i < 200; i++) {
        size_t size = 1 + i * 37 % 700;

        fill_packet(i, size);
        ck_assert_int_eq(test_ops()->send(client->handle, packet, size), 0);
        bytes += size;
    }
    ck_assert_uint_eq(test_ops()->next_packet_number(client->handle), 200);
    test_turn(&pair);
    ck_assert_uint_eq(gateway->packets, 0);
    test_ops()->flush(client->handle);
    test_wait(&pair, gateway->packets == 200, 1000);
    ck_assert_uint_eq(gateway->bytes, bytes);
    expect_packet(gateway, 199, 1 + 199 * 37 % 700);
    ck_assert_uint_eq(gateway->batches, 1);
}
END_TEST

/* Two links that send alternately, with no flush in between, do not mix. */
START_TEST(links_share_the_batch)
{
    struct hg_link *one, *two, *gateway_one, *gateway_two;

    test_pair_start(&pair, true, true, 0);
    one = test_connect_up(&pair);
    gateway_one = pair.accepted;
    two = test_connect_up(&pair);
    gateway_two = pair.accepted;
    for (unsigned i = 0; i < 100; i++) {
        fill_packet(i, 100);
        ck_assert_int_eq(test_ops()->send(one->handle, packet, 100), 0);
        fill_packet(i, 200);
        ck_assert_int_eq(test_ops()->send(two->handle, packet, 200), 0);
    }
    test_ops()->flush(one->handle);
    test_ops()->flush(two->handle);
    test_wait(&pair, gateway_one->packets == 100 && gateway_two->packets == 100, 1000);
    ck_assert_uint_eq(gateway_one->bytes, 10000);
    ck_assert_uint_eq(gateway_two->bytes, 20000);
    expect_packet(gateway_one, 99, 100);
    expect_packet(gateway_two, 99, 200);
}
END_TEST

/* A peer that does not read: packets are refused, little is kept, and when it reads again, all arrive. */
START_TEST(a_slow_peer_costs_bounded_memory)
{
    struct hg_link *client, *gateway;
    size_t before, after;
    unsigned sent = 0, writable;

    test_pair_start(&pair, false, true, 0);
    start_other(true, false, 0);
    pair.connect.port = other.port;
    client = test_connect_up(&pair);
    test_wait(&pair, other.accepted && other.accepted->up, 1000);
    gateway = other.accepted;
    gateway->checks_numbers = true;
    test_run(&pair, 10);
    pair.beside = NULL; /* stops reading */
    before = mallinfo2().uordblks;
    for (unsigned round = 0; round < 200; round++) {
        fill_packet(sent, 16382);
        while (sent < 10000 && test_ops()->send(client->handle, packet, 16382) == 0)
            fill_packet(++sent, 16382);
        test_ops()->flush(client->handle);
        test_turn(&pair);
    }
    after = mallinfo2().uordblks;
    ck_assert_uint_lt(sent, 10000);
    ck_assert_uint_eq(CONNECTION(client)->output.packets, sent);
    ck_assert_uint_le(CONNECTION(client)->output.unsent_end, TLS_BATCH_SIZE + TLS_RECORD_MAX);
    ck_assert_uint_lt(after, before + TLS_BATCH_SIZE + 65536);
    writable = client->writable;
    pair.beside = &other;
    test_wait(&pair, gateway->packets == sent && client->writable > writable, 5000);
    ck_assert_uint_eq(gateway->packets, sent);
    expect_packet(gateway, sent - 1, 16382);
    ck_assert_uint_eq(client->writable, writable + 1);
    ck_assert_ptr_null(CONNECTION(client)->output.unsent);
    test_send(client, "x", 1);
    test_wait(&pair, gateway->packets == sent + 1, 1000);
    ck_assert_uint_eq(gateway->last_size, 1);
}
END_TEST

/* Much data in both directions at once, at full speed. */
START_TEST(bulk_in_both_directions)
{
    struct hg_link *client, *gateway;
    uint64_t down = 0, up = 0;

    test_pair_start(&pair, true, true, 0);
    client = test_connect_up(&pair);
    gateway = pair.accepted;
    client->checks_numbers = gateway->checks_numbers = true;
    while (down < 5000 || up < 5000) {
        for (fill_packet(down, 5000); down < 5000 && test_ops()->send(gateway->handle, packet, 5000) == 0;)
            fill_packet(++down, 5000);
        for (fill_packet(up, 7000); up < 5000 && test_ops()->send(client->handle, packet, 7000) == 0;)
            fill_packet(++up, 7000);
        test_ops()->flush(gateway->handle);
        test_ops()->flush(client->handle);
        test_turn(&pair);
    }
    test_wait(&pair, client->packets == 5000 && gateway->packets == 5000, 5000);
    ck_assert_uint_eq(client->bytes, 5000 * 5000);
    ck_assert_uint_eq(gateway->bytes, 5000 * 7000);
    expect_packet(client, 4999, 5000);
    expect_packet(gateway, 4999, 7000);
}
END_TEST

#define LINKS 200

START_TEST(two_hundred_links)
{
    struct hg_link *client[LINKS], *gateway[LINKS];
    size_t before;

    test_pair_start(&pair, true, true, 0);
    test_connect_up(&pair);
    test_run(&pair, 20);
    before = mallinfo2().uordblks;
    for (int i = 0; i < LINKS; i++) {
        client[i] = test_connect_up(&pair);
        gateway[i] = pair.accepted;
    }
    test_run(&pair, 50);
    printf("# an idle link: %zu bytes for both ends and two records of the test's\n",
           (mallinfo2().uordblks - before) / LINKS);
    ck_assert_uint_lt((mallinfo2().uordblks - before) / LINKS, 2 * sizeof(struct hg_link) + 2 * 32768);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < LINKS; i++) {
            fill_packet(i, 100 + i);
            test_send(client[i], packet, 100 + i);
            test_send(gateway[i], packet, 100 + i);
        }
        for (unsigned i = 0; i < LINKS; i++) {
            test_wait(&pair, gateway[i]->packets == round + 1 && client[i]->packets == round + 1, 5000);
            ck_assert_uint_eq(gateway[i]->last_size, 100 + i);
            ck_assert_uint_eq(client[i]->last_size, 100 + i);
        }
    }
    for (int i = 0; i < LINKS; i++)
        test_close(i % 2 ? client[i] : gateway[i], i % 3);
    for (int i = 0; i < LINKS; i++) {
        test_wait(&pair, client[i]->down && gateway[i]->down, 5000);
        ck_assert(client[i]->down && gateway[i]->down);
    }
}
END_TEST

TCase *data_tests(void)
{
    TCase *tests = new_case("data", 60);

    tcase_add_test(tests, packets_of_every_kind_of_size_arrive);
    tcase_add_test(tests, packets_are_gathered);
    tcase_add_test(tests, links_share_the_batch);
    tcase_add_test(tests, a_slow_peer_costs_bounded_memory);
    tcase_add_test(tests, bulk_in_both_directions);
    tcase_add_test(tests, two_hundred_links);
    return tests;
}
