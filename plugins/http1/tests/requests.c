/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Requests, rule by rule.
 */
#include "plugins/http1/tests/cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(test_request_head)
{
    struct story story;

    ck_assert_str_eq(request(&story, "GET /a?b HTTP/1.1\r\nHost: a.test:80\r\nX-Y:  v \t\r\nEmpty:\r\n\r\n"),
                     "[GET http://a.test:80/a?b 101 -2 none]{X-Y: v}{Empty: }.");
    ck_assert_str_eq(request(&story, "\r\nGET / HTTP/1.0\r\nHost: a\r\n\r\n"), "[GET http://a/ 100 -2 none last].");
    ck_assert_str_eq(request(&story, "\r\n\r\nGET / HTTP/1.0\r\nHost: a\r\n\r\n"), "!400");
    ck_assert_str_eq(request(&story, "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"),
                     "[GET http://a/ 100 -2 none].");
    ck_assert_str_eq(request(&story, "GET / HTTP/1.1\r\nHost: a\r\nConnection: a , CLOSE\r\nA: 1\r\nB: 2\r\n\r\n"),
                     "[GET http://a/ 101 -2 none last]{B: 2}.");
    ck_assert_str_eq(request(&story, "GET / HTTP/1.1\r\nHost: a\r\nX: \x80\xff\r\n\r\n"),
                     "[GET http://a/ 101 -2 none]{X: \x80\xff}.");
    ck_assert_str_eq(request(&story, "PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n"), "[PROPFIND http://a/ 101 -2 none].");
}
END_TEST

START_TEST(test_request_hop_by_hop)
{
    struct story story;

    ck_assert_str_eq(request(&story, "GET / HTTP/1.1\r\nHost: a\r\nKeep-Alive: 5\r\nProxy-Connection: close\r\n"
                                     "Proxy-Authorization: x\r\nTE: gzip, trailers\r\nTrailer: X\r\n\r\n"),
                     "[GET http://a/ 101 -2 none]{Trailer: X}{TE: trailers}.");
    ck_assert_str_eq(request(&story, "GET / HTTP/1.1\r\nHost: a\r\nTE: gzip\r\n\r\n"), "[GET http://a/ 101 -2 none].");
    /* What Connection must not make us lose. */
    ck_assert_str_eq(request(&story, "GET / HTTP/1.1\r\nHost: a\r\nConnection: host, content-length, cookie, "
                                     "authorization\r\nCookie: c\r\nAuthorization: d\r\nContent-Length: 1\r\n\r\nx"),
                     "[GET http://a/ 101 1 length]{Cookie: c}{Authorization: d}x.");
    ck_assert_str_eq(request(&story, "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"),
                     "[GET http://a/ 101 -2 none upgrade=websocket].");
    ck_assert_str_eq(request(&story, "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n"),
                     "[GET http://a/ 101 -2 none].");
}
END_TEST

