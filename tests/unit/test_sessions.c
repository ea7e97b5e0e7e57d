/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A gateway and a client in one process: exchanges over the tunnel, failures, and how they are reported.
 */
#include "core/session/session_table.h"

#include "core/session/link.h"
#include "tests/unit/run_suite.h"
#include "tests/unit/slowness.h"
#include "tests/unit/testbed_cases.h"

#include <check.h>
#include <limits.h>
#include <stdlib.h>

static bool two_sessions(void *arg)
{
    (void)arg;
    return testbed_session_count(&testbed) == 2;
}

/* ---- Success ---- */

START_TEST(a_small_response_comes_back_in_few_packets)
{
    unsigned fewest = UINT_MAX;

    connect_pair();
    /* On a slow machine, an ACK that was delayed for 5 ms is sent alone: so the minimum of many tries counts. */
    for (int i = 0; i < 20; i++) {
        struct user user = {0};
        unsigned before;

        testbed_wait(&testbed, 20);
        before = testbed.wire.packets;
        user_get(&user, &testbed, "/down/100", 0);
        testbed_wait(&testbed, 20);
        expect_success(&user, 100);
        if (testbed.wire.packets - before < fewest)
            fewest = testbed.wire.packets - before;
    }
    /* The request, the response with the request's ACK, that one's ACK, and one to spare. */
    ck_assert_uint_le(fewest, 4);
}
END_TEST

START_TEST(bodies_and_trailers_go_both_ways)
{
    struct user user = {0};

    connect_pair();
    user_get(&user, &testbed, "/echo", 3000000);
    expect_success(&user, 3000000);
    ck_assert_uint_eq(user.trailers, 1);
}
END_TEST

START_TEST(losses_and_a_full_socket_lose_no_bytes)
{
    struct user users[8] = {0};

    testbed.wire.loss = 5;
    testbed.wire.room = 6;
    connect_pair();
    for (size_t i = 0; i < 8; i++)
        user_ask(&users[i], &testbed, "client-1", "web", "/echo", 100000 + 1000 * i);
    for (size_t i = 0; i < 8; i++) {
        ck_assert(testbed_run(&testbed, user_is_done, &users[i], 30000));
        expect_success(&users[i], 100000 + 1000 * i);
    }
    ck_assert_uint_gt(testbed.wire.refused_sends, 0);
}
END_TEST

START_TEST(interim_responses_come_first)
{
    struct user user = {0};

    connect_pair();
    user_get(&user, &testbed, "/interim", 0);
    expect_success(&user, 0);
    ck_assert_uint_eq(user.interims, 1);
}
END_TEST

static bool upload_is_taken(void *arg)
{
    (void)arg;
    return testbed.taken == 500000;
}

START_TEST(an_early_response_arrives_while_the_upload_runs)
{
    struct user user = {.never_ends = true};

    connect_pair();
    user_ask(&user, &testbed, "client-1", "web", "/early", 500000);
    ck_assert(testbed_run(&testbed, has_status, &user, 5000));
    ck_assert(testbed_run(&testbed, upload_is_taken, NULL, 20000));
    expect_success(&user, 0);
    ck_assert(!user.detached);
    hg_emit_end(user.self, HG_DOWN, NULL);
    ck_assert(testbed_run(&testbed, user_is_done, &user, 5000));
    ck_assert(testbed_run(&testbed, origin_is_quiet, NULL, 5000));
    ck_assert_uint_eq(testbed.resets, 0);
}
END_TEST

/* As TCP requires: after one side has ended its direction, the other one continues. */
START_TEST(a_byte_stream_that_is_not_http_passes_both_ways)
{
    struct user first = {.traffic = HG_TRAFFIC_STREAM}, last = {.traffic = HG_TRAFFIC_STREAM, .never_ends = true};

    connect_pair();
    user_ask(&last, &testbed, "client-1", "web", "/early", 500000);
    ck_assert(testbed_run(&testbed, upload_is_taken, NULL, 20000));
    expect_success(&last, 0);
    ck_assert(!last.detached);
    hg_emit_end(last.self, HG_DOWN, NULL);
    ck_assert(testbed_run(&testbed, user_is_done, &last, 5000));
    user_get(&first, &testbed, "/echo", 3000000);
    expect_success(&first, 3000000);
    ck_assert(testbed_run(&testbed, origin_is_quiet, NULL, 5000));
    ck_assert_uint_eq(testbed.resets, 0);
}
END_TEST

