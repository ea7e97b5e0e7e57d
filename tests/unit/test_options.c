/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Option tables: every type with good and bad values; positions; all errors at once; mistakes in the tables themselves;
 * descriptions.
 */
#include "core/config/describe.h"
#include "core/config/options.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const colours[] = {"red", "green", "blue", NULL};
static const char *const words[] = {"tls", "proxy", NULL};

struct rule {
    const char *host;
    int64_t weight;
};

struct nested {
    bool on;
    hg_time every;
};

struct values {
    const char *string;
    bool boolean;
    int64_t integer, free_integer;
    uint64_t size, least;
    hg_time duration;
    struct hg_address address, any_port;
    const char *path;
    int colour;
    struct hg_list listen, rules, defaults;
    struct nested nested;
    const char *secret, *hidden;
};

#define PLACE(member) .offset = offsetof(struct values, member)

static const struct hg_option rule_fields[] = {
    {.name = "host",
     .type = HG_OPTION_STRING,
     .flags = HG_OPTION_REQUIRED,
     .offset = offsetof(struct rule, host),
     .doc = "The host."},
    {.name = "weight",
     .type = HG_OPTION_INTEGER,
     .offset = offsetof(struct rule, weight),
     .value = "7",
     .min = 1,
     .max = 9,
     .doc = "The weight."},
    {0},
};

static const struct hg_option nested_fields[] = {
    {.name = "on", .type = HG_OPTION_BOOL, .offset = offsetof(struct nested, on), .doc = "Whether."},
    {.name = "every",
     .type = HG_OPTION_DURATION,
     .offset = offsetof(struct nested, every),
     .value = "2m",
     .doc = "How often."},
    {0},
};

static const struct hg_option table[] = {
    {.name = "string", .type = HG_OPTION_STRING, PLACE(string), .doc = "A text."},
    {.name = "boolean", .type = HG_OPTION_BOOL, PLACE(boolean), .value = "on", .doc = "A switch."},
    {.name = "integer",
     .type = HG_OPTION_INTEGER,
     PLACE(integer),
     .value = "3",
     .min = -5,
     .max = 100,
     .doc = "A number."},
    {.name = "free_integer", .type = HG_OPTION_INTEGER, PLACE(free_integer), .doc = "Any number."},
    {.name = "size",
     .type = HG_OPTION_SIZE,
     PLACE(size),
     .value = "64k",
     .min = 1024,
     .max = 1 << 20,
     .doc = "A size."},
    {.name = "least", .type = HG_OPTION_SIZE, PLACE(least), .min = 16, .doc = "A size with a least one."},
    {.name = "duration",
     .type = HG_OPTION_DURATION,
     PLACE(duration),
     .value = "5s",
     .min = (int64_t)HG_MILLISECOND,
     .max = (int64_t)(3600 * HG_SECOND),
     .doc = "A time."},
    {.name = "address", .type = HG_OPTION_ADDRESS, PLACE(address), .doc = "An address."},
    {.name = "any_port", .type = HG_OPTION_ADDRESS, PLACE(any_port), .min = 0, .max = 65535, .doc = "An address."},
    {.name = "path", .type = HG_OPTION_PATH, PLACE(path), .doc = "A file."},
    {.name = "colour", .type = HG_OPTION_ENUM, PLACE(colour), .value = "green", .choices = colours, .doc = "A colour."},
    {.name = "listen",
     .type = HG_OPTION_LIST,
     .item = HG_OPTION_ADDRESS,
     PLACE(listen),
     .choices = words,
     .min = 0,
     .max = 9999,
     .doc = "Where."},
    {.name = "rules",
     .type = HG_OPTION_LIST,
     .item = HG_OPTION_MAP,
     .flags = HG_OPTION_BODY,
     PLACE(rules),
     .max = 3,
     .fields = rule_fields,
     .item_size = sizeof(struct rule),
     .doc = "The rules."},
    {.name = "defaults",
     .type = HG_OPTION_LIST,
     .item = HG_OPTION_SIZE,
     PLACE(defaults),
     .value = "[1k, 2M]",
     .doc = "Sizes."},
    {.name = "nested", .type = HG_OPTION_MAP, PLACE(nested), .fields = nested_fields, .doc = "More."},
    {.name = "secret", .type = HG_OPTION_SECRET_FILE, PLACE(secret), .doc = "A secret."},
    {.name = "hidden", .type = HG_OPTION_STRING, .flags = HG_OPTION_SECRET, PLACE(hidden), .doc = "Another."},
    {.name = "strength", .type = HG_OPTION_STRING, .flags = HG_OPTION_REMOVED, .doc = "use string"},
    {0},
};