START_TEST(test_request_target)
{
    struct story story;

    ck_assert_str_eq(request(&story, "GET http://B.test/x HTTP/1.1\r\nHost: a\r\n\r\n"),
                     "[GET http://B.test/x 101 -2 none].");
    ck_assert_str_eq(request(&story, "GET HTTP://b?x=/ HTTP/1.1\r\nHost: a\r\n\r\n"),
                     "[GET http://b/?x=/ 101 -2 none].");
    ck_assert_str_eq(request(&story, "GET http://b HTTP/1.1\r\nHost: a\r\n\r\n"), "[GET http://b/ 101 -2 none].");
    ck_assert_str_eq(request(&story, "OPTIONS http://b HTTP/1.1\r\nHost: a\r\n\r\n"),
                     "[OPTIONS http://b* 101 -2 none].");
    ck_assert_str_eq(request(&story, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), "[OPTIONS http://a* 101 -2 none].");
    ck_assert_str_eq(request(&story, "GET /?a=\\ HTTP/1.1\r\nHost: a\r\n\r\n"), "[GET http://a/?a=\\ 101 -2 none].");
    ck_assert_str_eq(request(&story, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"), "!400");
    ck_assert_str_eq(request(&story, "GET https://b/ HTTP/1.1\r\nHost: a\r\n\r\n"), "!421");
    ck_assert_str_eq(request(&story, "GET ftp://b/ HTTP/1.1\r\nHost: a\r\n\r\n"), "!400");
    ck_assert_str_eq(request(&story, "GET http://u@b/ HTTP/1.1\r\nHost: a\r\n\r\n"), "!400");
    ck_assert_str_eq(request(&story, "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"), "!501");
    ck_assert_str_eq(request(&story, "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"), "!501");
    ck_assert_str_eq(request(&story, "FROB / HTTP/1.1\r\nHost: a\r\n\r\n"), "!501");
    ck_assert_str_eq(request(&story, "SOURCE / HTTP/1.1\r\nHost: a\r\n\r\n"), "!501");
    ck_assert_str_eq(request(&story, "\x16\x03\x01"), "!400");
}
END_TEST

START_TEST(test_host)
{
    static const char *const good[] = {"a",     "a.b-c.test", "a:1",          "a:65535",
                                       "[::1]", "[::1]:8080", "127.0.0.1:80", "under_score.test"};
    static const char *const bad[] = {"",      "a b", "a/b",    "a:",     "a:0",      "a:65536", "a:123456",
                                      "a@b",   "a:x", "[::1",   "[]",     "[::1]x",   "::1",     "a,b",
                                      "a%20b", "a#b", "a:80:1", "a\"b\"", "[::g]:80", ":80"};
    char input[256];
    struct story story;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(input, sizeof input, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", good[i]);
        request(&story, input);
        ck_assert_msg(!story.reason.status, "refused: %s", good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(input, sizeof input, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", bad[i]);
        request(&story, input);
        ck_assert_msg(story.reason.status == 400, "accepted: %s", bad[i]);
    }
    ck_assert_str_eq(request(&story, "GET / HTTP/1.0\r\n\r\n"), "!400");
}
END_TEST

START_TEST(test_request_framing)
{
    struct story story;

    ck_assert_str_eq(request(&story, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999999999\r\n\r\nx"),
                     "[POST http://a/ 101 999999999999999999 length]x");
    ck_assert_str_eq(request(&story, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000000000000\r\n\r\nx"),
                     "!400");
    ck_assert_str_eq(request(&story, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\nx"), "!400");
    ck_assert_str_eq(request(&story, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx"),
                     "!400");
    ck_assert_str_eq(request(&story, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"),
                     "[POST http://a/ 101 0 length].");
    ck_assert_str_eq(
        request(&story, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding-X: 1\r\nContent-Length: 0\r\n\r\n"),
        "[POST http://a/ 101 0 length]{Transfer-Encoding-X: 1}.");
    ck_assert_str_eq(request(&story, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"), "!501");
    ck_assert_str_eq(request(&story, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                                     "3;a=b\r\nabc\r\nA\r\n0123456789\r\n0\r\nX: 1\r\nY: 2\r\n\r\n"),
                     "[POST http://a/ 101 -1 chunked]abc0123456789{X: 1}{Y: 2}.");
}
END_TEST

/* An input of `before`, `count` times `byte`, and `after`. */
static const char *padded(struct story *story, const struct http1_limits *limits, const char *before, size_t count,
                          const char *after)
{
    char *input = malloc(strlen(before) + count + strlen(after) + 1);
    struct reader reader;

    sprintf(input, "%s%*s%s", before, (int)count, "", after);
    memset(input + strlen(before), 'x', count);
    reader_init(&reader, HG_REQUEST, story);
    reader.limits = limits;
    reader_feed(&reader, (const uint8_t *)input, strlen(input));
    free(input);
    return story->text + (strchr(story->text, '!') ? strchr(story->text, '!') - story->text : 0);
}

START_TEST(test_limits)
{
    const struct http1_limits small = {
        .start_line = 100, .head = 200, .fields = 3, .trailers = 50, .chunk_overhead = 100};
    struct story story;

    ck_assert_int_eq(*padded(&story, &small, "GET /", 86, " HTTP/1.1\r\nHost: a\r\n\r\n"), '[');
    ck_assert_str_eq(padded(&story, &small, "GET /", 87, " HTTP/1.1\r\nHost: a\r\n\r\n"), "!414");
    ck_assert_str_eq(padded(&story, &small, "GET /", 1000, ""), "!414");
    ck_assert_str_eq(padded(&story, &small, "", 102, ""), "!501");
    ck_assert_int_eq(*padded(&story, &small, "GET / HTTP/1.1\r\nHost: a\r\nX: ", 168, "\r\n\r\n"), '[');
    ck_assert_str_eq(padded(&story, &small, "GET / HTTP/1.1\r\nHost: a\r\nX: ", 169, "\r\n\r\n"), "!431");
    ck_assert_str_eq(padded(&story, &small, "GET / HTTP/1.1\r\nHost: a\r\nX: ", 300, ""), "!431");
    ck_assert_int_eq(*padded(&story, &small, "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nY: 2", 0, "\r\n\r\n"), '[');
    ck_assert_str_eq(padded(&story, &small, "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nY: 2\r\nZ: 3", 0, "\r\n\r\n"),
                     "!431");
    ck_assert_str_eq(padded(&story, &small,
                            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", 60, "\r\n\r\n"),
                     "!431");
    ck_assert_str_eq(padded(&story, &default_limits,
                            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0;", 256, "\r\n\r\n"),
                     "!400");
}
END_TEST

START_TEST(test_underscores)
{
    struct http1_limits limits = HTTP1_DEFAULT_LIMITS;
    struct story story;

    ck_assert_str_eq(padded(&story, &limits, "GET / HTTP/1.1\r\nHost: a\r\nX_Y: 1", 0, "\r\n\r\n"), "!400");
    limits.underscores = true;
    ck_assert_int_eq(*padded(&story, &limits, "GET / HTTP/1.1\r\nHost: a\r\nX_Y: 1", 0, "\r\n\r\n"), '[');
    ck_assert_str_eq(response(&story, "HTTP/1.1 204 N\r\nX_Y: 1\r\n\r\n"), "[204 'N' 101 -2 none]{X_Y: 1}.");
}
END_TEST

START_TEST(test_chunk_overhead)
{
    const char *head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    size_t head_size = strlen(head), count = 100000;
    char *input = malloc(head_size + 6 * count + 6);
    struct http1_body body;
    struct http1_message message = {.framing = HTTP1_CHUNKED};
    struct http1_piece piece;
    size_t at = 0, size = 6 * count;

    for (size_t i = 0; i < count; i++)
        memcpy(input + 6 * i, "1\r\nx\r\n", 6);
    http1_body_start(&body, HG_REQUEST, &message);
    do
        at += http1_body_read(&body, NULL, &default_limits, (const uint8_t *)input + at, size - at, &piece);
    while (piece.type == HTTP1_PIECE_DATA);
    ck_assert_int_eq(piece.type, HTTP1_PIECE_FAULT);
    ck_assert_int_eq(piece.reason.status, 400);
    /* 64 KiB are free, and two bytes for each of data: one-byte chunks leave three to pay. */
    ck_assert_uint_ge(at, 65536 / 3 * 6 - 12);
    ck_assert_uint_le(at, 65536 / 3 * 6 + 12);
    free(input);
}
END_TEST

TCase *request_tests(void)
{
    TCase *tests = tcase_create("requests");

    tcase_add_test(tests, test_request_head);
    tcase_add_test(tests, test_request_hop_by_hop);
    tcase_add_test(tests, test_request_target);
    tcase_add_test(tests, test_host);
    tcase_add_test(tests, test_request_framing);
    tcase_add_test(tests, test_limits);
    tcase_add_test(tests, test_underscores);
    tcase_add_test(tests, test_chunk_overhead);
    return tests;
}
