/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Unit tests of the route plugin, through its descriptor and a host implemented here.
 */
#include "plugins/lib/url/url.h"
#include "plugins/route/route.h"
#include "tests/unit/core_host.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <hopgate/match.h>
#include <hopgate/routes.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- A host that records what is reported to it ---- */

static struct {
    char errors[8192]; /* "option: text\n" for each */
    struct hg_target target;
    bool has_target;
    struct hg_service service; /* copied as by an origin */
    bool has_service;
    struct hg_reason reason;
    const char *live; /* the client that has a session */
} reported;

static void keep_config_error(const struct hg_instance *instance, const char *option, const char *format,
                              va_list arguments)
{
    size_t used = strlen(reported.errors);

    (void)instance;
    used += (size_t)snprintf(reported.errors + used, sizeof reported.errors - used, "%s: ", option ? option : "-");
    used += (size_t)vsnprintf(reported.errors + used, sizeof reported.errors - used, format, arguments);
    ck_assert_uint_lt(used + 1, sizeof reported.errors);
    strcat(reported.errors, "\n");
}

static void keep_target(struct hg_self *self, const struct hg_target *target)
{
    (void)self;
    reported.target = *target;
    reported.has_target = true;
}

static void keep_service(struct hg_self *self, const struct hg_service *service)
{
    (void)self;
    reported.service = *service;
    reported.has_service = true;
}

static void keep_reset(struct hg_self *self, const struct hg_reason *reason)
{
    (void)self;
    reported.reason = *reason;
}

static bool is_live(struct hg_worker *worker, const struct hg_target *target)
{
    (void)worker;
    return hg_text_equal(target->client, hg_text(reported.live));
}

static enum hg_end end; /* the end that the pipeline is for */

static enum hg_end report_end(const struct hg_instance *instance)
{
    (void)instance;
    return end;
}

static const struct hg_host host = {
    .config_error = keep_config_error,
    .head_new = message_head_new,
    .head_free = message_head_free,
    .head_set = message_head_set,
    .set_target = keep_target,
    .set_service = keep_service,
    .reset = keep_reset,
    .target_served = is_live,
    .end = report_end,
};

/* ---- An instance with a given block ---- */

struct fixture {
    struct hg_instance instance;
    struct hg_worker worker;
    struct hg_self self;
    struct route_config config;
    struct hg_exchange exchange;
    const void *state[1]; /* of the exchange */
};

/* In an entry: `rewrite_location: no`. */
#define REWRITE_NOTHING .rewrite_location = true

static int configure(struct fixture *fixture, const struct route_entry *entries)
{
    size_t count = 0;

    memset(&reported, 0, sizeof reported);
    memset(fixture, 0, sizeof *fixture);
    while (entries[count].to)
        count++;
    fixture->config.routes.count = count;
    fixture->config.routes.items = malloc(count * sizeof *entries);
    memcpy(fixture->config.routes.items, entries, count * sizeof *entries);
    for (size_t i = 0; i < count; i++) /* it is on by default */
        ((struct route_entry *)fixture->config.routes.items)[i].rewrite_location ^= true;
    fixture->instance = (struct hg_instance){.host = &host, .cfg = &fixture->config, .name = "route"};
    fixture->worker = (struct hg_worker){.host = &host, .instance = &fixture->instance, .cfg = &fixture->config};
    ck_assert_uint_le(((const struct hg_stage_ops *)hopgate_plugin()->ops)->self_size, sizeof fixture->state);
    fixture->self = (struct hg_self){
        .host = &host, .worker = &fixture->worker, .exchange = &fixture->exchange, .state = fixture->state};
    return hopgate_plugin()->configure(&fixture->instance);
}

static void unconfigure(struct fixture *fixture)
{
    hopgate_plugin()->unconfigure(&fixture->instance);
    free(fixture->config.routes.items);
}

struct answer {
    const char *authority, *service, *path; /* of the request */
    const char *to;                         /* where it leads, NULL: 404 */
    const char *path_after;                 /* NULL: unchanged */
};

static void ask(struct fixture *fixture, const struct answer *answer)
{
    const struct hg_stage_ops *ops = hopgate_plugin()->ops;
    struct hg_head *head = message_head_new(HG_REQUEST);
    enum hg_verdict verdict;
    char to[300] = "";

    head->authority = hg_text(answer->authority);
    head->service = hg_text(answer->service);
    hg_head_set(&host, head, &head->path, hg_text(answer->path));
    fixture->exchange.request = head;
    reported.has_target = false;
    reported.reason = (struct hg_reason){0};
    verdict = ops->head(&fixture->self, HG_DOWN, head);
    if (reported.has_target && reported.target.url.size)
        snprintf(to, sizeof to, "%.*s", HG_PRINT(reported.target.url));
    else if (reported.has_target)
        snprintf(to, sizeof to, "%.*s/%.*s", HG_PRINT(reported.target.client), HG_PRINT(reported.target.service));
    ck_assert_msg(verdict == (answer->to ? HG_NEXT : HG_ERROR), "%s %s: verdict %d", answer->authority, answer->path,
                  verdict);
    ck_assert_msg(strcmp(to, answer->to ? answer->to : "") == 0, "%s%s%s is routed to \"%s\" instead of \"%s\"",
                  answer->authority ? answer->authority : "", answer->service ? answer->service : "", answer->path, to,
                  answer->to ? answer->to : "");
    ck_assert_int_eq(reported.reason.status, answer->to ? 0 : 404);
    if (!answer->to)
        ck_assert_str_eq(reported.reason.error, "destination_not_found");
    ck_assert_msg(hg_text_equal(head->path, hg_text(answer->path_after ? answer->path_after : answer->path)),
                  "%s became %.*s", answer->path, HG_PRINT(head->path));
    message_head_free(head);
}

