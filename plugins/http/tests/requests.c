/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Requests and how they are forwarded: versions, pipelining, the fields about the user.
 */
#include "plugins/http/tests/cases.h"

#include <stdio.h>
#include <string.h>

static void ask_ok(struct bench *bench)
{
    struct user user;

    user_open(&user, bench->plain_port);
    user_say(&user, "GET /ok?x=1 HTTP/1.1\r\nHost: app.test\r\nX-One: 1\r\nConnection: X-Two\r\nX-Two: 2\r\n\r\n");
    user_expect(&user, "\r\n\r\nok");
    ck_assert_ptr_nonnull(strstr(user.got, "HTTP/1.1 200 Made Up\r\n"));
    ck_assert_ptr_nonnull(strstr(user.got, "Content-Length: 2\r\n"));
    ck_assert_ptr_nonnull(strstr(user.got, "Via: 1.1 hopgate\r\n"));
    ck_assert_ptr_null(strstr(user.got, "Connection"));
    user_close(&user);
}

START_TEST(test_ok)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, ask_ok);
    ck_assert_uint_eq(bench.seen.heads, 1);
    ck_assert_uint_eq(bench.seen.ends, 1);
    bench_free(&bench);
}
END_TEST

/* RFC 9110 section 6.6.1: Date is added if missing; Via gives the version of the message. */
static void ask_undated(struct bench *bench)
{
    struct user user;

    converse(bench, &user, "GET /undated HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    ck_assert_ptr_nonnull(strstr(user.got, "\r\nDate: "));
    ck_assert_ptr_nonnull(strstr(user.got, " GMT\r\nVia: 2.0 hopgate\r\n"));
    user_close(&user);
}

START_TEST(test_undated)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, ask_undated);
    bench_free(&bench);
}
END_TEST

/* Pipelined requests are answered in order, on one connection. */
static void pipeline_three(struct bench *bench)
{
    struct user user;

    converse(bench, &user,
             "GET /status/204 HTTP/1.1\r\nHost: a\r\n\r\nHEAD /ok HTTP/1.1\r\nHost: a\r\n\r\n"
             "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /status/304 HTTP/1.1\r\nHost: a\r\n\r\n"
             "GET /ok HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /ok HTTP/1.1\r\nHost: a\r\n\r\n");
    ck_assert_str_eq(
        user.got,
        "HTTP/1.1 204 Made Up\r\nX-Answer: yes\r\nDate: then\r\nVia: 1.1 hopgate\r\n\r\n"
        "HTTP/1.1 200 Made Up\r\nX-Answer: yes\r\nDate: then\r\nContent-Length: 2\r\nVia: 1.1 hopgate\r\n\r\n"
        "HTTP/1.1 200 Made Up\r\nX-Answer: yes\r\nDate: then\r\nContent-Length: 3\r\nVia: 1.1 hopgate\r\n\r\nabc"
        "HTTP/1.1 304 Made Up\r\nX-Answer: yes\r\nDate: then\r\nContent-Length: 5\r\nVia: 1.1 hopgate\r\n\r\n"
        "HTTP/1.1 200 Made Up\r\nX-Answer: yes\r\nDate: then\r\nContent-Length: 2\r\nConnection: close\r\n"
        "Via: 1.1 hopgate\r\n\r\nok");
    ck_assert(!user.broken);
    user_close(&user);
}

START_TEST(test_pipelining)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, pipeline_three);
    ck_assert_uint_eq(bench.seen.heads, 5);
    bench_free(&bench);
}
END_TEST

/* HTTP/1.0: no keep-alive unless requested, bodies of unknown length end with the connection, no interim responses. */
static void ask_old(struct bench *bench)
{
    struct user user;

    converse(bench, &user, "GET /chunks/5 HTTP/1.0\r\nHost: a\r\n\r\n");
    ck_assert_ptr_null(strstr(user.got, "chunked"));
    ck_assert_ptr_nonnull(strstr(user.got, "Connection: close\r\n"));
    ck_assert_uint_eq(user.size - body_at(&user), 5);
    user_close(&user);
    user_open(&user, bench->plain_port);
    user_say(&user, "GET /hint HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
    user_expect(&user, "\r\n\r\nok");
    ck_assert_ptr_null(strstr(user.got, "103"));
    ck_assert_ptr_nonnull(strstr(user.got, "Connection: keep-alive\r\n"));
    user_forget(&user);
    user_say(&user, "GET /ok HTTP/1.0\r\nHost: a\r\n\r\n");
    user_receive_all(&user);
    ck_assert_ptr_nonnull(strstr(user.got, "\r\n\r\nok"));
    user_close(&user);
}

START_TEST(test_old_version)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, ask_old);
    bench_free(&bench);
}
END_TEST

