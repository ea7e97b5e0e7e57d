/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A client with several gateways, or with several links to one: what happens to one, and how it affects the others.
 */
#include "core/pipeline/gateway_list.h"
#include "core/session/link.h"
#include "core/session/session_lookup.h"
#include "core/session/session_table.h"
#include "tests/unit/run_suite.h"
#include "tests/unit/testbed_cases.h"

#include <check.h>
#include <stdio.h>

/* ---- Which gateways there are ---- */

#define NAMED(...)                                                                                                     \
    {                                                                                                                  \
        .addresses = {__VA_ARGS__},                                                                                    \
        .address_count = sizeof((struct hg_address[]){__VA_ARGS__}) / sizeof(struct hg_address)                        \
    }

static struct gateway_list found;
static struct fixture *client;

/* Finds the gateways of a client with these two transports. */
static void find(struct wire *first, struct wire *second)
{
    const struct fixture_part parts[] = {{&wire_client_plugin, first}, {&wire_client_bytes_plugin, second}};

    client = fixture_new(PIPELINE_CLIENT, parts, 2);
    ck_assert_int_eq(gateway_list_make(&found, client->pipeline), 0);
}

static void forget(void)
{
    gateway_list_free(&found);
    fixture_free(client);
}

static void expect_way(size_t gateway, size_t way, size_t transport, size_t number)
{
    ck_assert_uint_lt(gateway, found.count);
    ck_assert_uint_lt(way, found.list[gateway].endpoint_count);
    ck_assert_ptr_eq(found.list[gateway].endpoints[way].transport, client->pipeline->transports[transport]);
    ck_assert_uint_eq(found.list[gateway].endpoints[way].number, number);
}

START_TEST(one_host_is_one_gateway)
{
    struct wire first = NAMED({"a.test", 443, 0}, {"b.test", 443, 0}),
                second = NAMED({"c.test", 80, 0}, {"B.Test.", 8443, 0});
    char text[64];

    find(&first, &second);
    ck_assert_uint_eq(found.count, 3);
    expect_way(0, 0, 0, 0);
    expect_way(1, 0, 0, 1);
    expect_way(1, 1, 1, 1);
    expect_way(2, 0, 1, 0);
    ck_assert_uint_eq(found.list[0].endpoint_count, 1);
    gateway_print(text, sizeof text, &found.list[1]);
    ck_assert_str_eq(text, "b.test:443");
    forget();
}
END_TEST

START_TEST(literals_are_compared_by_value)
{
    struct wire first = NAMED({"2001:db8::1", 443, 0}, {"192.0.2.1", 443, 0}),
                second = NAMED({"192.0.2.10", 443, 0}, {"2001:0DB8:0::0001", 443, 0});
    char text[64];

    find(&first, &second);
    ck_assert_uint_eq(found.count, 3);
    expect_way(0, 1, 1, 1);
    gateway_print(text, sizeof text, &found.list[0]);
    ck_assert_str_eq(text, "[2001:db8::1]:443");
    forget();
}
END_TEST

START_TEST(a_host_named_twice_is_two_gateways)
{
    struct wire first = NAMED({"a.test", 1, 0}, {"a.test", 2, 0}), second = NAMED({"a.test", 3, 0}, {"a.test", 4, 0});

    find(&first, &second);
    ck_assert_uint_eq(found.count, 2);
    expect_way(0, 1, 1, 0);
    expect_way(1, 0, 0, 1);
    expect_way(1, 1, 1, 1);
    forget();
}
END_TEST

START_TEST(a_transport_without_names_uses_the_first_gateway)
{
    struct wire named = NAMED({"a.test", 1, 0}, {"b.test", 2, 0}), unnamed = {0};

    if (_i)
        find(&named, &unnamed);
    else
        find(&unnamed, &named);
    ck_assert_uint_eq(found.count, 2);
    ck_assert_uint_eq(found.list[0].endpoint_count, 2);
    ck_assert_str_eq(found.list[0].address->host, "a.test");
    ck_assert_uint_eq(found.list[1].endpoint_count, 1);
    forget();
}
END_TEST

