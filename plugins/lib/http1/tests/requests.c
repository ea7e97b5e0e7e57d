/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Requests, rule by rule.
 */
#include "plugins/lib/http1/tests/cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CRLF8 "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n"

START_TEST(test_request_head)
{
    struct story story;

    ck_assert_str_eq(request(&story, "GET /a?b HTTP/1.1\r\nHost: a.test:80\r\nX-Y:  v \t\r\nEmpty:\r\n\r\n"),
                     "[GET http://a.test:80/a?b 101 -2 none]{X-Y: v}{Empty: }.");
    ck_assert_str_eq(request(&story, "\r\nGET / HTTP/1.0\r\nHost: a\r\n\r\n"), "[GET http://a/ 100 -2 none last].");
    ck_assert_str_eq(request(&story, CRLF8 "GET / HTTP/1.0\r\nHost: a\r\n\r\n"), "[GET http://a/ 100 -2 none last].");
    ck_assert_str_eq(request(&story, CRLF8 "\r\nGET / HTTP/1.0\r\nHost: a\r\n\r\n"), "!400");
    ck_assert_str_eq(request(&story, "GET / HTTP/1.7\r\nHost: a\r\n\r\n"), "[GET http://a/ 101 -2 none].");
    ck_assert_str_eq(request(&story, "GET / HTTP/1.0\r\n\r\n"), "[GET http:/// 100 -2 none last].");
    ck_assert_str_eq(request(&story, "GET / HTTP/1.2\r\n\r\n"), "!400");
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
    /* What Connection must not be able to remove. */
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
    ck_assert_str_eq(request(&story, "FROB_x' / HTTP/1.1\r\nHost: a\r\n\r\n"), "!501");
    ck_assert_str_eq(request(&story, "FROB_.' / HTTP/1.1\r\nHost: a\r\n\r\n"), "[FROB_.' http://a/ 101 -2 none].");
    ck_assert_str_eq(request(&story, "get / HTTP/1.1\r\nHost: a\r\n\r\n"), "!501");
    /* Bytes that are not allowed in a URL. */
    ck_assert_str_eq(request(&story, "GET /\xc3\xa9?\xff HTTP/1.1\r\nHost: a\r\n\r\n"),
                     "[GET http://a/%C3%A9?%FF 101 -2 none].");
    ck_assert_str_eq(request(&story, "GET http://b?\x80 HTTP/1.1\r\nHost: a\r\n\r\n"),
                     "[GET http://b/?%80 101 -2 none].");
    ck_assert_str_eq(request(&story, "GET http://\x80/ HTTP/1.1\r\nHost: a\r\n\r\n"), "!400");
    ck_assert_str_eq(request(&story, "\x16\x03\x01"), "!400");
}
END_TEST