struct filled {
    struct config *config;
    struct option_memory *memory;
    struct values values;
    char *reported;
    size_t reported_size;
    FILE *stream;
    bool good;
};

/* `path` is the base of relative paths. An empty `text` means an empty block. */
static void fill_at(struct filled *filled, const char *path, const struct hg_option *options, void *cfg,
                    const char *text)
{
    static const struct config_node start = {.line = 1, .column = 1};
    struct option_reading reading = {.owner = "test", .memory = &filled->memory};
    const struct config_node *block;

    memset(filled, 0, sizeof *filled);
    filled->stream = open_memstream(&filled->reported, &filled->reported_size);
    filled->config = config_parse(path, *text ? text : "~", *text ? strlen(text) : 1, filled->stream);
    reading.config = filled->config;
    ck_assert_ptr_nonnull(filled->config->root);
    block = *text ? filled->config->root : NULL;
    filled->good = options_fill(&reading, options, block, block ? block : &start, cfg ? cfg : &filled->values);
    fflush(filled->stream);
    ck_assert_int_eq(filled->good, filled->config->faults == 0);
}

static void fill(struct filled *filled, const char *text)
{
    fill_at(filled, "/etc/hopgate/f", table, NULL, text);
}

static void filled_free(struct filled *filled)
{
    options_free(&filled->memory);
    config_free(filled->config);
    fclose(filled->stream);
    free(filled->reported);
}

START_TEST(test_defaults)
{
    struct filled filled;

    fill(&filled, "");
    ck_assert(filled.good);
    ck_assert_str_eq(filled.reported, "");
    ck_assert_ptr_null(filled.values.string);
    ck_assert(filled.values.boolean);
    ck_assert_int_eq(filled.values.integer, 3);
    ck_assert_uint_eq(filled.values.size, 65536);
    ck_assert_uint_eq(filled.values.duration, 5 * HG_SECOND);
    ck_assert_ptr_null(filled.values.address.host);
    ck_assert_int_eq(filled.values.colour, 1);
    ck_assert_uint_eq(filled.values.listen.count, 0);
    ck_assert_uint_eq(filled.values.defaults.count, 2);
    ck_assert_uint_eq(((uint64_t *)filled.values.defaults.items)[1], 2 << 20);
    ck_assert_uint_eq(filled.values.nested.every, 120 * HG_SECOND);
    filled_free(&filled);
}
END_TEST

START_TEST(test_good)
{
    struct filled filled;
    const struct hg_address *listen;
    const struct rule *rules;

    fill(&filled, "string: 'a: b'\n"
                  "boolean: No\n"
                  "integer: -5\n"
                  "free_integer: -9223372036854775808\n"
                  "size: 1M\n"
                  "least: 8G\n"
                  "duration: 250ms\n"
                  "address: gate.example.com:443\n"
                  "any_port: '[fe80::1%eth0]:0'\n"
                  "path: keys/gate.pem\n"
                  "colour: blue\n"
                  "listen: ['*:80', '[::1]:443 tls  proxy', '10.0.0.1:1']\n"
                  "rules:\n"
                  "  - { host: a }\n"
                  "  - host: b\n"
                  "    weight: 9\n"
                  "defaults: 3\n"
                  "nested: { on: yes }\n"
                  "hidden: xyzzy\n");
    ck_assert_str_eq(filled.reported, "");
    ck_assert_str_eq(filled.values.string, "a: b");
    ck_assert(!filled.values.boolean);
    ck_assert_int_eq(filled.values.integer, -5);
    ck_assert_int_eq(filled.values.free_integer, INT64_MIN);
    ck_assert_uint_eq(filled.values.size, 1 << 20);
    ck_assert_uint_eq(filled.values.least, UINT64_C(8) << 30);
    ck_assert_uint_eq(filled.values.duration, 250 * HG_MILLISECOND);
    ck_assert_str_eq(filled.values.address.host, "gate.example.com");
    ck_assert_uint_eq(filled.values.address.port, 443);
    ck_assert_str_eq(filled.values.any_port.host, "fe80::1%eth0");
    ck_assert_uint_eq(filled.values.any_port.port, 0);
    ck_assert_str_eq(filled.values.path, "/etc/hopgate/keys/gate.pem");
    ck_assert_int_eq(filled.values.colour, 2);
    ck_assert_uint_eq(filled.values.listen.count, 3);
    listen = filled.values.listen.items;
    ck_assert_str_eq(listen[0].host, "*");
    ck_assert_uint_eq(listen[0].words, 0);
    ck_assert_str_eq(listen[1].host, "::1");
    ck_assert_uint_eq(listen[1].words, 3);
    ck_assert_uint_eq(filled.values.rules.count, 2);
    rules = filled.values.rules.items;
    ck_assert_str_eq(rules[0].host, "a");
    ck_assert_int_eq(rules[0].weight, 7);
    ck_assert_int_eq(rules[1].weight, 9);
    ck_assert_uint_eq(filled.values.defaults.count, 1);
    ck_assert(filled.values.nested.on);
    ck_assert_uint_eq(filled.values.nested.every, 120 * HG_SECOND);
    ck_assert_str_eq(filled.values.hidden, "xyzzy");
    filled_free(&filled);
}
END_TEST

