/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Expectations, early responses, and messages that end too soon.
 */
#include "plugins/http/tests/cases.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void expect_continue(struct bench *bench)
{
    struct user user;

    user_open(&user, bench->plain_port);
    user_say(&user, "POST /continue HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    user_expect(&user, "HTTP/1.1 100 ");
    ck_assert_ptr_null(strstr(user.got, "200"));
    user_say(&user, "abc");
    user_expect(&user, "\r\n\r\nok");
    ck_assert_ptr_null(strstr(user.got, "Connection: close"));
    user_close(&user);
    /* Answered without 100: it is unknown whether the body will follow. */
    converse(bench, &user, "POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    ck_assert_ptr_nonnull(strstr(user.got, "Connection: close\r\n"));
    ck_assert_ptr_nonnull(strstr(user.got, "\r\n\r\nearly"));
    user_close(&user);
    /* A service that does not know the expectation does not keep the user waiting forever. */
    user_open(&user, bench->plain_port);
    user_say(&user, "POST /ok HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    user_expect(&user, "HTTP/1.1 100 Continue\r\n\r\n");
    user_say(&user, "abc");
    user_expect(&user, "\r\n\r\nok");
    ck_assert_ptr_null(strstr(user.got, "Connection: close"));
    user_close(&user);
    converse(bench, &user, "POST /ok HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 200-ok\r\n\r\n");
    ck_assert_ptr_nonnull(strstr(user.got, "HTTP/1.1 417 "));
    user_close(&user);
    converse(bench, &user,
             "POST /ok HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\nExpect: 100-continue\r\n"
             "Expect: 200-ok\r\n\r\nabc");
    ck_assert_ptr_nonnull(strstr(user.got, "HTTP/1.1 417 "));
    user_close(&user);
    user_open(&user, bench->plain_port);
    user_say(&user, "GET /hint HTTP/1.1\r\nHost: a\r\n\r\n");
    user_expect(&user, "\r\n\r\nok");
    ck_assert_ptr_nonnull(strstr(user.got, "HTTP/1.1 103 \r\nX-Interim: yes\r\n\r\nHTTP/1.1 200 "));
    user_close(&user);
}

START_TEST(test_expect)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, expect_continue);
    bench_settle(&bench);
    bench_free(&bench);
}
END_TEST

/* Once there is an answer, or nothing left to wait for, the second that a service has for its 100 no longer matters. */
static void outlive_expectation(struct bench *bench)
{
    struct user user;

    user_open(&user, bench->plain_port);
    user_say(&user, "POST /bytes/8000000 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    for (int i = 0; i < 10; i++) {
        ck_assert(user_receive(&user, 10000));
        usleep(250000);
    }
    expect_pattern(&user, 8000000);
    user_close(&user);
    user_open(&user, bench->plain_port);
    user_say(&user, "POST /never HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
                    "0\r\n\r\n");
    ck_assert(!user_receive(&user, 1300));
    user_close(&user);
}

START_TEST(test_expect_outlived)
{
    struct bench bench;

    bench_init(&bench);
    bench.config.idle_timeout = 2 * HG_SECOND;
    small_buffers = true;
    bench_run(&bench, outlive_expectation);
    small_buffers = false;
    bench_settle(&bench);
    bench_free(&bench);
}
END_TEST

/* A short rest of a body that the service did not wait for is read, and the next request follows it. */
static void go_on_after_short_rest(struct bench *bench)
{
    struct user user;

    for (int size = 5; size <= 65536; size += 65531) {
        char text[128];

        user_open(&user, bench->plain_port);
        snprintf(text, sizeof text, "POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", size);
        user_say(&user, text);
        user_expect(&user, "\r\n\r\nearly");
        ck_assert_ptr_null(strstr(user.got, "Connection: close"));
        for (int sent = 0; sent < size; sent += 5)
            user_say(&user, size - sent < 5 ? "G" : "GET /");
        user_say(&user, "GET /ok HTTP/1.1\r\nHost: a\r\n\r\n");
        user_expect(&user, "\r\n\r\nok");
        user_close(&user);
    }
    converse(bench, &user, "POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 65537\r\n\r\n");
    ck_assert_ptr_nonnull(strstr(user.got, "Connection: close\r\n"));
    user_close(&user);
}

START_TEST(test_short_rest)
{
    struct bench bench;

    bench_init(&bench);
    bench.config.drain_timeout = HG_SECOND;
    bench_run(&bench, go_on_after_short_rest);
    bench_settle(&bench);
    bench_free(&bench);
}
END_TEST

/* Sends all of a large upload before looking for an answer, as browsers and most libraries do. */
static void upload_blindly(struct user *user, const char *head, size_t size)
{
    static char data[65536];

    memset(data, 'x', sizeof data);
    user_say(user, head);
    for (size_t sent = 0; sent < size; sent += sizeof data)
        ck_assert(user_send(user, data, sizeof data));
}

#define UPLOAD 4194304 /* more than used to be read */

/* Answered before the body has arrived: by the service, which then reads on, does not, or has ended; or by the edge,
 * for various reasons or because the request is invalid. `end`: how the answer ends. */
static const struct {
    const char *head, *status, *end;
    bool reads_on;
} early[] = {
    {"POST /early HTTP/1.1\r\nContent-Length: 4194304\r\n", "200", "\r\n\r\nearly", true},
    {"POST /early HTTP/1.0\r\nContent-Length: 4194304\r\n", "200", "\r\n\r\nearly", true},
    {"POST /chunks/5 HTTP/1.0\r\nContent-Length: 4194304\r\n", "200", NULL, true},
    {"POST /deaf HTTP/1.1\r\nContent-Length: 4194304\r\n", "200", "\r\n\r\nearly", false},
    {"POST /refuse HTTP/1.1\r\nContent-Length: 4194304\r\n", "503", "\n", false},
    {"POST /early HTTP/1.1\r\nExpect: 200-ok\r\nContent-Length: 4194304\r\n", "417", "\n", false},
    {"POST /never HTTP/1.1\r\nContent-Length: 30000000\r\n", "413", "\n", false},
    {"POST /early HTTP/1.1\r\nNo good: yes\r\n", "400", "\n", false},
};

static void lose_nothing(struct bench *bench)
{
    for (size_t i = 0; i < sizeof early / sizeof *early; i++) {
        for (int tls = 0; tls < 2; tls++) {
            char text[256];
            struct user user;

            if (tls)
                user_open_tls(&user, bench->tls_port, "NORMAL", NULL, 0);
            else
                user_open(&user, bench->plain_port);
            snprintf(text, sizeof text, "%sHost: a\r\n\r\n", early[i].head);
            upload_blindly(&user, text, UPLOAD);
            user_receive_all(&user);
            ck_assert_msg(!user.broken && strstr(user.got, early[i].status) == user.got + 9, "%s: %s", text, user.got);
            ck_assert_msg(strstr(user.got, "\r\nConnection: close\r\n") != NULL, "%s: %s", text, user.got);
            ck_assert(!early[i].end || !strcmp(user.got + user.size - strlen(early[i].end), early[i].end));
            user_close(&user);
        }
    }
}

START_TEST(test_early)
{
    struct bench bench;
    uint64_t read_on = 0;

    bench_init(&bench);
    bench.config.drain_timeout = 300 * HG_MILLISECOND;
    bench.config.max_body = 25000000;
    bench_run(&bench, lose_nothing);
    bench_settle(&bench);
    for (size_t i = 0; i < sizeof early / sizeof *early; i++)
        read_on += early[i].reads_on ? (uint64_t)2 * UPLOAD : 0;
    ck_assert_uint_eq(bench.seen.bytes, read_on);
    bench_free(&bench);
}
END_TEST

/* Uploads that make no progress, and those that never end, are ended after some time. */
static void go_on_for_ever(struct bench *bench)
{
    static char data[65536];
    struct user user;

    user_open(&user, bench->plain_port);
    user_say(&user, "POST /deaf HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000000\r\n\r\n");
    while (user_send(&user, data, sizeof data))
        ;
    user_close(&user);
    user_open(&user, bench->plain_port);
    user_say(&user, "POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000000\r\n\r\n");
    while (user_send(&user, "x", 1))
        usleep(20000);
    user_expect(&user, "\r\n\r\nearly");
    user_close(&user);
}

START_TEST(test_early_endless)
{
    struct bench bench;

    bench_init(&bench);
    bench.config.drain_timeout = 200 * HG_MILLISECOND;
    bench.config.idle_timeout = HG_SECOND;
    bench_run(&bench, go_on_for_ever);
    bench_settle(&bench);
    ck_assert_uint_eq(bench.seen.resets, 2);
    ck_assert_uint_eq(*edge_of(&bench)->aborted, 0);
    bench_free(&bench);
}
END_TEST

static void leave_waiting(struct bench *bench)
{
    struct user user;

    user_open(&user, bench->plain_port);
    user_say(&user, "GET /never HTTP/1.1\r\nHost: a\r\n\r\n");
    usleep(100000);
    user_close(&user);
}

START_TEST(test_user_gone)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, leave_waiting);
    bench_settle(&bench);
    ck_assert_uint_eq(bench.seen.resets, 1);
    ck_assert_uint_eq(*edge_of(&bench)->aborted, 1);
    bench_free(&bench);
}
END_TEST

