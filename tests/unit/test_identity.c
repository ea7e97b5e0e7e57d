/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Unit tests of identity plugins at both ends of a tunnel: who is admitted, now or later, and who may stay.
 */
#include "core/session/session_table.h"

#include "core/session/link.h"
#include "tests/unit/run_suite.h"
#include "tests/unit/testbed_cases.h"

#include <check.h>

START_TEST(a_refused_client_is_told_why_and_tries_again)
{
    testbed.refuses = true;
    testbed_start(&testbed);
    testbed_wait(&testbed, 100);
    ck_assert(no_session(NULL));
    ck_assert_uint_ge(*testbed.gateway->worker->sessions->refused, 1);
    testbed.refuses = false;
    testbed_connect(&testbed);
}
END_TEST

/* ---- Identities that answer later ---- */

static bool is_asked(void *arg)
{
    (void)arg;
    return testbed.verification != NULL;
}

static bool is_cancelled(void *arg)
{
    (void)arg;
    return testbed.cancelled > 0;
}

static bool is_refused(void *arg)
{
    (void)arg;
    return *testbed.gateway->worker->sessions->refused > 0;
}

static void start_and_ask(hg_time after)
{
    testbed.verifies_after = after;
    testbed_start(&testbed);
    ck_assert(testbed_run(&testbed, is_asked, NULL, 2000));
    ck_assert_uint_eq(testbed.verified_late, 0);
}

START_TEST(a_late_grant_opens_the_session)
{
    struct user user = {0};

    start_and_ask(50 * HG_MILLISECOND);
    testbed_wait(&testbed, 20);
    ck_assert(no_session(NULL));
    testbed_connect(&testbed);
    ck_assert_uint_eq(testbed.verified_late, 1);
    ck_assert_uint_eq(testbed.cancelled, 0);
    user_get(&user, &testbed, "/down/1000", 0);
    expect_success(&user, 1000);
}
END_TEST

START_TEST(a_late_refusal_refuses_the_session)
{
    testbed.refuses = true;
    start_and_ask(50 * HG_MILLISECOND);
    ck_assert_uint_eq(*testbed.gateway->worker->sessions->refused, 0);
    ck_assert(testbed_run(&testbed, is_refused, NULL, 2000));
    ck_assert_uint_ge(testbed.verified_late, 1);
    ck_assert(no_session(NULL));
    testbed.refuses = false;
    testbed_connect(&testbed); /* it tries again */
}
END_TEST

START_TEST(losing_the_link_cancels_verification)
{
    start_and_ask(3600 * HG_SECOND);
    wire_break(wire_newest(&testbed.wire, true));
    ck_assert(testbed_run(&testbed, is_cancelled, NULL, 2000));
    ck_assert_uint_eq(testbed.verified_late, 0);
    testbed.verifies_after = 0;
    testbed_connect(&testbed);
}
END_TEST

START_TEST(verification_has_a_time_limit)
{
    start_and_ask(3600 * HG_SECOND);
    testbed_wait(&testbed, 7000);
    ck_assert_uint_eq(testbed.cancelled, 0);
    ck_assert(testbed_run(&testbed, is_cancelled, NULL, 2000));
    ck_assert(is_refused(NULL)); /* the client is notified while it is still waiting */
}
END_TEST

START_TEST(draining_during_verification_refuses)
{
    struct user running = {.stalls = true};

    connect_pair();
    user_ask(&running, &testbed, "client-1", "web", "/down/3000000", 0);
    ck_assert(testbed_run(&testbed, has_status, &running, 5000));
    testbed.verifies_after = 50 * HG_MILLISECOND;
    testbed_add_client(&testbed);
    ck_assert(testbed_run(&testbed, is_asked, NULL, 2000));
    worker_drain(testbed.gateway->worker);
    ck_assert_uint_eq(*testbed.gateway->worker->sessions->refused, 0);
    ck_assert(testbed_run(&testbed, is_refused, NULL, 2000));
    ck_assert_uint_ge(testbed.verified_late, 1);
    ck_assert(one_session(NULL));
}
END_TEST

/* Without an answer; the program would crash if anything freed were used. */
START_TEST(stopping_during_verification_cancels_it)
{
    start_and_ask(3600 * HG_SECOND);
}
END_TEST

/* ---- Identity plugins that break the contract ---- */

static void expect_refusal(void)
{
    testbed_start(&testbed);
    ck_assert(testbed_run(&testbed, is_refused, NULL, 2000));
    ck_assert(no_session(NULL));
    testbed.granted_id = NULL;
    testbed.wrong_verdict = 0;
    testbed_connect(&testbed); /* it tries again */
}

START_TEST(impossible_ids_are_refused)
{
    static const char *const ids[] = {"", "a/b", "a\nb"};

    testbed.granted_id = ids[_i];
    expect_refusal();
}
END_TEST

START_TEST(impossible_verdicts_are_refused)
{
    testbed.wrong_verdict = 42;
    expect_refusal();
}
END_TEST

START_TEST(an_answer_within_verify_is_ignored)
{
    struct user user = {0};

    testbed.answers_within = true;
    start_and_ask(50 * HG_MILLISECOND);
    testbed_connect(&testbed);
    ck_assert_uint_eq(testbed.verified_late, 1);
    user_get(&user, &testbed, "/down/1000", 0);
    expect_success(&user, 1000);
}
END_TEST

