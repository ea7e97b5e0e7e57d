/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The config file as a tree, suggestions, and UTF-8.
 */
#include "core/base/suggest.h"
#include "core/base/utf8.h"
#include "core/config/document.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- Reading ---- */

struct parsed {
    struct config *config;
    char *reported; /* all errors and warnings */
    FILE *stream;
    size_t reported_size;
};

static void parse_bytes(struct parsed *parsed, const char *bytes, size_t size)
{
    parsed->stream = open_memstream(&parsed->reported, &parsed->reported_size);
    parsed->config = config_parse("f", bytes, size, parsed->stream);
    ck_assert_ptr_nonnull(parsed->config);
    fflush(parsed->stream);
}

static void parse(struct parsed *parsed, const char *text)
{
    parse_bytes(parsed, text, strlen(text));
}

static void parsed_free(struct parsed *parsed)
{
    fclose(parsed->stream);
    free(parsed->reported);
    config_free(parsed->config);
}

START_TEST(test_tree)
{
    struct parsed parsed;
    const struct config_node *root, *key = NULL, *list, *map, *value;

    parse(&parsed, "# comment\n"
                   "user: ops\n"
                   "list: [a, 'b c', \"d\\te\"]\n"
                   "map:\n"
                   "  inner: { x: 1, y: }\n"
                   "  \xc3\xa4\xc3\xb6: z\n");
    root = parsed.config->root;
    ck_assert_str_eq(parsed.reported, "");
    ck_assert_int_eq(root->kind, CONFIG_MAPPING);
    value = config_get(root, "user", &key);
    ck_assert_str_eq(value->text, "ops");
    ck_assert_uint_eq(value->line, 2);
    ck_assert_uint_eq(value->column, 7);
    ck_assert_uint_eq(key->column, 1);
    ck_assert(!value->quoted);
    list = config_get(root, "list", NULL);
    ck_assert_int_eq(list->kind, CONFIG_SEQUENCE);
    ck_assert_uint_eq(list->count, 3);
    ck_assert_str_eq(list->items[1]->text, "b c");
    ck_assert(list->items[1]->quoted);
    ck_assert_str_eq(list->items[2]->text, "d\te");
    map = config_get(root, "map", NULL);
    value = config_get(config_get(map, "inner", NULL), "y", NULL);
    ck_assert(config_is_null(value));
    /* Columns count characters, not bytes. */
    value = config_get(map, "\xc3\xa4\xc3\xb6", NULL);
    ck_assert_uint_eq(value->line, 6);
    ck_assert_uint_eq(value->column, 7);
    ck_assert_ptr_null(config_get(root, "nothing", NULL));
    parsed_free(&parsed);
}
END_TEST

START_TEST(test_json)
{
    struct parsed parsed;
    const struct config_node *list;

    parse(&parsed, "{\"pipeline\": [{\"http\": {\"listen\": [\"*:80\"]}}, \"origin\"],\n \"n\": 1.50}\n");
    ck_assert_str_eq(parsed.reported, "");
    list = config_get(parsed.config->root, "pipeline", NULL);
    ck_assert_uint_eq(list->count, 2);
    ck_assert_str_eq(list->items[1]->text, "origin");
    /* Scalars are text: 1.50 is not read as 1.5. */
    ck_assert_str_eq(config_get(parsed.config->root, "n", NULL)->text, "1.50");
    parsed_free(&parsed);
}
END_TEST

