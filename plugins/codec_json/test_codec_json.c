/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Tests specific to json/1: the lines shown in docs/protocol.md, what is written as text, and what jansson would
 * accept. Tests for all codecs are in tests/unit/test_codecs.c.
 */
#include "plugins/codec_json/format.h"
#include "tests/unit/codec_driver.h"
#include "tests/unit/fake_host.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdlib.h>

const struct hg_plugin *codec_json_plugin(void);

static struct fake_host fake;
static const struct hg_codec_ops *ops;
static const char *error;

static void setup(void)
{
    ops = codec_json_plugin()->ops;
    fake_host_init(&fake, codec_json_plugin(), NULL);
    ck_assert_int_eq(fake_host_start(&fake, codec_json_plugin()), 0);
}

static void teardown(void)
{
    fake_host_stop(&fake, codec_json_plugin());
}

static int decode(const char *wire, size_t size, struct transcript *transcript)
{
    struct random_numbers random = {1};

    memset(transcript, 0, sizeof *transcript);
    error = NULL;
    return decode_all(ops, &fake.worker, wire, size, size, &random, transcript, NULL, &error);
}

static const char request_line[] =
    "{\"type\":\"request\",\"id\":\"4f1a\",\"method\":\"POST\",\"scheme\":\"https\",\"authority\":\"app.test\","
    "\"path\":\"/a?b\",\"service\":\"web\",\"peer\":\"192.0.2.1:50000\",\"version\":\"1.1\",\"length\":\"unknown\","
    "\"fields\":[[\"Accept\",\"*/*\"],[\"X-Odd\",{\"base64\":\"/w==\"}]]}\n";

START_TEST(test_documented)
{
    static const char rest[] = "{\"type\":\"data\",\"text\":\"hello\\n\"}\n"
                               "{\"type\":\"data\",\"base64\":\"AP8=\"}\n"
                               "{\"type\":\"end\",\"trailers\":[[\"Checksum\",\"abc\"]]}\n";
    struct hg_head *head = hg_head_new(fake.worker.host, HG_REQUEST);
    const struct hg_host *host = fake.worker.host;
    struct hg_fields *trailers = hg_fields_new(host);
    struct transcript decoded, expected = {0};
    struct hg_output out = {0};
    struct bytes wire = {0};

    head->length = HG_LENGTH_UNKNOWN;
    hg_head_set(host, head, &head->id, HG_TEXT("4f1a"));
    hg_head_set(host, head, &head->method, HG_TEXT("POST"));
    hg_head_set(host, head, &head->scheme, HG_TEXT("https"));
    hg_head_set(host, head, &head->authority, HG_TEXT("app.test"));
    hg_head_set(host, head, &head->path, HG_TEXT("/a?b"));
    hg_head_set(host, head, &head->service, HG_TEXT("web"));
    hg_head_set(host, head, &head->peer, HG_TEXT("192.0.2.1:50000"));
    hg_field_add(host, &head->fields, HG_TEXT("Accept"), HG_TEXT("*/*"));
    /* A longer value of bytes that are not text would be base64, too; this one is as in the document. */
    hg_field_add(host, &head->fields, HG_TEXT("X-Odd"), HG_TEXT("\xff"));
    hg_field_add(host, trailers, HG_TEXT("Checksum"), HG_TEXT("abc"));
    ck_assert_int_eq(ops->encode_head(&fake.worker, head, &out, &error), 0);
    ck_assert_int_eq(
        ops->encode_data(&fake.worker, &(struct hg_slice){NULL, (const uint8_t *)"hello\n", 6}, &out, &error), 0);
    ck_assert_int_eq(
        ops->encode_data(&fake.worker, &(struct hg_slice){NULL, (const uint8_t *)"\0\xff", 2}, &out, &error), 0);
    ck_assert_int_eq(ops->encode_end(&fake.worker, trailers, &out, &error), 0);
    take_output(&wire, &out);
    ck_assert_uint_eq(wire.size, sizeof request_line - 1 + sizeof rest - 1);
    ck_assert_mem_eq(wire.bytes, request_line, sizeof request_line - 1);
    ck_assert_mem_eq(wire.bytes + sizeof request_line - 1, rest, sizeof rest - 1);
    transcript_head(&expected, head);
    transcript_data(&expected, "hello\n\0\xff", 8);
    transcript_end(&expected, trailers);
    ck_assert_int_eq(decode((const char *)wire.bytes, wire.size, &decoded), 0);
    ck_assert(transcript_equal(&decoded, &expected));
    transcript_free(&decoded);
    transcript_free(&expected);
    free(wire.bytes);
    hg_fields_free(host, trailers);
    hg_head_free(host, head);
}
END_TEST

