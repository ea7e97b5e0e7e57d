/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Services that authenticate a connection instead of each request (NTLM, Negotiate).
 */
#include "plugins/origin/tests/cases.h"

#include <stdio.h>
#include <string.h>

#define CHALLENGE "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\", %s\r\nContent-Length: 0\r\n\r\n"

/* The connection belongs to whoever has sent a name over it; service->text is the challenge. */
static void serve_login(struct service *service, int fd, unsigned number)
{
    char head[65536], name[32] = "", answer[256];

    (void)number;
    while (service_read_head(service, fd, head)) {
        const char *field = strcasestr(head, "Authorization: ");

        if (field)
            sscanf(field, "%*s %*s %31s", name);
        if (*name)
            snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(name), name);
        else
            snprintf(answer, sizeof answer, CHALLENGE, service->text);
        if (strstr(head, "HEAD "))
            strcpy(strstr(answer, "\r\n\r\n") + 4, "");
        if (!service_say(fd, answer) || strstr(head, " /close "))
            return;
    }
}

static const struct {
    const char *authorization, *challenge;
} schemes[] = {
    {"Authorization: NTLM anna", "NTLM"},
    {"authorization: negotiate anna", "Negotiate abc="},
};

static void check_who(struct fixture *fixture, struct user user, const char *expected, bool ends)
{
    fetch(fixture, &user);
    ck_assert_uint_eq(user.ends, 1);
    if (expected)
        ck_assert_msg(strncmp(user.heads, "200 OK", 6) == 0 && strcmp(user.body, expected) == 0, "%s: %s%s", expected,
                      user.heads, user.body);
    else
        ck_assert_msg(strncmp(user.heads, "401 ", 4) == 0, "%s%s", user.heads, user.body);
    ck_assert_msg(user.ends_connection == ends, "%s", user.heads);
}

START_TEST(nobody_else_is_logged_in)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        struct origin_config config = default_config();
        struct service *service = service_start(serve_login);
        struct fixture *fixture = start(&config);
        const char *url = service->url;
        struct user login = {.url = url, .connection = "a", .fields = {schemes[i].authorization}};

        service->text = schemes[i].challenge;
        check_who(fixture, login, "anna", false);
        check_who(fixture, (struct user){.url = url}, NULL, false);
        check_who(fixture, (struct user){.url = url, .connection = "a"}, "anna", false);
        check_who(fixture, (struct user){.url = url, .connection = "a", .method = "HEAD"}, "", false);
        check_who(fixture, (struct user){.url = url, .connection = "a", .method = "POST", .body_size = 0}, "anna",
                  false);
        check_who(fixture, (struct user){.url = url, .connection = "b"}, NULL, true);
        check_who(fixture, (struct user){.url = url}, NULL, false);
        login.connection = NULL; /* from a gateway that does not name connections */
        check_who(fixture, login, "anna", false);
        check_who(fixture, (struct user){.url = url}, NULL, false);
        check_who(fixture, (struct user){.url = url}, NULL, false);
        ck_assert_uint_eq(origin_of(fixture)->pools->owned.count, 2);
        ck_assert_uint_eq(origin_of(fixture)->pools->idle.count, 0); /* the responses ask for such a login */
        fixture_free(fixture);
        service_stop(service);
    }
}
END_TEST

static bool nobody_is_logged_in(void *arg)
{
    return origin_of(arg)->pools->owned.count == 0;
}

/* Both connections end together, whether the service announces it or not. */
START_TEST(both_connections_end)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_login);
    struct fixture *fixture = start(&config);
    const char *url = service->url;
    struct user login = {.url = url, .connection = "a", .fields = {schemes[0].authorization}};

    service->text = "NTLM";
    check_who(fixture, login, "anna", false);
    check_who(fixture, (struct user){.url = url, .connection = "a", .path = "/close"}, "anna", false);
    ck_assert(fixture_run(fixture, nobody_is_logged_in, fixture, 5000));
    check_who(fixture, (struct user){.url = url, .connection = "a"}, NULL, true);
    fixture_free(fixture);
    service_stop(service);

    service = service_start(serve_silence);
    fixture = start(&config);
    login.url = service->url;
    service->text = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nanna";
    check_who(fixture, login, "anna", true);
    ck_assert_uint_eq(origin_of(fixture)->pools->count, 0);
    fixture_free(fixture);
    service_stop(service);
}
END_TEST

/* A user with any number of connections ties up no more than others may keep, and nobody has to wait for them. */
START_TEST(owned_connections_are_bounded)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_login);
    struct fixture *fixture;

    config.max_connections = 4;
    config.max_idle = 3;
    fixture = start(&config);
    service->text = "NTLM";
    for (int i = 0; i < 8; i++) {
        char name[16];

        snprintf(name, sizeof name, "%d", i);
        check_who(fixture, (struct user){.url = service->url, .connection = name, .fields = {schemes[0].authorization}},
                  "anna", false);
        ck_assert_uint_le(origin_of(fixture)->pools->owned.count, 3);
    }
    config.max_connections = 3;
    check_who(fixture, (struct user){.url = service->url}, NULL, false);
    check_who(fixture, (struct user){.url = service->url, .connection = "7"}, "anna", false);
    check_who(fixture, (struct user){.url = service->url, .connection = "5"}, NULL, true);
    hopgate_plugin()->worker_drain(fixture_worker(fixture, 1));
    ck_assert_uint_eq(origin_of(fixture)->pools->count, 0);
    fixture_free(fixture);
    service_stop(service);
}
END_TEST

/* A request that waits for a connection gets one as soon as an owned one is idle. */
START_TEST(nobody_waits_for_owners)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_login);
    struct user login = {.url = service->url, .connection = "a", .fields = {schemes[0].authorization}};
    struct user other = {.url = service->url};
    struct fixture *fixture;

    config.max_connections = 1;
    fixture = start(&config);
    service->text = "NTLM";
    ask(fixture, &login);
    ask(fixture, &other);
    ck_assert(fixture_run(fixture, is_over, &other, 5000));
    check_answer(&login, "200 OK\n", "anna");
    ck_assert_msg(other.ends == 1 && strncmp(other.heads, "401 ", 4) == 0, "%s%s", other.heads, other.detail);
    ck_assert_uint_eq(origin_of(fixture)->pools->owned.count, 0);
    fixture_free(fixture);
    service_stop(service);
}
END_TEST

TCase *owned_tests(void)
{
    TCase *tests = new_case("owned");

    tcase_add_test(tests, nobody_else_is_logged_in);
    tcase_add_test(tests, both_connections_end);
    tcase_add_test(tests, owned_connections_are_bounded);
    tcase_add_test(tests, nobody_waits_for_owners);
    return tests;
}