/* ---- Several gateways ---- */

static void set_up_three(void)
{
    memset(&testbed, 0, sizeof testbed);
    testbed.wire.seed = 1;
    testbed.more_count = 2;
    testbed_new(&testbed);
}

static size_t session_count(const struct fixture *fixture)
{
    size_t count = 0;

    for (const struct session *session = fixture->worker->sessions->sessions; session; session = session->next)
        count += session->link != NULL;
    return count;
}

struct wanted {
    const struct fixture *fixture;
    size_t count;
};

static bool has_sessions(void *arg)
{
    const struct wanted *wanted = arg;

    return session_count(wanted->fixture) == wanted->count;
}

static void expect_sessions(const struct fixture *fixture, size_t count, unsigned milliseconds)
{
    struct wanted wanted = {fixture, count};

    ck_assert_msg(testbed_run(&testbed, has_sessions, &wanted, milliseconds), "%zu sessions with a link instead of %zu",
                  session_count(fixture), count);
    /* Time for the other end to notice. */
    testbed_wait(&testbed, 20);
}

static void get_at(struct fixture *gateway)
{
    struct user user = {0};

    user_ask_at(gateway, &user, &testbed, "client-1", "web", "/down/10", 0);
    ck_assert(testbed_run(&testbed, user_is_done, &user, 5000));
    expect_success(&user, 10);
}

START_TEST(a_client_serves_all_its_gateways)
{
    testbed_start(&testbed);
    expect_sessions(testbed.client, 3, 200);
    get_at(testbed.gateway);
    get_at(testbed.more[0].gateway);
    get_at(testbed.more[1].gateway);
    ck_assert_uint_eq(testbed.wire.connects + testbed.more[0].wire.connects + testbed.more[1].wire.connects, 3);
}
END_TEST

/* In each of the ways in which a gateway can be absent, from the start. */
START_TEST(an_absent_gateway_does_not_affect_the_others)
{
    struct other_gateway *away = &testbed.more[0];

    away->wire.unreachable = _i == 0;
    away->wire.unanswered = _i == 1;
    away->refuses = _i == 2;
    away->wire.mute_gateway = _i == 3;
    testbed_start(&testbed);
    expect_sessions(testbed.client, 2, 100);
    testbed_wait(&testbed, 25000);
    get_at(testbed.gateway);
    get_at(testbed.more[1].gateway);
    /* There were no reconnects to them, and their sessions did not move. */
    ck_assert_uint_eq(testbed.wire.connects, 1);
    ck_assert_uint_eq(testbed.more[1].wire.connects, 1);
    ck_assert_uint_eq(*at_client()->resumed, 0);
    ck_assert_uint_gt(away->wire.connects, 1);
    ck_assert_uint_lt(away->wire.connects, 20);
    away->wire.unreachable = away->wire.unanswered = away->refuses = away->wire.mute_gateway = false;
    expect_sessions(testbed.client, 3, 31000);
    get_at(away->gateway);
}
END_TEST

START_TEST(a_dead_gateway_pauses_only_its_own_session)
{
    struct user here = {0}, there = {0};

    testbed_start(&testbed);
    expect_sessions(testbed.client, 3, 200);
    user_ask_at(testbed.gateway, &here, &testbed, "client-1", "web", "/down/40000000", 0);
    user_ask_at(testbed.more[0].gateway, &there, &testbed, "client-1", "web", "/down/40000000", 0);
    ck_assert(testbed_run(&testbed, has_status, &here, 5000));
    ck_assert(testbed_run(&testbed, has_status, &there, 5000));
    testbed.more[0].wire.dark = true;
    testbed_wait(&testbed, 300);
    ck_assert(!there.detached && !here.was_reset);
    ck_assert(testbed_run(&testbed, user_is_done, &here, 60000));
    expect_success(&here, 40000000);
    ck_assert_uint_eq(testbed.wire.connects, 1);
    testbed.more[0].wire.dark = false;
    ck_assert(testbed_run(&testbed, user_is_done, &there, 60000));
    expect_success(&there, 40000000);
}
END_TEST

