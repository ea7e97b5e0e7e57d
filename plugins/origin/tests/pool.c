/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A service's pool: which connections it keeps, for how long, and which requests wait.
 */
#include "plugins/origin/tests/cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool pool_is_empty(void *arg)
{
    return origin_of(arg)->pools->count == 0;
}

static void serve_hello_and_more(struct service *service, int fd, unsigned number)
{
    (void)number;
    if (!service_read_head(service, fd, NULL))
        return;
    service_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    service_sleep(50);
    if (service->text)
        service_say(fd, service->text);
    if (!service->size)
        service_wait_close(service, fd);
}

/* Closed by the service, unexpected bytes, or too old. */
START_TEST(idle_connections_go)
{
    for (int i = 0; i < 3; i++) {
        struct origin_config config = default_config();
        struct service *service = service_start(serve_hello_and_more);
        struct user user = {.url = service->url};
        struct fixture *fixture;

        if (i == 2)
            config.keep_alive = 100 * HG_MILLISECOND;
        service->size = i == 0;
        service->text = i == 1 ? "HTTP/1.1 408 Request Timeout\r\n\r\n" : NULL;
        fixture = start(&config);
        fetch(fixture, &user);
        ck_assert_uint_eq(origin_of(fixture)->pools->idle.count, 1);
        ck_assert(fixture_run(fixture, pool_is_empty, fixture, 2000));
        ck_assert_uint_eq(origin_of(fixture)->pools->idle.count, 0);
        fixture_free(fixture);
        service_stop(service);
    }
}
END_TEST

START_TEST(drain_closes_idle_connections)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_hello);
    struct fixture *fixture = start(&config);
    struct user first = {.url = service->url}, second = {.url = service->url};

    fetch(fixture, &first);
    ck_assert_uint_eq(origin_of(fixture)->pools->idle.count, 1);
    ask(fixture, &second);
    fixture_run(fixture, NULL, NULL, 0);
    hopgate_plugin()->worker_drain(fixture_worker(fixture, 1));
    ck_assert_uint_eq(origin_of(fixture)->pools->idle.count, 0);
    ck_assert(fixture_run(fixture, is_over, &second, 2000)); /* the request in progress completes */
    ck_assert_uint_eq(second.ends, 1);
    ck_assert_uint_eq(origin_of(fixture)->pools->count, 0);
    fixture_free(fixture);
    service_stop(service);
}
END_TEST

static bool all_are_over(void *arg)
{
    struct user *users = arg;

    for (size_t i = 0; i < 200; i++)
        if (!users[i].detaches)
            return false;
    return true;
}

static void serve_slow_hello(struct service *service, int fd, unsigned number)
{
    char head[65536];

    (void)number;
    while (service_read_head(service, fd, head)) {
        if (strstr(head, "chunked\r\n") && !service_read_until(fd, "0\r\n\r\n", head, sizeof head))
            return;
        service_sleep(1);
        if (!service_say(fd, service->size ? "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
                                           : "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"))
            return;
        if (service->size)
            return;
    }
}

START_TEST(exchanges_share_a_limited_pool)
{
    for (size_t closing = 0; closing < 2; closing++) {
        struct origin_config config = default_config();
        struct service *service = service_start(serve_slow_hello);
        struct user *users = calloc(200, sizeof *users);
        struct fixture *fixture;

        config.max_connections = 8;
        fixture = start(&config);
        service->size = closing;
        for (size_t i = 0; i < 200; i++) {
            users[i].url = service->url;
            users[i].method = i % 3 ? "GET" : "POST";
            users[i].length = i % 3 ? 0 : HG_LENGTH_UNKNOWN; /* its end waits, too */
            ask(fixture, &users[i]);
        }
        fixture_run(fixture, NULL, NULL, 0);
        ck_assert_uint_eq(origin_of(fixture)->pools->waiting_count, 192);
        for (size_t i = 50; i < 60; i++) /* some users leave while they wait */
            hg_reset(users[i].self, &(struct hg_reason){499, NULL, "gone", 0});
        ck_assert(fixture_run(fixture, all_are_over, users, 20000));
        for (size_t i = 0; i < 200; i++)
            if (i < 50 || i >= 60)
                ck_assert_msg(users[i].ends == 1 && users[i].received == 5, "%zu: %s", i, users[i].detail);
        if (!closing) {
            ck_assert_uint_le(service->most_open, 8);
            ck_assert_uint_eq(service->accepted, 8);
        }
        ck_assert_uint_eq(origin_of(fixture)->pools->waiting_count, 0);
        fixture_free(fixture);
        service_stop(service);
        free(users);
    }
}
END_TEST