static void ask_all(const struct route_entry *entries, const struct answer *answers)
{
    struct fixture fixture;

    ck_assert_msg(configure(&fixture, entries) == 0, "%s", reported.errors);
    ck_assert_str_eq(reported.errors, "");
    for (; answers->path; answers++)
        ask(&fixture, answers);
    unconfigure(&fixture);
}

/* ---- Where requests lead ---- */

START_TEST(hosts)
{
    static const struct route_entry entries[] = {
        {.host = "App.Test", .to = "c/app"},
        {.host = "*.dev.test", .to = "c/dev"},
        {.host = "x.dev.test", .to = "c/x"},
        {.host = "*.deep.dev.test", .to = "c/deep"},
        {.host = "192.0.2.1", .to = "c/v4"},
        {.host = "[2001:DB8:0::1]", .to = "c/v6"},
        {.host = "::1", .to = "c/loop"},
        {.host = "root.test.", .to = "c/root"},
        {0},
    };
    static const struct answer answers[] = {
        {"app.test", "", "/", "c/app", NULL},
        {"APP.tesT:8443", "", "/", "c/app", NULL},
        {"app.test.", "", "/", "c/app", NULL},
        {"app.test.:80", "", "*", "c/app", NULL},
        {"root.test", "", "/", "c/root", NULL},
        {"b.app.test", "", "/", NULL, NULL},
        {"pp.test", "", "/", NULL, NULL},
        {"x.dev.test", "", "/", "c/x", NULL},
        {"y.dev.test:1", "", "/", "c/dev", NULL},
        {"a.x.dev.test", "", "/", "c/dev", NULL},
        {"dev.test", "", "/", NULL, NULL},
        {"xdev.test", "", "/", NULL, NULL},
        {"a.deep.dev.test", "", "/", "c/deep", NULL},
        {"a.b.deep.dev.test", "", "/", "c/deep", NULL},
        {"deep.dev.test", "", "/", "c/dev", NULL},
        {"192.0.2.1:80", "", "/", "c/v4", NULL},
        {"192.0.2.10", "", "/", NULL, NULL},
        {"[2001:db8::1]:443", "", "/", "c/v6", NULL},
        {"[2001:0db8:0:0:0:0:0:1]", "", "/", "c/v6", NULL},
        {"[2001:db8::2]", "", "/", NULL, NULL},
        {"[::1]", "", "/", "c/loop", NULL},
        {"[::1", "", "/", NULL, NULL},
        {"[nonsense]", "", "/", NULL, NULL},
        {"", "", "/", NULL, NULL},
        {".", "", "/", NULL, NULL},
        {".dev.test", "", "/", NULL, NULL},
        {":80", "", "/", NULL, NULL},
        {0},
    };

    ask_all(entries, answers);
}
END_TEST

START_TEST(long_hosts)
{
    static const struct route_entry entries[] = {{.host = "*.test", .to = "c/a"}, {.to = "c/any"}, {0}};
    char name[600];

    for (size_t size = 6; size < sizeof name; size += 53) {
        struct answer answers[] = {{name, "", "/", size <= HG_HOST_MAX ? "c/a" : "c/any", NULL}, {0}};

        memset(name, 'a', size);
        strcpy(name + size - 5, ".test");
        ask_all(entries, answers);
    }
}
END_TEST

START_TEST(paths)
{
    static const struct route_entry entries[] = {
        {.host = "t", .path = "/a", .to = "c/a"},      {.host = "t", .path = "/a/b/", .to = "c/ab"},
        {.host = "t", .path = "/a-b", .to = "c/a-b"},  {.host = "t", .path = "/a/b/c/d", .to = "c/abcd"},
        {.host = "t", .path = "/a!", .to = "c/bang"},  {.host = "t", .path = "/z", .to = "c/z"},
        {.host = "*.t", .path = "/w", .to = "c/wild"}, {.host = "x.t", .path = "/x", .to = "c/x"},
        {.path = "/only/here", .to = "c/any"},         {0},
    };
    static const struct answer answers[] = {
        {"t", "", "/a", "c/a", NULL},
        {"t", "", "/a/", "c/a", NULL},
        {"t", "", "/a?x", "c/a", NULL},
        {"t", "", "/a?/b", "c/a", NULL},
        {"t", "", "/ab", NULL, NULL},
        {"t", "", "/A", NULL, NULL},
        {"t", "", "/a%2fb", NULL, NULL},
        {"t", "", "/a/b", "c/ab", NULL},
        {"t", "", "/a/b?q=/c/d", "c/ab", NULL},
        {"t", "", "/a/bc", "c/a", NULL},
        {"t", "", "/a/b/c", "c/ab", NULL},
        {"t", "", "/a/b/c/d", "c/abcd", NULL},
        {"t", "", "/a/b/c/d/e", "c/abcd", NULL},
        {"t", "", "/a/b/c/dd", "c/ab", NULL},
        {"t", "", "/a-b/x", "c/a-b", NULL},
        {"t", "", "/a-c", NULL, NULL},
        {"t", "", "/a!", "c/bang", NULL},
        {"t", "", "/a!/y", "c/bang", NULL},
        {"t", "", "/z", "c/z", NULL},
        {"t", "", "/zz", NULL, NULL},
        {"t", "", "/", NULL, NULL},
        {"t", "", "*", NULL, NULL},
        {"t", "", "//a", NULL, NULL},
        {"x.t", "", "/x/1", "c/x", NULL},
        {"x.t", "", "/w/1", "c/wild", NULL}, /* no path of the exact host matches */
        {"x.t", "", "/only/here", "c/any", NULL},
        {"t", "", "/only/here/", "c/any", NULL},
        {"elsewhere", "", "/only", NULL, NULL},
        {0},
    };

    ask_all(entries, answers);
}
END_TEST

