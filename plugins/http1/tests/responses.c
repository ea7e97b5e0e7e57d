/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Responses, rule by rule.
 */
#include "plugins/http1/tests/cases.h"

#include <string.h>

START_TEST(test_response_head)
{
    struct story story;

    ck_assert_str_eq(response(&story, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nUpgrade: h2c\r\n\r\nok"),
                     "[200 'OK' 101 2 length]ok.");
    ck_assert_str_eq(response(&story, "HTTP/1.1 200 \r\nConnection: close, X\r\nX: 1\r\nY: 2\r\n\r\nuntil close"),
                     "[200 '' 101 -1 close last]{Y: 2}until close");
    ck_assert_str_eq(response(&story, "HTTP/1.0 200 OK\r\n\r\nx"), "[200 'OK' 100 -1 close last]x");
    ck_assert_str_eq(response(&story, "HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 204 No\r\n\r\n"),
                     "[103 'Early' 101 -2 none]{Link: x}[204 'No' 101 -2 none].");
    ck_assert_str_eq(response(&story, "HTTP/1.1 304 No\r\nContent-Length: 7\r\n\r\n"), "[304 'No' 101 7 none].");
    ck_assert_str_eq(response(&story, "HTTP/1.1 204 No\r\nContent-Length: 7\r\n\r\n"), "[204 'No' 101 -2 none].");
    ck_assert_str_eq(response(&story, "HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), "!502");
    ck_assert_str_eq(response(&story, "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), "!502");
    ck_assert_str_eq(response(&story, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx"), "!502");
    ck_assert_str_eq(response(&story, "HTTP/1.1 000 No\r\n\r\n"), "!502");
    ck_assert_str_eq(response(&story, "HTTP/1.2 200 OK\r\n\r\n"), "!502");
    ck_assert_str_eq(response(&story, "HTTP/1.1 200OK\r\n\r\n"), "!502");
    ck_assert_str_eq(story.reason.error, "http_protocol_error");
}
END_TEST

START_TEST(test_response_to)
{
    const char *input = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
    const char *switched = "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n\x81\x01";
    struct story story;
    struct reader reader;

    reader_init(&reader, HG_RESPONSE, &story);
    reader.asked.method = HG_TEXT("HEAD");
    reader_feed(&reader, (const uint8_t *)input, strlen(input));
    ck_assert_str_eq(story.text, "[200 'OK' 101 9 none].");
    reader_init(&reader, HG_RESPONSE, &story);
    reader.asked.upgrade = true;
    reader_feed(&reader, (const uint8_t *)switched, strlen(switched));
    ck_assert_str_eq(story.text, "[101 'S' 101 -2 close upgrade=websocket]\x81\x01");
}
END_TEST

TCase *response_tests(void)
{
    TCase *tests = tcase_create("responses");

    tcase_add_test(tests, test_response_head);
    tcase_add_test(tests, test_response_to);
    return tests;
}