START_TEST(waiting_is_bounded)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_silence);
    struct user users[3] = {{.url = service->url}, {.url = service->url}, {.url = service->url}};
    struct fixture *fixture;

    config.max_connections = 1;
    config.max_queue = 1;
    config.queue_timeout = 100 * HG_MILLISECOND;
    fixture = start(&config);
    ask(fixture, &users[0]);
    fixture_run(fixture, NULL, NULL, 0);
    ask(fixture, &users[1]);
    fixture_run(fixture, NULL, NULL, 0);
    ask(fixture, &users[2]);
    fixture_run(fixture, NULL, NULL, 0);
    check_failed(&users[2], 503, "connection_limit_reached"); /* at once */
    ck_assert_uint_eq(users[1].resets, 0);
    ck_assert(fixture_run(fixture, is_over, &users[1], 1000));
    check_failed(&users[1], 503, "connection_limit_reached");
    ck_assert_uint_eq(users[1].reason.retry_after, 1);
    ck_assert_uint_eq(users[0].resets, 0);
    fixture_free(fixture);
    service_stop(service);
}
END_TEST

/* Serves randomly; the size is also in a field, for the user to compare. */
static void serve_at_random(struct service *service, int fd, unsigned number)
{
    unsigned seed = number * 7919 + 1;
    char head[65536], text[256];

    while (service_read_head(service, fd, head)) {
        unsigned chance = (unsigned)rand_r(&seed) % 12;
        size_t size = (size_t)rand_r(&seed) % 40000,
               reported = chance == 0 ? size + 1 + (size_t)rand_r(&seed) % 10 : size;
        const char *field = strstr(head, "Content-Length: ");
        uint64_t total;

        if (chance == 1)
            return;
        if (chance == 2) {
            service_reset_on_close(fd);
            return;
        }
        if (chance > 3 && field && !service_read(service, fd, strtoul(field + 16, NULL, 10), 0, true))
            return;
        if (chance > 3 && strstr(head, "chunked\r\n") && !read_chunks(service, fd, &total))
            return;
        if (chance == 4)
            service_sleep(30);
        if (chance < 8) {
            snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nX-Size: %zu\r\nContent-Length: %zu\r\n\r\n", reported,
                     reported);
            if (!service_say(fd, text) || !service_write_pattern(fd, size, 0) || size != reported)
                return;
        } else if (chance < 10) {
            snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nX-Size: %zu\r\n\r\n", size);
            if (service_say(fd, text))
                service_write_pattern(fd, size, 0);
            return;
        } else {
            snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nX-Size: %zu\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n",
                     size + 1, size + 1);
            if (!service_say(fd, text) || !service_write_pattern(fd, size + 1, 0) || !service_say(fd, "\r\n0\r\n\r\n"))
                return;
        }
        if (chance == 3) /* the body was not read */
            return;
    }
}

START_TEST(anything_in_any_order)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_at_random);
    struct user *users = calloc(200, sizeof *users);
    unsigned seed = 11 + (unsigned)_i, good = 0;
    struct fixture *fixture;

    config.max_connections = 6;
    config.response_timeout = 2 * HG_SECOND;
    config.queue_timeout = 20 * HG_SECOND;
    fixture = start(&config);
    calls.seed = _i % 2 ? seed : 0;
    for (size_t i = 0; i < 200; i++) {
        unsigned chance = (unsigned)rand_r(&seed) % 4;

        users[i] = (struct user){.url = service->url,
                                 .is_pattern = true,
                                 .method = chance < 2 ? "GET" : "POST",
                                 .seed = (unsigned)rand_r(&seed),
                                 .piece = 1 + (size_t)rand_r(&seed) % 3000,
                                 .body_size = chance < 2 ? 0 : (size_t)rand_r(&seed) % 50000,
                                 .length = chance == 3 ? HG_LENGTH_UNKNOWN : 0};
        ask(fixture, &users[i]);
        for (size_t j = 0; j <= i && rand_r(&seed) % 2; j++)
            fixture_run(fixture, NULL, NULL, 0);
        if (rand_r(&seed) % 5 == 0) {
            struct user *gone = &users[(size_t)rand_r(&seed) % (i + 1)];

            if (!gone->detaches)
                hg_reset(gone->self, &(struct hg_reason){499, NULL, "gone", 0});
        }
    }
    ck_assert(fixture_run(fixture, all_are_over, users, 30000));
    for (size_t i = 0; i < 200; i++) {
        const char *reported = strstr(users[i].heads, "X-Size: ");

        ck_assert_uint_eq(users[i].detaches, 1);
        ck_assert_uint_le(users[i].ends + users[i].resets, 1);
        if (!users[i].ends)
            continue;
        ck_assert_ptr_nonnull(reported);
        ck_assert_uint_eq(users[i].received, strtoul(reported + 8, NULL, 10)); /* if not reset, never short */
        good++;
    }
    ck_assert_uint_gt(good, 50);
    ck_assert_uint_eq(origin_of(fixture)->pools->count, origin_of(fixture)->pools->idle.count);
    fixture_free(fixture);
    service_stop(service);
    free(users);
}
END_TEST

TCase *pool_tests(void)
{
    TCase *tests = new_case("pool");

    tcase_add_test(tests, idle_connections_go);
    tcase_add_test(tests, drain_closes_idle_connections);
    tcase_add_test(tests, exchanges_share_a_limited_pool);
    tcase_add_test(tests, waiting_is_bounded);
    tcase_add_loop_test(tests, anything_in_any_order, 0, 10);
    return tests;
}
