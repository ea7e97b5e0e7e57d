/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Writing.
 */
#include "plugins/lib/http1/tests/cases.h"

#include <string.h>

static struct hg_head *some_head(enum hg_head_kind kind)
{
    struct hg_head *head = hg_head_new(&worker_host, kind);

    head->status = 200;
    head->method = HG_TEXT("POST");
    head->path = HG_TEXT("/p?q");
    head->authority = HG_TEXT("a.test");
    head->reason = HG_TEXT("Fine");
    hg_field_add(&worker_host, &head->fields, HG_TEXT("X"), HG_TEXT("1"));
    return head;
}

static const char *written_request(char out[1024], const struct hg_head *head)
{
    struct http1_writer writer = {.data = (uint8_t *)out, .capacity = 1023};

    http1_write_request(&writer, head, http1_request_framing(head));
    http1_write_head_end(&writer);
    ck_assert(!writer.overflow);
    ck_assert_uint_le(writer.size, http1_head_size(head, 0));
    out[writer.size] = '\0';
    return out;
}

START_TEST(test_write_request)
{
    struct hg_head *head = some_head(HG_REQUEST);
    char out[1024];

    ck_assert_str_eq(written_request(out, head),
                     "POST /p?q HTTP/1.1\r\nHost: a.test\r\nX: 1\r\nContent-Length: 0\r\n\r\n");
    head->length = 12;
    ck_assert_str_eq(written_request(out, head),
                     "POST /p?q HTTP/1.1\r\nHost: a.test\r\nX: 1\r\nContent-Length: 12\r\n\r\n");
    head->length = HG_LENGTH_UNKNOWN;
    ck_assert_str_eq(written_request(out, head),
                     "POST /p?q HTTP/1.1\r\nHost: a.test\r\nX: 1\r\nTransfer-Encoding: chunked\r\n\r\n");
    head->length = HG_LENGTH_NONE;
    head->method = HG_TEXT("GET");
    head->upgrade = HG_TEXT("websocket");
    hg_field_add(&worker_host, &head->fields, HG_TEXT("TE"), HG_TEXT("trailers"));
    ck_assert_str_eq(written_request(out, head), "GET /p?q HTTP/1.1\r\nHost: a.test\r\nX: 1\r\nTE: trailers\r\n"
                                                 "Upgrade: websocket\r\nConnection: upgrade, TE\r\n\r\n");
    hg_head_free(&worker_host, head);
}
END_TEST

static const char *written_response(char out[1024], const struct hg_head *head, const char *method, uint16_t version,
                                    bool close)
{
    struct http1_writer writer = {.data = (uint8_t *)out, .capacity = 1023};

    http1_write_response(&writer, head, http1_response_framing(head, hg_text(method), version), version, close);
    http1_write_head_end(&writer);
    ck_assert(!writer.overflow);
    ck_assert_uint_le(writer.size, http1_head_size(head, 0));
    out[writer.size] = '\0';
    return out;
}

START_TEST(test_write_response)
{
    struct hg_head *head = some_head(HG_RESPONSE);
    char out[1024];

    head->length = HG_LENGTH_UNKNOWN;
    ck_assert_str_eq(written_response(out, head, "GET", 0x0101, false),
                     "HTTP/1.1 200 Fine\r\nX: 1\r\nTransfer-Encoding: chunked\r\n\r\n");
    ck_assert_str_eq(written_response(out, head, "GET", 0x0100, true),
                     "HTTP/1.1 200 Fine\r\nX: 1\r\nConnection: close\r\n\r\n");
    ck_assert_str_eq(written_response(out, head, "HEAD", 0x0101, false), "HTTP/1.1 200 Fine\r\nX: 1\r\n\r\n");
    head->length = 5;
    ck_assert_str_eq(written_response(out, head, "HEAD", 0x0101, true),
                     "HTTP/1.1 200 Fine\r\nX: 1\r\nContent-Length: 5\r\nConnection: close\r\n\r\n");
    ck_assert_str_eq(written_response(out, head, "GET", 0x0100, false),
                     "HTTP/1.1 200 Fine\r\nX: 1\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n");
    head->status = 204;
    ck_assert_str_eq(written_response(out, head, "GET", 0x0101, false), "HTTP/1.1 204 Fine\r\nX: 1\r\n\r\n");
    head->status = 304;
    ck_assert_str_eq(written_response(out, head, "GET", 0x0101, false),
                     "HTTP/1.1 304 Fine\r\nX: 1\r\nContent-Length: 5\r\n\r\n");
    head->status = 103;
    ck_assert_str_eq(written_response(out, head, "GET", 0x0101, true), "HTTP/1.1 103 Fine\r\nX: 1\r\n\r\n");
    hg_head_free(&worker_host, head);
}
END_TEST

/* Whatever a stage or another machine has put into the fields, the only framing is ours. */
START_TEST(test_write_no_framing_fields)
{
    static const char *const names[] = {
        "Transfer-Encoding", "content-length",     "Connection",       "Host", "Upgrade", "Keep-Alive", "TE",
        "Proxy-Connection",  "Proxy-Authenticate", "transfer-encoding"};
    struct hg_head *request = some_head(HG_REQUEST), *response = some_head(HG_RESPONSE);
    struct hg_fields *trailers = hg_fields_new(&worker_host);
    struct http1_writer writer;
    char out[1024];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        hg_field_add(&worker_host, &request->fields, hg_text(names[i]), HG_TEXT("chunked"));
        hg_field_add(&worker_host, &response->fields, hg_text(names[i]), HG_TEXT("chunked"));
        hg_field_add(&worker_host, trailers, hg_text(names[i]), HG_TEXT("chunked"));
    }
    request->length = response->length = 5;
    ck_assert_str_eq(written_request(out, request),
                     "POST /p?q HTTP/1.1\r\nHost: a.test\r\nX: 1\r\nContent-Length: 5\r\n\r\n");
    ck_assert_str_eq(written_response(out, response, "GET", 0x0101, false),
                     "HTTP/1.1 200 Fine\r\nX: 1\r\nContent-Length: 5\r\n\r\n");
    hg_field_add(&worker_host, trailers, HG_TEXT("X"), HG_TEXT("1"));
    writer = (struct http1_writer){.data = (uint8_t *)out, .capacity = sizeof out};
    http1_write_last_chunk(&writer, trailers);
    ck_assert(hg_text_equal((struct hg_text){out, writer.size}, HG_TEXT("0\r\nX: 1\r\n\r\n")));
    hg_head_free(&worker_host, request);
    hg_head_free(&worker_host, response);
    hg_fields_free(&worker_host, trailers);
}
END_TEST

START_TEST(test_write_overflow)
{
    struct hg_head *head = some_head(HG_RESPONSE);
    uint8_t out[64];

    for (size_t capacity = 0; capacity < 30; capacity++) {
        struct http1_writer writer = {.data = out, .capacity = capacity};

        memset(out, 0xee, sizeof out);
        http1_write_response(&writer, head, HTTP1_CHUNKED, 0x0101, false);
        ck_assert(writer.overflow);
        ck_assert_uint_le(writer.size, capacity);
        ck_assert_uint_eq(out[capacity], 0xee);
    }
    hg_head_free(&worker_host, head);
}
END_TEST

TCase *writing_tests(void)
{
    TCase *tests = tcase_create("writing");

    tcase_add_test(tests, test_write_request);
    tcase_add_test(tests, test_write_response);
    tcase_add_test(tests, test_write_no_framing_fields);
    tcase_add_test(tests, test_write_overflow);
    return tests;
}
