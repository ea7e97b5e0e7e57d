/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What a service may do to a connection that the next user would get.
 */
#include "plugins/origin/tests/cases.h"
#include "tests/unit/core_host.h"
#include "tests/unit/slowness.h"

#include <stdio.h>
#include <string.h>

#define STRAY "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray"

/* Answers /own properly, and anything else with service->text, followed by STRAY after service->size ms. */
static void serve_stray(struct service *service, int fd, unsigned number)
{
    char head[65536];

    (void)number;
    while (service_read_head(service, fd, head)) {
        if (strstr(head, " /own ")) {
            if (!service_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nown"))
                return;
            continue;
        }
        if (!service_say(fd, service->text))
            return;
        service_sleep((unsigned)service->size);
        if (!service_say(fd, STRAY))
            return;
    }
}

/* Responses that must have no body but have one, and one that is longer than announced: no other user gets the excess,
 * whenever it arrives. */
START_TEST(strays_reach_nobody)
{
    static const struct {
        const char *method, *text;
    } cases[] = {
        {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"},
        {"GET", "HTTP/1.1 204 No Content\r\n\r\n"},
        {"GET", "HTTP/1.1 304 Not Modified\r\n\r\n"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t delay = 0; delay < 4; delay++) {
            struct origin_config config = default_config();
            struct service *service = service_start(serve_stray);
            struct fixture *fixture = start(&config);

            service->text = cases[i].text;
            service->size = delay;
            for (int turn = 0; turn < 4; turn++) {
                struct user first = {.method = cases[i].method, .path = "/", .url = service->url};
                struct user second = {.path = "/own", .url = service->url};

                fetch(fixture, &first);
                ck_assert_uint_eq(first.ends, 1);
                ck_assert_uint_eq(first.received, 0);
                fetch(fixture, &second);
                check_answer(&second, "200 OK\n", "own");
            }
            fixture_free(fixture);
            service_stop(service);
        }
    }
}
END_TEST

/* A service that adds something to each response does so on its first connection, which nobody else uses. */
START_TEST(first_connection_is_on_trial)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_stray);
    struct fixture *fixture = start(&config);

    ((struct origin *)fixture_worker(fixture, 1)->state)->trial_time = HG_SECOND;
    service->text = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nown";
    service->size = 5;
    for (int turn = 0; turn < 50; turn++) {
        struct user user = {.path = "/", .url = service->url};

        fetch(fixture, &user);
        check_answer(&user, "200 OK\n", "own");
    }
    ck_assert(!origin_of(fixture)->pools->is_trusted);
    fixture_free(fixture);
    service_stop(service);
}
END_TEST

static bool is_trusted(void *arg)
{
    return origin_of(arg)->pools->is_trusted && !origin_of(arg)->pools->trial;
}

START_TEST(trust_is_earned_and_lost)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_stray);
    struct fixture *fixture = start(&config);

    ((struct origin *)fixture_worker(fixture, 1)->state)->trial_time = 200 * slowness() * HG_MILLISECOND;
    for (int turn = 0; turn < 5; turn++) {
        struct user user = {.path = "/own", .url = service->url};

        fetch(fixture, &user);
        if (turn == 1)
            ck_assert(fixture_run(fixture, is_trusted, fixture, 20000));
    }
    ck_assert_uint_eq(service->accepted, 3); /* two on trial or concurrent with it, then one for all */
    service->text = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nown";
    for (int turn = 0; turn < 3; turn++) {
        struct user user = {.path = turn ? "/own" : "/", .url = service->url};

        fetch(fixture, &user);
        fixture_wait(fixture, 20);
        ck_assert_uint_eq(origin_of(fixture)->pools->count, 0);
    }
    ck_assert_ptr_nonnull(strstr(service->heads, "Connection: close\r\n"));
    fixture_free(fixture);
    service_stop(service);
}
END_TEST

