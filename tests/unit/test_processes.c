/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Several processes with one id, at a gateway: one that was killed and restarted, two that both serve, too many.
 */
#include "core/session/rival_processes.h"

#include "core/session/link.h"
#include "tests/unit/clock.h"
#include "tests/unit/run_suite.h"
#include "tests/unit/testbed_cases.h"

#include <check.h>
#include <stdio.h>

static bool has_count(void *arg)
{
    return testbed_session_count(&testbed) == *(size_t *)arg;
}

static void expect_count(size_t count, unsigned milliseconds)
{
    ck_assert_msg(testbed_run(&testbed, has_count, &count, milliseconds), "%zu sessions instead of %zu",
                  testbed_session_count(&testbed), count);
}

static struct wire_end *end_of(const struct session *session)
{
    return session->link->handle;
}

/* Like kill -9: neither its links nor its kernel send anything. */
static void kill_client(struct fixture **client)
{
    testbed.wire.dark = true;
    fixture_free(*client);
    *client = NULL;
    testbed.wire.dark = false;
}

static void connect_both(void)
{
    testbed_start(&testbed);
    testbed_connect(&testbed);
    testbed_wait(&testbed, 50);
    testbed_add_client(&testbed);
    expect_count(2, 2000);
    testbed_wait(&testbed, 50);
}

/* ---- A dead process ---- */

START_TEST(exchanges_of_a_killed_process_fail_soon)
{
    struct user running = {0}, after = {0};
    hg_time began;

    testbed_start(&testbed);
    testbed_connect(&testbed);
    user_ask(&running, &testbed, "client-1", "web", "/hang", 0);
    ck_assert(testbed_run(&testbed, is_held, NULL, 1000));
    testbed_wait(&testbed, 200);
    kill_client(&testbed.client);
    /* Either the short silence has not been noticed yet, or the link is known to be dead and the session waits. */
    if (_i == 1)
        wire_break(wire_newest(&testbed.wire, true));
    testbed_wait(&testbed, 300);
    began = clock_now();
    testbed_add_client(&testbed);
    expect_count(2, 1000);
    user_get(&after, &testbed, "/down/10", 0);
    expect_success(&after, 10);
    ck_assert(testbed_run(&testbed, user_is_done, &running, 10000));
    ck_assert_uint_le(clock_now() - began, 3 * HG_SECOND);
    ck_assert_int_eq(running.reason.status, 502);
    ck_assert_ptr_nonnull(strstr(running.detail, "another process with this id responds"));
    expect_count(1, 100);
}
END_TEST

START_TEST(requests_go_to_the_older_process_when_the_newer_is_killed)
{
    static struct user users[40]; /* must outlive the test: they end when the workers do */
    unsigned failed = 0;
    hg_time killed;

    memset(users, 0, sizeof users);
    connect_both();
    kill_client(&testbed.other);
    killed = clock_now();
    for (size_t i = 0; i < 40; i++) {
        user_ask(&users[i], &testbed, "client-1", "web", "/down/10", 0);
        testbed_wait(&testbed, 100);
    }
    for (size_t i = 0; i < 40; i++) {
        ck_assert(testbed_run(&testbed, user_is_done, &users[i], 1000));
        failed += users[i].was_reset;
    }
    /* Only those that were sent before the silence was noticed, and they waited during all of this. */
    ck_assert_uint_le(failed, 7);
    ck_assert_uint_le(clock_now() - killed, 4500 * HG_MILLISECOND);
    for (size_t i = failed; i < 40; i++)
        expect_success(&users[i], 10);
    expect_count(1, 100);
}
END_TEST

/* ---- A living process ---- */

START_TEST(a_lone_process_is_waited_for)
{
    struct user user = {0};

    testbed_start(&testbed);
    testbed_connect(&testbed);
    user_ask(&user, &testbed, "client-1", "web", "/hang", 0);
    ck_assert(testbed_run(&testbed, is_held, NULL, 1000));
    testbed_wait(&testbed, 200);
    testbed.wire.unreachable = true;
    wire_newest(&testbed.wire, true)->is_dark = true;
    testbed_wait(&testbed, 50000);
    ck_assert(!user.detached);
    testbed.wire.unreachable = false;
    testbed_wait(&testbed, 6000);
    ck_assert(!user.detached);
    hg_reset(testbed.held, &(struct hg_reason){504, "http_response_timeout", "enough", 0});
    ck_assert(testbed_run(&testbed, user_is_done, &user, 1000));
    ck_assert_int_eq(user.reason.status, 504);
}
END_TEST

