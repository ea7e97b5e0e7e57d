/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The settings for one service in a route's rule, in addition to the options for all.
 */
#include "plugins/origin/tests/cases.h"

#include <string.h>

/* `pattern` with its "%s" replaced. */
static void print(char *text, size_t size, const char *pattern, const char *place)
{
    const char *mark = strstr(pattern, "%s");

    if (mark)
        snprintf(text, size, "%.*s%s%s", (int)(mark - pattern), pattern, place, mark + 2);
    else
        snprintf(text, size, "%s", pattern);
}

START_TEST(host_of_each_rule)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_hello);
    const struct hg_service services[] = {{0}, {.host = "origin"}, {.host = "other.test:81"}, {.host = "public"}};
    struct fixture *fixture;
    char expected[128];

    config.host = "all.test"; /* if the rule does not set it */
    fixture = start(&config);
    for (size_t i = 0; i < 4; i++) {
        const char *const hosts[] = {"all.test", service->url + strlen("http://"), "other.test:81", "app.test"};
        struct user user = {.url = service->url, .service = &services[i]};

        service->heads[0] = '\0';
        fetch(fixture, &user);
        ck_assert_uint_eq(user.ends, 1);
        snprintf(expected, sizeof expected, "\r\nHost: %s\r\n", hosts[i]);
        ck_assert_msg(strstr(service->heads, expected) != NULL, "no %s in %s", expected, service->heads);
    }
    ck_assert_ptr_null(origin_of(fixture)->pools->next); /* one URL, one pool */
    fixture_free(fixture);
    service_stop(service);
}
END_TEST

/* The rule's time-out applies only to its own requests, on a connection shared with others. */
START_TEST(timeouts_of_each_rule)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_silence), *stalled = service_start(serve_silence);
    const struct hg_service hasty = {.response_timeout = 50 * HG_MILLISECOND};
    const struct hg_service patient = {.response_timeout = 60 * HG_SECOND, .idle_timeout = 50 * HG_MILLISECOND};
    struct user first = {.url = service->url, .service = &hasty}, second = {.url = service->url, .service = &patient};
    struct fixture *fixture;

    config.response_timeout = 20 * HG_SECOND;
    fixture = start(&config);
    ask(fixture, &second);
    fetch(fixture, &first);
    check_failed(&first, 504, "http_response_timeout");
    ck_assert_msg(strstr(first.detail, "0.05s (option response_timeout") != NULL, "%s", first.detail);
    ck_assert_uint_eq(second.detaches, 0);
    stalled->text = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345";
    first = (struct user){.url = stalled->url, .service = &patient};
    fetch(fixture, &first);
    check_failed(&first, 504, "connection_read_timeout");
    ck_assert_msg(strstr(first.detail, "0.05s (option idle_timeout") != NULL, "%s", first.detail);
    ck_assert_uint_eq(second.detaches, 0);
    fixture_free(fixture);
    service_stop(service);
    service_stop(stalled);
}
END_TEST