START_TEST(test_host)
{
    static const char *const good[] = {"a",          "a.b-c.test",   "a:1",     "a:65535",   "[::1]",
                                       "[::1]:8080", "127.0.0.1:80", "a:",      "a.:",       "a:0000000080",
                                       "a,b",        "a%20b",        "a!$&'()", "*.+;=~b_c", "[::ffff:1.2.3.4]"};
    static const char *const bad[] = {
        "",      "a b",  "a/b",  "a:0",    "a:65536",     "a:123456",  "a@b",        "a:x",
        "[::1",  "[]",   "::1",  "[::1]x", "a:8a",        "a:+80",     "a#b",        "a:80:1",
        "[::g]", ":80",  "a%2",  "a%zz",   "a\"b\"",      ".",         "..",         "a..b",
        ".a",    ".:80", "a<b>", "a?b",    "[ab..cd::1]", "[1.2.3.4]", "[::1%25lo]", "[v1.a]"};
    char input[256];
    struct story story;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(input, sizeof input, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", good[i]);
        request(&story, input);
        ck_assert_msg(!story.reason.status, "refused: %s", good[i]);
        snprintf(input, sizeof input, "GET http://%s/ HTTP/1.0\r\n\r\n", good[i]);
        request(&story, input);
        ck_assert_msg(!story.reason.status, "refused: %s", good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(input, sizeof input, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", bad[i]);
        request(&story, input);
        ck_assert_msg(story.reason.status == 400, "accepted: %s", bad[i]);
    }
    /* The port is normalized. */
    ck_assert_str_eq(request(&story, "GET / HTTP/1.1\r\nHost: a:\r\n\r\n"), "[GET http://a/ 101 -2 none].");
    ck_assert_str_eq(request(&story, "GET / HTTP/1.1\r\nHost: [::1]:0080\r\n\r\n"),
                     "[GET http://[::1]:80/ 101 -2 none].");
    ck_assert_str_eq(request(&story, "GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n"), "[GET http://[::1]/ 101 -2 none].");
}
END_TEST

START_TEST(test_request_framing)
{
    struct story story;

    ck_assert_str_eq(request(&story, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999999999\r\n\r\nx"),
                     "[POST http://a/ 101 999999999999999999 length]x");
    ck_assert_str_eq(request(&story, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000000000000\r\n\r\nx"),
                     "!400");
    ck_assert_str_eq(request(&story, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
                                     "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
                     "!400");
    ck_assert_str_eq(story.reason.detail, "both Content-Length and Transfer-Encoding (RFC 9112 section 6.1)");
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
    const struct http1_limits small = {.start_line = 100, .head = 200, .fields = 3, .trailers = 50};
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
                            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0;", 286, "\r\n\r\n"),
                     "!400");
}
END_TEST

START_TEST(test_underscores)
{
    struct http1_limits limits = HTTP1_DEFAULT_LIMITS;
    struct story story;

    static const char head[] = "POST / HTTP/1.1\r\nHost: a\r\n_A: 1\r\nX_Y: 1\r\nContent_Length: 9\r\nB_: 1\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n0\r\n_T: 1\r\nU_: 2\r\nV: 3";

    ck_assert_str_eq(padded(&story, &limits, head, 0, "\r\n\r\n"), "[POST http://a/ 101 -1 chunked]{V: 3}.");
    limits.underscores = true;
    ck_assert_str_eq(padded(&story, &limits, head, 0, "\r\n\r\n"),
                     "[POST http://a/ 101 -1 chunked]{_A: 1}{X_Y: 1}{Content_Length: 9}{B_: 1}{_T: 1}{U_: 2}{V: 3}.");
    ck_assert_str_eq(response(&story, "HTTP/1.1 204 N\r\nX_Y: 1\r\n\r\n"), "[204 'N' 101 -2 none]{X_Y: 1}.");
}
END_TEST

/* A request with two codings or none: 400 if its end is unknown (RFC 9112 section 6.3), else 501. */
START_TEST(test_codings)
{
    static const struct {
        const char *coding, *answer;
    } cases[] = {
        {"gzip", "!400"},
        {"chunked, gzip", "!400"},
        {"chunked, gzip, chunked", "!400"},
        {"chunked,chunked", "!400"},
        {"chunked;a=b", "!400"},
        {"identity", "!400"},
        {"", "!400"},
        {"chunked\r\nTransfer-Encoding: chunked", "!400"},
        {"gzip\r\nTransfer-Encoding: chunked", "!400"},
        {"x, chunked", "!501"},
        {"gzip, Chunked", "!501"},
    };
    char input[256];
    struct story story;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(input, sizeof input, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: %s\r\n\r\n0\r\n\r\n",
                 cases[i].coding);
        ck_assert_msg(!strcmp(request(&story, input), cases[i].answer), "%s: %s", cases[i].coding, story.text);
    }
}
END_TEST

/* Chunk size lines (RFC 9112 section 7.1.1), before "hello". */
START_TEST(test_chunk_lines)
{
    static const char *const good[] = {"5",     "00000000000000000005", "5 ; a = b", "5;a",  "5 ;a;b=c;d",
                                       "5\t;a", "5;a=\"x;\\\" y\" ;b",  "5;a=\"\"",  "5; a", "5;a =\tb"};
    static const char *const bad[] = {"5;",     "5;b[=x", "5 ",      "5;a ",       "5;a=b ", "5;a=",  "5;=b", "5;a b",
                                      "5;a=\"", "5 5",    "5;a=b c", "5;a=\"x\"y", "5;;a",   "5;a,b", "5,",   "x5"};
    char input[256];
    struct story story;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(input, sizeof input,
                 "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%s\r\nhello\r\n0\r\n\r\n", good[i]);
        request(&story, input);
        ck_assert_msg(!strcmp(story.text, "[POST http://a/ 101 -1 chunked]hello."), "%s: %s", good[i], story.text);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(input, sizeof input,
                 "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%s\r\nhello\r\n0\r\n\r\n", bad[i]);
        request(&story, input);
        ck_assert_msg(!strcmp(story.text, "[POST http://a/ 101 -1 chunked]!400"), "%s: %s", bad[i], story.text);
    }
}
END_TEST

/* RFC 9110 section 6.5.1. */
START_TEST(test_trailers)
{
    struct story story;

    ck_assert_str_eq(request(&story,
                             "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
                             "x-forwarded-for: 1\r\nHost: b\r\nAUTHORIZATION: c\r\nIf-Match: d\r\nUpgrade: e\r\n"
                             "Checksum: f\r\nIffy: g\r\nKeep-Alive: h\r\nCF-Connecting-IP: i\r\nClient-IP: j\r\n"
                             "X-Original-Host: k\r\nX-Real-IP: l\r\nX-Forwarded: m\r\n\r\n"),
                     "[POST http://a/ 101 -1 chunked]{Checksum: f}{Iffy: g}.");
    ck_assert_str_eq(request(&story, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
                                     "Content-Length: 5\r\n\r\n"),
                     "[POST http://a/ 101 -1 chunked]!400");
    ck_assert_str_eq(response(&story, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
                                      "Content-Length: 5\r\nSet-Cookie: a\r\nUnder_score: b\r\n\r\n"),
                     "[200 'OK' 101 -1 chunked]{Under_score: b}.");
}
END_TEST

/* A body of one-byte chunks: any number of them become few pieces, and without `host` nothing is moved. */
START_TEST(test_tiny_chunks)
{
    const size_t count = 100000, size = 6 * count + 5;
    uint8_t *input = malloc(size + 1), *copy = malloc(size);
    struct http1_message message = {.framing = HTTP1_CHUNKED};
    struct http1_body body;
    struct http1_piece piece;
    size_t at = 0, pieces = 0, wrong = 0;

    for (size_t i = 0; i < count; i++)
        memcpy(input + 6 * i, i % 2 ? "1\r\nx\r\n" : "1\r\ny\r\n", 6);
    memcpy(input + 6 * count, "0\r\n\r\n", 6);
    memcpy(copy, input, size);
    http1_body_start(&body, HG_REQUEST, &message);
    do
        at += http1_body_read(&body, NULL, &default_limits, input + at, size - at, &piece);
    while (piece.type == HTTP1_PIECE_DATA);
    ck_assert_int_eq(piece.type, HTTP1_PIECE_END);
    ck_assert_mem_eq(input, copy, size);
    http1_body_start(&body, HG_REQUEST, &message);
    for (at = 0;; pieces++) {
        at += http1_body_read(&body, &worker_host, &default_limits, input + at, size - at < 16384 ? size - at : 16384,
                              &piece);
        if (piece.type != HTTP1_PIECE_DATA)
            break;
        for (size_t i = 0; i < piece.size; i++)
            wrong += piece.data[i] != ((body.received - piece.size + i) % 2 ? 'x' : 'y');
    }
    ck_assert_uint_eq(wrong, 0);
    ck_assert_int_eq(piece.type, HTTP1_PIECE_END);
    ck_assert_uint_eq(at, size);
    ck_assert_uint_eq(body.received, count);
    ck_assert_uint_le(pieces, 2 * size / 16384 + 2);
    free(input);
    free(copy);
}
END_TEST

/* The largest head: Connection is a long list, and each field is looked up in it. This would take minutes if each field
 * searched the whole list. */
START_TEST(test_long_connection)
{
    const struct http1_limits limits = {.start_line = 100, .head = HTTP1_HEAD_MAX, .fields = HTTP1_FIELDS_MAX};
    const size_t fields = HTTP1_FIELDS_MAX - 2, commas = HTTP1_HEAD_MAX - 5 * fields - 100;
    char *input = malloc(HTTP1_HEAD_MAX), *at = stpcpy(input, "GET / HTTP/1.1\r\nHost: a\r\nConnection: ");
    struct reader reader;
    struct story story;

    memset(at, ',', commas);
    at = stpcpy(at + commas, "b, c\r\n");
    for (size_t i = 0; i < fields; i++)
        at = stpcpy(at, i % 2 ? "c:\r\n" : "B:\r\n");
    at = stpcpy(at, "\r\n");
    reader_init(&reader, HG_REQUEST, &story);
    reader.limits = &limits;
    reader_feed(&reader, (const uint8_t *)input, (size_t)(at - input));
    ck_assert_str_eq(story.text, "[GET http://a/ 101 -2 none].");
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
    tcase_add_test(tests, test_codings);
    tcase_add_test(tests, test_chunk_lines);
    tcase_add_test(tests, test_trailers);
    tcase_add_test(tests, test_tiny_chunks);
    tcase_add_test(tests, test_long_connection);
    return tests;
}