START_TEST(default_route)
{
    static const struct route_entry entries[] = {
        {.host = "t", .to = "c/t"}, {.to = "c/any"}, {.path = "/p", .to = "c/p"}, {0}};
    static const struct answer answers[] = {
        {"t", "", "/p", "c/t", NULL}, /* the host takes precedence over the path */
        {"u", "", "/p/q", "c/p", NULL}, {"u", "", "/q", "c/any", NULL},   {"u", "", "*", "c/any", NULL},
        {"", "", "/", "c/any", NULL},   {"[bad", "", "/", "c/any", NULL}, {0},
    };

    ask_all(entries, answers);
}
END_TEST

START_TEST(stripped_prefixes)
{
    static const struct route_entry entries[] = {
        {.path = "/a", .to = "c/a", .strip_prefix = true},
        {.path = "/a/keep", .to = "c/keep"},
        {.path = "/", .host = "t", .to = "c/root", .strip_prefix = true},
        {0},
    };
    static const struct answer answers[] = {
        {"h", "", "/a", "c/a", "/"},
        {"h", "", "/a/", "c/a", "/"},
        {"h", "", "/a/b", "c/a", "/b"},
        {"h", "", "/a?x=1&y=/a", "c/a", "/?x=1&y=/a"},
        {"h", "", "/a/?x", "c/a", "/?x"},
        {"h", "", "/a//b", "c/a", "//b"},
        {"h", "", "/a/b?/a", "c/a", "/b?/a"},
        {"h", "", "/a?", "c/a", "/?"},
        {"h", "", "/a/keep/b", "c/keep", NULL},
        {"t", "", "/a/b", "c/root", NULL},
        {"t", "", "*", "c/root", "*"},
        {0},
    };

    ask_all(entries, answers);
}
END_TEST

/* If no rule depends on the path of a host, and no base is prepended, the path is unchanged. */
START_TEST(paths_of_no_interest)
{
    static const struct route_entry gateway[] = {
        {.host = "t", .to = "c/t"}, {.host = "*.p", .path = "/a", .to = "c/a"}, {.to = "c/any"}, {0}};
    static const struct route_entry client[] = {
        {.service = "s", .to = "http://s"}, {.service = "b", .to = "http://b/base"}, {0}};
    static const struct answer passed[] = {
        {"t", "", "/a/../b", "c/t", NULL}, {"u", "", "/%2e%2e/", "c/any", NULL}, {"", "", "/..", "c/any", NULL}, {0}};
    static const struct answer served[] = {
        {"", "s", "/a/../b", "http://s", NULL}, {"", "b", "/a/.b", "http://b/base", NULL}, {0}};
    static const struct {
        const struct route_entry *entries;
        const char *authority, *service;
    } refused[] = {{gateway, "x.p", ""}, {client, "", "b"}};
    struct fixture fixture;

    ask_all(gateway, passed);
    ask_all(client, served);
    for (size_t i = 0; i < 2; i++) {
        const struct hg_stage_ops *ops = hopgate_plugin()->ops;
        struct hg_head *head = message_head_new(HG_REQUEST);

        ck_assert_int_eq(configure(&fixture, refused[i].entries), 0);
        head->authority = hg_text(refused[i].authority);
        head->service = hg_text(refused[i].service);
        head->path = HG_TEXT("/b/../a");
        ck_assert_int_eq(ops->head(&fixture.self, HG_DOWN, head), HG_ERROR);
        ck_assert_int_eq(reported.reason.status, 400);
        message_head_free(head);
        unconfigure(&fixture);
    }
}
END_TEST