START_TEST(a_stage_without_datagrams_refuses_them)
{
    struct user user = {.traffic = HG_TRAFFIC_DATAGRAMS};

    connect_pair();
    user_get(&user, &testbed, "/echo", 10);
    ck_assert(user.was_reset);
    ck_assert_int_eq(user.reason.status, 501);
    ck_assert_str_eq(user.detail, "origin does not support datagrams");
    ck_assert_uint_eq(testbed.attached, 0);
}
END_TEST

static void gather(bool ignores_flush)
{
    testbed_free(&testbed);
    memset(&testbed, 0, sizeof testbed);
    testbed.wire.seed = 1;
    testbed.gathers = true;
    testbed.ignores_flush = ignores_flush;
    testbed_new(&testbed);
    connect_pair();
}

/* The origin responds with a head and the beginning of a body. */
static void say(const char *text)
{
    struct hg_head *head = hg_head_new(testbed.held->host, HG_RESPONSE);

    head->status = 200;
    head->length = HG_LENGTH_UNKNOWN;
    hg_emit_head(testbed.held, HG_UP, head);
    hg_emit(testbed.held, HG_UP, &(struct hg_slice){NULL, (const uint8_t *)text, strlen(text)});
    testbed_wait(&testbed, 50);
}

/* An event stream through a stage that gathers data: as no more follows for now, the stage passes on what it has. */
START_TEST(a_flush_reaches_a_gathering_stage)
{
    struct user user = {0};

    gather(false);
    user_ask(&user, &testbed, "client-1", "web", "/hang", 0);
    testbed_wait(&testbed, 50);
    say("data: 1\n\n");
    ck_assert_uint_eq(testbed.gathered, 9);
    ck_assert_uint_eq(user.got, 9);
    ck_assert(!user.ended);
    hg_emit_end(testbed.held, HG_UP, NULL);
    ck_assert(testbed_run(&testbed, user_is_done, &user, 5000));
}
END_TEST

START_TEST(a_gathering_stage_keeps_data_without_a_flush)
{
    struct user user = {0};

    gather(true);
    user_ask(&user, &testbed, "client-1", "web", "/hang", 0);
    testbed_wait(&testbed, 50);
    say("data: 1\n\n");
    ck_assert_uint_eq(testbed.gathered, 9);
    ck_assert_uint_eq(user.got, 0);
    hg_emit_end(testbed.held, HG_UP, NULL);
    ck_assert(testbed_run(&testbed, user_is_done, &user, 5000));
    ck_assert_uint_eq(user.got, 9);
}
END_TEST

START_TEST(two_thousand_exchanges_at_once)
{
    static struct user users[2000];
    const size_t count = repetitions(2000);

    memset(users, 0, sizeof users);
    connect_pair();
    for (size_t i = 0; i < count; i++)
        user_ask(&users[i], &testbed, "client-1", "web", "/down/5000", 0);
    for (size_t i = 0; i < count; i++) {
        ck_assert(testbed_run(&testbed, user_is_done, &users[i], 20000));
        expect_success(&users[i], 5000);
    }
}
END_TEST

START_TEST(exchanges_wait_in_line_for_a_stream)
{
    static struct user users[5000];
    size_t refused = 0, served = 0;

    memset(users, 0, sizeof users);
    connect_pair();
    for (size_t i = 0; i < 4096; i++)
        user_ask(&users[i], &testbed, "client-1", "web", "/hang", 0);
    testbed_wait(&testbed, 300);
    for (size_t i = 4096; i < 5000; i++)
        user_ask(&users[i], &testbed, "client-1", "web", "/down/10", 0);
    testbed_wait(&testbed, 100);
    ck_assert_uint_eq(testbed.attached, 4096);
    for (size_t i = 0; i < 4096; i++)
        hg_reset(users[i].self, &(struct hg_reason){499, NULL, "gone", 0});
    for (size_t i = 4096; i < 5000; i++) {
        ck_assert(testbed_run(&testbed, user_is_done, &users[i], 20000));
        refused += users[i].was_reset;
        served += users[i].got == 10;
    }
    ck_assert_uint_eq(refused, 0);
    ck_assert_uint_eq(served, 904);
}
END_TEST

