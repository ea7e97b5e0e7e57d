/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Sessions that outlive their links: what continues, what waits, what ends, and who may not resume.
 */
#include "core/session/dialer.h"
#include "core/session/exchange_stream.h"
#include "core/session/link.h"
#include "core/session/session_table.h"
#include "tests/unit/clock.h"
#include "tests/unit/run_suite.h"
#include "tests/unit/slowness.h"
#include "tests/unit/testbed_cases.h"

#include <check.h>

static bool has_session(void *arg)
{
    (void)arg;
    return at_client()->sessions && at_client()->sessions->link;
}

static bool is_resumed(void *arg)
{
    return *at_client()->resumed >= *(uint64_t *)arg && *at_gateway()->resumed >= *(uint64_t *)arg;
}

static void expect_resumptions(uint64_t count)
{
    ck_assert(testbed_run(&testbed, is_resumed, &count, 5000));
}

/* ---- What continues ---- */

static unsigned draw(unsigned *seed, unsigned below)
{
    *seed = *seed * 1103515245 + 12345;
    return (*seed >> 16) % below;
}

/* Each of the ways in which a link can die. */
static void kill_link(unsigned how)
{
    struct wire_end *end = wire_newest(&testbed.wire, false);

    if (how == 0)
        wire_break(end);
    else if (how == 1)
        end->is_dark = true;
    else if (how == 2 && end->link)
        link_close(end->link, TN_NO_ERROR, "the test wants it");
    else if (end->peer->link)
        link_close(end->peer->link, TN_INTERNAL_ERROR, "the test wants it");
}

START_TEST(no_byte_is_lost_however_links_die)
{
    struct user users[12] = {0};
    unsigned seed = 77 + (unsigned)_i;

    testbed.wire.loss = _i % 2 ? 3 : 0;
    testbed.wire.room = _i % 3 ? 0 : 6;
    connect_pair();
    for (size_t i = 0; i < 12; i++)
        user_ask(&users[i], &testbed, "client-1", "web", i % 3 ? "/echo" : "/down/1700000", i % 3 ? 900000 + 7 * i : 0);
    for (unsigned kill = 0; kill < 6; kill++) {
        testbed_wait(&testbed, draw(&seed, 12));
        kill_link(draw(&seed, 4));
    }
    for (size_t i = 0; i < 12; i++) {
        ck_assert(testbed_run(&testbed, user_is_done, &users[i], 30000));
        expect_success(&users[i], i % 3 ? 900000 + 7 * i : 1700000);
    }
    ck_assert_uint_gt(*at_gateway()->resumed, 0);
    ck_assert_uint_eq(*at_gateway()->opened, 1);
    ck_assert_uint_eq(testbed_session_count(&testbed), 1);
    ck_assert_uint_eq(testbed.resets, 0);
}
END_TEST

START_TEST(two_thousand_exchanges_continue)
{
    static struct user users[2000];
    const size_t count = repetitions(2000);

    memset(users, 0, sizeof users);
    connect_pair();
    for (size_t i = 0; i < count; i++)
        user_ask(&users[i], &testbed, "client-1", "web", "/echo", 3000 + i);
    testbed_wait(&testbed, 5);
    wire_break(wire_newest(&testbed.wire, true));
    for (size_t i = 0; i < count; i++) {
        ck_assert(testbed_run(&testbed, user_is_done, &users[i], 20000));
        expect_success(&users[i], 3000 + i);
    }
    expect_resumptions(1);
}
END_TEST

