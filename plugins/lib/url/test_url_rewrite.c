/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Unit tests of rewriting URLs in fields.
 */
#include "plugins/lib/url/url_rewrite.h"
#include "tests/unit/core_host.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <stdlib.h>

static const struct hg_host host = {
    .head_new = message_head_new, .head_free = message_head_free, .head_set = message_head_set};

struct field_case {
    const char *name, *value;
    const char *after; /* NULL: unchanged */
};

typedef int (*mapping)(const struct hg_host *host, struct hg_head *head, const struct url_map *map);

/* Each value is in a memory block of exactly its size, between two other fields that must not change. */
static void map_all(mapping map_fields, const struct url_map *map, const struct field_case *cases)
{
    for (; cases->name; cases++) {
        struct hg_head *head = message_head_new(HG_RESPONSE);
        size_t size = strlen(cases->value);
        char *value = malloc(size ? size : 1);
        struct hg_text wanted = hg_text(cases->after ? cases->after : cases->value);

        memcpy(value, cases->value, size);
        message_field_add(&head->fields, HG_TEXT("X-Before"), HG_TEXT("http://127.0.0.1:4000/"));
        message_field_add(&head->fields, hg_text(cases->name), HG_TEXT(""));
        message_field_add(&head->fields, HG_TEXT("X-After"), HG_TEXT("https://app.test/"));
        head->fields.items[1].value = (struct hg_text){value, size};
        ck_assert_int_eq(map_fields(&host, head, map), 0);
        ck_assert_msg(hg_text_equal(head->fields.items[1].value, wanted), "%s: %s became %.*s instead of %s",
                      cases->name, cases->value, HG_PRINT(head->fields.items[1].value), wanted.data);
        ck_assert(hg_text_equal(head->fields.items[0].value, HG_TEXT("http://127.0.0.1:4000/")));
        ck_assert(hg_text_equal(head->fields.items[2].value, HG_TEXT("https://app.test/")));
        message_head_free(head);
        free(value);
    }
}

static const struct field_case service_cases[] = {
    {"Location", "http://127.0.0.1:4000/me", "https://app.test:8443/me"},
    {"location", "HTTP://127.0.0.1:4000", "https://app.test:8443"},
    {"Location", "https://127.0.0.1:4000/a?b#c", "https://app.test:8443/a?b#c"},
    {"Location", "http://127.0.0.1:4000?q", "https://app.test:8443?q"},
    {"Location", "http://localhost:4000/", "https://app.test:8443/"},
    {"Location", "http://[::1]:4000/", "https://app.test:8443/"},
    {"Location", "http://called.test/x", "https://app.test:8443/x"},
    {"Location", "http://called.test:80/x", "https://app.test:8443/x"},
    {"Location", "https://called.test/x", NULL},
    {"Location", "//127.0.0.1:4000/x", "https://app.test:8443/x"},
    {"Location", "http://blog.internal/x", "https://app.test:8443/x"},
    {"Location", "http://Blog.Internal:80/x", "https://app.test:8443/x"},
    {"Location", "https://blog.internal/x", "https://app.test:8443/x"},
    {"Location", "https://blog.internal:443/x", "https://app.test:8443/x"},
    {"Content-Location", "http://127.0.0.1:4000/x.en", "https://app.test:8443/x.en"},
    /* other services, other ports, and lookalikes */
    {"Location", "http://127.0.0.1/me", NULL},
    {"Location", "http://127.0.0.1:400/me", NULL},
    {"Location", "http://127.0.0.1:40000/me", NULL},
    {"Location", "http://127.0.0.1:4000x/me", NULL},
    {"Location", "http://127.0.0.1:69536/me", NULL},
    {"Location", "http://127.0.0.1:4000@evil.test/", NULL},
    {"Location", "http://user@127.0.0.1:4000/", NULL},
    {"Location", "http://127.0.0.1:4000.evil.test/", NULL},
    {"Location", "http://127.0.0.1:4000\\@evil.test/", NULL},
    {"Location", "http://127.0.0.2:4000/", NULL},
    {"Location", "http://x.blog.internal/", NULL},
    {"Location", "https://blog.internal:80/", NULL},
    {"Location", "http:///x", NULL},
    {"Location", "http://", NULL},
    {"Location", "ftp://127.0.0.1:4000/", NULL},
    {"Location", "https://auth.test/?back=http://127.0.0.1:4000/", NULL},
    {"Location", "/me", NULL},
    {"Location", "/\\evil.test", NULL},
    {"Location", "me", NULL},
    {"Location", "", NULL},
    {"Link", "http://127.0.0.1:4000/me", NULL},
    {"Refresh", "5; url=http://127.0.0.1:4000/x", "5; url=https://app.test:8443/x"},
    {"Refresh", "0;URL='http://localhost:4000/x'", "0;URL='https://app.test:8443/x'"},
    {"Refresh", "0, url = \"http://localhost:4000/x\"", "0, url = \"https://app.test:8443/x\""},
    {"Refresh", "5", NULL},
    {"Refresh", "5;", NULL},
    {"Refresh", "5; url", NULL},
    {"Refresh", "5; url=", NULL},
    {"Refresh", "5; url=/x", NULL},
    {"Set-Cookie", "a=b; Domain=127.0.0.1; Path=/", "a=b; Path=/"},
    {"Set-Cookie", "a=b;domain = .Localhost ;HttpOnly", "a=b;HttpOnly"},
    {"Set-Cookie", "a=b; Secure; Domain=blog.internal", "a=b; Secure"},
    {"Set-Cookie", "a=b; Domain=app.test", NULL},
    {"Set-Cookie", "a=b; Domain=test", NULL},
    {"Set-Cookie", "a=b; Domain=elsewhere.test", NULL},
    {"Set-Cookie", "a=b; Domain=; Domain; =x;;", NULL},
    {"Set-Cookie", "a=Domain=127.0.0.1", NULL},
    {"Set-Cookie", "a=b; Path=/x; Max-Age=5", NULL},
    {0},
};