START_TEST(a_stopping_gateway_is_left_and_returned_to)
{
    struct user user = {0};

    testbed_start(&testbed);
    expect_sessions(testbed.client, 3, 200);
    user_ask_at(testbed.gateway, &user, &testbed, "client-1", "web", "/hang", 0);
    ck_assert(testbed_run(&testbed, is_held, NULL, 1000));
    worker_drain(testbed.gateway->worker);
    testbed_wait(&testbed, 100);
    ck_assert(!user.detached);
    get_at(testbed.more[0].gateway);
    hg_reset(testbed.held, &(struct hg_reason){504, "http_response_timeout", "enough", 0});
    ck_assert(testbed_run(&testbed, user_is_done, &user, 1000));
    ck_assert_int_eq(user.reason.status, 504);
    fixture_free(testbed.gateway);
    testbed.gateway = NULL;
    expect_sessions(testbed.client, 2, 1000);
    testbed_replace_gateway(&testbed);
    expect_sessions(testbed.client, 3, 5000);
    get_at(testbed.gateway);
    ck_assert_uint_eq(testbed.more[0].wire.connects, 1);
    ck_assert_uint_eq(testbed.more[1].wire.connects, 1);
}
END_TEST

START_TEST(a_stopping_client_notifies_all_gateways)
{
    testbed.more[1].wire.unanswered = true;
    testbed_start(&testbed);
    expect_sessions(testbed.client, 2, 200);
    worker_drain(testbed.client->worker);
    expect_sessions(testbed.gateway, 0, 1000);
    expect_sessions(testbed.more[0].gateway, 0, 1000);
    ck_assert(sessions_idle(testbed.client->worker->sessions));
}
END_TEST

/* ---- Two transports ---- */

static void set_up_both(void)
{
    memset(&testbed, 0, sizeof testbed);
    testbed.wire.seed = 1;
    testbed.has_bytes = true;
    testbed.more_count = 1;
    testbed_new(&testbed);
    testbed.client->pipeline->settings.head_start = 100 * HG_MILLISECOND;
    testbed.client->pipeline->settings.probe_interval = 300 * HG_MILLISECOND;
}

static bool first_is_over_bytes(void *arg)
{
    const struct session *session = testbed.gateway->worker->sessions->sessions;

    (void)arg;
    return session && session->link && (session->link->ops->flags & HG_TRANSPORT_RELIABLE);
}

static bool first_is_over_packets(void *arg)
{
    const struct session *session = testbed.gateway->worker->sessions->sessions;

    (void)arg;
    return session && session->link && !(session->link->ops->flags & HG_TRANSPORT_RELIABLE);
}

/* The second transport knows only the first gateway. */
START_TEST(each_gateway_has_its_own_transport)
{
    testbed.wire.unreachable = true;
    testbed_start(&testbed);
    ck_assert(testbed_run(&testbed, first_is_over_bytes, NULL, 300));
    expect_sessions(testbed.more[0].gateway, 1, 100);
    testbed_wait(&testbed, 2000);
    ck_assert_uint_eq(testbed.bytes.connects, 1);
    ck_assert_uint_eq(testbed.more[0].wire.connects, 1);
    testbed.wire.unreachable = false;
    ck_assert(testbed_run(&testbed, first_is_over_packets, NULL, 1000));
    ck_assert_uint_eq(testbed.more[0].wire.connects, 1);
    get_at(testbed.gateway);
    get_at(testbed.more[0].gateway);
}
END_TEST

/* ---- Several links to one gateway ---- */

static void set_up_links(void)
{
    memset(&testbed, 0, sizeof testbed);
    testbed.wire.seed = 1;
    testbed.links = 2;
    testbed_new(&testbed);
}