/* A response that breaks off must not look complete to the user. */
static void receive_truncated(struct bench *bench)
{
    struct user user;
    struct http1_piece last;

    converse(bench, &user, "GET /truncate/1000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    ck_assert_ptr_nonnull(strstr(user.got, "Content-Length: 1000000\r\n"));
    ck_assert_uint_lt(user.size - body_at(&user), 1000000);
    user_close(&user);
    converse(bench, &user, "GET /truncate-chunks/1000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    dechunk(&user, &last);
    ck_assert_int_ne(last.type, HTTP1_PIECE_END);
    user_close(&user);
    converse(bench, &user, "GET /truncate-chunks/1000000 HTTP/1.0\r\nHost: a\r\n\r\n");
    ck_assert(user.broken);
    user_close(&user);
}

START_TEST(test_truncated)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, receive_truncated);
    bench_free(&bench);
}
END_TEST

/* All in one turn of the loop: the user sees what arrived, and that it is incomplete. */
static void receive_broken(struct bench *bench)
{
    struct user user;
    struct http1_piece last;

    converse(bench, &user, "GET /break/1000 HTTP/1.1\r\nHost: a\r\n\r\n");
    ck_assert_ptr_nonnull(strstr(user.got, "Content-Length: 1000\r\n"));
    ck_assert_uint_eq(user.size - body_at(&user), 500);
    user_close(&user);
    converse(bench, &user, "GET /break-chunks/1000 HTTP/1.1\r\nHost: a\r\n\r\n");
    ck_assert_uint_eq(dechunk(&user, &last), 500);
    ck_assert_int_ne(last.type, HTTP1_PIECE_END);
    user_close(&user);
    converse(bench, &user, "GET /break-chunks/1000 HTTP/1.0\r\nHost: a\r\n\r\n");
    ck_assert(user.broken);
    user_close(&user);
}