static void check_line(const char *bytes, size_t size, const char *line)
{
    struct hg_output out = {0};
    struct bytes wire = {0};

    ck_assert_int_eq(
        ops->encode_data(&fake.worker, &(struct hg_slice){NULL, (const uint8_t *)bytes, size}, &out, &error), 0);
    take_output(&wire, &out);
    bytes_append(&wire, "", 1);
    ck_assert_str_eq((const char *)wire.bytes, line);
    free(wire.bytes);
}

/* Text is written as text, even if a slice cuts a character; what would grow too much is not. */
START_TEST(test_readable)
{
    char many[200];

    check_line("\0\x1f\"\\/\x7f", 6, "{\"type\":\"data\",\"text\":\"\\u0000\\u001f\\\"\\\\/\x7f\"}\n");
    check_line("\xc3\xa9\xf0\x9f\x98\x80", 6, "{\"type\":\"data\",\"text\":\"\xc3\xa9\xf0\x9f\x98\x80\"}\n");
    check_line("\x98\x80 a \xf0\x9f", 7,
               "{\"type\":\"data\",\"base64\":\"mIA=\"}\n{\"type\":\"data\",\"text\":\" a \"}\n"
               "{\"type\":\"data\",\"base64\":\"8J8=\"}\n");
    check_line("a\xed\xa0\x80", 4, "{\"type\":\"data\",\"base64\":\"Ye2ggA==\"}\n"); /* a surrogate */
    check_line("a\xc0\xaf", 3, "{\"type\":\"data\",\"base64\":\"YcCv\"}\n");         /* overlong */
    memset(many, 1, sizeof many);
    many[0] = 'a';
    {
        struct hg_output out = {0};
        struct bytes wire = {0};

        ck_assert_int_eq(
            ops->encode_data(&fake.worker, &(struct hg_slice){NULL, (const uint8_t *)many, sizeof many}, &out, &error),
            0);
        take_output(&wire, &out);
        ck_assert_ptr_nonnull(memmem(wire.bytes, wire.size, "base64", 6));
        free(wire.bytes);
    }
}
END_TEST

#define RESPONSE "{\"type\":\"response\",\"status\":200}\n"