/* From http://127.0.0.1:4000, and a name that the service was reached by, to https://app.test:8443. */
START_TEST(addresses_of_a_service)
{
    const struct url_map map = {.places = {url_place_of(HG_TEXT(""), HG_TEXT("127.0.0.1:4000")),
                                           url_place_of(HG_TEXT(""), HG_TEXT("blog.internal")),
                                           url_place_of(HG_TEXT("http"), HG_TEXT("called.test"))},
                                .place_count = 3,
                                .scheme = HG_TEXT("https"),
                                .authority = HG_TEXT("app.test:8443")};
    map_all(url_map_response, &map, service_cases);
}
END_TEST

/* A service that asks for https is not sent back to http. */
START_TEST(https_stays)
{
    const struct url_map map = {.places = {url_place_of(HG_TEXT(""), HG_TEXT("blog.internal"))},
                                .place_count = 1,
                                .scheme = HG_TEXT("http"),
                                .authority = HG_TEXT("app.test")};
    static const struct field_case cases[] = {{"Location", "https://blog.internal/x", "https://app.test/x"},
                                              {"Location", "http://blog.internal/x", "http://app.test/x"},
                                              {0}};

    map_all(url_map_response, &map, cases);
}
END_TEST

/* The service is at http://127.0.0.1:4000/base. */
START_TEST(a_base_is_removed)
{
    const struct url_map map = {.places = {url_place_of(HG_TEXT(""), HG_TEXT("127.0.0.1:4000"))},
                                .place_count = 1,
                                .from_path = HG_TEXT("/base"),
                                .scheme = HG_TEXT("https"),
                                .authority = HG_TEXT("app.test")};
    static const struct field_case cases[] = {
        {"Location", "http://127.0.0.1:4000/base/x", "https://app.test/x"},
        {"Location", "http://127.0.0.1:4000/base", "https://app.test"},
        {"Location", "http://127.0.0.1:4000/base?q", "https://app.test?q"},
        {"Location", "/base/x", "/x"},
        {"Location", "/base", "/"},
        {"Location", "/base?q", "/?q"},
        {"Location", "/base//evil.test/", "https://app.test//evil.test/"},
        {"Location", "/base/\\evil.test/", "https://app.test/\\evil.test/"},
        {"Location", "http://127.0.0.1:4000/basement", NULL},
        {"Location", "http://127.0.0.1:4000/", NULL},
        {"Location", "/basement", NULL},
        {"Location", "/other", NULL},
        {"Set-Cookie", "a=b; Path=/base", "a=b; Path=/"},
        {"Set-Cookie", "a=b; path=/base/x; Secure", "a=b; Path=/x; Secure"},
        {"Set-Cookie", "a=b; Path=/other", NULL},
        {0},
    };

    map_all(url_map_response, &map, cases);
}
END_TEST