START_TEST(a_silent_link_is_replaced_within_a_second)
{
    struct user up = {0}, down = {0};
    struct wire_end *old;
    hg_time before;

    connect_pair();
    user_ask(&up, &testbed, "client-1", "web", "/echo", 10000000);
    user_ask(&down, &testbed, "client-1", "web", "/down/10000000", 0);
    ck_assert(testbed_run(&testbed, has_status, &down, 5000));
    old = wire_newest(&testbed.wire, false);
    old->is_dark = true;
    before = hg_now(fixture_worker(testbed.client, 0));
    expect_resumptions(1);
    ck_assert_uint_lt(hg_now(fixture_worker(testbed.client, 0)), before + 1500 * HG_MILLISECOND);
    ck_assert(testbed_run(&testbed, user_is_done, &up, 60000));
    ck_assert(testbed_run(&testbed, user_is_done, &down, 60000));
    expect_success(&up, 10000000);
    expect_success(&down, 10000000);
    ck_assert_ptr_null(old->link);
    ck_assert_ptr_null(old->peer->link);
    ck_assert_uint_eq(testbed.wire.connects, 2);
}
END_TEST

/* Only packets to the gateway are lost, as with a NAT that has given the client another port. */
START_TEST(a_link_dead_in_one_direction_is_replaced)
{
    struct user user = {.never_ends = true};

    connect_pair();
    user_ask(&user, &testbed, "client-1", "web", "/echo", 20000000);
    ck_assert(testbed_run(&testbed, has_status, &user, 5000));
    wire_newest(&testbed.wire, false)->is_mute = true;
    expect_resumptions(1);
    user.upload = 0;
    hg_emit_end(user.self, HG_DOWN, NULL);
    ck_assert(testbed_run(&testbed, user_is_done, &user, 60000));
    ck_assert(!user.is_wrong && !user.was_reset);
}
END_TEST

static bool tail_is_left(void *arg)
{
    const struct session *session = at_client()->sessions;

    (void)arg;
    return testbed.given == 46000 && !session->streams && tn_session_stream_count(session->tn);
}

/* The origin is done and the exchange is over, but the end of the response waits for credit: the client has nothing in
 * flight whose loss it could notice, and the credit does not get through. */
START_TEST(a_link_is_watched_while_the_end_of_a_response_waits)
{
    struct user user = {.stalls = true};
    hg_time before;

    connect_pair();
    user_ask(&user, &testbed, "client-1", "web", "/down/46000", 0);
    ck_assert(testbed_run(&testbed, tail_is_left, NULL, 1000));
    testbed_wait(&testbed, 50);
    wire_newest(&testbed.wire, false)->is_dark = true;
    before = hg_now(fixture_worker(testbed.client, 0));
    user_read_on(&user);
    ck_assert(testbed_run(&testbed, user_is_done, &user, 20000));
    expect_success(&user, 46000);
    ck_assert_uint_lt(hg_now(fixture_worker(testbed.client, 0)), before + 2 * HG_SECOND);
}
END_TEST

START_TEST(an_idle_link_that_goes_dark_is_replaced_too)
{
    struct user user = {0};

    testbed.client->pipeline->settings.keep_alive = 200 * HG_MILLISECOND;
    connect_pair();
    wire_newest(&testbed.wire, true)->is_dark = true;
    expect_resumptions(1);
    user_get(&user, &testbed, "/down/10", 0);
    expect_success(&user, 10);
}
END_TEST

/* A sign that may be forged is worth a ping: a response settles it, and so does silence. */
START_TEST(a_link_that_may_be_dead_is_checked_at_once)
{
    hg_time before;
    struct wire_end *old;

    connect_pair();
    testbed_wait(&testbed, 2000);
    old = wire_newest(&testbed.wire, false);
    before = testbed.wire.packets;
    /* A storm of signs on a healthy link costs little. */
    for (unsigned i = 0; i < 100; i++) {
        hg_link_check(fixture_worker(testbed.client, 0), old->link);
        testbed_wait(&testbed, 20);
    }
    ck_assert_uint_gt(testbed.wire.packets, before);
    ck_assert_uint_le(testbed.wire.packets, before + 12);
    ck_assert_uint_eq(testbed.wire.connects, 1);
    before = hg_now(fixture_worker(testbed.client, 0));
    old->is_dark = true;
    testbed_wait(&testbed, 1000);
    hg_link_check(fixture_worker(testbed.client, 0), old->link);
    expect_resumptions(1);
    ck_assert_uint_lt(hg_now(fixture_worker(testbed.client, 0)), before + 2500 * HG_MILLISECOND);
}
END_TEST