static void come_through_proxies(struct bench *bench)
{
    struct user user;

    converse(bench, &user,
             "GET /ok HTTP/1.1\r\nHost: a.test:80\r\nForwarded: for=x\r\nX-Forwarded-For: 9.9.9.9\r\n"
             "X-Forwarded-Proto: gopher\r\nVia: 1.1 other\r\nX-Request-Id: mine\r\nConnection: close\r\n\r\n");
    user_close(&user);
}

/* `trusts`: accepts the id from a proxy in front, and adds Via. */
static void check_forwarded(int policy, bool trusts, const char *const *wanted, const char *const *unwanted)
{
    struct bench bench;

    bench_init(&bench);
    bench.config.forwarded = policy;
    bench.config.accept_request_id = bench.config.request_via = trusts;
    bench_run(&bench, come_through_proxies);
    for (; *wanted; wanted++)
        ck_assert_msg(strstr(bench.seen.head, *wanted) != NULL, "no %s in %s", *wanted, bench.seen.head);
    for (; *unwanted; unwanted++)
        ck_assert_msg(!strstr(bench.seen.head, *unwanted), "%s in %s", *unwanted, bench.seen.head);
    bench_free(&bench);
}

START_TEST(test_forwarded)
{
    check_forwarded(FORWARDED_REPLACE, false,
                    (const char *const[]){"\nForwarded: for=127.0.0.1;proto=http;host=\"a.test:80\"\n",
                                          "\nX-Forwarded-For: 127.0.0.1\n", "\nX-Forwarded-Proto: http\n",
                                          "\nX-Forwarded-Host: a.test:80\n", "\nVia: 1.1 other\n",
                                          "\nCDN-Loop: hopgate\n", "\npeer: 127.0.0.1:", "\nX-Request-Id: ", NULL},
                    (const char *const[]){"9.9.9.9", "gopher", "for=x", "mine", "Via: 1.1 hopgate", NULL});
    check_forwarded(FORWARDED_APPEND, true,
                    (const char *const[]){"\nForwarded: for=x\n", "\nForwarded: for=127.0.0.1;",
                                          "\nX-Forwarded-For: 9.9.9.9\n", "\nX-Forwarded-For: 127.0.0.1\n",
                                          "\nX-Forwarded-Proto: gopher\n", "\nid: mine\n", "\nX-Request-Id: mine\n",
                                          "\nVia: 1.1 other\n", "\nVia: 1.1 hopgate\n", NULL},
                    (const char *const[]){"Proto: http\n", NULL});
    check_forwarded(FORWARDED_REMOVE, false, (const char *const[]){NULL}, (const char *const[]){"orwarded", NULL});
    check_forwarded(FORWARDED_KEEP, false, (const char *const[]){"\nX-Forwarded-For: 9.9.9.9\n", NULL},
                    (const char *const[]){"X-Forwarded-For: 127", NULL});
}
END_TEST

/* RFC 9110 section 7.6.2, for each: what arrives, and what is forwarded ("": nothing). */
static const char *const hops[][2] = {
    {"OPTIONS * HTTP/1.1\r\nMax-Forwards: 0\r\n", ""},
    {"OPTIONS /ok HTTP/1.1\r\nMax-Forwards: 00\r\n", ""},
    {"OPTIONS /ok HTTP/1.1\r\nMax-Forwards: 1\r\n", "\nMax-Forwards: 0\n"},
    {"OPTIONS /ok HTTP/1.1\r\nMax-Forwards: 10\r\n", "\nMax-Forwards: 9\n"},
    {"OPTIONS /ok HTTP/1.1\r\nMax-Forwards: 99999999999999999999\r\n", "\nMax-Forwards: 65535\n"},
    {"OPTIONS /ok HTTP/1.1\r\nMax-Forwards: -1\r\n", "\nMax-Forwards: -1\n"},
    {"GET /ok HTTP/1.1\r\nMax-Forwards: 0\r\n", "\nMax-Forwards: 0\n"},
};
static const char *const *hop;

static void ask_so_far(struct bench *bench)
{
    struct user user;
    char text[256];

    snprintf(text, sizeof text, "%sHost: a\r\nConnection: close\r\n\r\n", hop[0]);
    converse(bench, &user, text);
    ck_assert_ptr_nonnull(strstr(user.got, "HTTP/1.1 200 "));
    user_close(&user);
}

START_TEST(test_max_forwards)
{
    struct bench bench;

    hop = hops[_i];
    bench_init(&bench);
    bench_run(&bench, ask_so_far);
    ck_assert_uint_eq(bench.seen.heads, *hop[1] != '\0');
    ck_assert_msg(!*hop[1] || strstr(bench.seen.head, hop[1]), "no %s in %s", hop[1], bench.seen.head);
    bench_free(&bench);
}
END_TEST