START_TEST(a_stalled_reader_is_limited_and_affects_no_others)
{
    struct user stalled = {.stalls = true}, user = {0};
    uint64_t given;

    connect_pair();
    user_ask(&stalled, &testbed, "client-1", "web", "/down/50000000", 0);
    testbed_wait(&testbed, 300);
    given = testbed.given;
    /* Both exchanges' buffers, the window of the stream and the client's send buffer. */
    ck_assert_uint_le(given, 2 * 65536 + (256 << 10) + (256 << 10) + 16384);
    user_get(&user, &testbed, "/down/2000000", 0);
    expect_success(&user, 2000000);
    ck_assert_uint_eq(testbed.given, given + 2000000);
    user_read_on(&stalled);
    ck_assert(testbed_run(&testbed, user_is_done, &stalled, 60000));
    expect_success(&stalled, 50000000);
}
END_TEST

/* ---- Failures ---- */

static bool served(const char *client, const char *service)
{
    const struct hg_target target = {.client = hg_text(client), .service = hg_text(service)};

    return hg_target_served(&testbed.gateway->worker->core, &target);
}

START_TEST(the_error_says_why_there_is_no_session)
{
    static const char *const services[] = {"web", NULL};
    struct user no_route = {0}, offline = {0}, forbidden = {0};

    testbed.services = services;
    connect_pair();
    user_ask(&no_route, &testbed, NULL, NULL, "/down/1", 0);
    user_ask(&offline, &testbed, "client-2", "web", "/down/1", 0);
    user_ask(&forbidden, &testbed, "client-1", "admin", "/down/1", 0);
    testbed_wait(&testbed, 50);
    ck_assert(no_route.detached && offline.detached && forbidden.detached);
    ck_assert_int_eq(no_route.reason.status, 404);
    ck_assert_int_eq(offline.reason.status, 503);
    ck_assert_str_eq(offline.reason.error, "destination_unavailable");
    ck_assert_uint_gt(offline.reason.retry_after, 0);
    ck_assert_ptr_nonnull(strstr(offline.detail, "client-2"));
    ck_assert_ptr_nonnull(strstr(offline.detail, "not connected"));
    ck_assert_int_eq(forbidden.reason.status, 404);
    ck_assert_uint_eq(testbed.attached, 0);
    ck_assert(served("client-1", "web"));
    ck_assert(!served("client-1", "admin") && !served("client-2", "web") && !served(NULL, NULL));
}
END_TEST

START_TEST(the_origins_reason_reaches_the_user)
{
    struct user refused = {0}, half = {0};

    connect_pair();
    user_get(&refused, &testbed, "/refuse", 0);
    ck_assert(refused.was_reset);
    ck_assert_int_eq(refused.reason.status, 502);
    ck_assert_str_eq(refused.reason.error, "connection_refused");
    ck_assert_ptr_nonnull(strstr(refused.detail, "127.0.0.1:3000"));
    user_get(&half, &testbed, "/half/70000", 0);
    ck_assert(half.was_reset && !half.ended && !half.is_wrong);
    ck_assert_int_eq(half.status, 200);
    ck_assert_str_eq(half.reason.error, "http_response_incomplete");
}
END_TEST

START_TEST(a_user_who_leaves_cancels_at_the_origin)
{
    struct user before = {0}, during = {.stalls = true};

    connect_pair();
    user_ask(&before, &testbed, "client-1", "web", "/deaf", 3000000);
    user_ask(&during, &testbed, "client-1", "web", "/down/50000000", 0);
    ck_assert(testbed_run(&testbed, has_status, &during, 5000));
    hg_reset(before.self, &(struct hg_reason){499, NULL, "the user left", 0});
    hg_reset(during.self, &(struct hg_reason){499, NULL, "the user left", 0});
    ck_assert(testbed_run(&testbed, origin_is_quiet, NULL, 200));
    ck_assert_uint_eq(testbed.resets, 2);
    testbed_wait(&testbed, 100);
    ck_assert_uint_eq(tn_session_stream_count(testbed.gateway->worker->sessions->sessions->tn), 0);
    ck_assert_uint_eq(tn_session_stream_count(testbed.client->worker->sessions->sessions->tn), 0);
}
END_TEST

