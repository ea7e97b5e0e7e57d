/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Unit tests of clients that have two transports: which one carries a session, and moves between them.
 */
#include "core/session/dialer.h"
#include "core/session/link.h"
#include "core/session/session_table.h"
#include "tests/unit/run_suite.h"
#include "tests/unit/testbed_cases.h"

#include <check.h>

/* ---- Two transports ---- */

static void set_up_both(void)
{
    memset(&testbed, 0, sizeof testbed);
    testbed.wire.seed = 1;
    testbed.has_bytes = true;
    testbed_new(&testbed);
    testbed.client->pipeline->settings.head_start = 100 * HG_MILLISECOND;
    testbed.client->pipeline->settings.probe_interval = 300 * HG_MILLISECOND;
}

static bool is_over_bytes(void *arg)
{
    const struct session *session = at_client()->sessions;

    (void)arg;
    return session && session->link && (session->link->ops->flags & HG_TRANSPORT_RELIABLE);
}

static bool is_over_packets(void *arg)
{
    const struct session *session = at_client()->sessions;

    (void)arg;
    return session && session->link && !(session->link->ops->flags & HG_TRANSPORT_RELIABLE);
}

static bool probe_is_up(void *arg)
{
    (void)arg;
    for (const struct hg_link *link = at_client()->links; link; link = link->next)
        if (link->is_probe && link->state == LINK_OPENING)
            return true;
    return is_over_packets(NULL);
}

START_TEST(the_first_transport_has_a_head_start)
{
    /* Longer than the first one needs on any machine. */
    testbed.client->pipeline->settings.head_start = 10 * HG_SECOND;
    connect_pair();
    testbed_wait(&testbed, 300);
    ck_assert(is_over_packets(NULL));
    ck_assert_uint_eq(testbed.bytes.connects, 0);
    ck_assert_uint_eq(testbed.wire.connects, 1);
}
END_TEST

START_TEST(the_second_takes_over_when_the_first_is_blocked)
{
    struct user user = {0};

    testbed.wire.dark = true;
    testbed.client->pipeline->settings.probe_interval = 60 * HG_SECOND;
    testbed_start(&testbed);
    ck_assert(testbed_run(&testbed, is_over_bytes, NULL, 400));
    testbed_wait(&testbed, 50);
    ck_assert_uint_eq(testbed.wire.connects, 1);
    ck_assert_ptr_null(testbed.wire.ends->link);
    ck_assert_ptr_null(at_client()->links->next);
    user_get(&user, &testbed, "/echo", 3000000);
    expect_success(&user, 3000000);
}
END_TEST

START_TEST(the_second_is_tried_at_once_when_the_first_fails)
{
    testbed.wire.unreachable = true;
    testbed.client->pipeline->settings.head_start = 10 * HG_SECOND;
    testbed_start(&testbed);
    ck_assert(testbed_run(&testbed, is_over_bytes, NULL, 500));
}
END_TEST

START_TEST(a_first_transport_that_stays_silent_loses)
{
    testbed.wire.mute_gateway = true;
    testbed.client->pipeline->settings.head_start = 0;
    testbed_start(&testbed);
    ck_assert(testbed_run(&testbed, is_over_bytes, NULL, 3000));
    ck_assert_uint_eq(*at_client()->opened, 1);
}
END_TEST

START_TEST(two_links_up_at_once_make_one_session)
{
    testbed.client->pipeline->settings.head_start = 0;
    connect_pair();
    testbed_wait(&testbed, 100);
    ck_assert_uint_eq(*at_gateway()->opened, 1);
    ck_assert_uint_eq(testbed_session_count(&testbed), 1);
    ck_assert_ptr_null(at_client()->links->next);
    ck_assert_ptr_null(at_gateway()->links->next);
}
END_TEST

START_TEST(no_byte_is_lost_between_transports)
{
    struct user users[4] = {0};

    testbed.client->pipeline->settings.probe_interval = 100 * HG_MILLISECOND;
    connect_pair();
    for (size_t i = 0; i < 4; i++)
        user_ask(&users[i], &testbed, "client-1", "web", i % 2 ? "/echo" : "/down/20000000", i % 2 ? 5000000 + i : 0);
    testbed_wait(&testbed, 10 + 3 * (unsigned)_i);
    /* Blocked: existing links go dark, and no handshake gets through. */
    wire_newest(&testbed.wire, false)->is_dark = true;
    testbed.wire.unreachable = true;
    ck_assert(testbed_run(&testbed, is_over_bytes, NULL, 5000));
    testbed.wire.unreachable = false;
    ck_assert(testbed_run(&testbed, is_over_packets, NULL, 5000));
    ck_assert_uint_eq(*at_client()->returned, 1);
    ck_assert_msg(!users[0].detached, "the transfers were over too soon to tell anything");
    for (size_t i = 0; i < 4; i++) {
        ck_assert(testbed_run(&testbed, user_is_done, &users[i], 60000));
        expect_success(&users[i], i % 2 ? 5000000 + i : 20000000);
    }
    ck_assert_uint_eq(*at_gateway()->opened, 1);
    ck_assert_uint_eq(testbed.resets, 0);
}
END_TEST