/* A block that is a list, or a single item, is the value of the body option. */
START_TEST(test_body)
{
    struct filled filled;

    fill(&filled, "- { host: a }\n- { host: b, weight: 2 }\n");
    ck_assert_str_eq(filled.reported, "");
    ck_assert_uint_eq(filled.values.rules.count, 2);
    ck_assert_int_eq(filled.values.integer, 3);
    ck_assert_uint_eq(options_locate(table, filled.config->root, "rules[1].weight")->column, 22);
    filled_free(&filled);
    fill(&filled, "- { host: a }\n- { weigth: 3 }\n");
    ck_assert_str_eq(filled.reported,
                     "/etc/hopgate/f:2:5: test: rules[1]: unknown option 'weigth'; did you mean "
                     "'weight'?\n/etc/hopgate/f:2:3: test: rules[1]: missing option 'host': The host.\n");
    filled_free(&filled);
    fill(&filled, "host: a\n");
    ck_assert_str_eq(filled.reported,
                     "/etc/hopgate/f:1:1: test: 'host' belongs in an item of the list 'rules': put '- ' "
                     "before it, as in - { host: … }\n");
    filled_free(&filled);
}
END_TEST

/* The same for an item of a list of mappings: a list may contain lists. */
START_TEST(test_nested_body)
{
    static const struct hg_option group[] = {
        {.name = "names", .type = HG_OPTION_LIST, .item = HG_OPTION_STRING, .flags = HG_OPTION_BODY}, {0}};
    static const struct hg_option groups[] = {{.name = "groups",
                                               .type = HG_OPTION_LIST,
                                               .item = HG_OPTION_MAP,
                                               .fields = group,
                                               .item_size = sizeof(struct hg_list)},
                                              {0}};
    struct hg_list list = {0};
    struct filled filled;
    const struct hg_list *items;
    char why[256] = "";

    ck_assert_msg(!options_table_is_bad(groups, sizeof list, why, sizeof why), "%s", why);
    fill_at(&filled, "/etc/hopgate/f", groups, &list, "groups: [a, [b, c], { names: d }]\n");
    ck_assert_str_eq(filled.reported, "");
    ck_assert_uint_eq(list.count, 3);
    items = list.items;
    ck_assert_uint_eq(items[0].count, 1);
    ck_assert_uint_eq(items[1].count, 2);
    ck_assert_str_eq(((const char **)items[0].items)[0], "a");
    ck_assert_str_eq(((const char **)items[1].items)[1], "c");
    ck_assert_str_eq(((const char **)items[2].items)[0], "d");
    ck_assert_uint_eq(options_locate(groups, filled.config->root, "groups[1].names[1]")->column, 17);
    filled_free(&filled);
}
END_TEST

START_TEST(test_locate)
{
    static const struct {
        const char *path;
        unsigned line, column;
    } cases[] = {
        {"rules", 2, 8},           {"rules[0]", 2, 9},      {"rules[0].host", 2, 17}, {"rules[1].weight", 4, 13},
        {"rules[0].weight", 2, 9}, {"rules[9].host", 2, 8}, {"string", 1, 9},         {"nothing", 1, 1},
        {"integer", 1, 1},         {"nested.on", 5, 14},    {"defaults[0]", 6, 11},   {"", 1, 1},
        {"rules[", 2, 9},          {"rules[0", 2, 9},       {"rules[0].", 2, 9},      {"..", 1, 1},
    };
    struct filled filled;

    fill(&filled, "string: x\n"
                  "rules: [{ host: a },\n"
                  "        { host: b,\n"
                  "  weight:   4}]\n"
                  "nested: {on: yes}\n"
                  "defaults: 4k\n");
    ck_assert_str_eq(filled.reported, "");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct config_node *node = options_locate(table, filled.config->root, cases[i].path);

        ck_assert_msg(node->line == cases[i].line && node->column == cases[i].column, "%s: %u:%u, not %u:%u",
                      cases[i].path, node->line, node->column, cases[i].line, cases[i].column);
    }
    filled_free(&filled);
}
END_TEST