static struct session *session_at_gateway(unsigned older)
{
    struct session *session = testbed.gateway->worker->sessions->sessions;

    while (older--)
        session = session->next;
    return session;
}

static struct wire_end *end_of(const struct session *session)
{
    return session->link->handle;
}

START_TEST(exchanges_are_distributed_among_links)
{
    static struct user users[20]; /* must outlive the test: they end when the workers do */

    memset(users, 0, sizeof users);
    testbed_start(&testbed);
    expect_sessions(testbed.gateway, 2, 200);
    ck_assert_str_eq(session_at_gateway(0)->process, at_client()->process);
    ck_assert_str_eq(session_at_gateway(1)->process, at_client()->process);
    for (size_t i = 0; i < 20; i++)
        user_ask(&users[i], &testbed, "client-1", "web", "/hang", 0);
    testbed_wait(&testbed, 50);
    ck_assert_uint_eq(session_at_gateway(0)->stream_count, 10);
    ck_assert_uint_eq(session_at_gateway(1)->stream_count, 10);
    /* One session has no exchanges left, so it gets the next ones. */
    for (size_t i = 0; i < 20; i += 2)
        hg_reset(users[i].self, &(struct hg_reason){499, NULL, "the user left", 0});
    testbed_wait(&testbed, 50);
    for (size_t i = 0; i < 20; i += 2)
        user_ask(&users[i], &testbed, "client-1", "web", "/hang", 0);
    testbed_wait(&testbed, 50);
    ck_assert_uint_eq(session_at_gateway(0)->stream_count, 10);
    ck_assert_uint_eq(session_at_gateway(1)->stream_count, 10);
}
END_TEST

/* One at a time. */
START_TEST(light_load_uses_all_links)
{
    testbed_start(&testbed);
    expect_sessions(testbed.gateway, 2, 200);
    for (unsigned i = 0; i < 10; i++)
        get_at(testbed.gateway);
    ck_assert_uint_eq(session_at_gateway(0)->exchanges, 5);
    ck_assert_uint_eq(session_at_gateway(1)->exchanges, 5);
}
END_TEST

START_TEST(a_dead_link_pauses_only_its_session)
{
    struct user users[2] = {0}, more[4] = {0};
    struct session *paused, *other;
    uint64_t before;

    testbed_start(&testbed);
    expect_sessions(testbed.gateway, 2, 200);
    for (size_t i = 0; i < 2; i++) {
        user_ask(&users[i], &testbed, "client-1", "web", "/down/60000000", 0);
        ck_assert(testbed_run(&testbed, has_status, &users[i], 1000));
    }
    paused = session_at_gateway(0);
    other = session_at_gateway(1);
    ck_assert_uint_eq(paused->stream_count, 1);
    ck_assert_uint_eq(other->stream_count, 1);
    testbed.wire.unreachable = true;
    wire_break(end_of(paused));
    testbed_wait(&testbed, 50);
    ck_assert_ptr_null(paused->link);
    ck_assert_ptr_nonnull(other->link);
    before = paused->exchanges;
    for (size_t i = 0; i < 4; i++)
        user_get(&more[i], &testbed, "/down/10", 0);
    ck_assert_uint_eq(paused->exchanges, before);
    testbed.wire.unreachable = false;
    for (size_t i = 0; i < 2; i++) {
        ck_assert(testbed_run(&testbed, user_is_done, &users[i], 60000));
        expect_success(&users[i], 60000000);
    }
    ck_assert_uint_eq(*at_client()->resumed, 1);
    ck_assert_uint_eq(*at_client()->opened, 2);
    ck_assert_uint_eq(session_count(testbed.gateway), 2);
}
END_TEST