/* URLs in responses for a stripped path lead the public user to where the request was made. */
START_TEST(prefixes_are_put_back)
{
    static const struct route_entry entries[] = {
        {.host = "t", .path = "/app/", .to = "c/s", .strip_prefix = true},
        {.host = "t", .path = "/raw", .to = "c/s", .strip_prefix = true, REWRITE_NOTHING},
        {.host = "t", .to = "c/s"},
        {0},
    };
    static const struct {
        const char *path, *destination, *mapped; /* of the request */
        const char *location, *after;
    } cases[] = {
        {"/app/x", "https://t/app/y", "https://t/y", "/login", "/app/login"},
        {"/app?x", "https://t/other", "https://t/other", "https://t/login", "https://t/app/login"},
        {"/app", "https://t/app", "https://t", "/app/login", "/app/login"},
        {"/app", "/app", "/", "login", "login"},
        {"/raw/x", "https://t/raw/y", "https://t/raw/y", "/login", "/login"},
        {"/x", "https://t/app/y", "https://t/app/y", "/login", "/login"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct hg_stage_ops *ops = hopgate_plugin()->ops;
        struct hg_head *request = message_head_new(HG_REQUEST), *response = message_head_new(HG_RESPONSE);
        struct fixture fixture;

        ck_assert_int_eq(configure(&fixture, entries), 0);
        request->scheme = HG_TEXT("https");
        request->authority = HG_TEXT("t");
        request->path = hg_text(cases[i].path);
        message_field_add(&request->fields, HG_TEXT("Destination"), hg_text(cases[i].destination));
        message_field_add(&response->fields, HG_TEXT("Location"), hg_text(cases[i].location));
        fixture.exchange.request = request;
        ck_assert_int_eq(ops->head(&fixture.self, HG_DOWN, request), HG_NEXT);
        ck_assert_int_eq(ops->head(&fixture.self, HG_UP, response), HG_NEXT);
        ck_assert_msg(hg_text_equal(request->fields.items[0].value, hg_text(cases[i].mapped)), "case %zu: %.*s", i,
                      HG_PRINT(request->fields.items[0].value));
        ck_assert_msg(hg_text_equal(response->fields.items[0].value, hg_text(cases[i].after)), "case %zu: %.*s", i,
                      HG_PRINT(response->fields.items[0].value));
        unconfigure(&fixture);
        message_head_free(request);
        message_head_free(response);
    }
}
END_TEST

/* A path that a service would resolve is refused, whatever rule it matches. */
START_TEST(paths_do_not_climb)
{
    static const struct route_entry entries[] = {{.path = "/a", .to = "c/a"}, {.to = "c/any"}, {0}};
    static const char *const climbing[] = {
        "/..",         "/../b",      "/a/..",     "/a/../b",   "/a/b/../../../c", "/a/..?x",
        "/a/%2e%2e/b", "/a/.%2E/b",  "/a/%2e.",   "/a/..%2fb", "/a%2F../b",       "/a/..;x=1/b",
        "/a/..;",      "/a/..%3b/b", "/a\\..\\b", "/a/..%5cb", "/a/.%2e%5Cb",     "//../b",
    };
    static const struct answer answers[] = {
        {"", "", "/a/...", "c/a", NULL},   {"", "", "/a/.", "c/a", NULL},      {"", "", "/a/./b", "c/a", NULL},
        {"", "", "/a/..b", "c/a", NULL},   {"", "", "/a/b..", "c/a", NULL},    {"", "", "/a/.b.", "c/a", NULL},
        {"", "", "/a?/../b", "c/a", NULL}, {"", "", "/a/b;../c", "c/a", NULL}, {"", "", "/a/%2e", "c/a", NULL},
        {"", "", "/a/.%2", "c/a", NULL},   {"", "", "/a/%2e%2", "c/a", NULL},  {"", "", "/a/%252e%252e", "c/a", NULL},
        {"", "", "*", "c/any", NULL},      {"", "", "/a/;..", "c/a", NULL},    {0},
    };
    struct fixture fixture;

    ask_all(entries, answers);
    ck_assert_int_eq(configure(&fixture, entries), 0);
    for (size_t i = 0; i < sizeof climbing / sizeof *climbing; i++) {
        const struct hg_stage_ops *ops = hopgate_plugin()->ops;
        struct hg_head *head = message_head_new(HG_REQUEST);

        head->path = hg_text(climbing[i]);
        reported.has_target = false;
        ck_assert_msg(ops->head(&fixture.self, HG_DOWN, head) == HG_ERROR, "%s", climbing[i]);
        ck_assert_int_eq(reported.reason.status, 400);
        ck_assert(!reported.has_target);
        message_head_free(head);
    }
    unconfigure(&fixture);
}
END_TEST

START_TEST(services)
{
    static const struct route_entry entries[] = {
        {.service = "service-a", .to = "http://127.0.0.1:8080"},
        {.service = "service-a", .path = "/api", .to = "http://[::1]:8081/v1/", .strip_prefix = true},
        {.service = "web", .to = "http://localhost"},
        {0},
    };
    static const struct answer answers[] = {
        {"", "service-a", "/", "http://127.0.0.1:8080", NULL},
        {"web", "service-a", "/apis", "http://127.0.0.1:8080", NULL},
        {"", "service-a", "/api/x", "http://[::1]:8081/v1/", "/x"},
        {"", "web", "/api", "http://localhost", NULL},
        {"", "Web", "/", NULL, NULL},
        {"web", "", "/", NULL, NULL},
        {"", "we", "/", NULL, NULL},
        {0},
    };
    static const struct route_entry with_default[] = {{.service = "a", .to = "http://a"}, {.to = "http://other"}, {0}};
    static const struct answer default_answers[] = {{"", "a", "/", "http://a", NULL},
                                                    {"", "b", "/", "http://other", NULL},
                                                    {"", "", "/", "http://other", NULL},
                                                    {0}};

    ask_all(entries, answers);
    ask_all(with_default, default_answers);
}
END_TEST

/* Random prefixes and paths over a tiny alphabet; the answer is compared with that of the plain definition. */
START_TEST(longest_prefix_by_definition)
{
    static const char letters[] = "a-/!b";
    unsigned seed = 1;

    for (int round = 0; round < 300; round++) {
        struct route_entry entries[21] = {0};
        char prefixes[20][8];
        struct fixture fixture;

        for (size_t i = 0; i < 20; i++) {
            size_t size = 1 + (size_t)rand_r(&seed) % 6;

            prefixes[i][0] = '/';
            for (size_t j = 1; j < size; j++)
                prefixes[i][j] = letters[(size_t)rand_r(&seed) % 5];
            while (size && prefixes[i][size - 1] == '/')
                size--;
            prefixes[i][size] = '\0';
            for (size_t j = 0; j < i; j++)
                if (strcmp(prefixes[i], prefixes[j]) == 0)
                    snprintf(prefixes[i], sizeof prefixes[i], "/x%zu", i);
            entries[i] = (struct route_entry){.path = prefixes[i][0] ? prefixes[i] : "/", .to = "c/s"};
        }
        ck_assert_msg(configure(&fixture, entries) == 0, "%s", reported.errors);
        for (int question = 0; question < 200; question++) {
            const struct route *route = fixture.instance.state;
            const struct rule *rule;
            bool by_path;
            const char *expected = NULL;
            char path[10] = "/";
            size_t size = 1 + (size_t)rand_r(&seed) % 8;

            for (size_t j = 1; j < size; j++)
                path[j] = letters[(size_t)rand_r(&seed) % 5];
            for (size_t i = 0; i < 20; i++) {
                size_t length = strlen(prefixes[i]);

                if (strncmp(path, prefixes[i], length) == 0 && (!length || !path[length] || path[length] == '/') &&
                    (!expected || length > strlen(expected)))
                    expected = prefixes[i];
            }
            rule = table_find_host(route->table, HG_TEXT("h"), hg_text(path), &by_path);
            ck_assert_msg(!rule == !expected && (!rule || hg_text_equal(rule->path, hg_text(expected))),
                          "%s: \"%.*s\" instead of \"%s\"", path, HG_PRINT(rule ? rule->path : HG_TEXT("-")),
                          expected ? expected : "-");
        }
        unconfigure(&fixture);
    }
}
END_TEST

/* A client's settings for its service reach the exchange; those that are not set are zero. */
START_TEST(settings_of_services)
{
    static const struct route_entry entries[] = {
        {.service = "plain", .to = "http://127.0.0.1:1"},
        {.service = "full",
         .to = "http://127.0.0.1:1",
         .host = "origin",
         .connect_timeout = 1,
         .response_timeout = 2,
         .idle_timeout = 3,
         .max_head = 4,
         .max_fields = 5,
         .lenient = true,
         REWRITE_NOTHING},
        {.service = "strict", .to = "http://127.0.0.1:1", .host = "[::1]:80", .strict = true},
        {0},
    };
    struct fixture fixture;

    ck_assert_int_eq(configure(&fixture, entries), 0);
    ask(&fixture, &(struct answer){.service = "plain", .path = "/", .to = "http://127.0.0.1:1"});
    ck_assert(reported.has_service && !reported.service.host && !reported.service.response_timeout &&
              !reported.service.max_head);
    ck_assert(!reported.service.strict && !reported.service.lenient && !reported.service.keep_urls);
    ask(&fixture, &(struct answer){.service = "full", .path = "/", .to = "http://127.0.0.1:1"});
    ck_assert_str_eq(reported.service.host, "origin");
    ck_assert_uint_eq(reported.service.connect_timeout, 1);
    ck_assert_uint_eq(reported.service.response_timeout, 2);
    ck_assert_uint_eq(reported.service.idle_timeout, 3);
    ck_assert_uint_eq(reported.service.max_head, 4);
    ck_assert_uint_eq(reported.service.max_fields, 5);
    ck_assert(!reported.service.strict && reported.service.lenient && reported.service.keep_urls);
    ask(&fixture, &(struct answer){.service = "strict", .path = "/", .to = "http://127.0.0.1:1"});
    ck_assert_str_eq(reported.service.host, "[::1]:80");
    ck_assert(reported.service.strict && !reported.service.lenient);
    unconfigure(&fixture);
}
END_TEST

START_TEST(responses_pass)
{
    static const struct route_entry entries[] = {{.host = "t", .to = "c/t"}, {0}};
    const struct hg_stage_ops *ops = hopgate_plugin()->ops;
    struct hg_head *head = message_head_new(HG_RESPONSE);
    struct fixture fixture;

    ck_assert_int_eq(configure(&fixture, entries), 0);
    ck_assert_int_eq(ops->head(&fixture.self, HG_UP, head), HG_NEXT);
    ck_assert(!reported.has_target && !reported.reason.status);
    unconfigure(&fixture);
    message_head_free(head);
}
END_TEST

/* ---- Config errors ---- */

static const struct {
    struct route_entry entries[4];
    const char *errors[3]; /* the option, and after a tab, part of the message; in this order */
} faults[] = {
    {{{.to = "client-1"}}, {"routes[0].to\tneither CLIENT/SERVICE nor a URL"}},
    {{{.to = "a/b/c"}}, {"routes[0].to\texpected CLIENT/SERVICE"}},
    {{{.to = "/b"}}, {"routes[0].to\texpected CLIENT/SERVICE"}},
    {{{.to = "a/"}}, {"routes[0].to\texpected CLIENT/SERVICE"}},
    {{{.to = "a b/c"}}, {"routes[0].to\texpected CLIENT/SERVICE"}},
    {{{.to = "https://x"}}, {"routes[0].to\thttps to a local service is not supported"}},
    {{{.to = "ftp://x"}}, {"routes[0].to\tnot a URL of the form http://"}},
    {{{.to = "http://"}}, {"routes[0].to\tthe host is missing"}},
    {{{.to = "http://:80"}}, {"routes[0].to\tthe host is missing"}},
    {{{.to = "http://x:0"}}, {"routes[0].to\tthe port must be"}},
    {{{.to = "http://x:65536"}}, {"routes[0].to\tthe port must be"}},
    {{{.to = "http://x:"}}, {"routes[0].to\tthe port must be"}},
    {{{.to = "http://x:8o"}}, {"routes[0].to\tthe port must be"}},
    {{{.to = "http://u:p@x"}}, {"routes[0].to\ta user or password"}},
    {{{.to = "http://[::1"}}, {"routes[0].to\t']' is missing"}},
    {{{.to = "http://[::g]"}}, {"routes[0].to\tis not an IPv6 address"}},
    {{{.to = "http://[::1]80"}}, {"routes[0].to\tonly a port may follow"}},
    {{{.to = "http://x/?q"}}, {"routes[0].to\ta query or fragment"}},
    {{{.to = "http://x?q"}}, {"routes[0].to\ta query or fragment"}},
    {{{.to = "http://x/\xc3\xa4"}}, {"routes[0].to\tprintable ASCII"}},
    {{{.to = "http://::1:80"}}, {"routes[0].to\tan IPv6 address needs brackets"}},
    {{{.to = "http://x y"}}, {"routes[0].to\tthe host may only contain"}},
    {{{.to = "c/s"}, {.host = "t", .to = "http://x"}}, {"routes[1].to\ta gateway's rules route to CLIENT/SERVICE"}},
    {{{.to = "http://x"}, {.service = "s", .to = "c/s"}}, {"routes[1].to\tnot a URL of the form http://"}},
    {{{.host = "t:0", .to = "http://x"}}, {"routes[0].host\tnot \"public\", \"origin\", or a host"}},
    {{{.host = "", .to = "http://x"}}, {"routes[0].host\tthe host is missing"}},
    {{{.host = "http://t", .to = "http://x"}}, {"routes[0].host\tomit scheme and path"}},
    {{{.strict = true, .lenient = true, .to = "http://x"}}, {"routes[0].lenient\teither strict or lenient"}},
    {{{.connect_timeout = 1, .to = "c/s"}}, {"routes[0].connect_timeout\tclient's rule"}},
    {{{.response_timeout = 1, .to = "c/s"}}, {"routes[0].response_timeout\tclient's rule"}},
    {{{.idle_timeout = 1, .to = "c/s"}}, {"routes[0].idle_timeout\tclient's rule"}},
    {{{.max_head = 1, .to = "c/s"}}, {"routes[0].max_head\tclient's rule"}},
    {{{.max_fields = 1, .strict = true, .to = "c/s"}},
     {"routes[0].max_fields\tclient's rule", "routes[0].strict\tclient's rule"}},
    {{{.to = "c/s"}, {.host = "t", .lenient = true, .to = "c/s"}}, {"routes[1].lenient\tclient's rule"}},
    {{{.service = "s", .to = "c/s"}}, {"routes[0].service\t`service` is for clients"}},
    {{{.service = "a/b", .to = "http://x"}}, {"routes[0].service\tletters, digits"}},
    {{{.host = "*", .to = "c/s"}}, {"routes[0].host\tomit it"}},
    {{{.host = "a.*.test", .to = "c/s"}}, {"routes[0].host\twhole first label"}},
    {{{.host = "a*.test", .to = "c/s"}}, {"routes[0].host\twhole first label"}},
    {{{.host = "*.*.test", .to = "c/s"}}, {"routes[0].host\twhole first label"}},
    {{{.host = "*test", .to = "c/s"}}, {"routes[0].host\twhole first label"}},
    {{{.host = "*.", .to = "c/s"}}, {"routes[0].host\tnot a host name"}},
    {{{.host = "t:80", .to = "c/s"}}, {"routes[0].host\tomit the port"}},
    {{{.host = "[::1]:80", .to = "c/s"}}, {"routes[0].host\tomit the port"}},
    {{{.host = "[::x]", .to = "c/s"}}, {"routes[0].host\tnot a host name or address"}},
    {{{.host = "", .to = "c/s"}}, {"routes[0].host\tnot a host name or address"}},
    {{{.host = "a..b", .to = "c/s"}}, {"routes[0].host\tnot a host name or address"}},
    {{{.host = ".a", .to = "c/s"}}, {"routes[0].host\tnot a host name or address"}},
    {{{.host = "b\xc3\xbc.test", .to = "c/s"}}, {"routes[0].host\txn--"}},
    {{{.host = "http://t", .to = "c/s"}}, {"routes[0].host\t"}},
    {{{.path = "a", .to = "c/s"}}, {"routes[0].path\tstarts with \"/\""}},
    {{{.path = "", .to = "c/s"}}, {"routes[0].path\tstarts with \"/\""}},
    {{{.path = "/a?b", .to = "c/s"}}, {"routes[0].path\tomit '?'"}},
    {{{.path = "/a#b", .to = "c/s"}}, {"routes[0].path\tomit '?' or '#' and what follows"}},
    {{{.path = "/a b", .to = "c/s"}}, {"routes[0].path\tpercent-encode"}},
    {{{.path = "/a/*", .to = "c/s"}}, {"routes[0].path\tno wildcards"}},
    {{{.strip_prefix = true, .to = "c/s"}}, {"routes[0].strip_prefix\tthis rule has no `path`"}},
    {{{.path = "/a", .to = "c/s", REWRITE_NOTHING}}, {"routes[0].rewrite_location\trewrites nothing"}},
    {{{.host = "t", .to = "c/s"}, {.to = "c/d"}, {.host = "T.", .path = "/", .to = "c/e"}},
     {"routes[2]\tsame host or service and path as routes[0]"}},
    {{{.path = "/a", .to = "c/s"}, {.path = "/a/", .to = "c/d"}}, {"routes[1]\tas routes[0]"}},
    {{{.host = "::1", .to = "c/s"}, {.host = "[0::1]", .to = "c/d"}}, {"routes[1]\tas routes[0]"}},
    {{{.to = "http://x"}, {.to = "http://y"}}, {"routes[1]\tas routes[0]"}},
    /* all errors, not just the first */
    {{{.host = "*", .path = "x", .to = "c"}, {.to = "c/s"}, {.host = "t", .path = "y", .to = "c/s"}},
     {"routes[0].to\tneither", "routes[0].host\tomit", "routes[0].path\tstarts"}},
};

START_TEST(config_faults)
{
    const char *at = reported.errors;
    struct fixture fixture;

    ck_assert_msg(configure(&fixture, faults[_i].entries) == -1, "case %d was accepted", _i);
    for (size_t i = 0; i < 3 && faults[_i].errors[i]; i++) {
        const char *tab = strchr(faults[_i].errors[i], '\t');
        size_t option = (size_t)(tab - faults[_i].errors[i]);
        const char *line_end = strchr(at, '\n');
        const char *found;

        ck_assert_msg(line_end && strncmp(at, faults[_i].errors[i], option) == 0 && at[option] == ':', "case %d: %s",
                      _i, reported.errors);
        found = strstr(at, tab + 1);
        ck_assert_msg(found && found < line_end, "case %d: no \"%s\" in: %s", _i, tab + 1, reported.errors);
        at = line_end + 1;
    }
    ck_assert_msg(faults[_i].errors[2] || !*at, "case %d: more was reported: %s", _i, at);
    unconfigure(&fixture);
}
END_TEST

/* The rules of one end, used on the other, even if they are consistent. */
START_TEST(rules_of_the_other_end)
{
    static const struct route_entry url[] = {{.to = "http://x"}, {0}}, client[] = {{.service = "s", .to = "c/s"}, {0}};
    struct fixture fixture;

    end = HG_END_GATEWAY;
    ck_assert_int_eq(configure(&fixture, url), -1);
    ck_assert_ptr_nonnull(
        strstr(reported.errors, "routes[0].to: \"http://x\": a gateway's rules route to CLIENT/SERVICE"));
    unconfigure(&fixture);
    end = HG_END_CLIENT;
    ck_assert_int_eq(configure(&fixture, client), -1);
    ck_assert_ptr_nonnull(strstr(reported.errors, "routes[0].to: \"c/s\": not a URL of the form http://"));
    unconfigure(&fixture);
    ck_assert_int_eq(configure(&fixture, url), 0);
    unconfigure(&fixture);
    end = HG_END_UNKNOWN;
}
END_TEST

/* ---- Who serves a host ---- */

static void add_name(void *arg, struct hg_text service)
{
    strncat(arg, service.data, service.size);
    strcat(arg, " ");
}

START_TEST(services_of_a_client)
{
    static const struct route_entry three[] = {{.service = "web", .to = "http://a"},
                                               {.service = "api", .to = "http://b"},
                                               {.service = "web", .path = "/x", .to = "http://c"},
                                               {0}},
                                    any[] = {{.service = "web", .to = "http://a"}, {.to = "http://b"}, {0}},
                                    hosts_alone[] = {{.host = "app.test", .to = "live/app"}, {0}};
    const struct hg_routes_ops *ops = hopgate_plugin()->offers[0].ops;
    struct fixture fixture;
    char names[64] = "";

    ck_assert_int_eq(configure(&fixture, three), 0);
    ck_assert(ops->services(&fixture.worker, add_name, names));
    ck_assert_str_eq(names, "api web ");
    unconfigure(&fixture);
    ck_assert_int_eq(configure(&fixture, any), 0);
    ck_assert(!ops->services(&fixture.worker, add_name, names));
    unconfigure(&fixture);
    ck_assert_int_eq(configure(&fixture, hosts_alone), 0);
    ck_assert(!ops->services(&fixture.worker, add_name, names));
    unconfigure(&fixture);
}
END_TEST

START_TEST(served_hosts)
{
    static const struct route_entry entries[] = {
        {.host = "app.test", .to = "gone/app"},
        {.host = "app.test", .path = "/live", .to = "live/app"},
        {.host = "gone.test", .to = "gone/app"},
        {.host = "*.dev.test", .to = "live/dev"},
        {.host = "*.gone.dev.test", .to = "gone/dev"},
        {.host = "*.half.dev.test", .path = "/gone", .to = "gone/dev"},
        {.host = "named.dev.test", .path = "/gone", .to = "gone/app"},
        {.host = "2001:db8::1", .to = "live/app"},
        {.to = "live/any"},
        {0},
    };
    static const struct {
        const char *host;
        enum hg_served served;
    } cases[] = {
        {"app.test", HG_SERVED_LIVE},
        {"App.Test.", HG_SERVED_LIVE},
        {"gone.test", HG_SERVED_ABSENT},
        {"x.dev.test", HG_SERVED_WILDCARD},
        {"x.y.dev.test", HG_SERVED_WILDCARD},
        {"named.dev.test", HG_SERVED_LIVE}, /* by the wildcard, but there is a rule for it */
        {"x.named.dev.test", HG_SERVED_WILDCARD},
        {"x.gone.dev.test", HG_SERVED_ABSENT}, /* every path has its rule before the shorter wildcard */
        {"x.half.dev.test", HG_SERVED_WILDCARD},
        {"dev.test", HG_SERVED_UNKNOWN},
        {".dev.test", HG_SERVED_UNKNOWN},
        {"other.test", HG_SERVED_UNKNOWN}, /* the rule for any host names none */
        {"[2001:db8:0::1]", HG_SERVED_LIVE},
        {"", HG_SERVED_UNKNOWN},
    };
    const struct hg_routes_ops *ops = hopgate_plugin()->offers[0].ops;
    struct fixture fixture;

    ck_assert_int_eq(configure(&fixture, entries), 0);
    reported.live = "live";
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(ops->served(&fixture.worker, hg_text(cases[i].host)) == cases[i].served, "%s", cases[i].host);
    reported.live = "none";
    ck_assert_int_eq(ops->served(&fixture.worker, HG_TEXT("x.dev.test")), HG_SERVED_ABSENT);
    unconfigure(&fixture);
}
END_TEST

/* Hosts that only wildcards cover, or rules for any host, are not named. */
START_TEST(named_hosts)
{
    static const struct {
        const char *host;
        bool named;
    } cases[] = {{"*.dev.test", false}, {NULL, false}, {"dev.test", true}, {"192.0.2.1", true}};
    const struct hg_routes_ops *ops = hopgate_plugin()->offers[0].ops;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct route_entry entries[] = {
            {.host = cases[i].host, .path = "/p", .to = "live/app"}, {.host = "*.other.test", .to = "live/app"}, {0}};
        struct fixture fixture;

        ck_assert_int_eq(configure(&fixture, entries), 0);
        ck_assert_int_eq(ops->names_hosts(&fixture.worker), cases[i].named);
        unconfigure(&fixture);
    }
}
END_TEST