/* Closes each connection a moment after its response, without announcing it. */
static void serve_and_close(struct service *service, int fd, unsigned number)
{
    char head[65536];

    (void)number;
    if (service_read_head(service, fd, head) && service_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
        service_sleep(1);
}

START_TEST(unannounced_ends_cost_no_request)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_and_close);
    struct fixture *fixture = start(&config);

    ((struct origin *)fixture_worker(fixture, 1)->state)->trial_time = 100 * HG_MILLISECOND;
    for (int turn = 0; turn < 100; turn++) {
        struct user user = {.method = "POST", .path = "/", .url = service->url};

        fetch(fixture, &user);
        check_answer(&user, "200 OK\n", "");
    }
    fixture_free(fixture);
    service_stop(service);
}
END_TEST

/* Answers /own; also answers other requests, and when the test tells it to, sends something more or, with `text` NULL,
 * closes. */
static void serve_and_wait(struct service *service, int fd, unsigned number)
{
    char head[65536];

    (void)number;
    while (service_read_head(service, fd, head)) {
        if (strstr(head, " /own ")) {
            service_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nown");
            continue;
        }
        service_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        service_wait_go(service);
        if (!service->text)
            return;
        service_say(fd, service->text);
        service_note(service, "said");
    }
}

/* Lets it send that, and waits until the kernel has received it. */
static void let_follow(struct service *service)
{
    bool is_there = false;

    service_go(service);
    for (int i = 0; !is_there && i < 5000; i++) {
        service_sleep(1);
        pthread_mutex_lock(&service->lock);
        is_there = service->text ? strstr(service->heads, "said") != NULL : service->open == 0;
        pthread_mutex_unlock(&service->lock);
    }
    ck_assert(is_there);
}

/* What has arrived before the request is written is noticed even if the loop has not run in between. */
START_TEST(look_before_use)
{
    for (size_t manner = 0; manner < 3; manner++) {
        struct origin_config config = default_config();
        struct service *service = service_start(serve_and_wait);
        struct fixture *fixture = start(&config);
        struct user first = {.path = "/", .url = service->url};
        struct user second = {.method = "POST", .path = "/own", .url = service->url};

        if (manner == 2) { /* in the middle of the body: it is sent later than the connection is chosen */
            second.body_size = 10;
            second.keeps_body = true;
        }
        service->text = manner ? STRAY : NULL;
        fetch(fixture, &first);
        ck_assert_uint_eq(origin_of(fixture)->pools->idle.count, 1);
        let_follow(service);
        ask(fixture, &second);
        if (second.keeps_body) {
            second.keeps_body = false;
            user_push(&second);
        }
        ck_assert(fixture_run(fixture, is_over, &second, 5000));
        check_answer(&second, "200 OK\n", "own");
        ck_assert_uint_eq(service->accepted, 2);
        fixture_free(fixture);
        service_stop(service);
    }
}
END_TEST

/* The longest idle connection is used, as it had the most time for unexpected bytes to arrive. */
START_TEST(oldest_first)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_hello);
    struct fixture *fixture = start(&config);
    struct user users[3] = {{.url = service->url}, {.url = service->url}, {.url = service->url}};
    const struct connection *oldest;
    struct user last = {.url = service->url};

    for (int i = 0; i < 3; i++)
        ask(fixture, &users[i]);
    for (int i = 0; i < 3; i++)
        ck_assert(fixture_run(fixture, is_over, &users[i], 5000));
    ck_assert_uint_eq(origin_of(fixture)->pools->idle.count, 3);
    oldest = origin_of(fixture)->pools->idle.first;
    fetch(fixture, &last);
    ck_assert_ptr_eq(origin_of(fixture)->pools->idle.last, oldest);
    ck_assert_ptr_ne(origin_of(fixture)->pools->idle.first, oldest);
    fixture_free(fixture);
    service_stop(service);
}
END_TEST

TCase *kept_tests(void)
{
    TCase *tests = new_case("kept");

    tcase_add_test(tests, strays_reach_nobody);
    tcase_add_test(tests, first_connection_is_on_trial);
    tcase_add_test(tests, trust_is_earned_and_lost);
    tcase_add_test(tests, unannounced_ends_cost_no_request);
    tcase_add_test(tests, look_before_use);
    tcase_add_test(tests, oldest_first);
    return tests;
}