static const struct {
    const char *text;
    const char *reported; /* how the first line reported begins */
} bad_files[] = {
    {"", "f: the file is empty"},
    {"# only a comment\n", "f: the file is empty"},
    {"a: 1\na: 2\n", "f:2:1: duplicate 'a'; first given on line 1"},
    {"a:\n\tb: 1\n", "f:2:1: tab found"},
    {"a: 1\n---\nb: 2\n", "f:2:1: a second document begins here"},
    {"a: \xff\n", "f:1:4: byte 0xff is not UTF-8"},
    {"a: b\nc: \xc3\xa4\xe4\n", "f:2:5: byte 0xe4 is not UTF-8"},
    {"a: \x01\n", "f:1:4: control character 0x01"},
    {"listen: *:443\n", "f:1:9: "},
    {"host: *.dev.test\n", "f:1:7: "},
    {"a: &x 1\nb: 2\n", "f:1:4: anchors ('&x') are not supported"},
    {"a: &x 1\nb: *x\n", "f:1:4: anchors ('&x') are not supported"},
    {"a: !!int 1\n", "f:1:4: tags"},
    {"a: !secret 1\n", "f:1:4: tags"},
    {"a: @b\n", "f:1:4: a value that begins with '@' must be quoted"},
    {"a: [1, 2\n", "f:2:1: invalid YAML"},
    {"a: {b: 1\nc: 2", "f:2:2: invalid YAML"},
    {"a: 'open\n", "f:2:1: invalid YAML"},
    {"a: b: c\n", "f:1:5: invalid YAML"},
    {"? [a, b]\n: c\n", "f:1:3: a key must be a word, not a list"},
    {"? {a: b}\n: c\n", "f:1:3: a key must be a word, not a mapping"},
    {"\"\": c\n", "f:1:1: a key must be a word; this one is empty"},
    {"\"a\\0b\": c\n", "f:1:1: a key must be a word; this one is with a zero byte"},
    {"a: ${HG_TEST_UNSET}\n", "f:1:4: environment variable HG_TEST_UNSET is not set"},
    {"a: ${}\n", "f:1:4: '${' must be followed by a name"},
    {"a: \"${HG_TEST_SET\"\n", "f:1:4: '${' must be followed by a name"},
    {"a: \"x ${9A}\"\n", "f:1:4: '${' must be followed by a name"},
};

START_TEST(test_bad_files)
{
    struct parsed parsed;

    parse(&parsed, bad_files[_i].text);
    ck_assert_msg(strncmp(parsed.reported, bad_files[_i].reported, strlen(bad_files[_i].reported)) == 0,
                  "expected \"%s\", reported was \"%s\"", bad_files[_i].reported, parsed.reported);
    ck_assert_uint_ge(parsed.config->faults, 1);
    ck_assert_uint_eq(parsed.reported[parsed.reported_size - 1], '\n');
    parsed_free(&parsed);
}
END_TEST

START_TEST(test_hints)
{
    struct parsed parsed;

    parse(&parsed, "listen: *:443\n");
    ck_assert_ptr_nonnull(strstr(parsed.reported, "must be quoted"));
    parsed_free(&parsed);
    parse(&parsed, "host: *.dev.test\n");
    ck_assert_ptr_nonnull(strstr(parsed.reported, "must be quoted"));
    parsed_free(&parsed);
}
END_TEST

/* Errors that leave a tree are all reported, and the rest of the file is read. */
START_TEST(test_several)
{
    struct parsed parsed;

    parse(&parsed, "a: ${HG_TEST_UNSET}\nb: 1\nb: 2\nc: &x y\nd: good\n");
    ck_assert_uint_eq(parsed.config->faults, 3);
    ck_assert_ptr_nonnull(strstr(parsed.reported, "f:1:4: "));
    ck_assert_ptr_nonnull(strstr(parsed.reported, "f:3:1: "));
    ck_assert_ptr_nonnull(strstr(parsed.reported, "f:4:4: "));
    ck_assert_str_eq(config_get(parsed.config->root, "d", NULL)->text, "good");
    ck_assert(config_get(parsed.config->root, "a", NULL)->faulty);
    parsed_free(&parsed);
}
END_TEST