START_TEST(a_client_serves_no_host)
{
    static const struct route_entry entries[] = {{.service = "app", .to = "http://127.0.0.1:1"}, {0}};
    const struct hg_routes_ops *ops = hopgate_plugin()->offers[0].ops;
    struct fixture fixture;

    ck_assert_int_eq(configure(&fixture, entries), 0);
    ck_assert_int_eq(ops->served(&fixture.worker, HG_TEXT("app")), HG_SERVED_UNKNOWN);
    ck_assert(!ops->names_hosts(&fixture.worker));
    unconfigure(&fixture);
}
END_TEST

START_TEST(url_parts)
{
    static const struct {
        const char *text, *host, *authority, *base;
        uint16_t port;
    } cases[] = {
        {"http://127.0.0.1:3000", "127.0.0.1", "127.0.0.1:3000", "", 3000},
        {"HTTP://Local_host", "Local_host", "Local_host", "", 80},
        {"http://[::1]:8080/a/b//", "::1", "[::1]:8080", "/a/b", 8080},
        {"http://[::1]/", "::1", "[::1]", "", 80},
        {"http://a:65535/x%20y", "a", "a:65535", "/x%20y", 65535},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct url url;

        ck_assert_ptr_null(url_parse(hg_text(cases[i].text), &url));
        ck_assert(hg_text_equal(url.host, hg_text(cases[i].host)));
        ck_assert(hg_text_equal(url.authority, hg_text(cases[i].authority)));
        ck_assert(hg_text_equal(url.base, hg_text(cases[i].base)));
        ck_assert_uint_eq(url.port, cases[i].port);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("route");
    TCase *tests = tcase_create("route");

    tcase_add_test(tests, hosts);
    tcase_add_test(tests, long_hosts);
    tcase_add_test(tests, paths);
    tcase_add_test(tests, default_route);
    tcase_add_test(tests, stripped_prefixes);
    tcase_add_test(tests, prefixes_are_put_back);
    tcase_add_test(tests, paths_do_not_climb);
    tcase_add_test(tests, paths_of_no_interest);
    tcase_add_test(tests, services);
    tcase_add_test(tests, longest_prefix_by_definition);
    tcase_add_test(tests, settings_of_services);
    tcase_add_test(tests, responses_pass);
    tcase_add_test(tests, services_of_a_client);
    tcase_add_test(tests, served_hosts);
    tcase_add_test(tests, named_hosts);
    tcase_add_test(tests, a_client_serves_no_host);
    tcase_add_test(tests, url_parts);
    tcase_add_loop_test(tests, config_faults, 0, (int)(sizeof faults / sizeof *faults));
    tcase_add_test(tests, rules_of_the_other_end);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
