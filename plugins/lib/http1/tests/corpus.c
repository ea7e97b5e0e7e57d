/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The corpus, whole and split at every byte; chunks split at random.
 */
#include "plugins/lib/http1/tests/cases.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Policy cases in which our decision differs from what the corpus suggests. */
static const struct {
    const char *name, *why;
} stricter[] = {
    {"resp TE gzip (eof)", "only chunked is spoken here, and what cannot be decoded cannot be framed anew"},
};

static bool is_stricter(const char *name)
{
    for (size_t i = 0; i < sizeof stricter / sizeof *stricter; i++)
        if (!strcmp(stricter[i].name, name))
            return true;
    return false;
}

/* Each character of the JSON text is one byte. */
static uint8_t *bytes_of(const json_t *text, size_t *size)
{
    const uint8_t *utf8 = (const uint8_t *)json_string_value(text), *end = utf8 + json_string_length(text);
    uint8_t *bytes = malloc(json_string_length(text) + 1);

    *size = 0;
    while (utf8 < end) {
        if (*utf8 < 0x80) {
            bytes[(*size)++] = *utf8++;
        } else {
            bytes[(*size)++] = (uint8_t)((utf8[0] & 3) << 6 | (utf8[1] & 63));
            utf8 += 2;
        }
    }
    return bytes;
}

static bool is_refusal(enum hg_head_kind kind, int status)
{
    if (kind == HG_RESPONSE)
        return status == 502;
    return status == 400 || status == 414 || status == 431 || status == 501 || status == 505;
}

static enum hg_head_kind kind_of(const json_t *object)
{
    return !strcmp(json_string_value(json_object_get(object, "kind")), "request") ? HG_REQUEST : HG_RESPONSE;
}

/* Reads the case whole, and split at every byte, which must make no difference. Returns the rule that was broken but
 * tolerated. */
static const char *read_case(const json_t *object, const struct http1_limits *limits, struct story *whole,
                             bool *complete)
{
    const char *name = json_string_value(json_object_get(object, "name"));
    size_t size;
    uint8_t *bytes = bytes_of(json_object_get(object, "bytes"), &size);
    struct story split;
    struct reader reader;
    const char *broken;

    reader_init(&reader, kind_of(object), whole);
    reader.limits = limits;
    read_split(&reader, bytes, size, size);
    broken = reader.broken;
    *complete = !whole->reason.status && (!reader.in_body || http1_body_closed(&reader.body)) &&
                !http1_scan_begun(&reader.scan);
    for (size_t i = 0; i < size; i++) {
        reader_init(&reader, kind_of(object), &split);
        reader.limits = limits;
        read_split(&reader, bytes, size, i);
        ck_assert_ptr_eq(reader.broken, broken);
        ck_assert_msg(!strcmp(split.text, whole->text), "%s: split at %zu it is %s, whole %s", name, i, split.text,
                      whole->text);
    }
    free(bytes);
    return broken;
}

/* The corpus is older than our tolerance. */
static const struct http1_limits strict_limits = {
    .start_line = 8192, .head = 65536, .fields = 100, .trailers = 8192, .strict = true};

static void check_case(const json_t *object)
{
    const char *name = json_string_value(json_object_get(object, "name"));
    bool firm = json_is_true(json_object_get(object, "firm")), complete;
    bool accept = !strcmp(json_string_value(json_object_get(object, "expect")), "accept") && !is_stricter(name);
    bool taken_now = !firm && !strcmp(name, "resp status 600"); /* all three-digit statuses are in use, even 999 */
    struct story story;

    ck_assert_msg(!(firm && is_stricter(name)), "%s is not ours to decide", name);
    read_case(object, &strict_limits, &story, &complete);
    if (accept || taken_now)
        ck_assert_msg(complete, "%s: not accepted, or not complete: %s (%s)", name, story.text,
                      story.reason.detail ? story.reason.detail : "");
    else
        ck_assert_msg(is_refusal(kind_of(object), story.reason.status), "%s: not refused: %s", name, story.text);
}

