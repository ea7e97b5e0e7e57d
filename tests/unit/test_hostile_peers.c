/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Unit tests of gateways and clients whose peer breaks the protocol.
 */
#include "core/session/session_table.h"

#include "core/session/flush_queue.h"
#include "core/session/link.h"
#include "tests/unit/run_suite.h"
#include "tests/unit/testbed_cases.h"

#include <check.h>

/* ---- Hostile peers ---- */

/* A link whose client end is played by the test. */
static struct wire_end *hostile_link(void)
{
    struct wire_end *end;

    testbed.wire.unreachable = false;
    testbed_start(&testbed);
    testbed_connect(&testbed);
    end = wire_newest(&testbed.wire, true);
    return end;
}

START_TEST(garbage_closes_only_its_link)
{
    struct wire_end *gateway = hostile_link();
    struct user user = {0};

    wire_inject(gateway, "\x3f\x3f\x3f", 3);
    ck_assert(testbed_run(&testbed, client_is_disconnected, NULL, 1000));
    testbed_connect(&testbed);
    ck_assert_ptr_ne(wire_newest(&testbed.wire, true), gateway);
    user_get(&user, &testbed, "/down/10", 0);
    expect_success(&user, 10);
}
END_TEST

/* A CONTROL frame with `text` at that offset. */
static size_t control_frame(uint8_t *packet, unsigned offset, const char *text)
{
    size_t size = strlen(text);

    packet[0] = 0x06;
    packet[1] = (uint8_t)(0x40 | offset >> 8);
    packet[2] = (uint8_t)offset;
    packet[3] = (uint8_t)(0x40 | size >> 8);
    packet[4] = (uint8_t)size;
    memcpy(packet + 5, text, size);
    return 5 + size;
}

/* How the gateway responds to a first control message that is invalid: 0 it closes, 1 it refuses. */
static const struct {
    const char *line;
    bool refused;
} bad_opens[] = {
    {"nonsense\n", false},
    {"{\"type\":\"accept\",\"version\":1,\"session\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"codec\":\"x\",\"parameters\":{}}\n",
     false},
    {"{\"type\":\"open\",\"versions\":[1],\"codecs\":\"binary/1\",\"parameters\":{},\"credentials\":{}}\n", false},
    {"{\"type\":\"open\",\"versions\":[2]}\n", true},
    {"{\"type\":\"open\",\"versions\":[1],\"codecs\":[\"x/9\"],\"parameters\":{},\"credentials\":{\"id\":\"a\"}}\n",
     true},
    {"{\"type\":\"open\",\"versions\":[1],\"codecs\":[\"binary/1\"],\"parameters\":{},\"credentials\":{}}\n", true},
};

START_TEST(a_bad_open_opens_nothing)
{
    /* The client's own `open` never arrives, so the injected message is the first that the gateway reads. */
    struct wire_end *gateway;
    uint8_t packet[1400];

    testbed_start(&testbed);
    testbed.wire.loss = 100;
    testbed_wait(&testbed, 20);
    gateway = wire_newest(&testbed.wire, true);
    ck_assert_ptr_nonnull(gateway);
    wire_inject(gateway, packet, control_frame(packet, 0, bad_opens[_i].line));
    testbed_wait(&testbed, 50);
    ck_assert(no_session(NULL));
    if (bad_opens[_i].refused) {
        ck_assert_uint_eq(*testbed.gateway->worker->sessions->refused, 1);
        ck_assert_ptr_nonnull(gateway->link);
        testbed_wait(&testbed, 2200);
    }
    ck_assert_ptr_null(gateway->link);
}
END_TEST

/* The same bytes of CONTROL in another packet count as a duplicate. */
START_TEST(a_repeated_open_opens_one_session)
{
    static const char line[] = "{\"type\":\"open\",\"versions\":[1],\"codecs\":[\"binary/1\"],\"parameters\":{},"
                               "\"credentials\":{\"id\":\"client-1\"}}\n";
    struct wire_end *gateway;
    uint8_t packet[1400];

    testbed_start(&testbed);
    testbed.wire.loss = 100;
    testbed_wait(&testbed, 20);
    gateway = wire_newest(&testbed.wire, true);
    for (unsigned i = 0; i < 3; i++)
        wire_inject(gateway, packet, control_frame(packet, 0, line));
    testbed_wait(&testbed, 50);
    ck_assert(one_session(NULL));
    ck_assert_uint_eq(*testbed.gateway->worker->sessions->opened, 1);
    ck_assert_int_eq(gateway->link->state, LINK_ACTIVE);
}
END_TEST

START_TEST(a_second_open_closes_the_link)
{
    static const char line[] = "{\"type\":\"open\",\"versions\":[1],\"codecs\":[\"binary/1\"],\"parameters\":{},"
                               "\"credentials\":{\"id\":\"client-1\"}}\n";
    struct wire_end *gateway = hostile_link();
    struct hg_link *client = testbed.client->worker->sessions->links;

    ck_assert(tn_control_write(client->tn, line, sizeof line - 1));
    link_flush_later(client);
    testbed_wait(&testbed, 100);
    ck_assert_ptr_null(gateway->link);
}
END_TEST

