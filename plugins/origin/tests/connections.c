/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Connections that cannot be opened, and kept ones that die.
 */
#include "plugins/origin/tests/cases.h"
#include "tests/unit/core_host.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

START_TEST(refused)
{
    struct origin_config config = default_config();
    struct fixture *fixture = start(&config);
    char url[64];

    log_configure(LOG_TEXT, HG_LOG_ERROR);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", fixture_free_port());
    for (int i = 0; i < 3; i++) {
        struct user user = {.method = "POST", .body_size = 100000, .url = url};

        fetch(fixture, &user);
        check_failed(&user, 502, "connection_refused");
    }
    ck_assert_uint_eq(origin_of(fixture)->pools->count, 0);
    ck_assert_uint_eq(counter(fixture, "requests_failed"), 3);
    fixture_free(fixture);
}
END_TEST

/* A listening socket with a full queue does not answer further attempts. */
START_TEST(unanswered)
{
    struct origin_config config = default_config();
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), fillers[4];
    struct user user = {0}, aborted = {0};
    struct fixture *fixture;
    char url[64];

    config.connect_timeout = 300 * HG_MILLISECOND;
    fixture = start(&config);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(listener, 0), 0);
    getsockname(listener, (struct sockaddr *)&address, &size);
    for (int i = 0; i < 4; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(fillers[i], (struct sockaddr *)&address, sizeof address);
    }
    service_sleep(50);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", ntohs(address.sin_port));
    user.url = aborted.url = url;
    ask(fixture, &aborted);
    fixture_wait(fixture, 20);
    hg_reset(aborted.self, &(struct hg_reason){499, NULL, "gone", 0});
    fetch(fixture, &user);
    check_failed(&user, 504, "connection_timeout");
    ck_assert_uint_eq(aborted.detaches, 1);
    ck_assert_uint_eq(origin_of(fixture)->pools->count, 0);
    fixture_free(fixture);
    for (int i = 0; i < 4; i++)
        close(fillers[i]);
    close(listener);
}
END_TEST

START_TEST(names)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_hello);
    struct fixture *fixture = start(&config);
    struct user good = {0}, bad = {.url = "http://a..b:1"}, aborted = {0};
    char url[64];

    snprintf(url, sizeof url, "http://localhost:%u", service->port); /* if ::1 comes first, it refuses */
    aborted.url = good.url = url;
    ask(fixture, &aborted);
    fixture_run(fixture, NULL, NULL, 0);
    hg_reset(aborted.self, &(struct hg_reason){499, NULL, "gone", 0});
    fetch(fixture, &good);
    check_answer(&good, "200 OK|X-A: b\n", "hello");
    fetch(fixture, &bad);
    check_failed(&bad, 502, "dns_error");
    fixture_free(fixture);
    service_stop(service);
}
END_TEST

/* Serves one request on each connection, then closes without an answer on the second. */
static void serve_once(struct service *service, int fd, unsigned number)
{
    char head[65536];

    (void)number;
    if (!service_read_head(service, fd, head))
        return;
    if (number == 0 || !service->size)
        service_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none");
    if (number == 0)
        service_read_head(service, fd, NULL);
    else if (!service->size)
        service_wait_close(service, fd);
}

START_TEST(dead_kept_connection_is_replaced)
{
    static const struct {
        const char *method;
        int64_t length;
        size_t body_size;
        bool always_dies, answered;
    } cases[] = {
        {"GET", 0, 0, false, true},   {"DELETE", 0, 0, false, true},
        {"POST", 0, 0, false, false}, /* may have been processed, and is not idempotent */
        {"PUT", 0, 10, false, false}, /* its body has been sent */
        {"GET", 0, 0, true, false},   /* once only */
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct origin_config config = default_config();
        struct service *service = service_start(serve_once);
        struct fixture *fixture = start(&config);
        struct user first = {.url = service->url};
        struct user second = {
            .method = cases[i].method, .length = cases[i].length, .body_size = cases[i].body_size, .url = service->url};

        service->size = cases[i].always_dies;
        fetch(fixture, &first);
        check_answer(&first, "200 OK\n", "one");
        fetch(fixture, &second);
        if (cases[i].answered)
            check_answer(&second, "200 OK\n", "one");
        else
            check_failed(&second, 502, "connection_terminated");
        ck_assert_uint_eq(service->accepted, cases[i].answered || cases[i].always_dies ? 2 : 1);
        ck_assert_uint_eq(counter(fixture, "requests_retried"), cases[i].answered || cases[i].always_dies ? 1 : 0);
        fixture_free(fixture);
        service_stop(service);
    }
}
END_TEST

START_TEST(unsent_requests_are_always_replayed)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_echo_length);
    struct fixture *fixture = start(&config);
    struct user first = {.url = service->url};
    struct user second = {.method = "POST", .body_size = 5000, .is_pattern = true, .url = service->url};

    fetch(fixture, &first);
    calls.fail_sends = 1; /* as if the service's reset had just arrived */
    fetch(fixture, &second);
    ck_assert_uint_eq(second.received, 5000);
    ck_assert_uint_eq(counter(fixture, "requests_retried"), 1);
    ck_assert_uint_eq(service->accepted, 2);
    fixture_free(fixture);
    service_stop(service);
}
END_TEST

TCase *connection_tests(void)
{
    TCase *tests = new_case("connections");

    tcase_add_test(tests, refused);
    tcase_add_test(tests, unanswered);
    tcase_add_test(tests, names);
    tcase_add_test(tests, dead_kept_connection_is_replaced);
    tcase_add_test(tests, unsent_requests_are_always_replayed);
    return tests;
}
