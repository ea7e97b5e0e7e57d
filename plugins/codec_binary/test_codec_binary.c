/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Tests specific to binary/1: the bytes shown in docs/protocol.md, frequent names, copies and allocations. Tests for
 * all codecs are in tests/unit/test_codecs.c.
 */
#include "plugins/codec_binary/format.h"
#include "tests/unit/codec_driver.h"
#include "tests/unit/fake_host.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdlib.h>

const struct hg_plugin *codec_binary_plugin(void);

static struct fake_host fake;
static const struct hg_codec_ops *ops;
static const char *error;

static void setup(void)
{
    ops = codec_binary_plugin()->ops;
    fake_host_init(&fake, codec_binary_plugin(), NULL);
    ck_assert_int_eq(fake_host_start(&fake, codec_binary_plugin()), 0);
}

static void teardown(void)
{
    fake_host_stop(&fake, codec_binary_plugin());
}

/* Decodes a whole direction; aborts if decode_all() finds a fault. */
static int decode(const char *wire, size_t size, struct transcript *transcript)
{
    struct random_numbers random = {1};

    memset(transcript, 0, sizeof *transcript);
    error = NULL;
    return decode_all(ops, &fake.worker, wire, size, size, &random, transcript, NULL, &error);
}

#define EXAMPLE                                                                                                        \
    "\x02\x14\x41\x01\x40\xc8\x07\x00\x00\x01\x1e\x0a"                                                                 \
    "text/plain"                                                                                                       \
    "\x00\x05hello\x03\x00"

START_TEST(test_documented)
{
    struct hg_head *head = hg_head_new(fake.worker.host, HG_RESPONSE);
    const struct hg_slice body = {NULL, (const uint8_t *)"hello", 5};
    struct transcript decoded, expected = {0};
    struct hg_output out = {0};
    struct bytes wire = {0};

    head->status = 200;
    head->length = 5;
    hg_field_add(fake.worker.host, &head->fields, HG_TEXT("content-type"), HG_TEXT("text/plain"));
    ck_assert_int_eq(ops->encode_head(&fake.worker, head, &out, &error), 0);
    ck_assert_int_eq(ops->encode_data(&fake.worker, &body, &out, &error), 0);
    ck_assert_int_eq(ops->encode_end(&fake.worker, NULL, &out, &error), 0);
    ck_assert_uint_eq(out.count, 1); /* a small response is one slice */
    take_output(&wire, &out);
    ck_assert_uint_eq(wire.size, sizeof EXAMPLE - 1);
    ck_assert_mem_eq(wire.bytes, EXAMPLE, wire.size);
    transcript_head(&expected, head);
    transcript_data(&expected, "hello", 5);
    transcript_end(&expected, NULL);
    ck_assert_int_eq(decode(EXAMPLE, sizeof EXAMPLE - 1, &decoded), 0);
    ck_assert(transcript_equal(&decoded, &expected));
    transcript_free(&decoded);
    transcript_free(&expected);
    free(wire.bytes);
    hg_head_free(fake.worker.host, head);
}
END_TEST

/* Members that a later version has appended to the known ones are skipped. */
START_TEST(test_later_members)
{
    struct transcript decoded;

    ck_assert_int_eq(decode("\x02\x0c\x41\x01\x40\xc8\x00\x00\x00\x00\x00new", 14, &decoded), 0);
    ck_assert(!decoded.over);
    ck_assert_ptr_nonnull(memmem(decoded.text.bytes, decoded.text.size, "status 200\n", 11));
    transcript_free(&decoded);
    ck_assert_int_eq(decode("\x04\x0b\x41\xf6\x05\x01x\x01yLATER", 13, &decoded), 0);
    ck_assert(decoded.over);
    transcript_free(&decoded);
}
END_TEST

#define RESPONSE "\x02\x08\x41\x01\x40\xc8\x00\x00\x00\x00"

START_TEST(test_refused)
{
    static const struct {
        const char *wire;
        size_t size;
        const char *error;
    } cases[] = {
#define CASE(wire, error) {wire, sizeof(wire) - 1, error}
        CASE("\x00\x01x", "data before the head"),
        CASE("\x03\x00", "end before the head"),
        CASE("\x01\x80\x20\x00\x01", "message larger than 2 MiB"),
        CASE("\x2a\x80\x20\x00\x01", "message larger than 2 MiB"),
        CASE(RESPONSE RESPONSE, "unexpected head"),
        CASE(RESPONSE "\x03\x00\x03\x00", "message after the end"),
        CASE(RESPONSE "\x03\x00\x2a\x00", "message after the end"),
        CASE("\x02\x08\x41\x01\x43\xe8\x00\x00\x00\x00", "status out of range"),
        CASE("\x02\x08\x41\x01\x40\x63\x00\x00\x00\x00", "status out of range"),
        CASE("\x02\x04\x41\x01\x40\xc8", "message ends in the middle of a number"),
        CASE("\x02\x06\x41\x01\x40\xc8\x00\x05", "message ends in the middle of a text"),
        CASE("\x02\x0a\x41\x01\x40\xc8\x00\x00\x00\x01\x03\x00", "unknown common field name"),
        CASE("\x02\x0b\x41\x01\x40\xc8\x00\x00\x00\x01\x40\xc1\x00", "unknown common field name"),
        CASE("\x02\x0b\x41\x01\x40\xc8\x00\x00\x00\x01\x04:\x00", "field name is not a token"),
        CASE("\x02\x0a\x41\x01\x40\xc8\x00\x00\x00\x01\x00\x00", "field name is not a token"),
        CASE("\x02\x0c\x41\x01\x40\xc8\x00\x00\x00\x01\x01\x02\r\n", "CR, LF or NUL in a text"),
        CASE("\x02\x0a\x41\x01\x40\xc8\x00\x00\x00\x00\x05x", "message ends in the middle of a text"),
        CASE("\x02\x0a\x41\x01\x40\xc8\x00\x00\x00\x00\x01 ", "control character or space in a word"),
        CASE("\x02\x09\x41\x01\x40\xc8\x00\x00\x00\x50\x01", "more than 4096 fields"),
        CASE("\x04\x05\x40\xc8\x00\x00\x00", "status of a reset out of range"),
        CASE("\x04\x05\x41\xf6\x00\x01 ", "control character or space in a word"),
        CASE("\x01\x0f\x41\x01\x00\x03GET\x00\x00\x00\x00\x00\x00\x00\x00", "path does not start with a slash"),
        CASE("\x01\x11\x41\x01\x00\x03GET\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01",
             "a request for a stream or for datagrams whose method is not CONNECT"),
        CASE("\x01\x11\x41\x01\x00\x03GET\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03", "unknown kind of traffic"),
#undef CASE
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct transcript decoded;

        ck_assert_int_eq(decode(cases[i].wire, cases[i].size, &decoded), -1);
        ck_assert_msg(!strcmp(error, cases[i].error), "case %zu: %s, not %s", i, error, cases[i].error);
        transcript_free(&decoded);
    }
}
END_TEST