static bool has_dialled(void *arg)
{
    const uint64_t *connects = arg;

    return testbed.wire.connects > *connects;
}

/* The machine was suspended, or its network has changed: with a dead link, without a link, or while a try fails.
 */
START_TEST(a_sleep_or_change_of_network_is_noticed_at_once)
{
    hg_time before;
    uint64_t connects;

    connect_pair();
    testbed_wait(&testbed, 2000);
    if (_i >= 2) {
        /* Long enough for the tries to be far apart. */
        wire_break(wire_newest(&testbed.wire, true));
        testbed.wire.unreachable = true;
        testbed_wait(&testbed, 50000);
        connects = testbed.wire.connects;
        ck_assert(_i < 4 || testbed_run(&testbed, has_dialled, &connects, 10000));
        testbed.wire.unreachable = false;
    } else {
        wire_newest(&testbed.wire, true)->is_dark = true;
    }
    before = hg_now(fixture_worker(testbed.client, 0));
    if (_i % 2)
        clock_sleep(10 * HG_SECOND);
    else
        dialers_changed(at_client());
    expect_resumptions(1);
    ck_assert_uint_lt(hg_now(fixture_worker(testbed.client, 0)), before + 1200 * HG_MILLISECOND);
}
END_TEST

/* A link with old keys is used until there is another one, and exchanges in progress are not affected. */
START_TEST(an_old_link_is_replaced)
{
    struct user down = {0}, up = {0};
    struct wire_end *old;

    connect_pair();
    user_ask(&down, &testbed, "client-1", "web", "/down/20000000", 0);
    user_ask(&up, &testbed, "client-1", "web", "/echo", 10000000);
    ck_assert(testbed_run(&testbed, has_status, &down, 5000));
    old = wire_newest(&testbed.wire, false);
    testbed.wire.unreachable = true;
    hg_link_renew(fixture_worker(testbed.client, 0), old->link);
    testbed_wait(&testbed, 1000);
    ck_assert_ptr_nonnull(old->link);
    ck_assert_uint_eq(*at_client()->resumed, 0);
    testbed.wire.unreachable = false;
    expect_resumptions(1);
    ck_assert_ptr_null(old->link);
    ck_assert_uint_eq(*at_client()->silent_links, 0);
    ck_assert(testbed_run(&testbed, user_is_done, &down, 60000));
    ck_assert(testbed_run(&testbed, user_is_done, &up, 60000));
    expect_success(&down, 20000000);
    expect_success(&up, 10000000);
    testbed_wait(&testbed, 2000);
    ck_assert_uint_eq(*at_client()->resumed, 1);
}
END_TEST

static bool no_links(void *arg)
{
    return !((struct sessions *)arg)->links;
}

/* With the default options, at either end: links that came up, exchanged messages and fell silent. */
START_TEST(a_dead_peer_of_an_idle_link_is_found_in_less_than_20_s)
{
    struct sessions *sessions;
    hg_time before;

    connect_pair();
    sessions = _i ? at_client() : at_gateway();
    before = hg_now(fixture_worker(testbed.client, 0));
    testbed.wire.dark = testbed.wire.unreachable = true;
    ck_assert(testbed_run(&testbed, no_links, sessions, 60000));
    ck_assert_uint_lt(hg_now(fixture_worker(testbed.client, 0)), before + 20 * HG_SECOND);
    ck_assert_uint_gt(hg_now(fixture_worker(testbed.client, 0)), before + 15 * HG_SECOND);
}
END_TEST