START_TEST(the_older_process_keeps_its_exchanges)
{
    struct user user = {0};

    testbed_start(&testbed);
    testbed_connect(&testbed);
    user_ask(&user, &testbed, "client-1", "web", "/hang", 0);
    ck_assert(testbed_run(&testbed, is_held, NULL, 1000));
    testbed_wait(&testbed, 200);
    testbed_add_client(&testbed);
    testbed_wait(&testbed, 20000);
    ck_assert_uint_eq(testbed_session_count(&testbed), 2);
    ck_assert(!user.detached);
    hg_reset(testbed.held, &(struct hg_reason){504, "http_response_timeout", "enough", 0});
    ck_assert(testbed_run(&testbed, user_is_done, &user, 1000));
    ck_assert_int_eq(user.reason.status, 504);
}
END_TEST

/* If both are alive, the older one serves what the newer one does not have; services that neither announces go to the
 * newer one. */
START_TEST(each_process_serves_what_it_announces)
{
    static const char *const web[] = {"other", "web", NULL}, *const other[] = {"other", NULL}, *const none[] = {NULL};
    static const struct {
        const char *const *older, *const *newer;
        bool is_older;
    } cases[] = {{web, other, true}, {web, none, true},  {NULL, other, true}, {other, web, false},
                 {web, web, false},  {web, NULL, false}, {other, none, false}};
    const struct session *older, *newer;

    testbed.serves = cases[_i].older;
    testbed_start(&testbed);
    testbed_connect(&testbed);
    testbed_wait(&testbed, 50);
    testbed.serves = cases[_i].newer;
    testbed_add_client(&testbed);
    expect_count(2, 2000);
    testbed_wait(&testbed, 50);
    newer = at_gateway()->sessions;
    older = newer->next;
    for (size_t i = 0; i < 3; i++) {
        struct user user = {0};

        user_get(&user, &testbed, "/down/10", 0);
        expect_success(&user, 10);
    }
    ck_assert_uint_eq(older->exchanges, cases[_i].is_older ? 3 : 0);
    ck_assert_uint_eq(newer->exchanges, cases[_i].is_older ? 0 : 3);
    ck_assert_uint_eq(older->asked_for, 0);
}
END_TEST

/* The gateway's own network is down: no client is given up because of that. */
START_TEST(no_session_ends_when_all_are_silent)
{
    struct user user = {0};

    connect_both();
    user_ask(&user, &testbed, "client-1", "web", "/hang", 0);
    ck_assert(testbed_run(&testbed, is_held, NULL, 1000));
    testbed_wait(&testbed, 200);
    testbed.wire.unreachable = true;
    for (struct session *session = at_gateway()->sessions; session; session = session->next)
        end_of(session)->is_dark = true;
    testbed_wait(&testbed, 30000);
    ck_assert_uint_eq(testbed_session_count(&testbed), 2);
    ck_assert(!user.detached);
    testbed.wire.unreachable = false;
    testbed_wait(&testbed, 6000);
    ck_assert_uint_eq(testbed_session_count(&testbed), 2);
    hg_reset(testbed.held, &(struct hg_reason){504, "http_response_timeout", "enough", 0});
    ck_assert(testbed_run(&testbed, user_is_done, &user, 1000));
    ck_assert_int_eq(user.reason.status, 504);
}
END_TEST

/* ---- Too many ---- */

/* Opens a link as a stranger with this id, and sends `open` on it. */
static struct wire_end *open_session(const char *process)
{
    struct wire_end *end = wire_unknown_peer(&testbed.wire);
    uint8_t packet[1400] = {0x06, 0x40, 0};
    int size;