START_TEST(limits_of_each_rule)
{
    static const struct {
        struct hg_service service;
        const char *text;
        bool fits;
    } cases[] = {
        {{.max_head = 300}, "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 0\r\n\r\n", true},
        {{.max_head = 40}, "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 0\r\n\r\n", false},
        {{.max_fields = 2}, "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 0\r\n\r\n", true},
        {{.max_fields = 1}, "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 0\r\n\r\n", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct origin_config config = default_config();
        struct service *service = service_start(serve_silence);
        struct fixture *fixture = start(&config);
        struct user user = {.url = service->url, .service = &cases[i].service};

        service->text = cases[i].text;
        fetch(fixture, &user);
        if (cases[i].fits)
            ck_assert_msg(user.ends == 1, "case %zu: %s", i, user.detail);
        else
            check_failed(&user, 502, "http_response_header_section_size");
        if (!cases[i].fits)
            ck_assert_ptr_nonnull(strstr(user.detail, cases[i].service.max_head ? "max_head" : "max_fields"));
        fixture_free(fixture);
        service_stop(service);
    }
}
END_TEST

/* Sends one of the statuses in service->text for each request, on whatever connection it arrives. */
static void serve_statuses(struct service *service, int fd, unsigned number)
{
    (void)number;
    while (service->size < strlen(service->text) && service_read_head(service, fd, NULL)) {
        char text[80];

        snprintf(text, sizeof text, "HTTP/1.1 %.3s X\r\nContent-Length: 0\r\n\r\n", service->text + service->size);
        service->size += 4;
        service_say(fd, text);
    }
    service_wait_close(service, fd);
}

/* 421 is always explained, 400 and 403 only before any other response; once. */
START_TEST(checks_of_host_are_explained)
{
    static const struct {
        const char *statuses;
        size_t explained; /* at which of them; past the last: never */
    } cases[] = {{"421 421", 0}, {"200 421", 1},     {"403 200", 0}, {"400 400", 0},         {"200 403 400", 3},
                 {"404 403", 2}, {"503 500 403", 2}, {"304 400", 2}, {"401 403 421 200", 2}, {"500 200 403", 3}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct origin_config config = default_config();
        struct service *service = service_start(serve_statuses);
        struct fixture *fixture = start(&config);

        service->text = cases[i].statuses;
        for (size_t at = 0; 4 * at < strlen(cases[i].statuses); at++) {
            struct user user = {.url = service->url};

            fetch(fixture, &user);
            ck_assert_msg(origin_of(fixture)->rules->is_explained == (at >= cases[i].explained), "%s at %zu",
                          cases[i].statuses, at);
        }
        fixture_free(fixture);
        service_stop(service);
    }
}
END_TEST

static const struct {
    struct hg_service service;
    bool has_base;
    const char *request, *seen, *response, *passed; /* %s: the service's host and port */
} address_cases[] = {
    {{0},
     false,
     "Destination: https://app.test/x",
     "Destination: http://app.test/x",
     "Location: http://%s/me",
     "Location: https://app.test/me"},
    {{0},
     false,
     "Origin: https://app.test",
     "Origin: https://app.test",
     "Location: http://app.test:%s/",
     "Location: https://app.test/"},
    {{0}, false, "A: b", "A: b", "Location: http://app.test/x/", "Location: https://app.test/x/"},
    {{0}, false, "A: b", "A: b", "Location: https://other.test/", "Location: https://other.test/"},
    {{.keep_urls = true}, false, "A: b", "A: b", "Location: http://%s/me", "Location: http://%s/me"},
    {{.host = "origin"},
     false,
     "Destination: https://app.test/x",
     "Destination: http://%s/x",
     "Set-Cookie: a=b; Domain=127.0.0.1",
     "Set-Cookie: a=b"},
    {{.host = "origin"},
     false,
     "Origin: https://app.test",
     "Origin: http://%s",
     "Location: https://%s/me",
     "Location: https://app.test/me"},
    {{.host = "origin", .keep_urls = true},
     false,
     "Origin: https://app.test",
     "Origin: https://app.test",
     "Location: http://%s/me",
     "Location: http://%s/me"},
    {{.host = "blog.internal"},
     false,
     "Referer: https://app.test/x",
     "Referer: http://blog.internal/x",
     "Location: http://blog.internal:%s/",
     "Location: https://app.test/"},
    {{.host = "blog.internal"},
     false,
     "A: b",
     "A: b",
     "Refresh: 1; url=http://blog.internal/",
     "Refresh: 1; url=https://app.test/"},
    {{0},
     true,
     "Destination: https://app.test/x",
     "Destination: http://app.test/base/x",
     "Location: /base/me",
     "Location: /me"},
    {{.host = "origin"},
     true,
     "Destination: /x",
     "Destination: /base/x",
     "Content-Location: http://%s/base/me",
     "Content-Location: https://app.test/me"},
};

/* The address by which a service refers to itself, in both directions. */
START_TEST(addresses_in_heads)
{
    static const char *const bases[] = {"", "/base"};

    for (size_t i = 0; i < sizeof address_cases / sizeof *address_cases; i++) {
        struct origin_config config = default_config();
        struct service *service = service_start(serve_silence);
        struct fixture *fixture = start(&config);
        struct user user = {
            .scheme = "https", .fields = {address_cases[i].request}, .service = &address_cases[i].service};
        const char *place =
            strstr(address_cases[i].response, ":%s") ? strrchr(service->url, ':') + 1 : service->url + 7;
        char url[128], text[256], line[128], expected[256];

        snprintf(url, sizeof url, "%s%s", service->url, bases[address_cases[i].has_base]);
        print(line, sizeof line, address_cases[i].response, place);
        snprintf(text, sizeof text, "HTTP/1.1 302 Found\r\n%s\r\nContent-Length: 0\r\n\r\n", line);
        user.url = url;
        service->text = text;
        fetch(fixture, &user);
        print(line, sizeof line, address_cases[i].passed, place);
        snprintf(expected, sizeof expected, "302 Found|%s\n", line);
        check_answer(&user, expected, "");
        print(line, sizeof line, address_cases[i].seen, service->url + 7);
        snprintf(expected, sizeof expected, "\r\n%s\r\n", line);
        ck_assert_msg(strstr(service->heads, expected) != NULL, "case %zu: no %s in %s", i, line, service->heads);
        fixture_free(fixture);
        service_stop(service);
    }
}
END_TEST

TCase *rule_tests(void)
{
    TCase *tests = new_case("rules");

    tcase_add_test(tests, host_of_each_rule);
    tcase_add_test(tests, timeouts_of_each_rule);
    tcase_add_test(tests, limits_of_each_rule);
    tcase_add_test(tests, checks_of_host_are_explained);
    tcase_add_test(tests, addresses_in_heads);
    return tests;
}
