/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Responses of all kinds, valid and invalid.
 */
#include "plugins/origin/tests/cases.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sends service->text for each request. */
static void serve_text(struct service *service, int fd, unsigned number)
{
    char head[65536];

    (void)number;
    while (service_read_head(service, fd, head)) {
        const char *field = strstr(head, "Content-Length: ");

        if (field && !service_read(service, fd, strtoul(field + 16, NULL, 10), 0, false))
            return;
        service_say(fd, service->text);
        if (service->size) /* close after it */
            return;
    }
}

struct kind {
    const char *method, *text;
    bool close;
    const char *heads, *body;
    bool reused;
};

static const struct kind kinds[] = {
    {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n", false, "200 OK\n", "", false},
    {"HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, "200 OK\n", "", false},
    {"HEAD", "HTTP/1.1 200 OK\r\n\r\n", false, "200 OK\n", "", false},
    {"GET", "HTTP/1.1 204 No Content\r\n\r\n", false, "204 No Content\n", "", false},
    {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nETag: \"x\"\r\n\r\n", false,
     "304 Not Modified|ETag: \"x\"\n", "", false},
    {"GET", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", false, "200 \n", "", true},
    {"GET", "HTTP/1.1 200 OK\r\n\r\nuntil close", true, "200 OK\n", "until close", false},
    {"GET", "HTTP/1.0 200 OK\r\n\r\nold", true, "200 OK\n", "old", false},
    {"GET", "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold", false, "200 OK\n", "old", false},
    {"GET", "HTTP/1.0 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nold", false, "200 OK\n", "old",
     true},
    {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx", false, "200 OK\n", "x", false},
    {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n\r\nx",
     false, "200 OK\n", "x", true},
    {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\n\r\n", false, "200 OK\n", "x", false},
    {"GET",
     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
     "2\r\n\r\nok",
     false, "100 Continue\n103 Early Hints|Link: <a>\n200 OK\n", "ok", true},
    {"GET", "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nContent-Length: 0\r\nX-\xe9: \xe9\r\n\r\n", false,
     NULL, "", false},
    {"GET", "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nContent-Length: 0\r\nX-E: \xe9\r\n\r\n", false,
     "200 OK|Set-Cookie: a=1|set-cookie: b=2|X-E: \xe9\n", "", true},
};

START_TEST(kinds_of_responses)
{
    const struct kind *kind = &kinds[_i];

    for (int manner = 0; manner < 2; manner++) {
        struct origin_config config = default_config();
        struct service *service = service_start(serve_text);
        struct fixture *fixture = start(&config);

        service->text = kind->text;
        service->size = kind->close;
        for (int i = 0; i < 2; i++) {
            struct user user = {.method = kind->method, .url = service->url};

            calls.one_byte = manner;
            fetch(fixture, &user);
            fixture_wait(fixture, 20); /* for events that must not happen on an idle connection */
            if (kind->heads)
                check_answer(&user, kind->heads, kind->body);
            else
                check_failed(&user, 502, "http_protocol_error");
        }
        ck_assert_uint_eq(service->accepted, kind->reused ? 1 : 2);
        fixture_free(fixture);
        service_stop(service);
    }
}
END_TEST

static const struct {
    const char *text, *error;
} faulty[] = {
    {"garbage\r\n\r\n", "http_protocol_error"},
    {"SSH-2.0-OpenSSH\r\n", "http_protocol_error"},
    {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "http_upgrade_failed"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", "http_response_incomplete"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "http_response_incomplete"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", "http_response_incomplete"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx: y\r\n", "http_response_incomplete"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n", "http_protocol_error"},
    {"HTTP/1.1 200 O", "http_response_incomplete"},
    {"HTTP/1.1 100 Continue\r\n\r\n", "http_response_incomplete"},
    {"", "connection_terminated"},
};

/* Sends the text and closes. */
static void serve_faulty(struct service *service, int fd, unsigned number)
{
    (void)number;
    if (!service_read_head(service, fd, NULL))
        return;
    service_say(fd, service->text);
    if (service->size)
        service_sleep(20); /* so that the text is not lost with the reset */
    if (service->size)
        service_reset_on_close(fd);
}

START_TEST(faulty_responses)
{
    for (size_t with_reset = 0; with_reset < 2; with_reset++) {
        struct origin_config config = default_config();
        struct service *service = service_start(serve_faulty);
        struct fixture *fixture = start(&config);
        struct user user = {.url = service->url};

        service->text = faulty[_i].text;
        service->size = with_reset;
        fetch(fixture, &user);
        if (strcmp(faulty[_i].text, "HTTP/1.1 100 Continue\r\n\r\n") == 0)
            ck_assert_uint_eq(user.resets, 1);
        else
            check_failed(&user, 502, faulty[_i].error);
        ck_assert_uint_eq(service->accepted, 1); /* never retried */
        ck_assert_uint_eq(origin_of(fixture)->pools->count, 0);
        fixture_free(fixture);
        service_stop(service);
    }
}
END_TEST

static void serve_huge_head(struct service *service, int fd, unsigned number)
{
    char line[1100];

    (void)number;
    if (!service_read_head(service, fd, NULL))
        return;
    memset(line, 'x', 1000);
    strcpy(line, "X: ");
    line[3] = 'x';
    strcpy(line + 1000, "\r\n");
    service_say(fd, "HTTP/1.1 200 OK\r\n");
    for (size_t i = 0; i < service->size; i++)
        service_say(fd, line);
    service_say(fd, "Content-Length: 0\r\n\r\n");
    service_wait_close(service, fd);
}

START_TEST(heads_are_bounded)
{
    static const struct {
        size_t lines;
        int status;
    } cases[] = {{60, 0}, {70, 502}, {1000, 502}};

    for (size_t i = 0; i < 3; i++) {
        struct origin_config config = default_config();
        struct service *service = service_start(serve_huge_head);
        struct fixture *fixture = start(&config);
        struct user user = {.url = service->url};

        service->size = cases[i].lines;
        fetch(fixture, &user);
        if (cases[i].status)
            check_failed(&user, cases[i].status, "http_response_header_section_size");
        else
            ck_assert_uint_eq(user.ends, 1);
        ck_assert_uint_le(calls.received, 65536 + 16384); /* and no more than one read */
        fixture_free(fixture);
        service_stop(service);
    }
}
END_TEST

/* Every response of the corpus, whole and split at every byte: what must be rejected is a 502, and its connection is
 * closed. The corpus is older than our tolerance. */
START_TEST(corpus)
{
    static const struct hg_service strict = {.strict = true};
    FILE *file = fopen(CORPUS "http1.jsonl", "r");
    char line[20000];
    unsigned tried = 0;

    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file)) {
        json_error_t error;
        json_t *entry = json_loads(line, JSON_ALLOW_NUL, &error);
        bool is_600 = strcmp(json_string_value(json_object_get(entry, "name")), "resp status 600") == 0;
        bool reject = strcmp(json_string_value(json_object_get(entry, "expect")), "reject") == 0 && !is_600;
        bool firm = json_is_true(json_object_get(entry, "firm")) || is_600; /* all three-digit statuses are in use */
        const char *text = json_string_value(json_object_get(entry, "bytes"));

        ck_assert_ptr_nonnull(entry);
        if (strcmp(json_string_value(json_object_get(entry, "kind")), "response") == 0 && (reject || firm)) {
            for (int manner = 0; manner < 2; manner++) {
                struct origin_config config = default_config();
                struct service *service = service_start(serve_text);
                struct fixture *fixture = start(&config);
                struct user user = {.url = service->url, .service = &strict};

                service->text = text;
                service->size = reject ? 0 : 1;
                calls.one_byte = manner;
                if (reject)
                    config.response_timeout = config.idle_timeout = 2 * HG_SECOND;
                fetch(fixture, &user);
                if (reject)
                    ck_assert_msg(user.resets == 1 && user.reason.status == 502, "%s: %s%d",
                                  json_string_value(json_object_get(entry, "name")), user.heads, user.reason.status);
                else
                    ck_assert_msg(user.ends == 1, "%s: %s", json_string_value(json_object_get(entry, "name")),
                                  user.detail);
                if (reject)
                    ck_assert_uint_eq(origin_of(fixture)->pools->count, 0);
                fixture_free(fixture);
                service_stop(service);
                tried++;
            }
        }
        json_decref(entry);
    }
    fclose(file);
    ck_assert_uint_ge(tried, 2 * 12);
}
END_TEST

/* Each character of the JSON text is one byte, and here below U+0080. */
static void try_case(const json_t *entry, const struct hg_service *manner, bool one_byte)
{
    const char *name = json_string_value(json_object_get(entry, "name"));
    const char *expect = json_string_value(json_object_get(entry, "expect"));
    const char *text = json_string_value(json_object_get(entry, "bytes"));
    bool accepted = strncmp(expect, "accept", 6) == 0, tolerated = strcmp(expect, "tolerated") == 0;
    bool passes = accepted || (tolerated && !manner->strict) || (strcmp(expect, "lenient") == 0 && manner->lenient);
    struct origin_config config = default_config();
    struct service *service = service_start(serve_text);
    struct fixture *fixture = start(&config);
    struct user user = {.url = service->url, .service = manner}, next = {.url = service->url, .service = manner};

    service->text = text;
    service->size = strstr(text, "hello\n") != NULL; /* its body ends with the connection */
    calls.one_byte = one_byte;
    fetch(fixture, &user);
    if (passes) {
        ck_assert_msg(user.ends == 1 && (strstr(user.body, "hi") || strstr(user.body, "hello")), "%s: %s %s%s", name,
                      user.detail, user.heads, user.body);
        ck_assert_uint_eq(counter(fixture, "responses_tolerated"), !accepted);
        fetch(fixture, &next);
        ck_assert_uint_eq(next.ends, 1);
        ck_assert_uint_eq(service->accepted, accepted ? 1 : 2);
    } else {
        ck_assert_msg(user.resets == 1 && user.reason.status == 502, "%s: %s", name, user.heads);
        ck_assert_uint_eq(origin_of(fixture)->pools->count, 0);
    }
    fixture_free(fixture);
    service_stop(service);
}

/* Every response that went wrong in practice: by default, with `strict: yes` and with `lenient: yes`. */
START_TEST(cases)
{
    static const struct hg_service manners[] = {
        {0},
        {.strict = true},
        {.lenient = true},
    };
    FILE *file = fopen(CORPUS "cases.jsonl", "r");
    char line[20000];
    unsigned tried = 0;

    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file)) {
        json_error_t error;
        json_t *entry = json_loads(line, JSON_ALLOW_NUL, &error);

        ck_assert_ptr_nonnull(entry);
        if (strcmp(json_string_value(json_object_get(entry, "kind")), "response") == 0) {
            for (size_t i = 0; i < 6; i++)
                try_case(entry, &manners[i % 3], i >= 3);
            tried++;
        }
        json_decref(entry);
    }
    fclose(file);
    ck_assert_uint_ge(tried, 13);
}
END_TEST

static void serve_flood_of_interims(struct service *service, int fd, unsigned number)
{
    (void)number;
    if (!service_read_head(service, fd, NULL))
        return;
    while (service_say(fd, "HTTP/1.1 102 Processing\r\n\r\n"))
        ;
}

START_TEST(interims_are_bounded)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_flood_of_interims);
    struct fixture *fixture = start(&config);
    struct user user = {.url = service->url};

    fetch(fixture, &user);
    check_failed(&user, 502, "http_protocol_error");
    fixture_free(fixture);
    service_stop(service);
}
END_TEST

TCase *response_tests(void)
{
    TCase *tests = new_case("responses");

    tcase_add_loop_test(tests, kinds_of_responses, 0, (int)(sizeof kinds / sizeof *kinds));
    tcase_add_loop_test(tests, faulty_responses, 0, (int)(sizeof faulty / sizeof *faulty));
    tcase_add_test(tests, heads_are_bounded);
    tcase_add_test(tests, corpus);
    tcase_add_test(tests, cases);
    tcase_add_test(tests, interims_are_bounded);
    return tests;
}