    testbed_wait(&testbed, 20);
    size = snprintf((char *)packet + 5, sizeof packet - 5,
                    "{\"type\":\"open\",\"versions\":[1],\"codecs\":[\"binary/1\"],\"parameters\":{},"
                    "\"credentials\":{\"id\":\"client-1\"}%s%s%s}\n",
                    *process ? ",\"process\":\"" : "", process, *process ? "\"" : "");
    packet[3] = (uint8_t)(0x40 | size >> 8);
    packet[4] = (uint8_t)size;
    wire_inject(end, packet, (size_t)size + 5);
    testbed_wait(&testbed, 5);
    return end;
}

/* Keeps the link alive: strangers acknowledge nothing. */
static void keep_alive(void)
{
    testbed.gateway->pipeline->settings.dead_after = testbed.gateway->pipeline->settings.keep_alive = 3600 * HG_SECOND;
}

START_TEST(sessions_of_a_process_are_limited)
{
    struct wire_end *ends[16], *end;

    keep_alive();
    testbed_start(&testbed);
    testbed_connect(&testbed);
    kill_client(&testbed.client);
    for (size_t i = 0; i < 16; i++) {
        ends[i] = open_session("mine");
        ck_assert_int_eq(ends[i]->link->state, LINK_ACTIVE);
    }
    end = open_session("mine");
    ck_assert_int_eq(end->link->state, LINK_REFUSED);
    ck_assert_ptr_nonnull(
        strstr(end->link->reason, "overload: this process of client-1 already has 16 sessions (sessions_per_process)"));
    /* Another process may have as many, and a session without a link gives way to a new one of its own process. */
    ck_assert_int_eq(open_session("other")->link->state, LINK_ACTIVE);
    ends[3]->link->session->confirmed = true;
    wire_break(ends[3]);
    testbed_wait(&testbed, 5);
    ck_assert_int_eq(open_session("mine")->link->state, LINK_ACTIVE);
    ck_assert_int_eq(open_session("mine")->link->state, LINK_REFUSED);
}
END_TEST

START_TEST(sessions_of_an_id_are_limited)
{
    struct wire_end *first = NULL, *end;
    char process[16] = "";

    keep_alive();
    testbed.gateway->pipeline->settings.sessions_per_client = 20;
    testbed_start(&testbed);
    for (unsigned i = 0; i < 19; i++) {
        if (_i)
            snprintf(process, sizeof process, "p%u", i / 4);
        end = open_session(process);
        ck_assert_int_eq(end->link->state, LINK_ACTIVE);
        first = first ? first : end;
    }
    testbed_wait(&testbed, 50);
    ck_assert_uint_eq(testbed_session_count(&testbed), 20);
    end = open_session(process);
    ck_assert_int_eq(end->link->state, LINK_REFUSED);
    ck_assert_ptr_nonnull(strstr(end->link->reason, "client-1 already has 20 sessions (sessions_per_client)"));
    first->link->session->confirmed = true;
    wire_break(first);
    testbed_wait(&testbed, 5);
    ck_assert_int_eq(open_session(process)->link->state, LINK_ACTIVE);
    ck_assert_int_eq(open_session(process)->link->state, LINK_REFUSED);
    ck_assert_uint_eq(testbed_session_count(&testbed), 20);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("processes");
    TCase *dead = tcase_create("dead"), *alive = tcase_create("alive"), *bounds = tcase_create("bounds");

    tcase_add_loop_test(dead, exchanges_of_a_killed_process_fail_soon, 0, 2);
    tcase_add_test(dead, requests_go_to_the_older_process_when_the_newer_is_killed);
    tcase_add_test(alive, a_lone_process_is_waited_for);
    tcase_add_test(alive, the_older_process_keeps_its_exchanges);
    tcase_add_loop_test(alive, each_process_serves_what_it_announces, 0, 7);
    tcase_add_test(alive, no_session_ends_when_all_are_silent);
    tcase_add_test(bounds, sessions_of_a_process_are_limited);
    tcase_add_loop_test(bounds, sessions_of_an_id_are_limited, 0, 2);
    TCase *const cases[] = {dead, alive, bounds};
    for (size_t i = 0; i < 3; i++) {
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
