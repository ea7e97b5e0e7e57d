/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Timing: 100-continue, early responses, slow services, stalled readers, users who leave.
 */
#include "plugins/origin/tests/cases.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

static void serve_continue(struct service *service, int fd, unsigned number)
{
    char head[65536];

    (void)number;
    if (!service_read_head(service, fd, head) || !strstr(head, "Expect: 100-continue\r\n"))
        return;
    service_say(fd, "HTTP/1.1 100 Continue\r\n\r\n");
    if (service_read(service, fd, 50000, 0, true))
        service_say(fd, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
    service_wait_close(service, fd);
}

START_TEST(body_waits_for_100)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_continue);
    struct fixture *fixture = start(&config);
    struct user user = {.method = "POST",
                        .fields = {"Expect: 100-continue"},
                        .body_size = 50000,
                        .keeps_body = true,
                        .url = service->url};

    ask(fixture, &user);
    ck_assert(fixture_run(fixture, has_head, &user, 3000));
    ck_assert_str_eq(user.heads, "100 Continue\n");
    user.keeps_body = false;
    user_push(&user);
    ck_assert(fixture_run(fixture, is_over, &user, 3000));
    check_answer(&user, "100 Continue\n201 Created\n", "");
    fixture_free(fixture);
    service_stop(service);
}
END_TEST

START_TEST(early_response_while_the_upload_runs)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_early);
    struct fixture *fixture = start(&config);
    struct user user = {
        .method = "POST", .length = HG_LENGTH_UNKNOWN, .keeps_body = true, .body_size = 500000, .url = service->url};

    service->text = "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig";
    ask(fixture, &user);
    ck_assert(fixture_run(fixture, has_head, &user, 3000)); /* at once, before anything of the body is sent */
    fixture_wait(fixture, 50);
    check_answer(&user, "413 Too Large\n", "big");
    ck_assert_uint_eq(user.detaches, 0);
    ck_assert_uint_eq(origin_of(fixture)->pools->count, 1); /* the service may still be reading */
    user.keeps_body = false;
    user_push(&user);
    ck_assert(fixture_run(fixture, is_over, &user, 30000));
    ck_assert_uint_eq(origin_of(fixture)->pools->count, 0); /* not to be reused */
    ck_assert_uint_eq(user.resets, 0);
    ck_assert_uint_eq(user.sent, 500000);
    fixture_free(fixture);
    service_stop(service);
}
END_TEST

/* Answers, then closes with unread bytes: the upload gets a reset, but the response was there first. */
static void serve_refusal(struct service *service, int fd, unsigned number)
{
    (void)number;
    if (!service_read_head(service, fd, NULL))
        return;
    service_say(fd, "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    service_sleep(100);
}

START_TEST(early_response_survives_a_broken_upload)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_refusal);
    struct fixture *fixture = start(&config);
    struct user user = {.method = "PUT", .body_size = 30000000, .url = service->url};

    fetch(fixture, &user);
    check_answer(&user, "403 Forbidden\n", "no");
    ck_assert_uint_eq(user.sent, 30000000);
    fixture_free(fixture);
    service_stop(service);
}
END_TEST

START_TEST(slow_services)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {NULL, "http_response_timeout"},
        {"HTTP/1.1 200", "http_response_timeout"},
        {"HTTP/1.1 102 Processing\r\n\r\n", "http_response_timeout"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345", "connection_read_timeout"},
        {"HTTP/1.1 200 OK\r\n\r\n12345", "connection_read_timeout"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct origin_config config = default_config();
        struct service *service = service_start(serve_silence);
        struct user user = {.url = service->url};
        struct fixture *fixture;

        config.response_timeout = config.idle_timeout = 100 * HG_MILLISECOND;
        fixture = start(&config);
        service->text = cases[i].text;
        fetch(fixture, &user);
        check_failed(&user, 504, cases[i].error);
        ck_assert_uint_eq(origin_of(fixture)->pools->count, 0);
        fixture_free(fixture);
        service_stop(service);
    }
}
END_TEST

static void serve_dribble(struct service *service, int fd, unsigned number)
{
    (void)number;
    if (!service_read_head(service, fd, NULL))
        return;
    for (int i = 0; i < 2000; i++) {
        if (!service_say(fd, i ? "X: y\r\n" : "HTTP/1.1 200 OK\r\n"))
            return;
        service_sleep(10);
    }
}

START_TEST(dribbled_head_is_bounded_in_time)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_dribble);
    struct user user = {.url = service->url};
    struct fixture *fixture;

    config.response_timeout = 200 * HG_MILLISECOND;
    fixture = start(&config);
    fetch(fixture, &user);
    check_failed(&user, 504, "http_response_timeout");
    fixture_free(fixture);
    service_stop(service);
}
END_TEST

static void serve_not_reading(struct service *service, int fd, unsigned number)
{
    (void)fd;
    (void)number;
    while (service->size == 0)
        service_sleep(5);
}

