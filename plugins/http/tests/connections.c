/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Connections: how many there may be, for how long, and how they end.
 */
#include "plugins/http/tests/cases.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

static void ask_twice(struct bench *bench)
{
    struct user user;

    converse(bench, &user, "GET /ok HTTP/1.1\r\nHost: a\r\n\r\nGET /ok HTTP/1.1\r\nHost: a\r\n\r\n");
    ck_assert_ptr_nonnull(strstr(strstr(user.got, "\r\n\r\nok"), "Connection: close\r\n"));
    user_close(&user);
}

START_TEST(test_max_requests)
{
    struct bench bench;

    bench_init(&bench);
    bench.config.max_requests = 2;
    bench_run(&bench, ask_twice);
    ck_assert_uint_eq(bench.seen.heads, 2);
    bench_free(&bench);
}
END_TEST

static void come_in_turn(struct bench *bench)
{
    struct user first, second;

    user_open(&first, bench->plain_port);
    user_say(&first, "GET /ok HTTP/1.1\r\nHost: a\r\n\r\n");
    user_expect(&first, "\r\n\r\nok");
    user_open(&second, bench->plain_port);
    user_say(&second, "GET /ok HTTP/1.1\r\nHost: a\r\n\r\n");
    ck_assert(!user_receive(&second, 200));
    user_close(&first);
    user_expect(&second, "\r\n\r\nok");
    user_close(&second);
}

START_TEST(test_max_connections)
{
    struct bench bench;

    bench_init(&bench);
    bench.config.max_connections = 1;
    bench_run(&bench, come_in_turn);
    bench_free(&bench);
}
END_TEST

#define CROWD 40

/* Users who connect when descriptors have run out have to wait, and none is lost. */
static void come_in_crowd(struct bench *bench)
{
    struct user users[CROWD];

    atomic_store(&shortages, 3);
    for (int i = 0; i < CROWD; i++) {
        user_open(&users[i], bench->plain_port);
        user_say(&users[i], "GET /ok HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    }
    for (int i = 0; i < CROWD; i++) {
        user_receive_all(&users[i]);
        ck_assert_ptr_nonnull(strstr(users[i].got, "\r\n\r\nok"));
        user_close(&users[i]);
    }
}

START_TEST(test_descriptors)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, come_in_crowd);
    ck_assert_int_eq(atomic_load(&shortages), 0);
    ck_assert_uint_eq(bench.seen.heads, CROWD);
    bench_free(&bench);
}
END_TEST

static void stay_idle(struct bench *bench)
{
    struct user user;
    const struct connection *connection;

    user_open(&user, bench->plain_port);
    user_say(&user, "GET /bytes/5000 HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_pattern(&user, 5000);
    usleep(50000);
    connection = edge_of(bench)->connections;
    ck_assert_ptr_null(connection->input);
    ck_assert_ptr_null(connection->output.tail);
    atomic_store(&bench->done, true);
    /* The edge now drains: the idle connection is closed at once. */
    user_receive_all(&user);
    ck_assert(!user.broken);
    user_close(&user);
}

START_TEST(test_drain)
{
    struct bench bench;
    pthread_t thread;

    bench_init(&bench);
    bench_start(&bench);
    bench.user = stay_idle;
    pthread_create(&thread, NULL, user_thread, &bench);
    ck_assert(fixture_run(bench.fixture, is_done, &bench, 5000) || fixture_run(bench.fixture, is_done, &bench, 5000));
    http_plugin()->worker_drain(fixture_worker(bench.fixture, 0));
    bench_settle(&bench);
    pthread_join(thread, NULL);
    bench_free(&bench);
}
END_TEST

TCase *connection_tests(void)
{
    TCase *tests = new_case("connections", 60);

    tcase_add_test(tests, test_max_requests);
    tcase_add_test(tests, test_max_connections);
    tcase_add_test(tests, test_descriptors);
    tcase_add_test(tests, test_drain);
    return tests;
}
