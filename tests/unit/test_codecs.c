/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Properties that every codec must have, tested with random exchanges: what is encoded is decoded unchanged, however
 * the bytes are split; part of the bytes gives part of the events; unknown messages are ignored; damaged bytes give an
 * error, or events that keep every promise. HG_SEED=N repeats a run, HG_RUNS=N makes it longer.
 */
#include "tests/unit/codec_driver.h"
#include "tests/unit/fake_host.h"
#include "tests/unit/run_suite.h"
#include "tests/unit/slowness.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

const struct hg_plugin *codec_binary_plugin(void);
const struct hg_plugin *codec_json_plugin(void);

static const struct hg_plugin *plugin_of(int index)
{
    return index == 0 ? codec_binary_plugin() : codec_json_plugin();
}
#define CODECS 2

static struct random_numbers seeded(uint64_t run)
{
    const char *seed = getenv("HG_SEED");

    return (struct random_numbers){(seed ? strtoull(seed, NULL, 0) : 1) * 1000000 + run};
}

static unsigned runs(unsigned usual)
{
    const char *wanted = getenv("HG_RUNS");

    if (wanted)
        return (unsigned)strtoul(wanted, NULL, 0);
    return repetitions(usual);
}

/* ---- A codec under test ---- */

struct fixture {
    struct fake_host fake;
    const struct hg_plugin *plugin;
    const struct hg_codec_ops *ops;
    int index;
};

static void fixture_begin(struct fixture *fixture, int index)
{
    fixture->index = index;
    fixture->plugin = plugin_of(index);
    fixture->ops = fixture->plugin->ops;
    fake_host_init(&fixture->fake, fixture->plugin, NULL);
    ck_assert_int_eq(fake_host_start(&fixture->fake, fixture->plugin), 0);
}

static void fixture_end(struct fixture *fixture)
{
    fake_host_stop(&fixture->fake, fixture->plugin);
}

/* ---- Random messages ---- */

