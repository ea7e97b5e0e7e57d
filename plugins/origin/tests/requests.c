/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * How requests reach the service, and what they cost.
 */
#include "plugins/origin/tests/cases.h"

#include <stdio.h>
#include <string.h>

START_TEST(requests_share_a_connection)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_hello);
    struct fixture *fixture = start(&config);
    unsigned watches = 0;

    for (int i = 0; i < 5; i++) {
        struct user user = {.path = "/a?b", .fields = {"Accept: */*", "x-odd:  two"}, .url = service->url};

        fetch(fixture, &user);
        check_answer(&user, "200 OK|X-A: b\n", "hello");
        ck_assert_int_eq(user.response_length, 5);
        if (i == 0)
            watches = calls.watches;
    }
    ck_assert_uint_eq(service->accepted, 1);
    ck_assert_uint_eq(calls.sends, 5); /* one system call each, and otherwise only a check of the kept connection */
    ck_assert_uint_eq(calls.receives, 5);
    ck_assert_uint_eq(calls.looks, 4);
    ck_assert_uint_gt(watches, 0);
    ck_assert_uint_eq(calls.watches, watches); /* what is watched does not change on a kept connection */
    ck_assert_uint_eq(counter(fixture, "connections_opened"), 1);
    ck_assert_uint_eq(counter(fixture, "connections_reused"), 4);
    service->heads[strlen(service->heads) / 5] = '\0';
    ck_assert_str_eq(service->heads, "GET /a?b HTTP/1.1\r\nHost: app.test\r\nAccept: */*\r\nx-odd:  two\r\n\r\n");
    fixture_free(fixture);
    service_stop(service);
}
END_TEST

START_TEST(host_and_base)
{
    static const struct {
        const char *host, *base, *authority, *path, *expected;
    } cases[] = {
        {"public", "", "app.test:8443", "/x", "GET /x HTTP/1.1\r\nHost: app.test:8443\r\n\r\n"},
        {"public", "", "", "/x", "GET /x HTTP/1.1\r\nHost: %s\r\n\r\n"},
        {"origin", "/base/", "app.test", "/x?y=/z", "GET /base/x?y=/z HTTP/1.1\r\nHost: %s\r\n\r\n"},
        {"other:81", "/a/b", "app.test", "/", "GET /a/b/ HTTP/1.1\r\nHost: other:81\r\n\r\n"},
        {"public", "/a", "app.test", "*", "GET * HTTP/1.1\r\nHost: app.test\r\n\r\n"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct origin_config config = default_config();
        struct service *service = service_start(serve_hello);
        struct user user = {.path = cases[i].path, .authority = cases[i].authority};
        struct fixture *fixture;
        char url[128], expected[256];

        config.host = cases[i].host;
        fixture = start(&config);
        snprintf(url, sizeof url, "%s%s", service->url, cases[i].base);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(expected, sizeof expected, cases[i].expected, service->url + 7);
#pragma GCC diagnostic pop
        user.url = url;
        fetch(fixture, &user);
        ck_assert_uint_eq(user.ends, 1);
        ck_assert_str_eq(service->heads, expected);
        fixture_free(fixture);
        service_stop(service);
    }
}
END_TEST

START_TEST(upgrade_is_not_asked_for)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_hello);
    struct fixture *fixture = start(&config);
    struct hg_worker *edge = fixture_worker(fixture, 0);
    struct hg_head *head = hg_head_new(edge->host, HG_REQUEST);
    struct user user = {0};

    head->method = HG_TEXT("GET");
    head->path = HG_TEXT("/");
    head->authority = HG_TEXT("t");
    head->upgrade = HG_TEXT("websocket");
    hg_field_add(edge->host, &head->fields, HG_TEXT("TE"), HG_TEXT("trailers"));
    user.self = hg_exchange_open(edge, head, &user);
    hg_set_target(user.self, &(struct hg_target){.url = hg_text(service->url)});
    user_push(&user);
    ck_assert(fixture_run(fixture, is_over, &user, 5000));
    ck_assert_str_eq(service->heads, "GET / HTTP/1.1\r\nHost: t\r\nTE: trailers\r\nConnection: TE\r\n\r\n");
    fixture_free(fixture);
    service_stop(service);
}
END_TEST

START_TEST(no_route_no_answer)
{
    struct origin_config config = default_config();
    struct fixture *fixture = start(&config);
    struct user user = {0};

    fetch(fixture, &user);
    check_failed(&user, 500, "proxy_configuration_error");
    fixture_free(fixture);
}
END_TEST

START_TEST(bodies_that_do_not_fit_their_length)
{
    static const struct {
        int64_t length;
        size_t size;
    } cases[] = {{10, 11}, {10, 9}, {HG_LENGTH_NONE, 1}, {100000, 99999}};

    for (size_t i = 0; i < 4; i++) {
        struct origin_config config = default_config();
        struct service *service = service_start(serve_silence);
        struct fixture *fixture = start(&config);
        struct user user = {
            .method = "POST", .length = cases[i].length, .body_size = cases[i].size, .url = service->url};

        fetch(fixture, &user);
        check_failed(&user, 400, "http_request_error");
        ck_assert_uint_eq(origin_of(fixture)->pools->count, 0);
        fixture_free(fixture);
        service_stop(service);
    }
}
END_TEST

TCase *request_tests(void)
{
    TCase *tests = new_case("requests");

    tcase_add_test(tests, requests_share_a_connection);
    tcase_add_test(tests, host_and_base);
    tcase_add_test(tests, upgrade_is_not_asked_for);
    tcase_add_test(tests, no_route_no_answer);
    tcase_add_test(tests, bodies_that_do_not_fit_their_length);
    return tests;
}