static const struct {
    const char *text;
    const char *reported; /* how the only line reported begins, after the path of the file */
} bad[] = {
    {"strng: x", "1:1: test: unknown option 'strng'; did you mean 'string'?"},
    {"strengt: x", "1:1: test: unknown option 'strengt'"},
    {"strength: [a]", "1:1: test: option 'strength' has been removed: use string"},
    {"\"str\\n\\e[2J\\u009b\\u00e4\": x", "1:1: test: unknown option 'str\\x0a\\x1b[2J\\x9b\xc3\xa4'\n"},
    {"string: [x]", "1:9: test: string: expected text, not a list"},
    {"string:", "1:8: test: string: no value"},
    {"string: \"a\\0b\"", "1:9: test: string: a zero byte is not allowed"},
    {"boolean: 1", "1:10: test: boolean: '1' is not yes or no"},
    {"integer: 101", "1:10: test: integer: 101 is out of range; expected -5 to 100"},
    {"integer: 3.5", "1:10: test: integer: '3.5' is not a whole number"},
    {"integer: 0x10", "1:10: test: integer: '0x10' is not a whole number"},
    {"integer: ' 1'", "1:10: test: integer: ' 1' is not a whole number"},
    {"integer: +1", "1:10: test: integer: '+1' is not a whole number"},
    {"free_integer: 9223372036854775808", "1:15: test: free_integer: 9223372036854775808 is out of range"},
    {"size: 1023", "1:7: test: size: 1023 is out of range; expected 1k to 1M"},
    {"size: 2M", "1:7: test: size: 2M is out of range; expected 1k to 1M"},
    {"size: 64kB", "1:7: test: size: '64kB' is not a size such as 4096, 64k, 1M or 2G"},
    {"size: -1", "1:7: test: size: '-1' is not a size"},
    {"size: 99999999999T", "1:7: test: size: 99999999999T is out of range"},
    {"least: 8", "1:8: test: least: 8 is out of range; expected at least 16"},
    {"duration: 5", "1:11: test: duration: '5' is not a duration such as 250ms, 5s, 2m, 1h or 7d"},
    {"duration: 2h", "1:11: test: duration: 2h is out of range; expected 1ms to 1h"},
    {"duration: 0", "1:11: test: duration: 0 is out of range; expected 1ms to 1h"},
    {"duration: 1.5s", "1:11: test: duration: '1.5s' is not a duration"},
    {"duration: 300000d", "1:11: test: duration: 300000d is out of range"},
    {"address: host", "1:10: test: address: 'host' is not an address: a port is required"},
    {"address: ':443'", "1:10: test: address: ':443' is not an address: the host is missing"},
    {"address: '::1'", "1:10: test: address: '::1' is not an address: an IPv6 address needs brackets and a port"},
    {"address: '2001:db8::1:443'",
     "1:10: test: address: '2001:db8::1:443' is not an address: an IPv6 address needs brackets and a port"},
    {"address: '[::1]'", "1:10: test: address: '[::1]' is not an address: a port is required"},
    {"address: '[::1:443'", "1:10: test: address: '[::1:443' is not an address: ']' is missing"},
    {"address: '[::g]:443'", "1:10: test: address: '[::g]:443' is not an address: the text in brackets is not"},
    {"address: 10.0.0.256:1",
     "1:10: test: address: '10.0.0.256:1' is not an address: the host is neither a valid name"},
    {"address: https://a:1", "1:10: test: address: 'https://a:1' is not an address: expected host and port, not a URL"},
    {"address: https://a", "1:10: test: address: 'https://a' is not an address: expected host and port, not a URL"},
    {"address: a/b:1", "1:10: test: address: 'a/b:1' is not an address: expected host and port, not a URL"},
    {"address: ::1:18081",
     "1:10: test: address: '::1:18081' is not an address: an IPv6 address needs brackets and a port"},
    {"address: a:http", "1:10: test: address: 'http' is not a port; expected a number, 1 to 65535"},
    {"address: a:65536", "1:10: test: address: port 65536 is out of range; expected 1 to 65535"},
    {"address: a:0", "1:10: test: address: port 0 is out of range; expected 1 to 65535"},
    {"address: 'a:1 tls'", "1:10: test: address: unexpected 'tls' after the address"},
    {"address: ''", "1:10: test: address: '' is not an address: it is empty"},
    {"path: ''", "1:7: test: path: the path is empty"},
    {"colour: gren",
     "1:9: test: colour: 'gren' is not allowed here; expected one of: red, green, blue; did you mean 'green'?"},
    {"listen: ['*:80', '*:443 tsl']",
     "1:18: test: listen[1]: 'tsl' is not allowed here; expected one of: tls, proxy; did you mean 'tls'?"},
    {"listen: ['*:80', ]\nstrin: a", "2:1: test: unknown option 'strin'; did you mean 'string'?"},
    {"listen: ['a:0', 'a:10000']", "1:17: test: listen[1]: port 10000 is out of range; expected 0 to 9999"},
    {"rules: [{host: a}, {host: a}, {host: a}, {host: a}]", "1:8: test: rules: 4 items given; expected 0 to 3"},
    {"listen: [ '*:80', ~ ]", "1:19: test: listen[1]: the item is empty"},
    {"rules: [a]", "1:9: test: rules[0]: expected a mapping, as in { host: … }, not text"},
    {"rules: a", "1:8: test: rules: expected a mapping, as in { host: … }, not text"},
    {"rules: [{weight: 3}]", "1:9: test: rules[0]: missing option 'host': The host."},
    {"rules: [{host: a, weight: 0}]", "1:27: test: rules[0].weight: 0 is out of range; expected 1 to 9"},
    {"nested: yes", "1:9: test: nested: expected a mapping, as in { on: … }, not text"},
    {"nested: { every: x }", "1:18: test: nested.every: 'x' is not a duration"},
    {"nested: { onn: x }", "1:11: test: nested: unknown option 'onn'; did you mean 'on'?"},
    {"secret: nothing", "1:9: test: secret: cannot open /etc/hopgate/nothing: No such file"},
    {"defaults: [1k, x]", "1:16: test: defaults[1]: 'x' is not a size"},
};

