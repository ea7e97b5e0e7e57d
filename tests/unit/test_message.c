/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Which bytes the texts of heads and fields may contain, so that no message can be split.
 */
#include "core/base/message.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

/* A text of `size` bytes, all 'x' except one, in an allocation of exactly that size, so that sanitizers detect reads
 * beyond it. */
static char *filled(size_t size, size_t at, char byte)
{
    char *text = malloc(size ? size : 1);

    ck_assert_ptr_nonnull(text);
    memset(text, 'x', size);
    if (size)
        text[at] = byte;
    return text;
}

/* At every position of values of 1 to 40 bytes: what would end a line, its neighbours, and the same with the high bit
 * set. */
START_TEST(test_values)
{
    static const unsigned char bytes[] = {0, 1, 9, 10, 11, 12, 13, 14, ' ', 127, 128, 138, 141, 255};

    for (size_t size = 1; size <= 40; size++) {
        for (size_t i = 0; i < size * sizeof bytes; i++) {
            size_t at = i % size;
            unsigned char byte = bytes[i / size];
            struct hg_fields *fields = message_fields_new();
            char *text = filled(size, at, (char)byte);
            bool good = byte != '\r' && byte != '\n' && byte != 0;
            int result;

            errno = 0;
            result = message_field_add(fields, HG_TEXT("name"), (struct hg_text){text, size});
            ck_assert_msg((result == 0) == good, "byte %d at %zu of %zu: %d", byte, at, size, result);
            ck_assert_uint_eq(fields->count, good);
            ck_assert_int_eq(errno, good ? 0 : EINVAL);
            if (good)
                ck_assert_mem_eq(fields->items[0].value.data, text, size);
            free(text);
            message_fields_free(fields);
        }
    }
}
END_TEST

START_TEST(test_names)
{
    static const char tchar[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    struct hg_fields *fields = message_fields_new();

    for (int byte = 0; byte < 256; byte++) {
        char name[3] = {'a', (char)byte, 'b'};
        bool good = byte && strchr(tchar, byte);

        ck_assert_int_eq(message_field_add(fields, (struct hg_text){name, 3}, HG_TEXT("")), good ? 0 : -1);
    }
    ck_assert_uint_eq(fields->count, sizeof tchar - 1);
    ck_assert_int_eq(message_field_add(fields, HG_TEXT(""), HG_TEXT("x")), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(message_field_add(fields, HG_TEXT("a"), HG_TEXT("")), 0);
    message_fields_free(fields);
}
END_TEST

/* Every byte at every position of names and words of 1 to 20 bytes, since several bytes are checked at a time. */
START_TEST(test_each_byte)
{
    static const char tchar[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

    for (size_t size = 1; size <= 20; size++) {
        struct hg_head *head = message_head_new(HG_REQUEST);

        for (size_t i = 0; i < size * 256; i++) {
            size_t at = i % size, count = head->fields.count;
            unsigned char byte = (unsigned char)(i / size);
            char *text = filled(size, at, (char)byte);
            struct hg_text value = {text, size};
            bool token = byte && strchr(tchar, byte), word = byte > ' ' && byte != 127;

            ck_assert_msg((message_field_add(&head->fields, value, HG_TEXT("")) == 0) == token,
                          "name: byte %d at %zu of %zu", byte, at, size);
            ck_assert_uint_eq(head->fields.count, count + token);
            if (token)
                ck_assert(hg_text_equal(head->fields.items[count].name, value));
            ck_assert_msg((message_head_set(head, &head->method, value) == 0) == token, "method: byte %d at %zu of %zu",
                          byte, at, size);
            ck_assert_msg((message_head_set(head, &head->path, value) == 0) == word, "path: byte %d at %zu of %zu",
                          byte, at, size);
            free(text);
        }
        message_head_free(head);
    }
}
END_TEST

/* Which members of a head may contain a space, a control character, CR or LF. */
START_TEST(test_members)
{
    struct hg_head *head = message_head_new(HG_REQUEST);
    struct hg_text *words[] = {&head->method, &head->scheme, &head->authority,
                               &head->path,   &head->id,     &head->connection};
    struct hg_text *lines[] = {&head->reason, &head->peer, &head->service, &head->upgrade};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        ck_assert_int_eq(message_head_set(head, words[i], HG_TEXT("GET")), 0);
        ck_assert_int_eq(message_head_set(head, words[i], HG_TEXT("/ HTTP/1.1")), -1);
        ck_assert_int_eq(message_head_set(head, words[i], HG_TEXT("a\tb")), -1);
        ck_assert_int_eq(message_head_set(head, words[i], HG_TEXT("a\r\nb")), -1);
        ck_assert_int_eq(message_head_set(head, words[i], HG_TEXT("\0")), -1);
        ck_assert_msg(hg_text_equal(*words[i], HG_TEXT("GET")), "member %zu was changed", i);
    }
    ck_assert_int_eq(message_head_set(head, &head->method, HG_TEXT("")), -1);
    ck_assert_int_eq(message_head_set(head, &head->method, HG_TEXT("G/T")), -1);
    ck_assert_int_eq(message_head_set(head, &head->path, HG_TEXT("/\xc3\xa4")), 0);
    ck_assert_int_eq(message_head_set(head, &head->path, HG_TEXT("")), 0);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        ck_assert_int_eq(message_head_set(head, lines[i], HG_TEXT("Not Found")), 0);
        ck_assert_int_eq(message_head_set(head, lines[i], HG_TEXT("OK\r\nSet-Cookie: a=b")), -1);
        ck_assert_int_eq(message_head_set(head, lines[i], HG_TEXT("a long enough line\n")), -1);
        ck_assert(hg_text_equal(*lines[i], HG_TEXT("Not Found")));
    }
    message_head_free(head);
}
END_TEST

/* Changing an existing field. */
START_TEST(test_fields)
{
    struct hg_head *head = message_head_new(HG_RESPONSE);
    struct hg_field *field;

    ck_assert_int_eq(message_field_add(&head->fields, HG_TEXT("A"), HG_TEXT("1")), 0);
    ck_assert_int_eq(message_field_add(&head->fields, HG_TEXT("B"), HG_TEXT("2")), 0);
    field = &head->fields.items[1];
    ck_assert_int_eq(message_head_set(head, &field->value, HG_TEXT("two words")), 0);
    ck_assert_int_eq(message_head_set(head, &field->value, HG_TEXT("2\nC: 3")), -1);
    ck_assert_int_eq(message_head_set(head, &field->name, HG_TEXT("two words")), -1);
    ck_assert_int_eq(message_head_set(head, &field->name, HG_TEXT("")), -1);
    ck_assert_int_eq(message_head_set(head, &field->name, HG_TEXT("C")), 0);
    ck_assert(hg_text_equal(field->name, HG_TEXT("C")) && hg_text_equal(field->value, HG_TEXT("two words")));
    message_head_free(head);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("message");
    TCase *cases = tcase_create("message");

    tcase_add_test(cases, test_values);
    tcase_add_test(cases, test_names);
    tcase_add_test(cases, test_each_byte);
    tcase_add_test(cases, test_members);
    tcase_add_test(cases, test_fields);
    suite_add_tcase(suite, cases);
    return run_suite(suite);
}