START_TEST(a_silent_link_gets_no_exchanges_while_another_responds)
{
    static struct user stuck, users[3]; /* must outlive the test: they end when the workers do */
    struct session *silent;
    uint64_t before;

    testbed_start(&testbed);
    expect_sessions(testbed.gateway, 2, 200);
    silent = session_at_gateway((unsigned)_i);
    session_at_gateway(!_i)->chosen = UINT64_MAX;
    testbed.wire.unreachable = true;
    end_of(silent)->is_dark = true;
    user_ask(&stuck, &testbed, "client-1", "web", "/hang", 0);
    testbed_wait(&testbed, 600);
    ck_assert_uint_eq(silent->stream_count, 1);
    before = silent->exchanges;
    for (size_t i = 0; i < 3; i++)
        user_ask(&users[i], &testbed, "client-1", "web", "/hang", 0);
    testbed_wait(&testbed, 100);
    ck_assert_uint_eq(silent->exchanges, before);
}
END_TEST

/* The session of one link ends while the other has lost its link: the latter is not considered forgotten. */
START_TEST(a_new_session_ends_no_other_of_its_process)
{
    struct session *lost;
    char name[sizeof lost->name];

    testbed_start(&testbed);
    expect_sessions(testbed.gateway, 2, 200);
    /* Links that have lived this long are replaced at once, except those that cannot be. */
    testbed_wait(&testbed, 11000);
    lost = session_at_gateway(1);
    memcpy(name, lost->name, sizeof name);
    testbed.wire.unreachable = true;
    wire_break(end_of(lost));
    testbed_wait(&testbed, 10);
    testbed.wire.unreachable = false;
    session_end(session_at_gateway(0), "the test wants it");
    expect_sessions(testbed.gateway, 2, 3000);
    ck_assert_ptr_nonnull(session_by_name(testbed.gateway->worker->sessions, name));
    ck_assert_uint_eq(*at_client()->resumed, 1);
    ck_assert_uint_eq(*at_client()->opened, 3);
}
END_TEST

/* ---- Clients that name their process, and one that does not ---- */

static void inject_open(struct wire_end *gateway, const char *process)
{
    uint8_t packet[1400] = {0x06, 0x40, 0};
    int size = snprintf((char *)packet + 5, sizeof packet - 5,
                        "{\"type\":\"open\",\"versions\":[1],\"codecs\":[\"binary/1\"],\"parameters\":{},"
                        "\"credentials\":{\"id\":\"client-1\"}%s%s%s}\n",
                        *process ? ",\"process\":\"" : "", process, *process ? "\"" : "");

    packet[3] = (uint8_t)(0x40 | size >> 8);
    packet[4] = (uint8_t)size;
    wire_inject(gateway, packet, (size_t)size + 5);
}

START_TEST(the_newest_process_gets_all_exchanges)
{
    static struct user lost[2]; /* must outlive the test: they end when the workers do */
    struct session *newer[2], *older[2];

    testbed_start(&testbed);
    expect_sessions(testbed.gateway, 2, 200);
    testbed_add_client(&testbed);
    expect_sessions(testbed.gateway, 4, 200);
    for (unsigned i = 0; i < 2; i++) {
        newer[i] = session_at_gateway(i);
        older[i] = session_at_gateway(2 + i);
    }
    ck_assert_str_eq(newer[0]->process, newer[1]->process);
    ck_assert_str_ne(newer[0]->process, older[0]->process);
    for (unsigned i = 0; i < 6; i++)
        get_at(testbed.gateway);
    ck_assert_uint_eq(newer[0]->exchanges, 3);
    ck_assert_uint_eq(newer[1]->exchanges, 3);
    /* When it vanishes without notice, the older one serves. */
    testbed.wire.unreachable = true;
    for (unsigned i = 0; i < 2; i++) {
        end_of(newer[i])->is_dark = true;
        user_ask(&lost[i], &testbed, "client-1", "web", "/hang", 0);
    }
    testbed_wait(&testbed, 2500);
    for (unsigned i = 0; i < 6; i++)
        get_at(testbed.gateway);
    ck_assert_uint_eq(older[0]->exchanges, 3);
    ck_assert_uint_eq(older[1]->exchanges, 3);
}
END_TEST