START_TEST(test_broken)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, receive_broken);
    bench_free(&bench);
}
END_TEST

/* A response that is not as long as announced is replaced if none of it has been sent. */
static void receive_other_lengths(struct bench *bench)
{
    struct user user;

    converse(bench, &user, "GET /long/100 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    ck_assert_ptr_nonnull(strstr(user.got, "HTTP/1.1 502 "));
    ck_assert_ptr_nonnull(strstr(user.got, "error=http_response_body_size"));
    user_close(&user);
    converse(bench, &user, "GET /short/100 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    ck_assert_ptr_nonnull(strstr(user.got, "HTTP/1.1 502 "));
    ck_assert_ptr_nonnull(strstr(user.got, "error=http_response_incomplete"));
    user_close(&user);
    converse(bench, &user, "GET /short/1000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    ck_assert_ptr_nonnull(strstr(user.got, "Content-Length: 1000000\r\n"));
    ck_assert_uint_eq(user.size - body_at(&user), 1000000 - 10);
    user_close(&user);
}

START_TEST(test_other_lengths)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, receive_other_lengths);
    bench_free(&bench);
}
END_TEST

TCase *early_tests(void)
{
    TCase *tests = new_case("early", 60);

    tcase_add_test(tests, test_expect);
    tcase_add_test(tests, test_expect_outlived);
    tcase_add_test(tests, test_short_rest);
    tcase_add_test(tests, test_early);
    tcase_add_test(tests, test_early_endless);
    tcase_add_test(tests, test_user_gone);
    tcase_add_test(tests, test_truncated);
    tcase_add_test(tests, test_broken);
    tcase_add_test(tests, test_other_lengths);
    return tests;
}