START_TEST(test_bad)
{
    struct filled filled;
    const char *line;

    fill(&filled, bad[_i].text);
    line = filled.reported + strlen("/etc/hopgate/f:");
    ck_assert_msg(strncmp(line, bad[_i].reported, strlen(bad[_i].reported)) == 0,
                  "expected \"%s\", reported was \"%s\"", bad[_i].reported, filled.reported);
    ck_assert_uint_eq(filled.config->faults, 1);
    filled_free(&filled);
}
END_TEST

START_TEST(test_all_at_once)
{
    struct filled filled;

    fill(&filled, "integer: x\nsize: y\nrules: [{}, {host: a, weight: q}]\nfoo: 1\nlisten: ['*:x', '*:99999']\n");
    ck_assert_uint_eq(filled.config->faults, 7);
    ck_assert(!filled.good);
    filled_free(&filled);
}
END_TEST

START_TEST(test_secret_values)
{
    static const char *const choices[] = {"a", NULL};
    static const struct hg_option secret_number[] = {
        {.name = "pin", .type = HG_OPTION_INTEGER, .flags = HG_OPTION_SECRET, .doc = "A pin."}, {0}};
    static const struct hg_option secret_word[] = {
        {.name = "pin", .type = HG_OPTION_ENUM, .choices = choices, .flags = HG_OPTION_SECRET, .doc = "A pin."}, {0}};
    static const struct hg_option secret_address[] = {
        {.name = "pin", .type = HG_OPTION_ADDRESS, .flags = HG_OPTION_SECRET, .doc = "A pin."}, {0}};
    struct filled filled;
    struct hg_address pin = {0};

    fill_at(&filled, "f", secret_number, &pin, "pin: hunter2");
    ck_assert_str_eq(filled.reported, "f:1:6: test: pin: '(secret)' is not a whole number\n");
    filled_free(&filled);
    fill_at(&filled, "f", secret_word, &pin, "pin: hunter2");
    ck_assert_ptr_null(strstr(filled.reported, "hunter2"));
    filled_free(&filled);
    fill_at(&filled, "f", secret_address, &pin, "pin: 'a:hunter2'");
    ck_assert_ptr_null(strstr(filled.reported, "hunter2"));
    filled_free(&filled);
    fill_at(&filled, "f", secret_address, &pin, "pin: 'a:1 hunter2'");
    ck_assert_ptr_null(strstr(filled.reported, "hunter2"));
    filled_free(&filled);
}
END_TEST