START_TEST(a_silent_peer_is_dead_and_its_exchanges_are_reset)
{
    struct user user = {0}, half = {.stalls = true};

    testbed.gateway->pipeline->settings.keep_alive = 100 * HG_MILLISECOND;
    testbed.gateway->pipeline->settings.dead_after = 400 * HG_MILLISECOND;
    testbed.gateway->pipeline->settings.resume_timeout = 0;
    connect_pair();
    user_ask(&user, &testbed, "client-1", "web", "/hang", 0);
    user_ask(&half, &testbed, "client-1", "web", "/down/5000000", 0);
    ck_assert(testbed_run(&testbed, has_status, &half, 5000));
    testbed.wire.dark = true;
    ck_assert(testbed_run(&testbed, user_is_done, &user, 2000));
    ck_assert_int_eq(user.reason.status, 502);
    ck_assert_str_eq(user.reason.error, "connection_terminated");
    ck_assert(half.detached && half.was_reset && !half.ended);
    ck_assert(no_session(NULL));
}
END_TEST

START_TEST(a_lost_link_is_replaced_at_once)
{
    struct user user = {0}, again = {0};

    testbed.gateway->pipeline->settings.resume_timeout = 0;
    testbed.client->pipeline->settings.resume_timeout = 0;
    connect_pair();
    user_ask(&user, &testbed, "client-1", "web", "/hang", 0);
    ck_assert(testbed_run(&testbed, is_held, NULL, 5000));
    wire_break(wire_newest(&testbed.wire, true));
    ck_assert(testbed_run(&testbed, user_is_done, &user, 1000));
    ck_assert_int_eq(user.reason.status, 502);
    ck_assert(testbed_run(&testbed, one_session, NULL, 1000));
    ck_assert_uint_eq(testbed.wire.connects, 2);
    user_get(&again, &testbed, "/down/10", 0);
    expect_success(&again, 10);
}
END_TEST

START_TEST(a_client_without_a_gateway_keeps_trying_at_a_limited_rate)
{
    testbed.wire.unreachable = true;
    testbed_start(&testbed);
    testbed_wait(&testbed, 1500);
    /* 0, 0.125–0.25, 0.19–0.375, 0.28–0.56, 0.42–0.84 s: five or six tries. */
    ck_assert_uint_ge(testbed.wire.connects, 3);
    ck_assert_uint_le(testbed.wire.connects, 7);
    testbed.wire.unreachable = false;
    testbed_connect(&testbed);
}
END_TEST

/* ---- Several sessions, and their ends ---- */

START_TEST(the_newest_session_serves_unless_it_is_silent)
{
    static struct user lost; /* must outlive the test: it ends when the workers do */
    struct user first = {0}, user = {0};
    const struct session *newest;

    connect_pair();
    testbed_add_client(&testbed);
    ck_assert(testbed_run(&testbed, two_sessions, NULL, 2000));
    newest = testbed.gateway->worker->sessions->sessions;
    testbed_wait(&testbed, 50);
    user_get(&first, &testbed, "/down/10", 0);
    ck_assert_uint_eq(newest->exchanges, 1);
    wire_newest(&testbed.wire, true)->is_dark = true;
    testbed.wire.unreachable = true;
    user_ask(&lost, &testbed, "client-1", "web", "/down/10", 0);
    testbed_wait(&testbed, 2500);
    ck_assert_uint_eq(newest->exchanges, 2);
    user_get(&user, &testbed, "/down/10", 0);
    expect_success(&user, 10);
    ck_assert_uint_eq(newest->exchanges, 2);
    ck_assert(!lost.detached);
}
END_TEST

START_TEST(a_stopping_client_finishes_its_exchanges)
{
    struct user running = {.stalls = true}, late = {0};

    connect_pair();
    user_ask(&running, &testbed, "client-1", "web", "/down/3000000", 0);
    ck_assert(testbed_run(&testbed, has_status, &running, 5000));
    worker_drain(testbed.client->worker);
    testbed_wait(&testbed, 50);
    user_ask(&late, &testbed, "client-1", "web", "/down/10", 0);
    testbed_wait(&testbed, 50);
    ck_assert_int_eq(late.reason.status, 503);
    ck_assert(!sessions_idle(testbed.client->worker->sessions));
    user_read_on(&running);
    ck_assert(testbed_run(&testbed, user_is_done, &running, 5000));
    expect_success(&running, 3000000);
    ck_assert(testbed_run(&testbed, no_session, NULL, 2000));
    ck_assert(sessions_idle(testbed.client->worker->sessions));
    ck_assert(wire_newest(&testbed.wire, false)->said_goodbye);
}
END_TEST

