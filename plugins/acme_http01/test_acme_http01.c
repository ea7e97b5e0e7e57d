/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Unit tests of the acme_http01 plugin: below the real edge, above a stage that redirects everything. Users are threads
 * with blocking sockets.
 */
#include "tests/unit/http_edge.h"
#include "tests/unit/run_suite.h"
#include "tests/unit/worker_fixture.h"

#include <arpa/inet.h>
#include <check.h>
#include <hopgate/challenges.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TOKEN  "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
#define ANSWER TOKEN ".nP1qzpXGymHBrUEepNY9HCsQk7K8KhOypzEt62jcerQ"
#define PATH   "/.well-known/acme-challenge/"

/* ---- The stage below: redirects everything ---- */

static unsigned redirected; /* requests that reached it */

static enum hg_verdict redirect(struct hg_self *self, enum hg_direction direction, struct hg_head *request)
{
    struct hg_head *head = hg_head_new(self->host, HG_RESPONSE);

    (void)direction;
    (void)request;
    redirected++;
    head->status = 308;
    head->length = 0;
    hg_emit_head(self, HG_UP, head);
    hg_emit_end(self, HG_UP, NULL);
    return HG_TAKEN;
}

static const struct hg_stage_ops redirect_ops = {.events = HG_EVENTS_MESSAGES, .head = redirect};
static const struct hg_plugin redirect_plugin = {
    .abi = HG_ABI, .role = HG_ROLE_ORIGIN, .name = "redirect", .ops = &redirect_ops};

/* ---- The pipeline ---- */

static struct fixture *fixture;
static struct sockaddr_in place;
static const struct hg_challenges_ops *ops;

static void set_up(void)
{
    static struct hg_address address;
    static struct http_config config;
    const struct fixture_part parts[] = {{http_plugin(), &config}, {hopgate_plugin(), NULL}, {&redirect_plugin, NULL}};

    address = (struct hg_address){.host = "127.0.0.1", .port = fixture_free_port()};
    place = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_port = htons(address.port)};
    config = (struct http_config){.listen = {1, &address},
                                  .head_timeout = 10 * HG_SECOND,
                                  .idle_timeout = 300 * HG_SECOND,
                                  .keep_alive_timeout = 60 * HG_SECOND,
                                  .drain_timeout = HG_SECOND,
                                  .max_connections = 1000,
                                  .max_requests = 1000,
                                  .max_fields = 100,
                                  .max_request_line = 8192,
                                  .max_head = 32768,
                                  .max_trailers = 8192,
                                  .via = "hopgate",
                                  .tls_priority = "NORMAL"};
    fixture = fixture_new(PIPELINE_CLIENT, parts, 3);
    fixture_start(fixture);
    ops = hopgate_plugin()->offers[0].ops;
}

static void tear_down(void)
{
    fixture_free(fixture);
}

static void present(const char *token, const char *answer)
{
    const struct hg_challenge challenge = {HG_TEXT("app.test"), hg_text(token), hg_text(answer)};

    ck_assert_int_eq(ops->present(fixture_worker(fixture, 1), &challenge), 0);
}

/* ---- A user ---- */

struct user {
    const char *request;
    char got[2048];
    pthread_t thread;
};

static atomic_int running;

static void *ask(void *arg)
{
    struct user *user = arg;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    size_t size = 0;
    ssize_t got = 0;

    if (!connect(fd, (struct sockaddr *)&place, sizeof place) &&
        send(fd, user->request, strlen(user->request), MSG_NOSIGNAL) > 0)
        while ((got = recv(fd, user->got + size, sizeof user->got - 1 - size, 0)) > 0)
            size += (size_t)got;
    close(fd);
    running--;
    return NULL;
}

static bool all_done(void *arg)
{
    (void)arg;
    return !running;
}

static void ask_all(struct user *users, size_t count)
{
    running = (int)count;
    for (size_t i = 0; i < count; i++)
        ck_assert_int_eq(pthread_create(&users[i].thread, NULL, ask, &users[i]), 0);
    for (int i = 0; i < 6000 && !fixture_run(fixture, all_done, NULL, 5); i++)
        ;
    ck_assert_int_eq(running, 0);
    for (size_t i = 0; i < count; i++)
        pthread_join(users[i].thread, NULL);
}

/* Sends a request with this method, path and host. */
static struct user get(const char *method, const char *path, const char *host)
{
    char request[512];
    struct user user = {.request = request};

    snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", method, path, host);
    ask_all(&user, 1);
    return user;
}

static int status_of(const struct user *user)
{
    int status = 0;

    sscanf(user->got, "HTTP/1.1 %d", &status);
    return status;
}

static const char *body_of(const struct user *user)
{
    const char *end = strstr(user->got, "\r\n\r\n");

    return end ? end + 4 : "no end of the head";
}

/* ---- Tests ---- */