START_TEST(test_secret_files)
{
    static const struct {
        const char *content;
        mode_t mode;
        const char *secret; /* NULL: refused */
        const char *reported;
    } cases[] = {
        {"s3cret\n", 0600, "s3cret", ""},
        {"s3cret", 0640, "s3cret", ""},
        {"two\n\n", 0600, "two\n", ""},
        {"s3cret\n", 0644, "s3cret", "warning: every user of this machine can read the secret in "},
        {"s3cret\n", 0622, "s3cret", "warning: every user of this machine can change the secret in "},
        {"\n", 0600, NULL, "is empty; it must contain the secret"},
        {"", 0600, NULL, "is empty; it must contain the secret"},
    };
    char folder[] = "/tmp/hopgate-test-XXXXXX", path[64], place[64];
    struct filled filled;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/token", folder);
    snprintf(place, sizeof place, "%s/f", folder);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        FILE *file = fopen(path, "w");

        fputs(cases[i].content, file);
        fclose(file);
        chmod(path, cases[i].mode);
        fill_at(&filled, place, table, NULL, "secret: token");
        ck_assert_pstr_eq(filled.values.secret, cases[i].secret);
        ck_assert_ptr_nonnull(strstr(filled.reported, cases[i].reported));
        ck_assert_int_eq(filled.good, cases[i].secret != NULL);
        ck_assert(*cases[i].reported || !*filled.reported);
        filled_free(&filled);
        unlink(path);
    }
    fill_at(&filled, place, table, NULL, "secret: .");
    ck_assert_ptr_nonnull(strstr(filled.reported, "is a directory"));
    filled_free(&filled);
    for (int kind = 0; kind < 2; kind++) {
        FILE *file = fopen(path, "w");

        for (int i = 0; i < (kind ? 65537 : 3); i++)
            fputc(kind ? 'x' : '\0', file);
        fclose(file);
        chmod(path, 0600);
        fill_at(&filled, place, table, NULL, "secret: token");
        ck_assert_ptr_nonnull(strstr(filled.reported, kind ? "is larger than 65536 bytes" : "contains a zero byte"));
        filled_free(&filled);
    }
    unlink(path);
    rmdir(folder);
}
END_TEST

/* The values as written by options_print(), without those that cannot be read back: secrets, and absent options without
 * a default. */
static char *printed(struct values *values)
{
    char *text = NULL, *line;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    values->secret = "hunter2";
    options_print(out, table, values, 0);
    fclose(out);
    ck_assert_ptr_null(strstr(text, "hunter2"));
    line = strstr(text, "secret: (secret)\n");
    ck_assert_ptr_nonnull(line);
    *line = '#';
    while ((line = strstr(text, ": ~\n"))) {
        while (line > text && line[-1] != '\n')
            line--;
        *line = '#';
        *strchr(line, '~') = '-';
    }
    return text;
}

/* What was printed has the same meaning when it is read again. */
START_TEST(test_print)
{
    static const char *const texts[] = {
        "string: \"a\\\"b\\\\c\\n\"\nlisten: ['[::1]:443 proxy tls']\nrules: [{host: x}]\nany_port: '*:0'\n"
        "duration: 1500ms\nhidden: hunter2\npath: /x\nleast: 3k\n",
        "address: a:1\nany_port: 'b:0'\nrules: [{host: x}, {host: y, weight: 3}]\nlisten: []\npath: y\nstring: ''\n"
        "hidden: hunter2\n", /* `least` is absent */
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct filled filled, again;
        char *first, *second;

        fill(&filled, texts[i]);
        ck_assert_str_eq(filled.reported, "");
        first = printed(&filled.values);
        fill(&again, first);
        ck_assert_str_eq(again.reported, "");
        ck_assert_str_eq(again.values.string, filled.values.string);
        second = printed(&again.values);
        ck_assert_str_eq(first, second);
        free(first);
        free(second);
        filled_free(&again);
        filled_free(&filled);
    }
}
END_TEST

/* ---- Tables ---- */

static const struct hg_option no_fields[] = {{0}};
static const struct hg_option bad_field[] = {{.name = "x", .type = HG_OPTION_STRING, .offset = 8, .doc = "x"}, {0}};