/* A route has removed /app. */
START_TEST(a_prefix_is_put_back)
{
    const struct url_map map = {.places = {url_place_of(HG_TEXT("https"), HG_TEXT("app.test"))},
                                .place_count = 1,
                                .path = HG_TEXT("/app"),
                                .keeps_known = true};
    static const struct field_case cases[] = {
        {"Location", "/x", "/app/x"},
        {"Location", "/", "/app/"},
        {"Location", "/apple", "/app/apple"},
        {"Location", "https://app.test/x", "https://app.test/app/x"},
        {"Location", "https://app.test:443", "https://app.test:443/app"},
        {"Location", "//app.test/x", "//app.test/app/x"},
        {"Location", "/app/x", NULL}, /* the service adds it itself */
        {"Location", "/app", NULL},
        {"Location", "https://app.test/app?x", NULL},
        {"Location", "http://app.test/x", NULL},
        {"Location", "https://other.test/x", NULL},
        {"Location", "x", NULL},
        {"Refresh", "5; url=/x", "5; url=/app/x"},
        {"Set-Cookie", "a=b; Path=/x", "a=b; Path=/app/x"},
        {"Set-Cookie", "a=b; Path=/app/x", NULL},
        {"Set-Cookie", "a=b; Path=/", NULL},
        {"Set-Cookie", "a=b; Domain=app.test", NULL},
        {0},
    };

    map_all(url_map_response, &map, cases);
}
END_TEST

/* The other direction: the public https://app.test is http://127.0.0.1:4000/base to the service. */
START_TEST(targets_of_requests)
{
    const struct url_map map = {.places = {url_place_of(HG_TEXT("https"), HG_TEXT("app.test"))},
                                .place_count = 1,
                                .scheme = HG_TEXT("http"),
                                .authority = HG_TEXT("127.0.0.1:4000"),
                                .path = HG_TEXT("/base")};
    static const struct field_case targets[] = {
        {"Destination", "https://app.test/x", "http://127.0.0.1:4000/base/x"},
        {"Destination", "https://App.Test:443/x", "http://127.0.0.1:4000/base/x"},
        {"Destination", "/x", "/base/x"},
        {"Destination", "http://app.test/x", NULL},
        {"Destination", "https://app.test:8443/x", NULL},
        {"Destination", "https://other.test/x", NULL},
        {"If", "(<urn:uuid:1>)", NULL},
        {"If",
         "<https://app.test/x> (<urn:uuid:1> [\"a\"]) (Not <DAV:no-lock>) <https://app.test/y> "
         "([W/\"<https://app.test/\"])",
         "<http://127.0.0.1:4000/base/x> (<urn:uuid:1> [\"a\"]) (Not <DAV:no-lock>) <http://127.0.0.1:4000/base/y> "
         "([W/\"<https://app.test/\"])"},
        {"If", "<https://other.test/x> (<urn:uuid:1>)", NULL},
        {"If", "<", NULL},
        {"If", "(", NULL},
        {"Origin", "https://app.test", NULL},
        {0},
    };
    static const struct field_case sender[] = {
        {"Origin", "https://app.test", "http://127.0.0.1:4000"},
        {"Origin", "http://app.test", NULL}, /* anyone on the path may have written that page */
        {"Origin", "https://evil.test", NULL},
        {"Origin", "null", NULL},
        {"Referer", "https://app.test/x?y", "http://127.0.0.1:4000/base/x?y"},
        {"Referer", "https://evil.test/https://app.test/", NULL},
        {"Destination", "https://app.test/x", NULL},
        {0},
    };

    map_all(url_map_targets, &map, targets);
    map_all(url_map_sender, &map, sender);
}
END_TEST

/* The names of the loopback interface are equivalent only on the service's side; to browsers, they are different
 * origins. */
START_TEST(public_loopback)
{
    const struct url_map map = {.places = {url_place_of(HG_TEXT("http"), HG_TEXT("127.0.0.1:8080"))},
                                .place_count = 1,
                                .scheme = HG_TEXT("http"),
                                .authority = HG_TEXT("127.0.0.1:4000")};
    static const struct field_case cases[] = {
        {"Origin", "http://127.0.0.1:8080", "http://127.0.0.1:4000"}, {"Origin", "http://localhost:8080", NULL}, {0}};

    map_all(url_map_sender, &map, cases);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("url map");
    TCase *tests = tcase_create("map");

    tcase_add_test(tests, addresses_of_a_service);
    tcase_add_test(tests, https_stays);
    tcase_add_test(tests, a_base_is_removed);
    tcase_add_test(tests, a_prefix_is_put_back);
    tcase_add_test(tests, targets_of_requests);
    tcase_add_test(tests, public_loopback);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