START_TEST(service_that_does_not_read)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_not_reading);
    struct user user = {.method = "POST", .body_size = 100000000, .url = service->url};
    struct fixture *fixture;

    config.idle_timeout = 200 * HG_MILLISECOND;
    fixture = start(&config);
    fetch(fixture, &user);
    check_failed(&user, 504, "connection_write_timeout");
    ck_assert_uint_lt(user.sent, 20000000); /* the sockets' buffers, and limited amounts in between */
    service->size = 1;
    fixture_free(fixture);
    service_stop(service);
}
END_TEST

START_TEST(stalled_reader)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_much);
    struct user stalled = {.is_stalled = true, .is_pattern = true, .url = service->url};
    struct user other = {.is_pattern = true, .url = service->url};
    struct fixture *fixture;

    config.idle_timeout = 300 * HG_MILLISECOND; /* which does not apply to a stalled reader */
    fixture = start(&config);
    ask(fixture, &stalled);
    fixture_wait(fixture, 600);
    ck_assert_uint_eq(stalled.head_count, 1);
    ck_assert_uint_le(calls.received, 2 * 65536);
    fetch(fixture, &other);
    ck_assert_uint_eq(other.received, 20000000);
    ck_assert_uint_eq(stalled.received, 0);
    ck_assert_uint_eq(stalled.resets, 0);
    stalled.is_stalled = false;
    hg_resume(stalled.self, HG_UP);
    ck_assert(fixture_run(fixture, is_over, &stalled, 10000));
    ck_assert_uint_eq(stalled.ends, 1);
    ck_assert_uint_eq(stalled.received, 20000000);
    fixture_free(fixture);
    service_stop(service);
}
END_TEST

static bool close_was_seen(void *arg)
{
    struct service *service = arg;
    uint64_t seen;

    pthread_mutex_lock(&service->lock);
    seen = service->closed_by_peer;
    pthread_mutex_unlock(&service->lock);
    return seen > 0;
}

/* Whenever the public user disconnects, the service's connection is closed at once. */
START_TEST(abort_closes_at_once)
{
    static const service_script scripts[] = {serve_silence, serve_much, serve_early, serve_silence};
    static const struct hg_reason gone = {499, NULL, "the public user is gone", 0};

    for (size_t i = 0; i < 4; i++) {
        struct origin_config config = default_config();
        struct service *service = service_start(scripts[i]);
        struct fixture *fixture = start(&config);
        struct user user = {.method = i == 3 ? "POST" : "GET",
                            .length = i == 3 ? HG_LENGTH_UNKNOWN : 0,
                            .keeps_body = i == 3,
                            .is_stalled = true,
                            .url = service->url};

        service->text = i == 2 ? "HTTP/1.1 200 OK\r\n\r\nbegin" : NULL;
        ask(fixture, &user);
        fixture_wait(fixture, 50);
        hg_reset(user.self, &gone);
        ck_assert(fixture_run(fixture, is_over, &user, 1000));
        ck_assert_uint_eq(origin_of(fixture)->pools->count, 0);
        for (int turn = 0; turn < 100 && !close_was_seen(service); turn++)
            fixture_wait(fixture, 10);
        ck_assert(close_was_seen(service));
        fixture_free(fixture);
        service_stop(service);
    }
}
END_TEST

/* Writes head and body separately, without TCP_NODELAY, as many frameworks do. */
static void serve_in_pieces(struct service *service, int fd, unsigned number)
{
    const int off = 0;

    (void)number;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &off, sizeof off);
    while (service_read_head(service, fd, NULL))
        if (!service_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n") || !service_say(fd, "first") ||
            !service_say(fd, "later"))
            return;
}

START_TEST(pieces_are_acknowledged_at_once)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_in_pieces);
    struct fixture *fixture = start(&config);
    unsigned fast = 0;

    for (int i = 0; i < 30; i++) {
        struct user user = {.url = service->url};
        hg_time began = hg_now(fixture_worker(fixture, 1));

        fetch(fixture, &user);
        check_answer(&user, "200 OK\n", "firstlater");
        fast += hg_now(fixture_worker(fixture, 1)) - began < 35 * HG_MILLISECOND; /* a delayed one takes at least 40 */
    }
    ck_assert_uint_eq(service->accepted, 1);
    ck_assert_uint_ge(fast, 20);
    fixture_free(fixture);
    service_stop(service);
}
END_TEST

TCase *timing_tests(void)
{
    TCase *tests = new_case("timing");

    tcase_add_test(tests, body_waits_for_100);
    tcase_add_test(tests, early_response_while_the_upload_runs);
    tcase_add_test(tests, early_response_survives_a_broken_upload);
    tcase_add_test(tests, slow_services);
    tcase_add_test(tests, dribbled_head_is_bounded_in_time);
    tcase_add_test(tests, service_that_does_not_read);
    tcase_add_test(tests, stalled_reader);
    tcase_add_test(tests, abort_closes_at_once);
    tcase_add_test(tests, pieces_are_acknowledged_at_once);
    return tests;
}