static bool gateway_is_idle(void *arg)
{
    (void)arg;
    return !testbed.gateway->worker->exchanges.open_count && sessions_idle(testbed.gateway->worker->sessions);
}

START_TEST(a_stopping_gateway_lets_exchanges_finish)
{
    struct user user = {0};

    connect_pair();
    user_ask(&user, &testbed, "client-1", "web", "/hang", 0);
    ck_assert(testbed_run(&testbed, is_held, NULL, 5000));
    worker_drain(testbed.gateway->worker);
    testbed_wait(&testbed, 1200);
    /* The client has returned and was refused; its exchanges continue. */
    ck_assert_uint_ge(*testbed.gateway->worker->sessions->refused, 1);
    ck_assert(one_session(NULL) && !user.detached);
    hg_reset(testbed.held, &(struct hg_reason){504, "http_response_timeout", "enough", 0});
    ck_assert(testbed_run(&testbed, user_is_done, &user, 1000));
    ck_assert(testbed_run(&testbed, gateway_is_idle, NULL, 1000));
    fixture_free(testbed.gateway);
    testbed.gateway = NULL;
    ck_assert(testbed_run(&testbed, client_is_disconnected, NULL, 1000));
}
END_TEST

START_TEST(a_vanished_gateway_is_noticed_at_once)
{
    struct user user = {0};

    connect_pair();
    user_ask(&user, &testbed, "client-1", "web", "/hang", 0);
    ck_assert(testbed_run(&testbed, is_held, NULL, 5000));
    testbed.wire.unreachable = true;
    fixture_free(testbed.gateway);
    testbed.gateway = NULL;
    ck_assert(user.detached);
    ck_assert(testbed_run(&testbed, client_is_disconnected, NULL, 1000));
    ck_assert(origin_is_quiet(NULL));
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("sessions");
    TCase *well = tcase_create("success"), *failures = tcase_create("failures"), *ends = tcase_create("ends");

    tcase_add_test(well, a_small_response_comes_back_in_few_packets);
    tcase_add_test(well, bodies_and_trailers_go_both_ways);
    tcase_add_test(well, losses_and_a_full_socket_lose_no_bytes);
    tcase_add_test(well, interim_responses_come_first);
    tcase_add_test(well, an_early_response_arrives_while_the_upload_runs);
    tcase_add_test(well, a_byte_stream_that_is_not_http_passes_both_ways);
    tcase_add_test(well, a_stage_without_datagrams_refuses_them);
    tcase_add_test(well, a_flush_reaches_a_gathering_stage);
    tcase_add_test(well, a_gathering_stage_keeps_data_without_a_flush);
    tcase_add_test(well, two_thousand_exchanges_at_once);
    tcase_add_test(well, exchanges_wait_in_line_for_a_stream);
    tcase_add_test(well, a_stalled_reader_is_limited_and_affects_no_others);
    tcase_add_test(failures, the_error_says_why_there_is_no_session);
    tcase_add_test(failures, the_origins_reason_reaches_the_user);
    tcase_add_test(failures, a_user_who_leaves_cancels_at_the_origin);
    tcase_add_test(failures, a_silent_peer_is_dead_and_its_exchanges_are_reset);
    tcase_add_test(failures, a_lost_link_is_replaced_at_once);
    tcase_add_test(failures, a_client_without_a_gateway_keeps_trying_at_a_limited_rate);
    tcase_add_test(ends, the_newest_session_serves_unless_it_is_silent);
    tcase_add_test(ends, a_stopping_client_finishes_its_exchanges);
    tcase_add_test(ends, a_stopping_gateway_lets_exchanges_finish);
    tcase_add_test(ends, a_vanished_gateway_is_noticed_at_once);
    TCase *const cases[] = {well, failures, ends};
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
