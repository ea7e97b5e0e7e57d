/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Networks in options, and the option `only` of stages.
 */
#include "core/base/socket_address.h"
#include "core/config/networks.h"
#include "core/config/only.h"
#include "core/config/option_values.h"
#include "tests/unit/run_suite.h"
#include "tests/unit/slowness.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_storage address_of(const char *text)
{
    struct sockaddr_storage address = {0};

    address.ss_family = strchr(text, ':') ? AF_INET6 : AF_INET;
    if (address.ss_family == AF_INET)
        ck_assert_int_eq(inet_pton(AF_INET, text, &((struct sockaddr_in *)&address)->sin_addr), 1);
    else
        ck_assert_int_eq(inet_pton(AF_INET6, text, &((struct sockaddr_in6 *)&address)->sin6_addr), 1);
    return address;
}

/* ---- Sets ---- */

static struct network_set *set_of(const char *const *networks)
{
    struct network_set *set = network_set_new();
    struct network network;
    char hint[96];

    for (; *networks; networks++) {
        const char *wrong = network_parse(*networks, &network, hint, sizeof hint);

        ck_assert_msg(!wrong, "%s: %s", *networks, wrong);
        ck_assert_int_eq(network_set_add(set, &network), 0);
    }
    network_set_finish(set);
    return set;
}

static void check_has(const char *const *networks, const char *const *in, const char *const *out)
{
    struct network_set *set = set_of(networks);

    for (; *in; in++) {
        struct sockaddr_storage address = address_of(*in);

        ck_assert_msg(network_set_has(set, (struct sockaddr *)&address), "%s is not in", *in);
    }
    for (; *out; out++) {
        struct sockaddr_storage address = address_of(*out);

        ck_assert_msg(!network_set_has(set, (struct sockaddr *)&address), "%s is in", *out);
    }
    network_set_free(set);
}

#define TEXTS(...) ((const char *const[]){__VA_ARGS__, NULL})

