/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Responses, rule by rule.
 */
#include "plugins/lib/http1/tests/cases.h"

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
    ck_assert_str_eq(response(&story, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx"), "!502");
    ck_assert_str_eq(response(&story, "HTTP/1.1 000 No\r\n\r\n"), "!502");
    ck_assert_str_eq(response(&story, "HTTP/2.0 200 OK\r\n\r\n"), "!502");
    ck_assert_str_eq(response(&story, "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"), "!502");
    ck_assert_str_eq(response(&story, "HTTP/1.1 200OK\r\n\r\n"), "!502");
    ck_assert_str_eq(story.reason.error, "http_protocol_error");
}
END_TEST

/* What real services have been seen to send, by the rule that it breaks; only the framing is kept. */
START_TEST(test_tolerated)
{
    static const struct {
        const char *input, *story, *broken;
    } cases[] = {
        {"HTTP/1.1 200 OK\nA: b\nContent-Length: 2\n\nhi", "[200 'OK' 101 2 length]{A: b}hi.", "LF alone"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\nhi", "[200 'OK' 101 2 length]hi.", "LF alone"},
        {"http/1.0   200   OK\r\nContent-Length: 0\r\n\r\n", "[200 'OK' 100 0 length last].", "capitals"},
        {"HTTP/1.1  204\r\n\r\n", "[204 '' 101 -2 none].", "two spaces"},
        {"HTTP/1.1 200 OK\r\nA \t: b\r\nContent-Length : 2\r\n\r\nhi", "[200 'OK' 101 2 length]{A: b}hi.", "colon"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\nContent-Length: 2, 2\r\n\r\nhi", "[200 'OK' 101 2 length]hi.",
         "more than once"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1 \nh\n1\r\ni\n0\n\n", "[200 'OK' 101 -1 chunked]hi.",
         "LF alone"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nA: b\n\n",
         "[200 'OK' 101 -1 chunked]hi{A: b}.", "LF alone"},
        {"HTTP/1.3 200 OK\r\nContent-Length: 0\r\n\r\n", "[200 'OK' 101 0 length].", NULL},
    };
    struct story story;
    struct reader reader;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        reader_init(&reader, HG_RESPONSE, &story);
        reader_feed(&reader, (const uint8_t *)cases[i].input, strlen(cases[i].input));
        ck_assert_str_eq(story.text, cases[i].story);
        ck_assert_msg(cases[i].broken ? reader.broken && strstr(reader.broken, cases[i].broken) : !reader.broken,
                      "%s: %s", cases[i].input, reader.broken);
    }
}
END_TEST

/* Cases whose meaning can be guessed, and is if configured. */
START_TEST(test_lenient)
{
    static const struct http1_limits lenient = {
        .start_line = 8192, .head = 65536, .fields = 100, .trailers = 8192, .lenient = true};
    static const char *const inputs[] = {
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n"
         "2\r\nhi\r\n0\r\n\r\n"),
    };
    struct story story;
    struct reader reader;

    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        ck_assert_str_eq(response(&story, inputs[i]), "!502");
        ck_assert_ptr_nonnull(strstr(story.reason.detail, "lenient: yes"));
        reader_init(&reader, HG_RESPONSE, &story);
        reader.limits = &lenient;
        reader_feed(&reader, (const uint8_t *)inputs[i], strlen(inputs[i]));
        ck_assert_msg(strstr(story.text, "chunked") && strstr(story.text, "]hi."), "%s", story.text);
        ck_assert_ptr_nonnull(reader.broken);
        ck_assert_ptr_null(strstr(reader.broken, "lenient: yes"));
    }
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
    tcase_add_test(tests, test_tolerated);
    tcase_add_test(tests, test_lenient);
    tcase_add_test(tests, test_response_to);
    return tests;
}
