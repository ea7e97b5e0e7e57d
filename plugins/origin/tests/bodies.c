/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Bodies in both directions: of any size, in pieces of any size, with system calls that move any number of bytes.
 */
#include "plugins/origin/tests/cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(small_body_goes_with_its_head)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_echo_length);
    struct fixture *fixture = start(&config);

    for (int i = 0; i < 3; i++) { /* on a new connection and on a kept one */
        struct user user = {.method = "POST", .body_size = 1000, .is_pattern = true, .url = service->url};

        fetch(fixture, &user);
        ck_assert_uint_eq(user.received, 1000);
    }
    ck_assert_uint_eq(calls.sends, 3);
    ck_assert_uint_eq(service->accepted, 1);
    fixture_free(fixture);
    service_stop(service);
}
END_TEST

START_TEST(many_small_slices_share_a_call)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_echo_length);
    struct fixture *fixture = start(&config);
    struct user user = {.method = "PUT", .body_size = 20000, .piece = 1000, .is_pattern = true, .url = service->url};

    fetch(fixture, &user);
    ck_assert_uint_eq(user.received, 20000);
    ck_assert_uint_le(calls.sends, 2);
    fixture_free(fixture);
    service_stop(service);
}
END_TEST

static const size_t sizes[] = {0, 1, 15000, 16384, 65536, 100001, 3000000};

/* Of all sizes, in pieces of any size, with every system call cut short in most rounds. */
START_TEST(bodies_by_length)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_echo_length);
    struct fixture *fixture = start(&config);

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (unsigned seed = 0; seed < 3; seed++) {
            struct user user = {.method = "POST",
                                .body_size = sizes[i],
                                .piece = seed ? 1 + 977 * seed : 0,
                                .is_pattern = true,
                                .seed = seed,
                                .url = service->url};

            if (seed && sizes[i] > 200000)
                continue;
            calls.seed = seed;
            fetch(fixture, &user);
            ck_assert_uint_eq(user.ends, 1);
            ck_assert_uint_eq(user.received, sizes[i]);
            ck_assert_int_eq(user.response_length, (int64_t)sizes[i]);
        }
    }
    ck_assert_uint_eq(service->accepted, 1);
    fixture_free(fixture);
    service_stop(service);
}
END_TEST

static void serve_chunks(struct service *service, int fd, unsigned number)
{
    uint64_t total;

    (void)number;
    while (service_read_head(service, fd, NULL) && read_chunks(service, fd, &total)) {
        service_say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-End\r\n\r\n");
        for (uint64_t at = 0, size = 1; at < total; at += size, size = size * 3 % 20011 + 1) {
            char header[32];

            if (size > total - at)
                size = total - at;
            snprintf(header, sizeof header, "%llx;ext=\"1\"\r\n", (unsigned long long)size);
            if (!service_say(fd, header) || !service_write_pattern(fd, size, at) || !service_say(fd, "\r\n"))
                return;
        }
        service_say(fd, "0\r\nX-End: yes\r\nx-other: \r\n\r\n");
    }
}

START_TEST(bodies_in_chunks)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_chunks);
    struct fixture *fixture = start(&config);

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (unsigned seed = 0; seed < 3; seed++) {
            struct user user = {.method = "POST",
                                .length = HG_LENGTH_UNKNOWN,
                                .body_size = sizes[i],
                                .piece = seed ? 1 + 977 * seed : 0,
                                .trailer = i % 2 ? "t" : NULL,
                                .is_pattern = true,
                                .seed = seed,
                                .url = service->url};

            if (seed && sizes[i] > 200000)
                continue;
            service->heads[0] = '\0';
            calls.seed = seed;
            fetch(fixture, &user);
            ck_assert_uint_eq(user.ends, 1);
            ck_assert_str_eq(user.heads, "200 OK|Trailer: X-End\n");
            ck_assert_uint_eq(user.received, sizes[i]);
            ck_assert_int_eq(user.response_length, HG_LENGTH_UNKNOWN);
            ck_assert_str_eq(user.trailers, "X-End: yes\nx-other: \n");
            ck_assert_str_eq(service->heads,
                             i % 2 ? "POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n"
                                     "x-trailer: t\r\n\r\n"
                                   : "POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n\r\n");
        }
    }
    ck_assert_uint_eq(service->accepted, 1);
    fixture_free(fixture);
    service_stop(service);
}
END_TEST

START_TEST(one_byte_at_a_time)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_chunks);
    struct fixture *fixture = start(&config);
    struct user user = {.method = "POST",
                        .length = HG_LENGTH_UNKNOWN,
                        .body_size = 3000,
                        .piece = 1,
                        .trailer = "t",
                        .is_pattern = true,
                        .seed = 7,
                        .url = service->url};

    calls.one_byte = true;
    fetch(fixture, &user);
    ck_assert_uint_eq(user.ends, 1);
    ck_assert_uint_eq(user.received, 3000);
    ck_assert_str_eq(user.trailers, "X-End: yes\nx-other: \n");
    fixture_free(fixture);
    service_stop(service);
}
END_TEST

static void serve_numbers(struct service *service, int fd, unsigned number)
{
    char answer[128], digits[32];

    for (unsigned request = 0; service_read_head(service, fd, NULL); request++) {
        snprintf(digits, sizeof digits, "number %u of %u", request, number);
        snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(digits), digits);
        if (!service_say(fd, answer))
            return;
    }
}

/* A slice that was emitted is never written to again, although the connection keeps using its buffer. */
START_TEST(slices_stay_as_they_are)
{
    struct origin_config config = default_config();
    struct service *service = service_start(serve_numbers);
    struct fixture *fixture = start(&config);
    struct user *users = calloc(20, sizeof *users);

    for (unsigned i = 0; i < 20; i++) {
        users[i].url = service->url;
        users[i].keeps_slice = i % 3 > 0;
        fetch(fixture, &users[i]);
    }
    for (unsigned i = 0; i < 20; i++) {
        char expected[32];

        snprintf(expected, sizeof expected, "number %u of 0", i);
        ck_assert_str_eq(users[i].body, expected);
        if (!users[i].keeps_slice)
            continue;
        ck_assert(
            hg_text_equal((struct hg_text){(const char *)users[i].kept.data, users[i].kept.size}, hg_text(expected)));
        hg_buffer_unref(users[i].kept.buffer);
    }
    fixture_free(fixture);
    service_stop(service);
    free(users);
}
END_TEST

TCase *body_tests(void)
{
    TCase *tests = new_case("bodies");

    tcase_add_test(tests, small_body_goes_with_its_head);
    tcase_add_test(tests, many_small_slices_share_a_call);
    tcase_add_test(tests, bodies_by_length);
    tcase_add_test(tests, bodies_in_chunks);
    tcase_add_test(tests, one_byte_at_a_time);
    tcase_add_test(tests, slices_stay_as_they_are);
    return tests;
}