/* Calls `check` for each line of a file; returns the number of lines. */
static unsigned for_each_case(const char *path, void (*check)(const json_t *object))
{
    FILE *file = fopen(path, "r");
    char line[8192];
    unsigned cases = 0;

    ck_assert_msg(file != NULL, "no corpus at %s", path);
    while (fgets(line, sizeof line, file)) {
        json_t *object = json_loads(line, JSON_ALLOW_NUL, NULL);

        ck_assert_ptr_nonnull(object);
        check(object);
        json_decref(object);
        cases++;
    }
    fclose(file);
    return cases;
}

START_TEST(test_corpus)
{
    ck_assert_uint_ge(for_each_case(CORPUS "http1.jsonl", check_case), 109);
}
END_TEST

/* A request of cases.jsonl. The fields that an edge removes are not considered. */
static void check_request(const json_t *object)
{
    const char *name = json_string_value(json_object_get(object, "name"));
    const char *expect = json_string_value(json_object_get(object, "expect"));
    struct story story;
    bool complete;

    if (kind_of(object) != HG_REQUEST)
        return;
    read_case(object, &default_limits, &story, &complete);
    if (!strcmp(expect, "reject-400"))
        ck_assert_msg(story.reason.status == 400, "%s: %s", name, story.text);
    else if (!strcmp(expect, "reject"))
        ck_assert_msg(is_refusal(HG_REQUEST, story.reason.status), "%s: not refused: %s", name, story.text);
    else
        ck_assert_msg(complete, "%s: not accepted, or not complete: %s", name, story.text);
    if (strstr(name, "field "))
        ck_assert_msg(!strchr(story.text, '{'), "%s: %s", name, story.text);
    if (strstr(expect, "with-trailers"))
        ck_assert_msg(strstr(story.text, "]hello{Checksum: ok}.") != NULL, "%s: %s", name, story.text);
}

START_TEST(test_request_cases)
{
    ck_assert_uint_ge(for_each_case(CORPUS "cases.jsonl", check_request), 47);
}
END_TEST

/* A response of cases.jsonl: by default, with `strict` and with `lenient`. */
static void check_response(const json_t *object)
{
    static const struct http1_limits usual = HTTP1_RESPONSE_LIMITS;
    const char *name = json_string_value(json_object_get(object, "name"));
    const char *expect = json_string_value(json_object_get(object, "expect"));
    bool tolerated = !strcmp(expect, "tolerated"), lenient = !strcmp(expect, "lenient"), complete[3];
    bool accepted = !strncmp(expect, "accept", 6);
    struct http1_limits limits[3] = {usual, usual, usual};
    const char *broken[3];
    struct story stories[3];

    if (kind_of(object) != HG_RESPONSE)
        return;
    limits[1].strict = true;
    limits[2].lenient = true;
    for (int i = 0; i < 3; i++) {
        broken[i] = read_case(object, &limits[i], &stories[i], &complete[i]);
        ck_assert_msg(complete[i] || is_refusal(HG_RESPONSE, stories[i].reason.status), "%s: %s", name,
                      stories[i].text);
    }
    ck_assert_msg(complete[0] == (accepted || tolerated), "%s: %s", name, stories[0].text);
    ck_assert_msg(complete[1] == accepted, "%s, strict: %s", name, stories[1].text);
    ck_assert_msg(complete[2] == (accepted || tolerated || lenient), "%s, lenient: %s", name, stories[2].text);
    ck_assert_msg(!broken[0] == !tolerated, "%s: %s", name, broken[0]);
    ck_assert_msg(!broken[2] == !(tolerated || lenient), "%s, lenient: %s", name, broken[2]);
    if (lenient)
        ck_assert_msg(strstr(stories[0].reason.detail, "lenient: yes") != NULL, "%s: %s", name,
                      stories[0].reason.detail);
    if (strstr(expect, "with-trailers"))
        ck_assert_msg(strstr(stories[0].text, "]hi{Ok: 1}.") != NULL, "%s: %s", name, stories[0].text);
}