static const struct {
    struct hg_option option;
    const char *why; /* how the error begins; NULL: the option is valid */
} tables[] = {
    {{.name = "a", .type = HG_OPTION_STRING}, NULL},
    {{.name = "A", .type = HG_OPTION_STRING}, "option 'A': the name must consist of"},
    {{.name = "", .type = HG_OPTION_STRING}, "option '': the name must consist of"},
    {{.name = "a-b", .type = HG_OPTION_STRING}, "option 'a-b': the name must consist of"},
    {{.name = "a", .type = 13}, "option 'a': unknown type 13"},
    {{.name = "a", .type = HG_OPTION_LIST, .item = HG_OPTION_NETWORK}, "option 'a': item type 12"},
    {{.name = "a", .type = HG_OPTION_NETWORK, .value = "[10.0.0.0/8, '::1']"}, NULL},
    {{.name = "a", .type = HG_OPTION_NETWORK, .value = "file:x"}, "option 'a': invalid default 'file:x'"},
    {{.name = "a"}, "option 'a': unknown type 0"},
    {{.name = "a", .type = HG_OPTION_STRING, .offset = 60}, "option 'a': extends beyond the config struct"},
    {{.name = "a", .type = HG_OPTION_STRING, .offset = SIZE_MAX}, "option 'a': extends beyond the config struct"},
    {{.name = "a", .type = HG_OPTION_LIST}, "option 'a': item type 0"},
    {{.name = "a", .type = HG_OPTION_LIST, .item = HG_OPTION_LIST}, "option 'a': item type 9"},
    {{.name = "a", .type = HG_OPTION_LIST, .item = HG_OPTION_MAP, .fields = bad_field},
     "option 'a': the item size is missing"},
    {{.name = "a", .type = HG_OPTION_LIST, .item = HG_OPTION_MAP, .fields = bad_field, .item_size = 8},
     "option 'x': extends beyond"},
    {{.name = "a", .type = HG_OPTION_LIST, .item = HG_OPTION_MAP, .fields = bad_field, .item_size = 16}, NULL},
    {{.name = "a", .type = HG_OPTION_MAP}, "option 'a': a mapping without fields"},
    {{.name = "a", .type = HG_OPTION_MAP, .fields = no_fields}, "option 'a': a mapping without fields"},
    {{.name = "a", .type = HG_OPTION_MAP, .fields = bad_field, .offset = 52}, "option 'x': extends beyond"},
    {{.name = "a", .type = HG_OPTION_MAP, .fields = bad_field, .value = "x"}, "option 'a': a mapping has no default"},
    {{.name = "a", .type = HG_OPTION_ENUM}, "option 'a': no choices"},
    {{.name = "a", .type = HG_OPTION_ENUM, .choices = colours, .value = "pink"},
     "option 'a': invalid default 'pink': default:1:1: a: 'pink' is not allowed here"},
    {{.name = "a", .type = HG_OPTION_INTEGER, .min = 1, .max = 3, .value = "0"}, "option 'a': invalid default '0'"},
    {{.name = "a", .type = HG_OPTION_INTEGER, .min = 3, .max = 1}, "option 'a': the range is empty"},
    {{.name = "a", .type = HG_OPTION_DURATION, .value = "5"}, "option 'a': invalid default '5'"},
    {{.name = "a", .type = HG_OPTION_LIST, .item = HG_OPTION_SIZE, .value = "[1k, x]"}, "option 'a': invalid default"},
    {{.name = "a", .type = HG_OPTION_LIST, .item = HG_OPTION_SIZE, .value = "[1k"}, "option 'a': invalid default"},
    {{.name = "a", .type = HG_OPTION_LIST, .item = HG_OPTION_SIZE, .value = "[1k, 2k]"}, NULL},
    {{.name = "a", .type = HG_OPTION_SECRET_FILE, .value = "token"}, NULL},
    {{.name = "a", .type = HG_OPTION_STRING, .value = "x", .flags = HG_OPTION_REQUIRED},
     "option 'a': required options have no default"},
    {{.name = "a", .type = HG_OPTION_MAP, .fields = bad_field, .flags = HG_OPTION_BODY},
     "option 'a': the body of a block cannot"},
};