/* Both spellings are found, any other is not; each lookup takes few steps. */
START_TEST(test_common_names)
{
    struct codec_binary_lookup lookup;
    unsigned displaced = 0;

    codec_binary_lookup_init(&lookup);
    for (unsigned i = 0; i < CODEC_BINARY_NAMES; i++) {
        const struct codec_binary_name *name = &codec_binary_names[i];
        char odd[64];

        ck_assert(hg_text_equal_nocase(name->titled, name->lower));
        for (size_t j = 0; j < name->lower.size; j++)
            ck_assert(name->lower.data[j] < 'A' || name->lower.data[j] > 'Z');
        ck_assert_uint_eq(codec_binary_lookup(&lookup, name->titled), i << 2 | CODEC_BINARY_NAME_TITLED);
        ck_assert_uint_eq(codec_binary_lookup(&lookup, name->lower), i << 2 | CODEC_BINARY_NAME_LOWER);
        memcpy(odd, name->lower.data, name->lower.size);
        odd[1] ^= 0x20;
        ck_assert_uint_eq(codec_binary_lookup(&lookup, (struct hg_text){odd, name->lower.size}), 0);
    }
    for (unsigned i = 0, run = 0; i < 2 * CODEC_BINARY_SLOTS; i++) {
        run = lookup.slots[i % CODEC_BINARY_SLOTS] ? run + 1 : 0;
        displaced = run > displaced ? run : displaced;
    }
    ck_assert_uint_le(displaced, 12);
}
END_TEST

/* Large data is passed on without copying; many small messages share a page. */
START_TEST(test_copies)
{
    struct hg_buffer *buffer = hg_buffer_new(fake.worker.host, 16384), *page;
    struct hg_slice large = {buffer, buffer->data, 16384}, small = {NULL, (const uint8_t *)"x", 1};
    struct hg_output out = {0};

    memset(buffer->data, 'x', 16384);
    ck_assert_int_eq(ops->encode_data(&fake.worker, &large, &out, &error), 0);
    ck_assert_uint_eq(out.count, 2);
    ck_assert_uint_eq(out.slices[0].size, 5);
    ck_assert_ptr_eq(out.slices[1].data, buffer->data);
    ck_assert_uint_eq(atomic_load(&buffer->refs), 2);
    page = out.slices[0].buffer;
    for (int i = 0; i < 500; i++)
        ck_assert_int_eq(ops->encode_data(&fake.worker, &small, &out, &error), 0);
    ck_assert_uint_eq(out.count, 3);
    ck_assert_ptr_eq(out.slices[2].buffer, page);
    ck_assert_uint_eq(out.slices[2].size, 1500);
    for (size_t i = 0; i < out.count; i++)
        hg_buffer_unref(out.slices[i].buffer);
    hg_buffer_unref(buffer);
}
END_TEST

/* Memory is allocated for what has arrived, not for what is announced. Data may have any size. */
START_TEST(test_announced)
{
    static const uint8_t head[] = {0x01, 0x80, 0x20, 0x00, 0x00, 'x'};           /* REQUEST of 2 MiB */
    static const char wire[] = RESPONSE "\x00\xff\xff\xff\xff\xff\xff\xff\xffy"; /* DATA of 2^62 - 1 bytes */
    struct hg_slice in = {NULL, head, sizeof head};
    struct codec_binary_decoder decoder = {0};
    struct transcript decoded;
    struct hg_codec_event event;

    ck_assert_int_eq(ops->decode(&fake.worker, &decoder, &in, &event, &error), sizeof head);
    ck_assert_int_eq(event.type, HG_CODEC_NONE);
    ck_assert_uint_le(decoder.gathered.capacity, 1024);
    ops->decoder_free(&fake.worker, &decoder);
    ck_assert_int_eq(decode(wire, sizeof wire - 1, &decoded), 0);
    ck_assert_uint_eq(decoded.data.size, 1);
    transcript_free(&decoded);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("codec_binary");
    TCase *tests = tcase_create("codec_binary");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_documented);
    tcase_add_test(tests, test_later_members);
    tcase_add_test(tests, test_refused);
    tcase_add_test(tests, test_common_names);
    tcase_add_test(tests, test_copies);
    tcase_add_test(tests, test_announced);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