START_TEST(test_response_cases)
{
    ck_assert_uint_ge(for_each_case(CORPUS "cases.jsonl", check_response), 47);
}
END_TEST

static unsigned draw(unsigned *seed, unsigned below)
{
    *seed = *seed * 1103515245 + 12345;
    return (*seed >> 8) % below;
}

/* Writes `size` bytes in random chunks, with an occasional trailer. */
static size_t write_random_chunks(unsigned *seed, uint8_t *out, size_t capacity, const uint8_t *data, size_t size)
{
    struct http1_writer writer = {.data = out, .capacity = capacity};

    while (size) {
        size_t part = 1 + draw(seed, (unsigned)size);

        http1_write_chunk_header(&writer, part);
        http1_write(&writer, (struct hg_text){(const char *)data, part});
        http1_write(&writer, HTTP1_CHUNK_END);
        data += part;
        size -= part;
    }
    http1_write(&writer, draw(seed, 2) ? HG_TEXT("0\r\nX: y\r\n\r\n") : HG_TEXT("0\r\n\r\n"));
    ck_assert(!writer.overflow);
    return writer.size;
}

/* Decodes with random windows. `broken`: one byte of the framing was changed, so any outcome is right that does no
 * damage. */
static bool read_random_windows(unsigned *seed, const uint8_t *in, size_t size, const uint8_t *data, size_t data_size)
{
    struct http1_message message = {.framing = HTTP1_CHUNKED};
    struct http1_body body;
    size_t at = 0, got = 0, shown = 0;

    http1_body_start(&body, HG_REQUEST, &message);
    for (;;) {
        struct http1_piece piece;
        uint8_t *window;
        size_t used;

        shown = shown < at ? at : shown;
        shown += draw(seed, 2) ? 1 : draw(seed, 64);
        shown = shown > size ? size : shown;
        window = malloc(shown - at + 1);
        memcpy(window, in + at, shown - at);
        used = http1_body_read(&body, &worker_host, &default_limits, window, shown - at, &piece);
        ck_assert_uint_le(used, shown - at);
        if (piece.type == HTTP1_PIECE_DATA) {
            if (got + piece.size > data_size || memcmp(piece.data, data + got, piece.size) != 0) {
                free(window);
                return false;
            }
            got += piece.size;
        }
        free(window);
        at += used;
        if (piece.type == HTTP1_PIECE_END) {
            hg_fields_free(&worker_host, piece.trailers);
            return got == data_size && at == size;
        }
        if (piece.type == HTTP1_PIECE_FAULT || (shown == size && !used))
            return false;
    }
}

START_TEST(test_random_chunks)
{
    uint8_t data[3000], wire[20000];
    const char *given = getenv("HG_SEED");
    unsigned first = given ? (unsigned)strtoul(given, NULL, 0) : 1;

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 2654435761U >> 11);
    for (unsigned run = first; run < first + (given ? 1 : 4000); run++) {
        unsigned seed = run;
        size_t data_size = draw(&seed, draw(&seed, 2) ? 20 : sizeof data);
        size_t size = write_random_chunks(&seed, wire, sizeof wire, data, data_size);

        ck_assert_msg(read_random_windows(&seed, wire, size, data, data_size), "HG_SEED=%u", run);
        wire[draw(&seed, (unsigned)size)] ^= (uint8_t)(1 + draw(&seed, 255));
        read_random_windows(&seed, wire, size, data, data_size); /* for the sanitizers */
    }
}
END_TEST

TCase *corpus_tests(void)
{
    TCase *tests = tcase_create("corpus");

    tcase_add_test(tests, test_corpus);
    tcase_add_test(tests, test_request_cases);
    tcase_add_test(tests, test_response_cases);
    tcase_add_test(tests, test_random_chunks);
    tcase_set_timeout(tests, 120);
    return tests;
}