/* A request just before the PING does not give the peer another `dead_after`. */
START_TEST(a_request_does_not_delay_finding_a_dead_peer)
{
    struct user user = {0};
    hg_time before;

    connect_pair();
    before = hg_now(fixture_worker(testbed.client, 0));
    testbed.wire.dark = testbed.wire.unreachable = true;
    testbed_wait(&testbed, 14900);
    user_ask(&user, &testbed, "client-1", "web", "/hang", 0);
    ck_assert(testbed_run(&testbed, no_links, at_gateway(), 60000));
    ck_assert_uint_lt(hg_now(fixture_worker(testbed.client, 0)), before + 20 * HG_SECOND);
    testbed.wire.dark = testbed.wire.unreachable = false;
    ck_assert(testbed_run(&testbed, is_held, NULL, 40000));
    hg_reset(testbed.held, &(struct hg_reason){504, "http_response_timeout", "enough", 0});
    ck_assert(testbed_run(&testbed, user_is_done, &user, 5000));
    ck_assert_int_eq(user.reason.status, 504);
}
END_TEST

START_TEST(an_idle_link_stays_up)
{
    testbed.client->pipeline->settings.keep_alive = testbed.gateway->pipeline->settings.keep_alive =
        200 * HG_MILLISECOND;
    testbed.client->pipeline->settings.dead_after = testbed.gateway->pipeline->settings.dead_after =
        200 * HG_MILLISECOND;
    connect_pair();
    testbed_wait(&testbed, 1500);
    ck_assert_uint_eq(testbed.wire.connects, 1);
}
END_TEST

START_TEST(a_long_poll_is_not_taken_for_silence)
{
    static struct user user; /* must outlive the test: it ends when the workers do */
    unsigned before;

    connect_pair();
    user_ask(&user, &testbed, "client-1", "web", "/hang", 0);
    ck_assert(testbed_run(&testbed, is_held, NULL, 5000));
    before = testbed.wire.packets;
    testbed_wait(&testbed, 5000);
    ck_assert_uint_eq(testbed.wire.connects, 1);
    /* Pings after 0.3, 0.9, 2.1 and 4.5 s: ping, ACK with pong, ACK. */
    ck_assert_uint_le(testbed.wire.packets - before, 20);
}
END_TEST

START_TEST(memory_is_limited_while_a_session_waits)
{
    static struct user up[20], down[20]; /* must outlive the test: they end when the workers do */
    uint64_t sent = 0, per_stream = 4 * 65536 + 2 * (256 << 10);

    connect_pair();
    for (size_t i = 0; i < 20; i++) {
        user_ask(&up[i], &testbed, "client-1", "web", "/echo", 100000000);
        user_ask(&down[i], &testbed, "client-1", "web", "/down/100000000", 0);
    }
    ck_assert(testbed_run(&testbed, has_status, &down[19], 5000));
    testbed.wire.unreachable = true;
    wire_break(wire_newest(&testbed.wire, true));
    testbed_wait(&testbed, 50);
    for (size_t i = 0; i < 20; i++) {
        ck_assert_uint_le(up[i].sent - up[i].got, 2 * per_stream);
        ck_assert_uint_le(down[i].got, testbed.given);
        sent += up[i].sent + down[i].got;
    }
    testbed_wait(&testbed, 500);
    for (size_t i = 0; i < 20; i++)
        sent -= up[i].sent + down[i].got;
    ck_assert_uint_eq(sent, 0);
}
END_TEST

/* ---- Waiting for a client's return ---- */

START_TEST(new_exchanges_wait_for_the_client)
{
    struct user users[3] = {0};

    connect_pair();
    testbed.wire.unreachable = true;
    wire_break(wire_newest(&testbed.wire, true));
    testbed_wait(&testbed, 50);
    user_ask(&users[0], &testbed, "client-1", "web", "/down/10", 0);
    user_ask(&users[1], &testbed, "client-1", "web", "/echo", 100000);
    user_ask(&users[2], &testbed, "client-1", "web", "/hang", 0);
    testbed_wait(&testbed, 500);
    ck_assert(!users[0].detached && !users[1].detached);
    ck_assert_uint_eq(testbed.attached, 0);
    hg_reset(users[2].self, &(struct hg_reason){499, NULL, "the user left", 0});
    testbed.wire.unreachable = false;
    ck_assert(testbed_run(&testbed, user_is_done, &users[0], 4000));
    ck_assert(testbed_run(&testbed, user_is_done, &users[1], 4000));
    expect_success(&users[0], 10);
    expect_success(&users[1], 100000);
    ck_assert_uint_eq(testbed.attached, 2);
}
END_TEST