/* ---- Heads that never end ---- */

#define HEADS 8
#define PIECE 8000

/* Acknowledges the gateway's packets to a stranger, so that those of its sessions can follow. */
static void acknowledge_all(struct wire_end *gateway)
{
    const unsigned last = (unsigned)gateway->next_number - 1;
    const uint8_t ack[] = {2, (uint8_t)(0x40 | last >> 8), (uint8_t)last, 0,
                           0, (uint8_t)(0x40 | last >> 8), (uint8_t)last};

    if (gateway->next_number)
        wire_inject(gateway, ack, sizeof ack);
    testbed_wait(&testbed, 20);
}

/* Sends a STREAM frame on the gateway's stream with that number. */
static void inject_stream(struct wire_end *gateway, unsigned number, size_t offset, const void *bytes, size_t size)
{
    const unsigned id = 4 * number + 1;
    uint8_t packet[PIECE + 16] = {0x0e,
                                  (uint8_t)id,
                                  (uint8_t)(0x80 | offset >> 24),
                                  (uint8_t)(offset >> 16),
                                  (uint8_t)(offset >> 8),
                                  (uint8_t)offset,
                                  (uint8_t)(0x40 | size >> 8),
                                  (uint8_t)size};

    memcpy(packet + 8, bytes, size);
    wire_inject(gateway, packet, size + 8);
}

static unsigned count_resets(const struct user *users)
{
    unsigned count = 0;

    for (unsigned i = 0; i < HEADS; i++)
        count += users[i].was_reset;
    return count;
}

/* A client that lets many heads grow, which the codec must keep until they are complete, cannot use more memory in this
 * way than its session may use anyway; small heads still get through. */
START_TEST(endless_heads_are_limited)
{
    static const char open[] = "{\"type\":\"open\",\"versions\":[1],\"codecs\":[\"binary/1\"],\"parameters\":{"
                               "\"initial_max_data\":1000000,\"initial_max_stream_data\":10000,"
                               "\"initial_max_streams\":10},\"credentials\":{\"id\":\"stranger\"}}\n";
    static const uint8_t response[] = {2, 8, 0x41, 1, 0x40, 200, 0, 0, 0, 0, 3, 0}; /* and its end */
    static uint8_t piece[PIECE] = {2, 0x80, 0x20, 0, 0}; /* the beginning of a head of 2 MiB */
    struct user users[HEADS] = {0}, last = {0};
    uint8_t packet[1400];
    struct wire_end *gateway;
    unsigned resets;
    size_t sent = 0;

    testbed.gateway->pipeline->settings.session_window = 256 << 10;
    connect_pair();
    gateway = wire_unknown_peer(&testbed.wire);
    testbed_wait(&testbed, 20);
    wire_inject(gateway, packet, control_frame(packet, 0, open));
    testbed_wait(&testbed, 20);
    acknowledge_all(gateway);
    for (unsigned i = 0; i < HEADS; i++)
        user_ask(&users[i], &testbed, "stranger", "web", "/", 0);
    while (!count_resets(users) && sent < 200000) {
        for (unsigned i = 0; i < HEADS; i++)
            inject_stream(gateway, i, sent, piece, PIECE);
        memset(piece, 0, 5);
        sent += PIECE;
        acknowledge_all(gateway);
    }
    /* Each has an eighth of the session's 256 KiB, on top of the 64 KiB that every stream may have. */
    resets = count_resets(users);
    ck_assert_uint_ge(resets, 1);
    ck_assert_uint_le(resets, HEADS / 2);
    ck_assert_uint_gt(sent, 65536 + (256 << 10) / HEADS);
    ck_assert_uint_le(sent, 65536 + (256 << 10) / HEADS + PIECE);
    for (unsigned i = 0; i < HEADS; i++)
        ck_assert(!users[i].was_reset || users[i].reason.status == 502);
    user_ask(&last, &testbed, "stranger", "web", "/", 0);
    acknowledge_all(gateway);
    inject_stream(gateway, HEADS, 0, response, sizeof response);
    ck_assert(testbed_run(&testbed, user_is_done, &last, 1000));
    expect_success(&last, 0);
    ck_assert_uint_eq(count_resets(users), resets);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("hostile peers");
    TCase *hostile = tcase_create("hostile");

    tcase_add_test(hostile, garbage_closes_only_its_link);
    tcase_add_loop_test(hostile, a_bad_open_opens_nothing, 0, (int)(sizeof bad_opens / sizeof *bad_opens));
    tcase_add_test(hostile, a_repeated_open_opens_one_session);
    tcase_add_test(hostile, a_second_open_closes_the_link);
    tcase_add_test(hostile, endless_heads_are_limited);
    TCase *const cases[] = {hostile};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tcase_add_checked_fixture(cases[i], set_up, tear_down);
        tcase_set_timeout(cases[i], 120);
        suite_add_tcase(suite, cases[i]);
    }
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
