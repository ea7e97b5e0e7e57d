/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Responses of the edge itself.
 */
#include "plugins/http/tests/cases.h"

#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void be_refused(struct bench *bench)
{
    struct user user;

    user_open(&user, bench->plain_port);
    user_say(&user, "GET /refuse HTTP/1.1\r\nHost: a\r\nX-Request-Id: mine\r\n\r\n");
    user_expect(&user, "request id: ");
    ck_assert_ptr_nonnull(strstr(user.got, "HTTP/1.1 503 Service Unavailable\r\n"));
    ck_assert_ptr_nonnull(strstr(user.got, "Retry-After: 7\r\n"));
    ck_assert_ptr_nonnull(
        strstr(user.got, "Proxy-Status: hopgate; error=connection_refused; details=\"nobody \\\"home\\\"\"\r\n"));
    ck_assert_ptr_nonnull(strstr(user.got, "\r\n\r\n503 Service Unavailable\nnobody \"home\"\nrequest id: "));
    ck_assert_ptr_null(strstr(user.got, "mine"));
    /* The request was complete, so the connection stays open. */
    ck_assert_ptr_null(strstr(user.got, "Connection: close"));
    user_forget(&user);
    user_say(&user, "HEAD /refuse HTTP/1.1\r\nHost: a\r\n\r\n");
    user_expect(&user, "\r\n\r\n");
    ck_assert_ptr_null(strstr(user.got, "request id"));
    user_close(&user);
    converse(bench, &user, "GET /status/101 HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade, close\r\n\r\n");
    ck_assert_ptr_nonnull(strstr(user.got, "HTTP/1.1 502 "));
    user_close(&user);
    converse(bench, &user, "GET /refuse/470 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    ck_assert_ptr_nonnull(strstr(user.got, "HTTP/1.1 470 Error\r\n"));
    user_close(&user);
    converse(bench, &user, "POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    ck_assert_ptr_nonnull(strstr(user.got, "Connection: close\r\n"));
    user_close(&user);
}

START_TEST(test_refused)
{
    struct bench bench;

    bench_init(&bench);
    bench.config.drain_timeout = 100 * HG_MILLISECOND;
    bench_run(&bench, be_refused);
    bench_free(&bench);
}
END_TEST

#define FLOOD 5000

static void *send_flood(void *arg)
{
    for (int i = 0; i < FLOOD; i++)
        user_say(arg, "GET /refuse HTTP/1.1\r\nHost: a\r\n\r\n");
    return NULL;
}

/* Sends many requests at once and reads late: the answers do not pile up in the edge, and none is lost. */
static void flood(struct bench *bench)
{
    struct user user;
    pthread_t thread;
    unsigned answers = 0;

    user_init(&user);
    setsockopt(user.fd, SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int));
    user_connect(&user, bench->plain_port);
    pthread_create(&thread, NULL, send_flood, &user);
    usleep(500000);
    ck_assert_uint_le(edge_of(bench)->connections->output.bytes, 8192);
    while (answers < FLOOD) {
        char *at = user.got;

        ck_assert(user_receive(&user, 10000));
        for (char *next; (next = strstr(at, "request id: ")); at = next + 1)
            answers++;
        /* Keep the end, which may be the first half of a mark. */
        user.size = user.size > 11 ? 11 : user.size;
        memmove(user.got, user.got + strlen(user.got) - user.size, user.size + 1);
    }
    ck_assert_uint_eq(answers, FLOOD);
    pthread_join(thread, NULL);
    user_close(&user);
}

START_TEST(test_flood)
{
    struct bench bench;

    bench_init(&bench);
    bench.config.max_requests = 2 * FLOOD;
    atomic_store(&small_buffers, true);
    bench_run(&bench, flood);
    atomic_store(&small_buffers, false);
    ck_assert_uint_eq(bench.seen.heads, FLOOD);
    bench_free(&bench);
}
END_TEST

static void too_much(struct bench *bench)
{
    static char body[200000];
    struct user user;

    memset(body, 'x', sizeof body);
    user_open(&user, bench->plain_port);
    user_say(&user, "GET /");
    user_send(&user, body, 9000);
    user_receive_all(&user);
    ck_assert_ptr_nonnull(strstr(user.got, "HTTP/1.1 414 "));
    user_close(&user);
    /* The error reaches a user who keeps sending. */
    user_open(&user, bench->plain_port);
    user_say(&user, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    user_send(&user, body, sizeof body);
    user_receive_all(&user);
    ck_assert_ptr_nonnull(strstr(user.got, "HTTP/1.1 431 "));
    user_close(&user);
    converse(bench, &user, "POST /ok HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n");
    ck_assert_ptr_nonnull(strstr(user.got, "HTTP/1.1 413 "));
    user_close(&user);
    user_open(&user, bench->plain_port);
    user_say(&user, "POST /ok HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2000\r\n");
    user_send(&user, body, 8192);
    user_receive_all(&user);
    ck_assert_ptr_nonnull(strstr(user.got, "HTTP/1.1 413 "));
    user_close(&user);
}

START_TEST(test_too_much)
{
    struct bench bench;

    bench_init(&bench);
    bench.config.drain_timeout = 100 * HG_MILLISECOND;
    bench.config.max_body = 1000;
    bench_run(&bench, too_much);
    bench_settle(&bench);
    ck_assert_uint_eq(bench.seen.ends, 0);
    bench_free(&bench);
}
END_TEST

static void be_slow(struct bench *bench)
{
    struct user user;

    user_open(&user, bench->plain_port);
    for (int i = 0; i < 20 && user_send(&user, "G", 1); i++)
        usleep(20000);
    user_receive_all(&user);
    ck_assert_ptr_nonnull(strstr(user.got, "HTTP/1.1 408 "));
    user_close(&user);
    converse(bench, &user, "POST /ok HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc");
    ck_assert_ptr_nonnull(strstr(user.got, "HTTP/1.1 408 "));
    user_close(&user);
    converse(bench, &user, "GET /never HTTP/1.1\r\nHost: a\r\n\r\n");
    ck_assert_ptr_nonnull(strstr(user.got, "HTTP/1.1 504 "));
    user_close(&user);
    converse(bench, &user, "");
    ck_assert_uint_eq(user.size, 0);
    user_close(&user);
    converse(bench, &user, "GET /ok HTTP/1.1\r\nHost: a\r\n\r\n");
    ck_assert_ptr_nonnull(strstr(user.got, "\r\n\r\nok"));
    ck_assert_ptr_null(strstr(user.got, "408"));
    user_close(&user);
    /* Half a handshake. */
    user_open(&user, bench->tls_port);
    user_send(&user, "\x16\x03\x01", 3);
    user_receive_all(&user);
    ck_assert_uint_eq(user.size, 0);
    user_close(&user);
}

START_TEST(test_slow)
{
    struct bench bench;

    bench_init(&bench);
    bench.config.head_timeout = bench.config.idle_timeout = bench.config.keep_alive_timeout = 200 * HG_MILLISECOND;
    bench_run(&bench, be_slow);
    ck_assert_uint_eq(bench.seen.heads, 3);
    bench_free(&bench);
}
END_TEST

static void send_to_nobody(struct bench *bench)
{
    static char body[200000];
    struct user user;

    user_open(&user, bench->plain_port);
    user_say(&user, "POST /hold HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n");
    user_send(&user, body, sizeof body);
    user_receive_all(&user);
    ck_assert_ptr_nonnull(strstr(user.got, "HTTP/1.1 504 "));
    ck_assert_ptr_nonnull(strstr(user.got, "error=connection_write_timeout"));
    user_close(&user);
}

/* If an upload stalls because the service does not read it, the user is not to blame. */
START_TEST(test_slow_service)
{
    struct bench bench;

    bench_init(&bench);
    bench.config.idle_timeout = 300 * HG_MILLISECOND;
    bench_run(&bench, send_to_nobody);
    bench_settle(&bench);
    ck_assert_msg(strstr(bench.seen.reason, "504 "), "%s", bench.seen.reason);
    bench_free(&bench);
}
END_TEST

static void break_upload(struct bench *bench)
{
    struct user user;

    user_open(&user, bench->plain_port);
    user_say(&user, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    user_expect(&user, "\r\n3\r\nabc\r\n");
    user_say(&user, "nonsense\r\n");
    user_receive_all(&user);
    ck_assert_ptr_null(strstr(user.got, "\r\n0\r\n"));
    user_close(&user);
}

/* The response has started, so there is no error page, but the stages below are notified. */
START_TEST(test_broken_upload)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, break_upload);
    bench_settle(&bench);
    ck_assert_str_eq(bench.seen.reason, "400 a chunk size is not a hexadecimal number");
    bench_free(&bench);
}
END_TEST

/* The id from a proxy in front also appears when requests are refused here. */
static void be_refused_with_id(struct bench *bench)
{
    struct user user;

    converse(bench, &user,
             "POST /ok HTTP/1.1\r\nHost: a\r\nX-Request-Id: mine\r\nContent-Length: 3\r\nExpect: 200-ok\r\n\r\n");
    ck_assert_ptr_nonnull(strstr(user.got, "HTTP/1.1 417 "));
    ck_assert_ptr_nonnull(strstr(user.got, "X-Request-Id: mine\r\n"));
    ck_assert_ptr_nonnull(strstr(user.got, "request id: mine\n"));
    user_close(&user);
}

START_TEST(test_accepted_id)
{
    struct bench bench;

    bench_init(&bench);
    bench.config.accept_request_id = true;
    bench_run(&bench, be_refused_with_id);
    bench_free(&bench);
}
END_TEST

TCase *error_tests(void)
{
    TCase *tests = new_case("errors", 60);

    tcase_add_test(tests, test_refused);
    tcase_add_test(tests, test_flood);
    tcase_add_test(tests, test_too_much);
    tcase_add_test(tests, test_slow);
    tcase_add_test(tests, test_slow_service);
    tcase_add_test(tests, test_broken_upload);
    tcase_add_test(tests, test_accepted_id);
    return tests;
}