START_TEST(exchanges_do_not_wait_forever)
{
    struct user user = {0};

    connect_pair();
    testbed.wire.unreachable = true;
    wire_break(wire_newest(&testbed.wire, true));
    testbed_wait(&testbed, 50);
    user_ask(&user, &testbed, "client-1", "web", "/down/10", 0);
    testbed_wait(&testbed, 4500);
    ck_assert(!user.detached);
    testbed_wait(&testbed, 1000);
    ck_assert(user.detached);
    ck_assert_int_eq(user.reason.status, 503);
    ck_assert_uint_gt(user.reason.retry_after, 0);
}
END_TEST

/* ---- What ends ---- */

START_TEST(a_session_that_nobody_resumes_ends)
{
    const struct hg_target target = {.client = HG_TEXT("client-1"), .service = HG_TEXT("web")};
    struct user user = {0}, half = {.stalls = true};

    testbed.gateway->pipeline->settings.resume_timeout = 300 * HG_MILLISECOND;
    testbed.client->pipeline->settings.resume_timeout = 400 * HG_MILLISECOND;
    connect_pair();
    user_ask(&user, &testbed, "client-1", "web", "/hang", 0);
    user_ask(&half, &testbed, "client-1", "web", "/down/5000000", 0);
    ck_assert(testbed_run(&testbed, has_status, &half, 5000));
    testbed.wire.unreachable = true;
    wire_break(wire_newest(&testbed.wire, true));
    testbed_wait(&testbed, 150);
    ck_assert(!user.detached);
    ck_assert_uint_eq(testbed_session_count(&testbed), 1);
    ck_assert(hg_target_served(&testbed.gateway->worker->core, &target));
    ck_assert(testbed_run(&testbed, user_is_done, &user, 1000));
    ck_assert_int_eq(user.reason.status, 502);
    ck_assert_str_eq(user.reason.error, "connection_terminated");
    ck_assert_ptr_nonnull(strstr(user.detail, "not resumed"));
    ck_assert(half.was_reset && !half.ended);
    ck_assert(no_session(NULL));
    ck_assert(!hg_target_served(&testbed.gateway->worker->core, &target));
    ck_assert_uint_eq(*at_gateway()->expired, 1);
    ck_assert(testbed_run(&testbed, origin_is_quiet, NULL, 1000));
    ck_assert_uint_eq(testbed.resets, 2);
    ck_assert_ptr_null(at_client()->sessions);
}
END_TEST

START_TEST(a_restarted_gateway_opens_a_new_session)
{
    struct user lost = {0}, user = {0};

    connect_pair();
    user_ask(&lost, &testbed, "client-1", "web", "/hang", 0);
    ck_assert(testbed_run(&testbed, is_held, NULL, 5000));
    testbed_replace_gateway(&testbed);
    ck_assert(lost.detached);
    ck_assert(testbed_run(&testbed, origin_is_quiet, NULL, 2000));
    ck_assert_uint_eq(testbed.resets, 1);
    user_get(&user, &testbed, "/down/10", 0);
    expect_success(&user, 10);
    ck_assert_uint_eq(*at_client()->resumed, 0);
    ck_assert_uint_eq(*at_client()->opened, 2);
    ck_assert_ptr_null(at_client()->sessions->next);
}
END_TEST

/* After seconds and after minutes, with connections that fail at once or are never answered: a try that began before
 * the gateway's return is then given up only after 10 s. */
START_TEST(a_client_is_back_within_5_s_of_its_gateway)
{
    static const unsigned absences[] = {3000, 60000, 540000};
    bool answered = _i < 3;

    connect_pair();
    testbed.wire.unreachable = answered;
    testbed.wire.unanswered = !answered;
    wire_break(wire_newest(&testbed.wire, true));
    testbed_wait(&testbed, absences[_i % 3]);
    ck_assert_ptr_null(at_client()->sessions ? at_client()->sessions->link : NULL);
    testbed.wire.unreachable = testbed.wire.unanswered = false;
    ck_assert(testbed_run(&testbed, has_session, NULL, answered ? 5000 : 10000 + 1000));
}
END_TEST