static const char token_bytes[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
static const char *const usual_names[] = {
    "Content-Type",    "content-type",      "CONTENT-TYPE", "ETag",      "Set-Cookie", "TE",
    "x-forwarded-for", "X-Forwarded-Proto", "Sec-CH-UA",    "sec-ch-ua", "a"};

static size_t text_size(struct random_numbers *random)
{
    switch (random_below(random, 8)) {
    case 0:
        return 0;
    case 1:
        return random_below(random, 300);
    default:
        return random_below(random, 24);
    }
}

/* Any bytes but CR, LF and NUL, sometimes with valid UTF-8, JSON's special characters, control characters or invalid
 * UTF-8. */
static struct hg_text any_line(struct random_numbers *random, char *space, size_t size)
{
    static const char *const pieces[] = {
        "\xc3\xa9", "\xf0\x9f\x98\x80", "\"",           "\\", "\\u0000", "\xed\xa0\x80", "\xff", "\t", "\x01",
        "\xc0\xaf", "\xf4\x90\x80\x80", "\xe2\x80\xa8", "/",  "a"};
    const size_t mode = random_below(random, 3);
    size_t used = 0;

    while (used < size) {
        if (mode == 0) {
            space[used++] = (char)(' ' + random_below(random, 95));
        } else if (mode == 1) {
            char byte = (char)(1 + random_below(random, 255));

            space[used++] = byte == '\r' || byte == '\n' ? '\v' : byte;
        } else {
            const char *piece = pieces[random_below(random, sizeof pieces / sizeof *pieces)];

            for (; *piece && used < size; piece++)
                space[used++] = *piece;
        }
    }
    return (struct hg_text){space, size};
}

static struct hg_text any_word(struct random_numbers *random, char *space, size_t size)
{
    for (size_t i = 0; i < size; i++)
        do
            space[i] = (char)random_below(random, 256);
        while ((uint8_t)space[i] <= ' ' || space[i] == 0x7f);
    return (struct hg_text){space, size};
}

static struct hg_text any_token(struct random_numbers *random, char *space)
{
    size_t size = 1 + text_size(random);

    if (random_below(random, 2))
        return hg_text(usual_names[random_below(random, sizeof usual_names / sizeof *usual_names)]);
    for (size_t i = 0; i < size; i++)
        space[i] = token_bytes[random_below(random, sizeof token_bytes - 1)];
    return (struct hg_text){space, size};
}

static void add_fields(const struct hg_host *host, struct random_numbers *random, struct hg_fields *fields)
{
    size_t count = random_below(random, 10) ? random_below(random, 12) : random_below(random, 257);
    char name[512], value[512];

    for (size_t i = 0; i < count; i++)
        must(!hg_field_add(host, fields, any_token(random, name), any_line(random, value, text_size(random))));
}

static int64_t any_length(struct random_numbers *random)
{
    switch (random_below(random, 4)) {
    case 0:
        return HG_LENGTH_NONE;
    case 1:
        return HG_LENGTH_UNKNOWN;
    case 2:
        return (int64_t)random_below(random, 100000);
    default:
        return (int64_t)(random_number(random) >> (2 + random_below(random, 60))) - 2;
    }
}

static struct hg_head *any_head(const struct hg_host *host, struct random_numbers *random, enum hg_head_kind kind,
                                bool interim)
{
    static const uint16_t versions[] = {0x0100, 0x0101, 0x0200, 0x0300};
    struct hg_head *head = hg_head_new(host, kind);
    char space[512];

    must(head);
    head->version = versions[random_below(random, 4)];
    head->length = any_length(random);
    if (kind == HG_REQUEST) {
        const size_t path = text_size(random);

        must(!hg_head_set(host, head, &head->method, any_token(random, space)));
        must(!hg_head_set(host, head, &head->scheme, random_below(random, 2) ? HG_TEXT("http") : HG_TEXT("https")));
        must(!hg_head_set(host, head, &head->authority, any_word(random, space, text_size(random))));
        any_word(random, space + 1, path);
        space[0] = '/';
        must(!hg_head_set(host, head, &head->path, path == 1 ? HG_TEXT("*") : (struct hg_text){space, path + 1}));
        if (!random_below(random, 8)) {
            head->traffic = (enum hg_traffic)(1 + random_below(random, 2));
            must(!hg_head_set(host, head, &head->method, HG_TEXT("CONNECT")));
            if (path == 1 || random_below(random, 2))
                must(!hg_head_set(host, head, &head->path, HG_TEXT("")));
        }
        must(!hg_head_set(host, head, &head->id, any_word(random, space, text_size(random))));
        must(!hg_head_set(host, head, &head->peer, any_line(random, space, text_size(random))));
        must(!hg_head_set(host, head, &head->service, any_line(random, space, text_size(random))));
    } else {
        head->status = interim ? 102 : (int)(200 + random_below(random, 400));
        if (!interim && !random_below(random, 10))
            head->status = 101;
        must(!hg_head_set(host, head, &head->reason, any_line(random, space, text_size(random))));
    }
    if (!random_below(random, 4))
        must(!hg_head_set(host, head, &head->upgrade, any_line(random, space, text_size(random))));
    if (!random_below(random, 4))
        must(!hg_head_set(host, head, &head->connection, any_word(random, space, text_size(random))));
    add_fields(host, random, &head->fields);
    return head;
}

static void fill_data(struct random_numbers *random, struct hg_buffer *buffer)
{
    const size_t mode = random_below(random, 4);

    for (size_t i = 0; i < buffer->capacity; i++)
        buffer->data[i] = mode == 0   ? (uint8_t)random_number(random)
                          : mode == 1 ? (uint8_t)(' ' + random_below(random, 95))
                          : mode == 2 ? (i % 2 ? 0xa9 : 0xc3)
                                      : (uint8_t) "\x00\"\\\n\x1f ab"[random_below(random, 8)];
}

/* ---- Random directions ---- */

struct direction {
    struct bytes wire;
    struct transcript transcript;
    struct hg_output out;
};

static void check_encoded(int result, const char *error)
{
    if (result)
        fprintf(stderr, "encoding failed: %s\n", error);
    must(!result);
}

static void flush_sometimes(struct random_numbers *random, struct direction *direction)
{
    if (direction->out.count + HG_OUTPUT_PER_CALL > HG_OUTPUT_SLICES || !random_below(random, 3))
        take_output(&direction->wire, &direction->out);
}

static void add_unknown(struct fixture *fixture, struct random_numbers *random, struct direction *direction)
{
    static const char *const lines[] = {"{\"type\":\"future\",\"x\":[1,{\"y\":null}]}\n", "{}\n", "\n", "{\"a\":1}\r\n",
                                        "{\"type\":7}\n"};
    uint8_t message[600] = {0x40, 0x99, 0x42, 0x00}; /* type 0x99, 512 bytes of payload */

    if (random_below(random, 3))
        return;
    take_output(&direction->wire, &direction->out);
    if (fixture->index == 0) {
        bytes_append(&direction->wire, message, 4 + 512);
    } else {
        const char *line = lines[random_below(random, sizeof lines / sizeof *lines)];

        bytes_append(&direction->wire, line, strlen(line));
    }
}

static void add_head(struct fixture *fixture, struct random_numbers *random, struct direction *direction,
                     enum hg_head_kind kind, bool interim)
{
    struct hg_head *head = any_head(fixture->fake.worker.host, random, kind, interim);
    const char *error = NULL;

    add_unknown(fixture, random, direction);
    flush_sometimes(random, direction);
    check_encoded(fixture->ops->encode_head(&fixture->fake.worker, head, &direction->out, &error), error);
    transcript_head(&direction->transcript, head);
    hg_head_free(fixture->fake.worker.host, head);
}

static void add_data(struct fixture *fixture, struct random_numbers *random, struct direction *direction, size_t max)
{
    struct hg_buffer *buffer = hg_buffer_new(fixture->fake.worker.host, 1 + random_below(random, max));
    struct hg_slice slice = {buffer, buffer->data, buffer->capacity};
    const char *error = NULL;
    size_t before;

    fill_data(random, buffer);
    add_unknown(fixture, random, direction);
    take_output(&direction->wire, &direction->out);
    before = direction->wire.size;
    check_encoded(fixture->ops->encode_data(&fixture->fake.worker, &slice, &direction->out, &error), error);
    must(direction->out.count <= HG_OUTPUT_PER_CALL);
    transcript_data(&direction->transcript, slice.data, slice.size);
    hg_buffer_unref(buffer);
    take_output(&direction->wire, &direction->out);
    must(direction->wire.size - before <=
         fixture->ops->data_overhead + (slice.size * fixture->ops->data_growth + 63) / 64);
}

static void add_end(struct fixture *fixture, struct random_numbers *random, struct direction *direction)
{
    const struct hg_host *host = fixture->fake.worker.host;
    struct hg_fields *trailers = random_below(random, 2) ? hg_fields_new(host) : NULL;
    const char *error = NULL;

    if (trailers)
        add_fields(host, random, trailers);
    add_unknown(fixture, random, direction);
    flush_sometimes(random, direction);
    check_encoded(fixture->ops->encode_end(&fixture->fake.worker, trailers, &direction->out, &error), error);
    transcript_end(&direction->transcript, trailers);
    hg_fields_free(host, trailers);
}

static void add_reset(struct fixture *fixture, struct random_numbers *random, struct direction *direction)
{
    char space[513];
    struct hg_reason reason = {.status = (int)(400 + random_below(random, 200)),
                               .retry_after = (unsigned)(random_number(random) >> random_below(random, 64))};
    const char *error = NULL;

    if (random_below(random, 2))
        reason.error = "connection_refused";
    if (random_below(random, 2)) {
        size_t size = text_size(random);

        any_line(random, space, size);
        space[size] = 0;
        reason.detail = space;
    }
    flush_sometimes(random, direction);
    check_encoded(fixture->ops->encode_reset(&fixture->fake.worker, &reason, &direction->out, &error), error);
    transcript_reset(&direction->transcript, &reason);
}

static void direction_begin(struct fixture *fixture, struct random_numbers *random, struct direction *direction,
                            size_t most_data)
{
    const bool request = random_below(random, 2);
    const bool reset = !random_below(random, 4);

    memset(direction, 0, sizeof *direction);
    for (size_t left = request ? 0 : random_below(random, 3); left; left--)
        add_head(fixture, random, direction, HG_RESPONSE, true);
    if (!reset || random_below(random, 2)) {
        add_head(fixture, random, direction, request ? HG_REQUEST : HG_RESPONSE, false);
        for (size_t left = random_below(random, 6); left; left--)
            add_data(fixture, random, direction, random_below(random, 2) ? most_data : 64);
    }
    if (reset)
        add_reset(fixture, random, direction);
    else
        add_end(fixture, random, direction);
    take_output(&direction->wire, &direction->out);
}

static void direction_end(struct direction *direction)
{
    free(direction->wire.bytes);
    transcript_free(&direction->transcript);
}

/* ---- Properties ---- */

static void check_decodes_equal(struct fixture *fixture, struct random_numbers *random,
                                const struct direction *direction, size_t piece)
{
    struct transcript transcript = {0};
    const char *error = NULL;

    if (decode_all(fixture->ops, &fixture->fake.worker, direction->wire.bytes, direction->wire.size, piece, random,
                   &transcript, NULL, &error)) {
        fprintf(stderr, "decoding failed: %s\n", error);
        abort();
    }
    must(transcript_equal(&transcript, &direction->transcript));
    transcript_free(&transcript);
}

START_TEST(test_round_trip)
{
    struct fixture fixture;

    fixture_begin(&fixture, _i);
    for (unsigned run = 0, end = runs(600); run < end; run++) {
        struct random_numbers random = seeded(run);
        struct direction direction;

        direction_begin(&fixture, &random, &direction, 16384);
        check_decodes_equal(&fixture, &random, &direction, direction.wire.size);
        check_decodes_equal(&fixture, &random, &direction, 0);
        if (direction.wire.size < 20000)
            check_decodes_equal(&fixture, &random, &direction, 1);
        direction_end(&direction);
    }
    fixture_end(&fixture);
}
END_TEST

/* In two pieces, split at every position; the first piece alone gives the beginning of the events and never the end. */
START_TEST(test_split_everywhere)
{
    struct fixture fixture;

    fixture_begin(&fixture, _i);
    for (unsigned run = 0, end = runs(12); run < end; run++) {
        struct random_numbers random = seeded(10000 + run);
        struct direction direction;

        direction_begin(&fixture, &random, &direction, 100);
        for (size_t at = 1; at < direction.wire.size && direction.wire.size < 10000; at++) {
            struct transcript part = {0};
            const char *error = NULL;

            check_decodes_equal(&fixture, &random, &direction, at);
            must(!decode_all(fixture.ops, &fixture.fake.worker, direction.wire.bytes, at, at, &random, &part, NULL,
                             &error));
            must(transcript_begins(&direction.transcript, &part) && !part.over);
            transcript_free(&part);
        }
        direction_end(&direction);
    }
    fixture_end(&fixture);
}
END_TEST

static void damage(struct random_numbers *random, struct bytes *wire)
{
    for (size_t count = 1 + random_below(random, 4); count; count--) {
        size_t at = random_below(random, wire->size);
        size_t size = random_below(random, wire->size - at < 40 ? wire->size - at : 40);

        switch (random_below(random, 4)) {
        case 0:
            wire->bytes[at] ^= (uint8_t)(1 << random_below(random, 8));
            break;
        case 1:
            wire->bytes[at] = (uint8_t)random_number(random);
            break;
        case 2: /* a piece is lost */
            memmove(wire->bytes + at, wire->bytes + at + size, wire->size - at - size);
            wire->size -= size;
            break;
        default: /* a piece is repeated */
            memmove(wire->bytes + at, wire->bytes + random_below(random, wire->size - size), size);
        }
        if (!wire->size)
            return;
    }
}

/* decode_all() checks every event that is decoded, and these can be encoded and decoded again. */
START_TEST(test_damaged)
{
    struct fixture fixture;
    unsigned refused = 0, end = runs(4000);

    fixture_begin(&fixture, _i);
    for (unsigned run = 0; run < end; run++) {
        struct random_numbers random = seeded(20000 + run);
        struct transcript first = {0}, second = {0};
        struct bytes again = {0};
        struct direction direction;
        const char *error = NULL;

        direction_begin(&fixture, &random, &direction, 200);
        damage(&random, &direction.wire);
        refused += decode_all(fixture.ops, &fixture.fake.worker, direction.wire.bytes, direction.wire.size, 0, &random,
                              &first, &again, &error) != 0;
        must(first.too_large || !decode_all(fixture.ops, &fixture.fake.worker, again.bytes, again.size, 0, &random,
                                            &second, NULL, &error));
        must(first.too_large || transcript_equal(&first, &second));
        transcript_free(&first);
        transcript_free(&second);
        free(again.bytes);
        direction_end(&direction);
    }
    ck_assert_uint_gt(refused, end / 4); /* otherwise the damage has no effect */
    fixture_end(&fixture);
}
END_TEST

/* ---- Limits and misuse, for all codecs ---- */

static struct hg_head *plain_request(const struct hg_host *host)
{
    struct hg_head *head = hg_head_new(host, HG_REQUEST);

    must(head && !hg_head_set(host, head, &head->method, HG_TEXT("GET")) &&
         !hg_head_set(host, head, &head->path, HG_TEXT("/")));
    return head;
}

static int encode_head_fails(struct fixture *fixture, struct hg_head *head)
{
    struct hg_output out = {0};
    const char *error = NULL;
    int result = fixture->ops->encode_head(&fixture->fake.worker, head, &out, &error);

    must(!result == !error && (!result || !out.count));
    for (size_t i = 0; i < out.count; i++)
        hg_buffer_unref(out.slices[i].buffer);
    hg_head_free(fixture->fake.worker.host, head);
    return result;
}

START_TEST(test_limits)
{
    static char big[4200000];
    const struct hg_host *host;
    struct fixture fixture;
    struct hg_head *head;

    memset(big, 'a', sizeof big);
    fixture_begin(&fixture, _i);
    host = fixture.fake.worker.host;
    ck_assert_int_eq(encode_head_fails(&fixture, plain_request(host)), 0);

    head = plain_request(host);
    for (int i = 0; i < 4096; i++)
        must(!hg_field_add(host, &head->fields, HG_TEXT("x"), HG_TEXT("")));
    ck_assert_int_eq(encode_head_fails(&fixture, head), 0);

    head = plain_request(host);
    for (int i = 0; i < 4097; i++)
        must(!hg_field_add(host, &head->fields, HG_TEXT("x"), HG_TEXT("")));
    ck_assert_int_eq(encode_head_fails(&fixture, head), -1);

    head = plain_request(host);
    must(!hg_field_add(host, &head->fields, HG_TEXT("x"), (struct hg_text){big, 2000000}));
    ck_assert_int_eq(encode_head_fails(&fixture, head), 0);

    head = plain_request(host);
    must(!hg_field_add(host, &head->fields, HG_TEXT("x"), (struct hg_text){big, sizeof big}));
    ck_assert_int_eq(encode_head_fails(&fixture, head), -1);

    head = plain_request(host);
    head->length = -3;
    ck_assert_int_eq(encode_head_fails(&fixture, head), -1);

    head = hg_head_new(host, HG_RESPONSE);
    head->status = 1000;
    ck_assert_int_eq(encode_head_fails(&fixture, head), -1);
    fixture_end(&fixture);
}
END_TEST

/* The largest head that HTTP/1 accepts, with an unusual status: it arrives complete, however it is split. */
START_TEST(test_large_head)
{
    static char value[262];
    struct transcript decoded = {0}, expected = {0};
    struct random_numbers random = {1};
    struct hg_output out = {0};
    struct bytes wire = {0};
    const char *error = NULL;
    struct fixture fixture;
    struct hg_head *head;

    memset(value, 'v', sizeof value);
    fixture_begin(&fixture, _i);
    head = hg_head_new(fixture.fake.worker.host, HG_RESPONSE);
    head->status = 999;
    for (int i = 0; i < 4000; i++)
        must(!hg_field_add(fixture.fake.worker.host, &head->fields, HG_TEXT("name"),
                           (struct hg_text){value, sizeof value - 7}));
    ck_assert_int_eq(fixture.ops->encode_head(&fixture.fake.worker, head, &out, &error), 0);
    take_output(&wire, &out);
    ck_assert_uint_gt(wire.size, 1000000);
    transcript_head(&expected, head);
    ck_assert_int_eq(
        decode_all(fixture.ops, &fixture.fake.worker, wire.bytes, wire.size, 5000, &random, &decoded, NULL, &error), 0);
    ck_assert(transcript_equal(&decoded, &expected));
    transcript_free(&decoded);
    transcript_free(&expected);
    free(wire.bytes);
    hg_head_free(fixture.fake.worker.host, head);
    fixture_end(&fixture);
}
END_TEST

static void check_reset(struct fixture *fixture, const struct hg_reason *reason, const char *error_sent,
                        const char *detail_sent)
{
    const struct hg_reason expected = {.status = reason->status, .error = error_sent, .detail = detail_sent};
    struct transcript transcript = {0}, wanted = {0};
    struct random_numbers random = seeded(1);
    struct hg_output out = {0};
    struct bytes wire = {0};
    const char *error = NULL;

    ck_assert_int_eq(fixture->ops->encode_reset(&fixture->fake.worker, reason, &out, &error), 0);
    take_output(&wire, &out);
    ck_assert_int_eq(
        decode_all(fixture->ops, &fixture->fake.worker, wire.bytes, wire.size, 7, &random, &transcript, NULL, &error),
        0);
    transcript_reset(&wanted, &expected);
    ck_assert(transcript_equal(&transcript, &wanted));
    transcript_free(&transcript);
    transcript_free(&wanted);
    free(wire.bytes);
}

/* A reset can always be encoded: a text that is too long is cut between characters, and one that is not a line is made
 * into one. */
START_TEST(test_odd_resets)
{
    char detail[2001] = "", cut[1025] = "";
    struct fixture fixture;

    /* A cut at 1,024 bytes would be inside the 512th character after the first. */
    memcpy(detail, "a", 1);
    for (size_t i = 1; i < 1999; i += 2)
        memcpy(detail + i, "\xc3\xa9", 2);
    memcpy(cut, detail, 1023);
    fixture_begin(&fixture, _i);
    check_reset(&fixture, &(struct hg_reason){.status = 502, .detail = detail}, NULL, cut);
    check_reset(&fixture, &(struct hg_reason){.status = 400, .error = "an error\x7f", .detail = "a\r\nb"}, "an_error_",
                "a  b");
    fixture_end(&fixture);
}
END_TEST

/* A head, data and an end take few slices, and an output without room causes an error, not an overrun. */
START_TEST(test_slices)
{
    struct hg_output out = {0};
    const char *error = NULL;
    struct hg_slice small;
    struct fixture fixture;
    struct hg_head *head;

    fixture_begin(&fixture, _i);
    head = hg_head_new(fixture.fake.worker.host, HG_RESPONSE);
    head->status = 200;
    small = (struct hg_slice){NULL, (const uint8_t *)"hello", 5};
    ck_assert_int_eq(fixture.ops->encode_head(&fixture.fake.worker, head, &out, &error), 0);
    ck_assert_int_eq(fixture.ops->encode_data(&fixture.fake.worker, &small, &out, &error), 0);
    ck_assert_int_eq(fixture.ops->encode_end(&fixture.fake.worker, NULL, &out, &error), 0);
    ck_assert_uint_le(out.count, 3);
    for (size_t i = 0; i < out.count; i++)
        hg_buffer_unref(out.slices[i].buffer);
    out.count = HG_OUTPUT_SLICES - 1;
    ck_assert_int_eq(fixture.ops->encode_end(&fixture.fake.worker, NULL, &out, &error), -1);
    ck_assert_uint_eq(out.count, HG_OUTPUT_SLICES - 1);
    hg_head_free(fixture.fake.worker.host, head);
    fixture_end(&fixture);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("codecs");
    TCase *properties = tcase_create("properties");

    tcase_set_timeout(properties, 120);
    tcase_add_loop_test(properties, test_round_trip, 0, CODECS);
    tcase_add_loop_test(properties, test_split_everywhere, 0, CODECS);
    tcase_add_loop_test(properties, test_damaged, 0, CODECS);
    tcase_add_loop_test(properties, test_limits, 0, CODECS);
    tcase_add_loop_test(properties, test_large_head, 0, CODECS);
    tcase_add_loop_test(properties, test_odd_resets, 0, CODECS);
    tcase_add_loop_test(properties, test_slices, 0, CODECS);
    suite_add_tcase(suite, properties);
    return run_suite(suite);
}