/* The link for the return and those that replace a link in doubt send `open` for the same session at the same time. */
START_TEST(a_move_and_a_replacement_at_once_have_one_winner)
{
    struct user users[4] = {0};

    testbed.client->pipeline->settings.head_start = (unsigned)_i % 3 * HG_MILLISECOND;
    testbed.client->pipeline->settings.probe_interval = 100 * HG_MILLISECOND;
    testbed.wire.unreachable = true;
    testbed_start(&testbed);
    ck_assert(testbed_run(&testbed, is_over_bytes, NULL, 1000));
    for (size_t i = 0; i < 4; i++)
        user_ask(&users[i], &testbed, "client-1", "web", i % 2 ? "/echo" : "/down/8000000", i % 2 ? 3000000 + i : 0);
    testbed_wait(&testbed, 10);
    testbed.wire.unreachable = false;
    ck_assert(testbed_run(&testbed, probe_is_up, NULL, 1000));
    for (int i = 0; i < _i / 3; i++)
        testbed_run(&testbed, NULL, NULL, 0); /* one turn */
    ck_assert_msg(!users[0].detached, "the transfers were over too soon to tell anything");
    at_client()->sessions->silent = true;
    dialer_want(at_client()->sessions->dialer);
    wire_newest(&testbed.bytes, _i & 1)->is_dark = true;
    for (size_t i = 0; i < 4; i++) {
        ck_assert(testbed_run(&testbed, user_is_done, &users[i], 60000));
        expect_success(&users[i], i % 2 ? 3000000 + i : 8000000);
    }
    testbed_wait(&testbed, 500);
    ck_assert_uint_eq(*at_gateway()->opened, 1);
    ck_assert_uint_eq(testbed_session_count(&testbed), 1);
    ck_assert_ptr_nonnull(at_client()->sessions->link);
    ck_assert_ptr_eq(((struct wire_end *)at_client()->sessions->link->handle)->peer->link,
                     at_gateway()->sessions->link);
    ck_assert_ptr_null(at_client()->links->next);
}
END_TEST

START_TEST(a_failed_return_delays_the_next_one)
{
    testbed.wire.dark = true;
    testbed_start(&testbed);
    ck_assert(testbed_run(&testbed, is_over_bytes, NULL, 1000));
    for (unsigned i = 0; i < 2; i++) {
        testbed.wire.dark = false;
        ck_assert(testbed_run(&testbed, is_over_packets, NULL, 12000));
        testbed.wire.dark = true;
        wire_newest(&testbed.wire, false)->is_hung_up = true;
        wire_break(wire_newest(&testbed.wire, false));
        ck_assert(testbed_run(&testbed, is_over_bytes, NULL, 2000));
    }
    /* The third interval is four times 0.3 s, minus a quarter. */
    testbed.wire.dark = false;
    testbed_wait(&testbed, 850);
    ck_assert(is_over_bytes(NULL));
    ck_assert(testbed_run(&testbed, is_over_packets, NULL, 12000));
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("two transports");
    TCase *both = tcase_create("two transports");

    tcase_add_test(both, the_first_transport_has_a_head_start);
    tcase_add_test(both, the_second_takes_over_when_the_first_is_blocked);
    tcase_add_test(both, the_second_is_tried_at_once_when_the_first_fails);
    tcase_add_test(both, a_first_transport_that_stays_silent_loses);
    tcase_add_test(both, two_links_up_at_once_make_one_session);
    tcase_add_loop_test(both, no_byte_is_lost_between_transports, 0, 4);
    tcase_add_loop_test(both, a_move_and_a_replacement_at_once_have_one_winner, 0, 12);
    tcase_add_test(both, a_failed_return_delays_the_next_one);
    TCase *const cases[] = {both};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tcase_add_checked_fixture(cases[i], set_up_both, tear_down);
        tcase_set_timeout(cases[i], 120);
        suite_add_tcase(suite, cases[i]);
    }
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