START_TEST(a_session_whose_name_never_arrived_is_not_kept)
{
    testbed_start(&testbed);
    testbed.wire.mute_gateway = true;
    testbed_wait(&testbed, 100);
    ck_assert_uint_eq(testbed_session_count(&testbed), 1);
    wire_break(wire_newest(&testbed.wire, true));
    testbed_wait(&testbed, 20);
    ck_assert_ptr_null(at_gateway()->resume_queues[false].first);
    testbed.wire.mute_gateway = false;
    testbed_connect(&testbed);
}
END_TEST

START_TEST(a_client_stopping_without_a_link_finishes_its_exchanges)
{
    struct user user = {.stalls = true};

    connect_pair();
    user_ask(&user, &testbed, "client-1", "web", "/down/3000000", 0);
    ck_assert(testbed_run(&testbed, has_status, &user, 5000));
    testbed.wire.unreachable = true;
    wire_break(wire_newest(&testbed.wire, true));
    testbed_wait(&testbed, 50);
    worker_drain(testbed.client->worker);
    testbed_wait(&testbed, 100);
    ck_assert(!sessions_idle(testbed.client->worker->sessions));
    testbed.wire.unreachable = false;
    user_read_on(&user);
    ck_assert(testbed_run(&testbed, user_is_done, &user, 5000));
    expect_success(&user, 3000000);
    ck_assert(testbed_run(&testbed, no_session, NULL, 2000));
    ck_assert(sessions_idle(testbed.client->worker->sessions));
}
END_TEST

START_TEST(a_stopping_gateway_lets_sessions_move)
{
    struct user user = {.stalls = true};

    connect_pair();
    user_ask(&user, &testbed, "client-1", "web", "/down/3000000", 0);
    ck_assert(testbed_run(&testbed, has_status, &user, 5000));
    worker_drain(testbed.gateway->worker);
    testbed_wait(&testbed, 50);
    for (struct hg_link *link = at_gateway()->links; link; link = link->next)
        if (link->session)
            link_close(link, TN_NO_ERROR, "the test wants it");
    testbed_wait(&testbed, 50);
    user_read_on(&user);
    ck_assert(testbed_run(&testbed, user_is_done, &user, 8000));
    expect_success(&user, 3000000);
}
END_TEST

static bool was_often_refused(void *arg)
{
    (void)arg;
    return *at_gateway()->refused >= 12;
}

/* Until its link breaks, the client keeps asking for another session, less and less often. */
START_TEST(a_session_moves_at_once_however_long_its_gateway_drains)
{
    struct user user = {.stalls = true};

    connect_pair();
    user_ask(&user, &testbed, "client-1", "web", "/down/3000000", 0);
    ck_assert(testbed_run(&testbed, has_status, &user, 5000));
    testbed.gateway->worker->pipeline->settings.stop_timeout = 3600 * HG_SECOND;
    worker_drain(testbed.gateway->worker);
    ck_assert(testbed_run(&testbed, was_often_refused, NULL, 300000));
    wire_break(at_client()->sessions->link->handle);
    user_read_on(&user);
    ck_assert(testbed_run(&testbed, user_is_done, &user, 1000));
    expect_success(&user, 3000000);
    ck_assert_uint_eq(*at_client()->resumed, 1);
}
END_TEST

/* ---- Who may resume, and which link wins ---- */

/* A link to the gateway on which nothing has been sent yet. */
static struct wire_end *silent_link(void)
{
    struct wire_end *gateway = wire_unknown_peer(&testbed.wire);

    testbed_wait(&testbed, 20);
    ck_assert_ptr_nonnull(gateway->link);
    return gateway;
}

#define RACERS 5