/* ---- Clients that may stay ---- */

static bool is_said_to_be_refused(void *arg)
{
    (void)arg;
    return *testbed.gateway->worker->sessions->refused > 0;
}

START_TEST(a_withdrawn_service_is_refused_at_once)
{
    static const char *const both[] = {"web", "other", NULL}, *const other[] = {"other", NULL};
    struct user held = {0}, running = {.stalls = true}, late = {0};

    testbed.services = _i ? both : NULL;
    connect_pair();
    user_ask(&held, &testbed, "client-1", "web", "/hang", 0);
    user_ask(&running, &testbed, "client-1", "web", "/down/5000000", 0);
    ck_assert(testbed_run(&testbed, has_status, &running, 5000));
    /* Changes that do not concern this client have no effect on it. */
    testbed.changed(testbed.changed_arg);
    testbed_wait(&testbed, 50);
    ck_assert(!held.detached && !running.detached);
    testbed.services = other;
    testbed.changed(testbed.changed_arg);
    testbed_wait(&testbed, 50);
    ck_assert(held.detached && running.detached);
    ck_assert_int_eq(held.reason.status, 404);
    ck_assert_str_eq(held.reason.error, "destination_not_found");
    ck_assert_ptr_nonnull(strstr(held.detail, "may no longer serve this service"));
    ck_assert(running.was_reset && !running.ended);
    ck_assert(origin_is_quiet(NULL));
    user_ask(&late, &testbed, "client-1", "web", "/down/10", 0);
    testbed_wait(&testbed, 50);
    ck_assert_int_eq(late.reason.status, 404);
    ck_assert_uint_eq(testbed.wire.connects, 1);
    ck_assert(one_session(NULL));
}
END_TEST

/* There may be fewer services when the session continues over another link. */
START_TEST(a_service_withdrawn_at_a_resumption_is_refused)
{
    static const char *const other[] = {"other", NULL};
    struct user held = {0};

    connect_pair();
    user_ask(&held, &testbed, "client-1", "web", "/hang", 0);
    ck_assert(testbed_run(&testbed, is_held, NULL, 5000));
    testbed_wait(&testbed, 50);
    testbed.services = other;
    wire_break(wire_newest(&testbed.wire, true));
    ck_assert(testbed_run(&testbed, user_is_done, &held, 5000));
    ck_assert_int_eq(held.reason.status, 404);
    ck_assert_uint_eq(*testbed.gateway->worker->sessions->resumed, 1);
}
END_TEST

START_TEST(a_removed_client_is_disconnected)
{
    struct user held = {0}, late = {0};

    connect_pair();
    user_ask(&held, &testbed, "client-1", "web", "/hang", 0);
    ck_assert(testbed_run(&testbed, is_held, NULL, 5000));
    testbed_wait(&testbed, 50);
    if (_i) {
        testbed.wire.unreachable = true;
        wire_break(wire_newest(&testbed.wire, true));
        testbed_wait(&testbed, 50);
        ck_assert(one_session(NULL));
    }
    testbed.refuses = true;
    testbed.changed(testbed.changed_arg);
    ck_assert(no_session(NULL));
    testbed.wire.unreachable = false;
    ck_assert(testbed_run(&testbed, is_said_to_be_refused, NULL, 5000));
    ck_assert(held.detached);
    ck_assert_int_eq(held.reason.status, 502);
    ck_assert_ptr_nonnull(strstr(held.detail, "its token was removed"));
    ck_assert(_i || origin_is_quiet(NULL));
    user_ask(&late, &testbed, "client-1", "web", "/down/10", 0);
    testbed_wait(&testbed, 50);
    ck_assert_int_eq(late.reason.status, 503);
    /* It keeps trying, less and less often. */
    testbed_wait(&testbed, 20000);
    ck_assert_uint_le(testbed.wire.connects, 16);
    testbed.refuses = false;
    testbed_wait(&testbed, 31000);
    ck_assert(one_session(NULL));
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("identity");
    TCase *verify = tcase_create("verify"), *stays = tcase_create("stays");

    tcase_add_test(verify, a_refused_client_is_told_why_and_tries_again);
    tcase_add_test(verify, a_late_grant_opens_the_session);
    tcase_add_test(verify, a_late_refusal_refuses_the_session);
    tcase_add_test(verify, losing_the_link_cancels_verification);
    tcase_add_test(verify, verification_has_a_time_limit);
    tcase_add_test(verify, draining_during_verification_refuses);
    tcase_add_test(verify, stopping_during_verification_cancels_it);
    tcase_add_loop_test(verify, impossible_ids_are_refused, 0, 3);
    tcase_add_test(verify, impossible_verdicts_are_refused);
    tcase_add_test(verify, an_answer_within_verify_is_ignored);
    tcase_add_loop_test(stays, a_withdrawn_service_is_refused_at_once, 0, 2);
    tcase_add_test(stays, a_service_withdrawn_at_a_resumption_is_refused);
    tcase_add_loop_test(stays, a_removed_client_is_disconnected, 0, 2);
    TCase *const cases[] = {verify, stays};
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