START_TEST(test_nesting)
{
    char deep[20001], *end;
    struct parsed parsed;

    memset(deep, '[', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    parse(&parsed, deep);
    ck_assert_str_eq(parsed.reported, "f:1:33: lists and mappings are nested more than 32 deep\n");
    ck_assert_ptr_null(parsed.config->root);
    parsed_free(&parsed);

    end = deep;
    for (int i = 0; i < 1100; i++)
        end += sprintf(end, "k%d: v\n", i);
    parse(&parsed, deep);
    ck_assert_ptr_nonnull(strstr(parsed.reported, "f:1001:1: more than 1000 keys in one mapping\n"));
    parsed_free(&parsed);
}
END_TEST

START_TEST(test_variables)
{
    struct parsed parsed;

    setenv("HG_TEST_SET", "value ${HG_TEST_UNSET}", 1);
    setenv("HG_TEST_EMPTY", "", 1);
    parse(&parsed, "a: ${HG_TEST_SET}\n"
                   "b: \"x${HG_TEST_EMPTY}y\"\n"
                   "c: '$${HG_TEST_SET} $ $$ {}'\n"
                   "d: ${HG_TEST_EMPTY}\n"
                   "'${k}': key\n"
                   "e: ${HG_TEST_EMPTY}${HG_TEST_EMPTY}z\n");
    ck_assert_str_eq(parsed.reported, "");
    ck_assert_str_eq(config_get(parsed.config->root, "a", NULL)->text, "value ${HG_TEST_UNSET}");
    ck_assert_str_eq(config_get(parsed.config->root, "b", NULL)->text, "xy");
    ck_assert_str_eq(config_get(parsed.config->root, "c", NULL)->text, "${HG_TEST_SET} $ $$ {}");
    ck_assert_str_eq(config_get(parsed.config->root, "d", NULL)->text, "");
    ck_assert(!config_is_null(config_get(parsed.config->root, "d", NULL)));
    ck_assert_str_eq(config_get(parsed.config->root, "${k}", NULL)->text, "key");
    ck_assert_str_eq(config_get(parsed.config->root, "e", NULL)->text, "z");
    parsed_free(&parsed);
}
END_TEST

START_TEST(test_byte_order_mark)
{
    struct parsed parsed;

    parse(&parsed, "\xef\xbb\xbf"
                   "a: 1\n");
    ck_assert_str_eq(parsed.reported, "");
    ck_assert_str_eq(config_get(parsed.config->root, "a", NULL)->text, "1");
    parsed_free(&parsed);
    parse_bytes(&parsed,
                "\xff\xfe"
                "a\0:\0",
                6); /* UTF-16 */
    ck_assert_str_eq(parsed.reported, "f:1:1: byte 0xff is not UTF-8: save the file as UTF-8\n");
    parsed_free(&parsed);
}
END_TEST

START_TEST(test_files)
{
    char *reported = NULL, folder[] = "/tmp/hopgate-test-XXXXXX", path[64];
    size_t size = 0;
    FILE *stream = open_memstream(&reported, &size), *file;
    struct config *config = config_read("/nonexistent/hopgate.conf", stream);

    fflush(stream);
    ck_assert_ptr_null(config->root);
    ck_assert_str_eq(reported, "/nonexistent/hopgate.conf: cannot open the file: No such file or directory\n");
    config_free(config);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    rewind(stream);
    config = config_read(folder, stream);
    fflush(stream);
    ck_assert_ptr_nonnull(strstr(reported, "cannot read the file: Is a directory"));
    config_free(config);

    snprintf(path, sizeof path, "%s/c.conf", folder);
    file = fopen(path, "w");
    for (int i = 0; i < 30000; i++) /* more than the first buffer holds */
        fprintf(file, "# %d\n", i);
    fputs("a: b\n", file);
    fclose(file);
    config = config_read(path, stream);
    ck_assert_uint_eq(config_get(config->root, "a", NULL)->line, 30001);
    ck_assert_str_eq(config->folder, folder);
    config_free(config);
    file = fopen(path, "w");
    for (int i = 0; i < 5 << 20; i += 2)
        fputs("#\n", file);
    fclose(file);
    rewind(stream);
    config = config_read(path, stream);
    fflush(stream);
    ck_assert_ptr_nonnull(strstr(reported, "larger than 4 MiB"));
    config_free(config);
    unlink(path);
    rmdir(folder);
    fclose(stream);
    free(reported);
}
END_TEST

/* ---- Suggestions ---- */

START_TEST(test_suggestions)
{
    static const struct {
        const char *word, *best;
    } cases[] = {
        {"lisen", "listen"},
        {"Listen", "listen"},
        {"token-file", "token_file"},
        {"tiemout", "timeout"},
        {"listne", "listen"},
        {"xyz", NULL},
        {"", NULL},
        {"a", NULL},
        {"timeout", "timeout"},
        {"ls", NULL},
        {"servername", "server_name"},
        {"pipline", "pipeline"},
        {"connecttimeout", NULL},
        {"token", "token_file"},
        {"file", "token_file"},
        {"tokens", NULL},
        {"name", "server_name"},
        {"read_timeout", "timeout"},
        {"timeouts_all", NULL},
        {"dtls_client", "dtls"},
        {"er", NULL},
    };
    static const char *const words[] = {"listen", "token_file", "timeout", "server_name", "pipeline", "dtls"};
    char longest[200];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct suggestion suggestion = suggestion_for(cases[i].word);

        for (size_t j = 0; j < sizeof words / sizeof *words; j++)
            suggestion_offer(&suggestion, words[j]);
        if (cases[i].best)
            ck_assert_pstr_eq(suggestion_best(&suggestion), cases[i].best);
        else
            ck_assert_msg(!suggestion_best(&suggestion), "%s for %s", suggestion_best(&suggestion), cases[i].word);
    }
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    for (int i = 0; i < 2; i++) {
        struct suggestion suggestion = suggestion_for(i ? longest : "xxxx");

        suggestion_offer(&suggestion, i ? "xxxx" : longest);
        ck_assert_ptr_null(suggestion_best(&suggestion));
    }
}
END_TEST