/* If a request without a body is answered here, the connection can be reused. */
static void ask_nearby(struct bench *bench)
{
    static const char here[] = "OPTIONS /ok HTTP/1.1\r\nMax-Forwards: 0\r\nHost: a\r\n\r\n";
    struct user user;
    unsigned answers = 0;

    user_open(&user, bench->plain_port);
    for (int i = 0; i < 500; i++)
        user_say(&user, here);
    user_say(&user, "GET /ok HTTP/1.1\r\nExpect: 200-ok\r\nHost: a\r\n\r\nGET /ok HTTP/1.1\r\nHost: a\r\n\r\n");
    user_expect(&user, "\r\n\r\nok");
    ck_assert_ptr_null(strstr(user.got, "Connection"));
    ck_assert_ptr_nonnull(strstr(user.got, "HTTP/1.1 417 "));
    for (const char *at = user.got; (at = strstr(at, "request id: ")); at++)
        answers++;
    ck_assert_uint_eq(answers, 501);
    user_close(&user);
}

START_TEST(test_answered_here)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, ask_nearby);
    ck_assert_uint_eq(bench.seen.heads, 1);
    bench_free(&bench);
}
END_TEST

/* A request that has been here three times is in a loop (RFC 8586), whichever field lines show that; other names do not
 * count. */
static void loop(struct bench *bench)
{
    struct user user;

    converse(bench, &user,
             "GET /ok HTTP/1.1\r\nHost: a\r\nCDN-Loop: other, hopgate;v=1\r\nCDN-Loop:\tHopGate , x\r\n"
             "CDN-Loop: hopgate2,, other; hopgate\r\nConnection: close\r\n\r\n");
    ck_assert_ptr_nonnull(strstr(user.got, "\r\n\r\nok"));
    user_close(&user);
    converse(bench, &user,
             "GET /ok HTTP/1.1\r\nHost: a\r\nCDN-Loop: other, hopgate;v=1\r\nCDN-Loop: hopgate , hopgate\r\n"
             "Connection: close\r\n\r\n");
    ck_assert_ptr_nonnull(strstr(user.got, "HTTP/1.1 508 "));
    ck_assert_ptr_nonnull(strstr(user.got, "error=proxy_loop_detected"));
    user_close(&user);
}

START_TEST(test_loop)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, loop);
    ck_assert_uint_eq(bench.seen.heads, 1);
    ck_assert_ptr_nonnull(strstr(bench.seen.head, "\nCDN-Loop: hopgate\n"));
    bench_free(&bench);
}
END_TEST

static void forge(struct bench *bench)
{
    struct user user;

    converse(bench, &user,
             "GET /ok HTTP/1.0\r\nX-Real-IP: forged\r\nX-Forwarded-Port: forged\r\nx-forwarded-ssl: forged\r\n"
             "X-Forwarded-Any: forged\r\nX-Forwarded: forged\r\nTrue-Client-IP: forged\r\nX-Original-URL: forged\r\n"
             "X_Forwarded_For: forged\r\nX_Real-IP: forged\r\nCF-Connecting-IP: forged\r\nX-Forwardedness: kept\r\n"
             "X-Real-IPs: kept\r\nPROXY: gone\r\n\r\n");
    user_close(&user);
}

/* No proxy fields from a stranger are accepted, in whatever spelling, and no host is forwarded that was not named. */
START_TEST(test_forged)
{
    struct bench bench;

    bench_init(&bench);
    bench.config.underscores = true;
    bench.config.forwarded = _i;
    bench_run(&bench, forge);
    ck_assert((strstr(bench.seen.head, "forged") != NULL) == (_i == FORWARDED_APPEND || _i == FORWARDED_KEEP));
    ck_assert_ptr_nonnull(strstr(bench.seen.head, "\nX-Forwardedness: kept\nX-Real-IPs: kept\n"));
    ck_assert_ptr_null(strstr(bench.seen.head, "gone"));
    ck_assert_ptr_null(strstr(bench.seen.head, "ost="));
    ck_assert_ptr_null(strstr(bench.seen.head, "Forwarded-Host"));
    bench_free(&bench);
}
END_TEST

TCase *request_tests(void)
{
    TCase *tests = new_case("requests", 60);

    tcase_add_test(tests, test_ok);
    tcase_add_test(tests, test_undated);
    tcase_add_test(tests, test_pipelining);
    tcase_add_test(tests, test_old_version);
    tcase_add_test(tests, test_forwarded);
    tcase_add_loop_test(tests, test_forged, FORWARDED_REPLACE, FORWARDED_KEEP + 1);
    tcase_add_test(tests, test_answered_here);
    tcase_add_test(tests, test_loop);
    tcase_add_loop_test(tests, test_max_forwards, 0, (int)(sizeof hops / sizeof *hops));
    return tests;
}