START_TEST(test_sets)
{
    check_has(TEXTS("192.0.2.1"), TEXTS("192.0.2.1", "::ffff:192.0.2.1"), TEXTS("192.0.2.0", "192.0.2.2", "::1"));
    check_has(TEXTS("10.0.0.0/8"), TEXTS("10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"),
              TEXTS("9.255.255.255", "11.0.0.0", "::10.1.2.3", "::"));
    check_has(TEXTS("::ffff:10.0.0.0/104"), TEXTS("10.1.2.3", "::ffff:10.1.2.3"), TEXTS("11.0.0.0"));
    check_has(TEXTS("2001:db8::/32"), TEXTS("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
              TEXTS("2001:db7:ffff::", "2001:db9::", "32.1.13.184"));
    check_has(TEXTS("2001:db8::/65"), TEXTS("2001:db8::7fff:0:0:0"), TEXTS("2001:db8::8000:0:0:0", "2001:db8:0:1::"));
    check_has(TEXTS("0.0.0.0/0"), TEXTS("0.0.0.0", "255.255.255.255"), TEXTS("::", "2001:db8::1"));
    check_has(TEXTS("::/0"), TEXTS("::", "2001:db8::1", "ffff::"), TEXTS("192.0.2.1", "::ffff:192.0.2.1"));
    check_has(TEXTS("10.0.0.0/32"), TEXTS("10.0.0.0"), TEXTS("10.0.0.1"));
    check_has(TEXTS("10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "10.1.2.3", "12.0.0.0/8", "10.255.255.255", "11.0.0.0"),
              TEXTS("10.0.0.0", "10.1.2.3", "10.1.2.4", "10.200.0.0", "11.0.0.0", "12.1.1.1"),
              TEXTS("11.0.0.1", "13.0.0.0", "9.0.0.0"));
    check_has((const char *const[]){NULL}, (const char *const[]){NULL}, TEXTS("10.0.0.0", "::1"));
}
END_TEST

static uint32_t draw(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

/* Compared with a simple linear search. */
START_TEST(test_random)
{
    uint32_t seed = 7;

    for (int round = 0; round < 200; round++) {
        struct network_set *set = network_set_new();
        struct network networks[20];
        size_t count = draw(&seed) % 20;

        for (size_t i = 0; i < count; i++) {
            unsigned prefix = 24 + draw(&seed) % 9;
            uint64_t bits = 0xff >> (prefix - 24), first = draw(&seed) % 256 & ~bits;

            networks[i] = (struct network){.first = {0, first}, .last = {0, first | bits}, .is_ipv4 = true};
            ck_assert_int_eq(network_set_add(set, &networks[i]), 0);
        }
        network_set_finish(set);
        for (uint32_t number = 0; number < 260; number++) {
            struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(number)};
            bool wanted = false;

            for (size_t i = 0; i < count; i++)
                wanted = wanted || (number >= networks[i].first.low && number <= networks[i].last.low);
            ck_assert_msg(network_set_has(set, (struct sockaddr *)&address) == wanted, "round %d, %u", round, number);
        }
        network_set_free(set);
    }
}
END_TEST

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

/* 100,000 networks of both families: an address is found in less than 1 us of CPU time. */
START_TEST(test_speed)
{
    enum { COUNT = 100000, LOOKS = 1000000, MOST = SANITIZED ? 10000 : 1000 };
    struct network_set *set = network_set_new();
    struct timespec begin, end;
    uint32_t seed = 1, found = 0;
    double nanoseconds;

    for (uint32_t i = 0; i < COUNT; i++) {
        struct ip_number first = i % 2 ? (struct ip_number){UINT64_C(0x20010db8) << 32 | draw(&seed), 0}
                                       : (struct ip_number){0, (draw(&seed) << 8) & UINT32_MAX};
        struct network network = {
            .first = first, .last = {first.high, first.low | (i % 2 ? UINT64_MAX : 0xff)}, .is_ipv4 = !(i % 2)};

        ck_assert_int_eq(network_set_add(set, &network), 0);
    }
    network_set_finish(set);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
    for (uint32_t i = 0; i < LOOKS; i++) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = draw(&seed) * 977};

        found += network_set_has(set, (struct sockaddr *)&address);
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    nanoseconds = ((double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec)) / LOOKS;
    printf("# %.0f ns for one of %d networks, %u of %d found\n", nanoseconds, COUNT, found, LOOKS);
    ck_assert_uint_gt(found, 100);
    ck_assert_msg(nanoseconds < MOST * slowness(), "%.0f ns", nanoseconds);
    network_set_free(set);
}
END_TEST

/* ---- Options ---- */

struct filled {
    struct config *config;
    struct option_memory *memory;
    struct only_options options;
    const struct only *only;
    char *reported;
    size_t reported_size;
    FILE *stream;
    bool good;
};

static char folder[] = "/tmp/hopgate-test-XXXXXX";

static void write_file(const char *name, const char *text)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static void fill(struct filled *filled, const char *text)
{
    struct option_reading reading = {.owner = "test", .memory = &filled->memory, .other_key = ONLY_NAME};
    char path[128];

    memset(filled, 0, sizeof *filled);
    snprintf(path, sizeof path, "%s/f", folder);
    filled->stream = open_memstream(&filled->reported, &filled->reported_size);
    filled->config = config_parse(path, text, strlen(text), filled->stream);
    reading.config = filled->config;
    ck_assert_ptr_nonnull(filled->config->root);
    filled->good = only_read(&reading, filled->config->root, filled->config->root, &filled->options, &filled->only);
    fflush(filled->stream);
    ck_assert_int_eq(filled->good, filled->config->faults == 0);
}

static void filled_free(struct filled *filled)
{
    options_free(&filled->memory);
    config_free(filled->config);
    fclose(filled->stream);
    free(filled->reported);
}

/* "METHOD AUTHORITY PATH USER", and whether the stage sees the request. */
struct request_case {
    const char *method, *authority, *path, *user;
    bool wanted;
};

static void check_requests(const char *text, const struct request_case *cases)
{
    struct filled filled;

    fill(&filled, text);
    ck_assert_msg(filled.good, "%s", filled.reported);
    ck_assert_ptr_nonnull(filled.only);
    for (; cases->method; cases++) {
        struct hg_head head = {
            .method = hg_text(cases->method), .authority = hg_text(cases->authority), .path = hg_text(cases->path)};
        struct hg_sockaddr user = {0};

        socket_address_parse(&user, hg_text(cases->user));
        ck_assert_msg(only_matches(filled.only, &head, &user) == cases->wanted, "%s: %s %s %s %s", text, cases->method,
                      cases->authority, cases->path, cases->user);
    }
    filled_free(&filled);
}

START_TEST(test_hosts)
{
    static const struct request_case cases[] = {
        {"GET", "a.example", "/", "", true},
        {"GET", "A.Example.:8443", "/", "", true},
        {"GET", "x.b.example", "/", "", true},
        {"GET", "x.y.b.example:80", "/", "", true},
        {"GET", "[2001:DB8:0::1]:80", "/", "", true},
        {"GET", "b.example", "/", "", false},
        {"GET", ".b.example", "/", "", false},
        {"GET", "xb.example", "/", "", false},
        {"GET", "a.example.org", "/", "", false},
        {"GET", "[2001:db8::2]", "/", "", false},
        {"GET", "", "/", "", false},
        {0},
    };

    check_requests("only: {hosts: [a.example, '*.b.example', '2001:db8::1']}", cases);
}
END_TEST

START_TEST(test_paths)
{
    static const struct request_case cases[] = {
        {"GET", "", "/api", "", true},
        {"GET", "", "/api/", "", true},
        {"GET", "", "/api/x?y", "", true},
        {"GET", "", "/api?x", "", true},
        {"GET", "", "/a b", "", false},
        {"GET", "", "/apis", "", false},
        {"GET", "", "/ap", "", false},
        {"GET", "", "/", "", false},
        {"GET", "", "/x/api", "", false},
        {"GET", "", "/x?/api", "", false},
        {"OPTIONS", "", "*", "", false},
        /* Forms that services are known to resolve to it. */
        {"GET", "", "/%61pi/x", "", true},
        {"GET", "", "//api", "", true},
        {"GET", "", "/\\api", "", true},
        {"GET", "", "/api;a=b/x", "", true},
        {"GET", "", "/x/../api", "", true},
        {"GET", "", "/x/%2e%2E/api", "", true},
        {"GET", "", "/deep//er", "", true},
        {0},
    };
    static const struct request_case all[] = {{"GET", "", "/x", "", true}, {"OPTIONS", "", "*", "", true}, {0}};

    check_requests("only: {paths: [/api/, /deep/er]}", cases);
    check_requests("only: {paths: /}", all);
}
END_TEST

START_TEST(test_methods_and_networks)
{
    static const struct request_case cases[] = {
        {"GET", "", "/", "10.1.2.3:5", true},
        {"PUT", "", "/", "[::ffff:10.1.2.3]:5", true},
        {"PUT", "", "/", "[2001:db8::1]:5", true},
        {"PUT", "", "/", "[fe80::1%eth0]:5", true},
        {"GET", "", "/", "11.1.2.3:5", false},
        {"GET", "", "/", "[2001:db9::1]:5", false},
        {"POST", "", "/", "10.1.2.3:5", false},
        {"get", "", "/", "10.1.2.3:5", false},
        {"GET", "", "/", "", false},
        {"GET", "", "/", "unknown", false},
        {0},
    };

    check_requests("only: {methods: [GET, PUT], networks: [10.0.0.0/8, '2001:db8::/32', 'fe80::/10']}", cases);
}
END_TEST

static const struct {
    const char *text, *wanted;
} faults[] = {
    {"only: {}", "f:1:7: test: only: it is empty"},
    {"only: GET", "only: expected a mapping"},
    {"only: {host: a}", "f:1:8: test: only: unknown option 'host'; did you mean 'hosts'?"},
    {"only: {hosts: []}", "only.hosts: 0 items"},
    {"only: {hosts: [a, 'b:80']}", "f:1:19: test: only.hosts[1]: \"b:80\": omit the port"},
    {"only: {paths: [a]}", "f:1:16: test: only.paths[0]: \"a\": a path starts with \"/\""},
    {"only: {methods: [get]}", "only.methods[0]: \"get\": methods are case-sensitive"},
    {"only: {methods: ['G T']}", "only.methods[0]: \"G T\": not a method"},
    {"only: {networks: [10.0.0.1, 10.0.0.300]}", "f:1:29: test: only.networks[1]: '10.0.0.300': write an address"},
    {"only: {networks: 10.0.0.1/8}", "'10.0.0.1/8': bits are set after the prefix; the network is 10.0.0.0/8"},
    {"only: {networks: '2001:db8::1/32'}", "the network is 2001:db8::/32"},
    {"only: {networks: 10.0.0.0/33}", "the prefix length must be 0 to 32"},
    {"only: {networks: 10.0.0.0/}", "the prefix length must be 0 to 32"},
    {"only: {networks: '::/0x1'}", "the prefix length must be 0 to 128"},
    {"only: {networks: /etc/office}", "for a file of networks, write file:/etc/office"},
    {"only: {networks: [[]]}", "expected an address, a network or file:PATH, not a list"},
    {"only: {networks: file:/dev/zero}", "/dev/zero: not a regular file of up to 64 MiB"},
    {"only: {networks: file:missing}", "/missing: No such file or directory"},
    {"only: {networks: file:bad}", "/bad:4: 'localhost': write an address"},
    {"only: {networks: file:bad}", "/bad:6: '10.0.0.1/8': bits are set"},
    {"only: {networks: file:worse}", "/worse: the rest was not read"},
};

START_TEST(test_faults)
{
    struct filled filled;

    write_file("bad", "# office\n10.0.0.0/8 # all\n\n  localhost\n\t2001:db8::1  \n10.0.0.1/8");
    write_file("worse", "a\na\na\na\na\na\na\na\na\na\na\na\n");
    fill(&filled, faults[_i].text);
    ck_assert(!filled.good);
    ck_assert_msg(strstr(filled.reported, faults[_i].wanted), "%s\n%s", faults[_i].text, filled.reported);
    filled_free(&filled);
}
END_TEST

static void collect(void *arg, enum hg_level level, const char *text)
{
    char *reported = arg;
    size_t used = strlen(reported);

    snprintf(reported + used, 1024 - used, "%s%s\n", level == HG_LOG_ERROR ? "error: " : "", text);
}

START_TEST(test_reread)
{
    struct sockaddr_storage one = address_of("192.0.2.1"), two = address_of("192.0.2.2");
    const struct sockaddr *first = (struct sockaddr *)&one, *second = (struct sockaddr *)&two;
    char reported[1024] = "";
    struct filled filled;

    write_file("office", "192.0.2.1\r\n");
    fill(&filled, "only: {networks: ['file:office', 198.51.100.0/24]}");
    ck_assert_msg(filled.good, "%s", filled.reported);
    ck_assert(networks_match(filled.options.networks, first) && !networks_match(filled.options.networks, second));
    write_file("office", "192.0.2.2\n");
    options_reread(filled.memory, collect, reported);
    ck_assert_str_eq(reported, "reloaded the network files: 2 networks\n");
    ck_assert(!networks_match(filled.options.networks, first) && networks_match(filled.options.networks, second));
    write_file("office", "192.0.2.1\nnobody\n");
    options_reread(filled.memory, collect, reported);
    ck_assert_ptr_nonnull(strstr(reported, "error: "));
    ck_assert_ptr_nonnull(strstr(reported, "/office:2: 'nobody'"));
    ck_assert(!networks_match(filled.options.networks, first) && networks_match(filled.options.networks, second));
    filled_free(&filled);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("only");
    TCase *sets = tcase_create("networks"), *only = tcase_create("only");
    char command[64];
    int result;

    if (!mkdtemp(folder))
        return EXIT_FAILURE;
    tcase_add_test(sets, test_sets);
    tcase_add_test(sets, test_random);
    tcase_add_test(sets, test_speed);
    tcase_set_timeout(sets, 30);
    tcase_add_test(only, test_hosts);
    tcase_add_test(only, test_paths);
    tcase_add_test(only, test_methods_and_networks);
    tcase_add_loop_test(only, test_faults, 0, sizeof faults / sizeof *faults);
    tcase_add_test(only, test_reread);
    suite_add_tcase(suite, sets);
    suite_add_tcase(suite, only);
    result = run_suite(suite);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) ? EXIT_FAILURE : result;
}