/* ---- UTF-8 ---- */

START_TEST(test_utf8)
{
    static const struct {
        const char *bytes;
        size_t length;
        uint32_t code_point;
    } cases[] = {
        {"a", 1, 'a'},
        {"\xc3\xa4", 2, 0xe4},
        {"\xe2\x82\xac", 3, 0x20ac},
        {"\xf0\x9f\x98\x80", 4, 0x1f600},
        {"\xc0\x80", 0, 0},
        {"\xe0\x80\x80", 0, 0},
        {"\xed\xa0\x80", 0, 0},
        {"\xf4\x90\x80\x80", 0, 0},
        {"\xf5\x80\x80\x80", 0, 0},
        {"\x80", 0, 0},
        {"\xc3", 0, 0},
        {"\xe2\x82", 0, 0},
        {"\xe2\x28\xa1", 0, 0},
        {"\xf0\x8f\xbf\xbf", 0, 0},
        {"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
    };
    uint32_t code_point;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_uint_eq(utf8_character(cases[i].bytes, strlen(cases[i].bytes), &code_point), cases[i].length);
        if (cases[i].length)
            ck_assert_uint_eq(code_point, cases[i].code_point);
    }
    ck_assert_uint_eq(utf8_character("", 0, &code_point), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *reading = tcase_create("reading"), *texts = tcase_create("texts");

    tcase_add_test(reading, test_tree);
    tcase_add_test(reading, test_json);
    tcase_add_loop_test(reading, test_bad_files, 0, sizeof bad_files / sizeof *bad_files);
    tcase_add_test(reading, test_hints);
    tcase_add_test(reading, test_several);
    tcase_add_test(reading, test_nesting);
    tcase_add_test(reading, test_variables);
    tcase_add_test(reading, test_byte_order_mark);
    tcase_add_test(reading, test_files);
    tcase_add_test(texts, test_suggestions);
    tcase_add_test(texts, test_utf8);
    suite_add_tcase(suite, reading);
    suite_add_tcase(suite, texts);
    return run_suite(suite);
}