START_TEST(test_refused)
{
    static const struct {
        const char *wire, *error;
    } cases[] = {
        {"7\n", "line is not a JSON object"},
        {"[]\n", "line is not a JSON object"},
        {"{\n", "line is not a JSON object"},
        {"{} {}\n", "line is not a JSON object"},
        {"{\"a\":1,\"a\":2}\n", "line is not a JSON object"},
        {"{\"a\":\"\\ud800\"}\n", "line is not a JSON object"},
        {"{\"a\":\"\xff\"}\n", "line is not a JSON object"},
        {"{\"a\":[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]}\n", "nested deeper than 16 levels"},
        {"{\"type\":\"data\",\"text\":\"x\"}\n", "data before the head"},
        {"{\"type\":\"end\"}\n", "end before the head"},
        {RESPONSE RESPONSE, "unexpected head"},
        {RESPONSE "{\"type\":\"end\"}\n\n", "message after the end"},
        {RESPONSE "{\"type\":\"data\"}\n", "data without exactly one of the strings text and base64"},
        {RESPONSE "{\"type\":\"data\",\"text\":\"\",\"base64\":\"\"}\n",
         "data without exactly one of the strings text and base64"},
        {RESPONSE "{\"type\":\"data\",\"text\":1}\n", "data without exactly one of the strings text and base64"},
        {RESPONSE "{\"type\":\"data\",\"base64\":\"AA\"}\n", "invalid base64"},
        {RESPONSE "{\"type\":\"data\",\"base64\":\"AB==\"}\n", "invalid base64"},
        {RESPONSE "{\"type\":\"data\",\"base64\":\"A===\"}\n", "invalid base64"},
        {RESPONSE "{\"type\":\"data\",\"base64\":\"====\"}\n", "invalid base64"},
        {RESPONSE "{\"type\":\"data\",\"base64\":\"A==A\"}\n", "invalid base64"},
        {RESPONSE "{\"type\":\"data\",\"base64\":\"AA==AA==\"}\n", "invalid base64"},
        {"{\"type\":\"response\"}\n", "response without a status"},
        {"{\"type\":\"response\",\"status\":\"200\"}\n", "number has the wrong type or is out of range"},
        {"{\"type\":\"response\",\"status\":1000}\n", "number has the wrong type or is out of range"},
        {"{\"type\":\"response\",\"status\":200.0}\n", "number has the wrong type or is out of range"},
        {"{\"type\":\"response\",\"status\":200,\"length\":-1}\n", "number has the wrong type or is out of range"},
        {"{\"type\":\"response\",\"status\":200,\"version\":\"1\"}\n", "version is not of the form \"1.1\""},
        {"{\"type\":\"response\",\"status\":200,\"version\":\"1.1x\"}\n", "version is not of the form \"1.1\""},
        {"{\"type\":\"response\",\"status\":200,\"version\":\"1.999\"}\n", "version is not of the form \"1.1\""},
        {"{\"type\":\"response\",\"status\":200,\"reason\":7}\n", "neither a string nor base64"},
        {"{\"type\":\"response\",\"status\":200,\"reason\":\"a\\nb\"}\n", "CR, LF or NUL in a text"},
        {"{\"type\":\"response\",\"status\":200,\"fields\":{}}\n", "fields are not a list"},
        {"{\"type\":\"response\",\"status\":200,\"fields\":[[\"a\"]]}\n", "field is not [name, value]"},
        {"{\"type\":\"response\",\"status\":200,\"fields\":[[\"a b\",\"\"]]}\n", "not a token"},
        {"{\"type\":\"response\",\"status\":200,\"fields\":[[\"a\",\"\\u0000\"]]}\n", "CR, LF or NUL in a text"},
        {"{\"type\":\"response\",\"status\":200,\"fields\":[[\"a\",{\"base64\":\"DQo=\"}]]}\n",
         "CR, LF or NUL in a text"},
        {"{\"type\":\"request\",\"path\":\"/\"}\n", "empty token"},
        {"{\"type\":\"request\",\"method\":\"GET\"}\n", "path does not start with a slash"},
        {"{\"type\":\"reset\"}\n", "reset without a status"},
        {"{\"type\":\"reset\",\"status\":200}\n", "number has the wrong type or is out of range"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct transcript decoded;

        ck_assert_msg(decode(cases[i].wire, strlen(cases[i].wire), &decoded) == -1, "taken: %s", cases[i].wire);
        ck_assert_msg(!strcmp(error, cases[i].error), "%s gives %s, not %s", cases[i].wire, error, cases[i].error);
        transcript_free(&decoded);
    }
}
END_TEST

START_TEST(test_skipped)
{
    static const char wire[] =
        "\r\n{\"type\":\"later\",\"type2\":[[[]]]}\n{\"type\":null}\n{}\n"
        "{\"new\":{\"a\":[1]}, \"status\" : 200, \"type\":\"response\",\"fields\":[[\"a\",\"b\",7]]}\r\n"
        "{\"type\":\"data\",\"text\":\"\"}\n{\"type\":\"end\",\"trailers\":[]}\n";
    struct transcript decoded;

    ck_assert_int_eq(decode(wire, sizeof wire - 1, &decoded), 0);
    ck_assert(decoded.over);
    ck_assert_uint_eq(decoded.data.size, 0);
    ck_assert_ptr_nonnull(memmem(decoded.text.bytes, decoded.text.size, "name 1\na\nvalue 1\nb\n", 19));
    transcript_free(&decoded);
}
END_TEST

/* A line without an end is refused when it gets too long, and before that, takes no more memory than what has
 * arrived. */
START_TEST(test_endless_line)
{
    struct codec_json_decoder decoder = {0};
    struct hg_codec_event event;
    static uint8_t blanks[1000];
    const struct hg_slice in = {NULL, blanks, sizeof blanks};
    size_t taken = 0;
    ptrdiff_t used;

    memset(blanks, ' ', sizeof blanks);
    do {
        used = ops->decode(&fake.worker, &decoder, &in, &event, &error);
        taken += sizeof blanks;
        ck_assert_uint_le(decoder.gathered.capacity, 1024 + 2 * taken);
    } while (used > 0 && taken < 5000000);
    ck_assert_int_eq(used, -1);
    ck_assert_str_eq(error, "line longer than 4 MiB");
    ck_assert_uint_gt(taken, 4194304);
    ops->decoder_free(&fake.worker, &decoder);
}
END_TEST

/* A line of maximum length may contain millions of values, for which a parser needs a hundred times its memory. */
START_TEST(test_many_values)
{
    static const char begin[] = "{\"type\":\"response\",\"status\":200,\"x\":[[]";
    static const char end[] = "]}\n";
    static const char *const more[] = {",[]", ",{}", ",1", ",\",[{\""};
    static const size_t marks[] = {2, 2, 1, 1};

    for (size_t i = 0; i < 4; i++) {
        for (size_t beyond = 0; beyond < 2; beyond++) {
            size_t count = (32768 - 5) / marks[i] + beyond,
                   size = sizeof begin - 1 + count * strlen(more[i]) + sizeof end;
            char *line = malloc(size), *at = stpcpy(line, begin);
            struct transcript decoded;

            for (size_t j = 0; j < count; j++)
                at = stpcpy(at, more[i]);
            at = stpcpy(at, end);
            ck_assert_int_eq(decode(line, (size_t)(at - line), &decoded), beyond ? -1 : 0);
            ck_assert(!beyond || !strcmp(error, "more than 32,768 values"));
            transcript_free(&decoded);
            free(line);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("codec_json");
    TCase *tests = tcase_create("codec_json");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_documented);
    tcase_add_test(tests, test_readable);
    tcase_add_test(tests, test_refused);
    tcase_add_test(tests, test_skipped);
    tcase_add_test(tests, test_endless_line);
    tcase_add_test(tests, test_many_values);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