START_TEST(test_tables)
{
    const struct hg_option one[] = {tables[_i].option, {0}};
    char why[256] = "";
    bool is_bad = options_table_is_bad(one, 64, why, sizeof why);

    ck_assert_msg(is_bad == (tables[_i].why != NULL), "%s", why);
    if (is_bad)
        ck_assert_msg(strncmp(why, tables[_i].why, strlen(tables[_i].why)) == 0, "%s", why);
}
END_TEST

START_TEST(test_tables_whole)
{
    static const struct hg_option twice[] = {
        {.name = "a", .type = HG_OPTION_BOOL}, {.name = "a", .type = HG_OPTION_BOOL}, {0}};
    static const struct hg_option bodies[] = {{.name = "a", .type = HG_OPTION_STRING, .flags = HG_OPTION_BODY},
                                              {.name = "b", .type = HG_OPTION_STRING, .flags = HG_OPTION_BODY},
                                              {0}};
    struct hg_option self[] = {{.name = "a", .type = HG_OPTION_MAP}, {0}};
    char why[256] = "";

    ck_assert(!options_table_is_bad(NULL, 0, why, sizeof why));
    ck_assert(!options_table_is_bad(table, sizeof(struct values), why, sizeof why));
    ck_assert(options_table_is_bad(twice, 64, why, sizeof why));
    ck_assert_str_eq(why, "option 'a': duplicate in the table");
    ck_assert(options_table_is_bad(bodies, 64, why, sizeof why));
    ck_assert_str_eq(why, "option 'b': only one option may be the body of its block");
    self[0].fields = self;
    ck_assert(options_table_is_bad(self, 64, why, sizeof why));
    ck_assert_str_eq(why, "option 'a': mappings are nested more than 8 deep");
}
END_TEST

/* ---- Descriptions ---- */

START_TEST(test_describe)
{
    static const struct hg_option few[] = {
        {.name = "listen",
         .type = HG_OPTION_LIST,
         .item = HG_OPTION_ADDRESS,
         .flags = HG_OPTION_REQUIRED,
         .choices = words,
         .max = 65535,
         .doc = "Where to listen; a sentence that is long enough to need more than one line of text."},
        {.name = "nested", .type = HG_OPTION_MAP, .fields = nested_fields, .doc = ".More\\than that - 'it'."},
        {.name = "colour", .type = HG_OPTION_ENUM, .value = "red", .choices = colours, .doc = "A colour."},
        {0},
    };
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    describe_text(out, few, 2);
    fclose(out);
    ck_assert_str_eq(text, "  listen: address, or a list of them; required; port 0 to 65535; may be followed\n"
                           "    by: tls proxy\n"
                           "      Where to listen; a sentence that is long enough to need more than one line\n"
                           "      of text.\n"
                           "\n"
                           "  nested: mapping\n"
                           "      .More\\than that - 'it'.\n"
                           "\n"
                           "      on: yes or no\n"
                           "          Whether.\n"
                           "\n"
                           "      every: duration; default 2m\n"
                           "          How often.\n"
                           "\n"
                           "  colour: red | green | blue; default red\n"
                           "      A colour.\n");
    free(text);
    out = open_memstream(&text, &size);
    describe_manual(out, few + 1);
    describe_manual(out, NULL);
    fclose(out);
    ck_assert_str_eq(text, ".TP\n\\fBnested\\fR: mapping\n\\&.More\\ethan that \\- 'it'.\n"
                           ".RS\n"
                           ".TP\n\\fBon\\fR: yes or no\nWhether.\n"
                           ".TP\n\\fBevery\\fR: duration; default 2m\nHow often.\n"
                           ".RE\n"
                           ".TP\n\\fBcolour\\fR: red | green | blue; default red\nA colour.\n"
                           "None.\n");
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("options");
    TCase *values = tcase_create("values"), *forms = tcase_create("tables");

    tcase_add_test(values, test_defaults);
    tcase_add_test(values, test_good);
    tcase_add_test(values, test_body);
    tcase_add_test(values, test_nested_body);
    tcase_add_test(values, test_locate);
    tcase_add_loop_test(values, test_bad, 0, sizeof bad / sizeof *bad);
    tcase_add_test(values, test_all_at_once);
    tcase_add_test(values, test_secret_values);
    tcase_add_test(values, test_secret_files);
    tcase_add_test(values, test_print);
    tcase_add_loop_test(forms, test_tables, 0, sizeof tables / sizeof *tables);
    tcase_add_test(forms, test_tables_whole);
    tcase_add_test(forms, test_describe);
    suite_add_tcase(suite, values);
    suite_add_tcase(suite, forms);
    return run_suite(suite);
}