/* Every `open` arrives twice, as it may on a path that duplicates datagrams or from a sender that retransmits. */
START_TEST(one_of_many_simultaneous_opens_wins)
{
    struct user user = {0};
    struct wire_end *ends[RACERS], *before;
    struct session *session;
    unsigned carriers = 0;

    connect_pair();
    before = wire_newest(&testbed.wire, true);
    user_ask(&user, &testbed, "client-1", "web", "/hang", 0);
    ck_assert(testbed_run(&testbed, is_held, NULL, 5000));
    session = at_gateway()->sessions;
    for (size_t i = 0; i < RACERS; i++)
        ends[i] = silent_link();
    testbed.wire.unreachable = true;
    for (size_t i = 0; i < RACERS; i++) {
        testbed_inject_open(ends[i], "client-1", session->name);
        testbed_inject_open(ends[i], "client-1", session->name);
    }
    testbed_wait(&testbed, 50);
    ck_assert_uint_eq(*at_gateway()->resumed, RACERS);
    ck_assert_uint_eq(*at_gateway()->opened, 1);
    ck_assert_uint_eq(testbed_session_count(&testbed), 1);
    for (size_t i = 0; i < RACERS; i++)
        carriers += ends[i]->link && ends[i]->link->session == session && ends[i]->link == session->link;
    ck_assert_uint_eq(carriers, 1);
    ck_assert_ptr_null(before->link);
    for (size_t i = 0; i < RACERS; i++)
        ck_assert(!ends[i]->link || ends[i]->link == session->link);
    testbed.wire.unreachable = false;
    ck_assert(testbed_run(&testbed, is_resumed, &(uint64_t){1}, 3000));
    ck_assert(!user.detached && testbed.held);
    hg_reset(testbed.held, &(struct hg_reason){504, "http_response_timeout", "enough", 0});
    ck_assert(testbed_run(&testbed, user_is_done, &user, 2000));
    ck_assert_int_eq(user.reason.status, 504);
}
END_TEST

START_TEST(a_stolen_session_name_is_useless)
{
    struct user user = {0};
    struct wire_end *thief;
    const struct session *session;

    connect_pair();
    user_ask(&user, &testbed, "client-1", "web", "/down/20000000", 0);
    ck_assert(testbed_run(&testbed, has_status, &user, 5000));
    session = at_gateway()->sessions;
    thief = silent_link();
    testbed_inject_open(thief, "client-2", session->name);
    testbed_wait(&testbed, 50);
    ck_assert_uint_eq(*at_gateway()->refused, 1);
    ck_assert_int_eq(thief->link->state, LINK_REFUSED);
    ck_assert_ptr_ne(session->link, thief->link);
    ck_assert_uint_eq(*at_gateway()->resumed, 0);
    ck_assert(testbed_run(&testbed, user_is_done, &user, 20000));
    expect_success(&user, 20000000);
}
END_TEST

START_TEST(the_newest_of_two_links_carries_the_session)
{
    struct user user = {0};
    struct wire_end *first, *second;
    struct session *session;
    char name[CONTROL_SESSION_NAME_SIZE + 1];

    connect_pair();
    first = wire_newest(&testbed.wire, true);
    user_ask(&user, &testbed, "client-1", "web", "/hang", 0);
    ck_assert(testbed_run(&testbed, is_held, NULL, 5000));
    session = at_gateway()->sessions;
    memcpy(name, session->name, sizeof name);
    second = silent_link();
    testbed.wire.unreachable = true;
    testbed_inject_open(second, "client-1", name);
    testbed_wait(&testbed, 50);
    ck_assert_uint_eq(testbed_session_count(&testbed), 1);
    ck_assert_ptr_eq(session->link, second->link);
    ck_assert_ptr_null(first->link);
    /* The client was given the reason, and takes its session back by the same rule. */
    ck_assert_ptr_null(at_client()->sessions->link);
    ck_assert_ptr_nonnull(strstr(at_client()->sessions->lost_reason, "LINK_REPLACED"));
    testbed.wire.unreachable = false;
    ck_assert(testbed_run(&testbed, is_resumed, &(uint64_t){1}, 3000));
    ck_assert_ptr_null(second->link);
    ck_assert(!user.detached && testbed.held);
    hg_reset(testbed.held, &(struct hg_reason){504, "http_response_timeout", "enough", 0});
    ck_assert(testbed_run(&testbed, user_is_done, &user, 2000));
    ck_assert_int_eq(user.reason.status, 504);
}
END_TEST