/* Like a client of version 0.1.0, each of whose sessions counts as a client of its own. */
START_TEST(a_client_that_names_no_process_has_one_session)
{
    static struct user users[2]; /* must outlive the test: they end when the workers do */
    struct wire_end *end;

    testbed.client->pipeline->settings.links = testbed.links = 1;
    testbed_start(&testbed);
    expect_sessions(testbed.gateway, 1, 200);
    end = wire_unknown_peer(&testbed.wire);
    testbed_wait(&testbed, 20);
    inject_open(end, _i ? "another" : "");
    testbed_wait(&testbed, 50);
    ck_assert_int_eq(end->link->state, LINK_ACTIVE);
    ck_assert_uint_eq(session_count(testbed.gateway), 2);
    for (size_t i = 0; i < 2; i++)
        user_ask(&users[i], &testbed, "client-1", "web", "/hang", 0);
    exchange_run_ready(&testbed.gateway->worker->exchanges);
    ck_assert_uint_eq(session_at_gateway(0)->stream_count, 2);
}
END_TEST

START_TEST(forgotten_sessions_of_a_process_do_not_pile_up)
{
    testbed.client->pipeline->settings.links = testbed.links = 1;
    testbed_start(&testbed);
    expect_sessions(testbed.gateway, 1, 200);
    for (unsigned i = 0; i < 40; i++) {
        struct wire_end *end = wire_unknown_peer(&testbed.wire);

        testbed_wait(&testbed, 20);
        inject_open(end, "mine");
        testbed_wait(&testbed, 20);
        ck_assert_int_eq(end->link->state, LINK_ACTIVE);
        end->link->session->confirmed = true;
        wire_break(end);
    }
    ck_assert_uint_le(testbed_session_count(&testbed), 1 + 16 + 1);
    ck_assert_uint_ge(testbed_session_count(&testbed), 8);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("gateways");
    TCase *finding = tcase_create("finding"), *three = tcase_create("three"), *both = tcase_create("both"),
          *links = tcase_create("links");

    tcase_add_test(finding, one_host_is_one_gateway);
    tcase_add_test(finding, literals_are_compared_by_value);
    tcase_add_test(finding, a_host_named_twice_is_two_gateways);
    tcase_add_loop_test(finding, a_transport_without_names_uses_the_first_gateway, 0, 2);
    tcase_add_test(three, a_client_serves_all_its_gateways);
    tcase_add_loop_test(three, an_absent_gateway_does_not_affect_the_others, 0, 4);
    tcase_add_test(three, a_dead_gateway_pauses_only_its_own_session);
    tcase_add_test(three, a_stopping_gateway_is_left_and_returned_to);
    tcase_add_test(three, a_stopping_client_notifies_all_gateways);
    tcase_add_test(both, each_gateway_has_its_own_transport);
    tcase_add_test(links, exchanges_are_distributed_among_links);
    tcase_add_test(links, light_load_uses_all_links);
    tcase_add_test(links, a_dead_link_pauses_only_its_session);
    tcase_add_loop_test(links, a_silent_link_gets_no_exchanges_while_another_responds, 0, 2);
    tcase_add_test(links, a_new_session_ends_no_other_of_its_process);
    tcase_add_test(links, the_newest_process_gets_all_exchanges);
    tcase_add_loop_test(links, a_client_that_names_no_process_has_one_session, 0, 2);
    tcase_add_test(links, forgotten_sessions_of_a_process_do_not_pile_up);
    tcase_add_checked_fixture(three, set_up_three, tear_down);
    tcase_add_checked_fixture(both, set_up_both, tear_down);
    tcase_add_checked_fixture(links, set_up_links, tear_down);
    TCase *const cases[] = {finding, three, both, links};
    for (size_t i = 0; i < 4; i++) {
        tcase_set_timeout(cases[i], 120);
        suite_add_tcase(suite, cases[i]);
    }
    return suite;
}

int main(void)
{
    return run_suite(make_suite());
}