START_TEST(a_pending_challenge_is_answered_on_any_host)
{
    static const char *const hosts[] = {"app.test",      "app.test:80",      "other.test", "192.0.2.1",
                                        "[2001:db8::1]", "[2001:db8::1]:80", "APP.test."};

    present(TOKEN, ANSWER);
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        struct user user = get("GET", PATH TOKEN, hosts[i]);

        ck_assert_int_eq(status_of(&user), 200);
        ck_assert_str_eq(body_of(&user), ANSWER); /* no newline after it */
        ck_assert_ptr_nonnull(strstr(user.got, "application/octet-stream"));
    }
    ck_assert_uint_eq(redirected, 0);
}
END_TEST

START_TEST(head_is_answered_without_a_body)
{
    struct user user;
    char length[64];

    present(TOKEN, ANSWER);
    user = get("HEAD", PATH TOKEN, "app.test");
    ck_assert_int_eq(status_of(&user), 200);
    ck_assert_str_eq(body_of(&user), "");
    snprintf(length, sizeof length, "Content-Length: %zu\r\n", strlen(ANSWER));
    ck_assert_msg(strcasestr(user.got, length) != NULL, "%s", user.got);
}
END_TEST

START_TEST(unknown_tokens_are_not_found)
{
    static const char *const paths[] = {PATH, PATH "x", PATH TOKEN "x", PATH TOKEN "/", PATH "?" TOKEN, PATH "../x"};

    present(TOKEN, ANSWER);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct user user = get("GET", paths[i], "app.test");

        ck_assert_msg(status_of(&user) == 404, "%s: %s", paths[i], user.got);
        ck_assert_ptr_null(strstr(user.got, ANSWER));
    }
    ck_assert_uint_eq(redirected, 0);
}
END_TEST

START_TEST(other_methods_are_refused)
{
    static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS"};
    struct user user = {.request = "POST " PATH TOKEN " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                                   "Content-Length: 5\r\n\r\nbytes"};

    present(TOKEN, ANSWER);
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct user other = get(methods[i], PATH TOKEN, "app.test");

        ck_assert_msg(status_of(&other) == 405, "%s: %s", methods[i], other.got);
        ck_assert_ptr_nonnull(strstr(other.got, "Allow: GET, HEAD"));
    }
    ask_all(&user, 1); /* its body is read */
    ck_assert_int_eq(status_of(&user), 405);
    ck_assert_uint_eq(redirected, 0);
}
END_TEST

START_TEST(all_other_paths_pass)
{
    static const char *const paths[] = {"/", "/.well-known/acme-challengex", "/.well-known/acme-challenge",
                                        "/x" PATH TOKEN, ("/.Well-Known/acme-challenge/" TOKEN)};

    present(TOKEN, ANSWER);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct user user = get("GET", paths[i], "app.test");

        ck_assert_msg(status_of(&user) == 308, "%s: %s", paths[i], user.got);
    }
    ck_assert_uint_eq(redirected, sizeof paths / sizeof *paths);
}
END_TEST

/* An authority queries from several places at once, for several names at once. */
START_TEST(many_fetch_at_once)
{
    enum { TOKENS = 50, USERS = 3 * TOKENS };
    static struct user users[USERS];
    static char requests[USERS][128];
    char token[32], answer[32];

    for (int i = 0; i < TOKENS; i++) {
        snprintf(token, sizeof token, "token-%d", i);
        snprintf(answer, sizeof answer, "token-%d.thumb", i);
        present(token, answer);
    }
    for (int i = 0; i < USERS; i++) {
        snprintf(requests[i], sizeof requests[i],
                 "GET " PATH "token-%d HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", i % TOKENS);
        users[i].request = requests[i];
    }
    ask_all(users, USERS);
    for (int i = 0; i < USERS; i++) {
        snprintf(answer, sizeof answer, "token-%d.thumb", i % TOKENS);
        ck_assert_str_eq(body_of(&users[i]), answer);
    }
}
END_TEST

START_TEST(withdrawn_challenges_are_gone)
{
    struct hg_worker *worker = fixture_worker(fixture, 1);
    struct user user;

    present("a", "a.thumb");
    present(TOKEN, ANSWER);
    present("b", "b.thumb");
    present(TOKEN, ANSWER); /* again: no difference */
    ops->withdraw(worker, HG_TEXT("unknown"));
    ops->withdraw(worker, HG_TEXT(TOKEN));
    user = get("GET", PATH TOKEN, "app.test");
    ck_assert_int_eq(status_of(&user), 404);
    user = get("GET", PATH "b", "app.test");
    ck_assert_str_eq(body_of(&user), "b.thumb");
    ops->withdraw(worker, HG_TEXT("a"));
    user = get("GET", PATH "b?x=y", "app.test");
    ck_assert_str_eq(body_of(&user), "b.thumb");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("acme_http01");
    TCase *tests = tcase_create("acme_http01");

    tcase_add_test(tests, a_pending_challenge_is_answered_on_any_host);
    tcase_add_test(tests, head_is_answered_without_a_body);
    tcase_add_test(tests, unknown_tokens_are_not_found);
    tcase_add_test(tests, other_methods_are_refused);
    tcase_add_test(tests, all_other_paths_pass);
    tcase_add_test(tests, many_fetch_at_once);
    tcase_add_test(tests, withdrawn_challenges_are_gone);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