START_TEST(an_unknown_name_gets_a_new_session)
{
    struct wire_end *end;

    connect_pair();
    end = silent_link();
    testbed_inject_open(end, "client-1", "AAAAAAAAAAAAAAAAAAAAAA");
    testbed_wait(&testbed, 50);
    ck_assert_uint_eq(*at_gateway()->opened, 2);
    ck_assert_str_ne(at_gateway()->sessions->name, "AAAAAAAAAAAAAAAAAAAAAA");
    ck_assert_int_eq(end->link->state, LINK_ACTIVE);
}
END_TEST

START_TEST(forgotten_sessions_do_not_pile_up)
{
    connect_pair();
    for (unsigned i = 0; i < 10; i++) {
        /* The gateway only sees the link go down. */
        testbed.wire.dark = true;
        wire_break(wire_newest(&testbed.wire, true));
        fixture_free(testbed.client);
        testbed.client = NULL;
        testbed.wire.dark = false;
        testbed_add_client(&testbed);
        testbed_wait(&testbed, 30);
        testbed.client = testbed.other;
        testbed.other = NULL;
    }
    ck_assert_uint_eq(testbed_session_count(&testbed), 1);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("resume");
    TCase *on = tcase_create("continues"), *waits = tcase_create("waits"), *ends = tcase_create("ends"),
          *who = tcase_create("resuming");

    tcase_add_loop_test(on, no_byte_is_lost_however_links_die, 0, (int)repetitions(20));
    tcase_add_test(on, two_thousand_exchanges_continue);
    tcase_add_test(on, a_silent_link_is_replaced_within_a_second);
    tcase_add_test(on, a_link_dead_in_one_direction_is_replaced);
    tcase_add_test(on, a_link_is_watched_while_the_end_of_a_response_waits);
    tcase_add_test(on, an_idle_link_that_goes_dark_is_replaced_too);
    tcase_add_test(on, a_link_that_may_be_dead_is_checked_at_once);
    tcase_add_loop_test(on, a_sleep_or_change_of_network_is_noticed_at_once, 0, 6);
    tcase_add_test(on, an_old_link_is_replaced);
    tcase_add_loop_test(on, a_dead_peer_of_an_idle_link_is_found_in_less_than_20_s, 0, 2);
    tcase_add_test(on, a_request_does_not_delay_finding_a_dead_peer);
    tcase_add_test(on, an_idle_link_stays_up);
    tcase_add_test(on, a_long_poll_is_not_taken_for_silence);
    tcase_add_test(on, memory_is_limited_while_a_session_waits);
    tcase_add_test(waits, new_exchanges_wait_for_the_client);
    tcase_add_test(waits, exchanges_do_not_wait_forever);
    tcase_add_test(ends, a_session_that_nobody_resumes_ends);
    tcase_add_test(ends, a_restarted_gateway_opens_a_new_session);
    tcase_add_loop_test(ends, a_client_is_back_within_5_s_of_its_gateway, 0, 6);
    tcase_add_test(ends, a_session_whose_name_never_arrived_is_not_kept);
    tcase_add_test(ends, a_client_stopping_without_a_link_finishes_its_exchanges);
    tcase_add_test(ends, a_stopping_gateway_lets_sessions_move);
    tcase_add_test(ends, a_session_moves_at_once_however_long_its_gateway_drains);
    tcase_add_test(who, one_of_many_simultaneous_opens_wins);
    tcase_add_test(who, a_stolen_session_name_is_useless);
    tcase_add_test(who, the_newest_of_two_links_carries_the_session);
    tcase_add_test(who, an_unknown_name_gets_a_new_session);
    tcase_add_test(who, forgotten_sessions_do_not_pile_up);
    TCase *const cases[] = {on, waits, ends, who};
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
