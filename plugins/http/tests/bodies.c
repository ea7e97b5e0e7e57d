/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Bodies in both directions, and readers that do not read.
 */
#include "plugins/http/tests/cases.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void download_plain(struct bench *bench)
{
    struct user user;

    user_open(&user, bench->plain_port);
    download(&user);
    user_close(&user);
}

START_TEST(test_download)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, download_plain);
    bench_free(&bench);
}
END_TEST

static void download_chunks(struct bench *bench)
{
    struct user user;
    struct http1_piece last;
    size_t at;

    converse(bench, &user, "GET /chunks/300001 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    ck_assert_ptr_nonnull(strstr(user.got, "Transfer-Encoding: chunked\r\n"));
    ck_assert_uint_eq(dechunk(&user, &last), 300001);
    ck_assert_int_eq(last.type, HTTP1_PIECE_END);
    at = body_at(&user);
    for (size_t i = 0; i < 300001; i++)
        if ((uint8_t)user.got[at + i] != answer_pattern(i))
            ck_abort_msg("byte %zu is wrong", i);
    user_close(&user);
}

START_TEST(test_download_chunks)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, download_chunks);
    bench_free(&bench);
}
END_TEST

static void upload_plain(struct bench *bench)
{
    struct user user;

    for (int chunked = 0; chunked < 2; chunked++) {
        user_open(&user, bench->plain_port);
        upload_and_back(&user, chunked);
        user_close(&user);
    }
}

START_TEST(test_upload)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, upload_plain);
    ck_assert_uint_eq(bench.seen.bytes, 2 * UPLOAD_SIZE);
    ck_assert_uint_eq(bench.seen.trailers, 1);
    bench_free(&bench);
}
END_TEST

/* A user who does not read: the origin may send no more than the credit and the output's limit. */
static void do_not_read(struct bench *bench)
{
    struct user user;

    user_open(&user, bench->plain_port);
    setsockopt(user.fd, SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int));
    user_say(&user, "GET /bytes/100000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    usleep(500000);
    ck_assert_uint_le(edge_of(bench)->connections->output.bytes, 131072 + 65536);
    ck_assert(protocol_of(edge_of(bench)->connections)->data_waits);
    user_close(&user);
}

START_TEST(test_slow_reader)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, do_not_read);
    bench_settle(&bench);
    ck_assert_uint_eq(bench.seen.resets, 1);
    bench_free(&bench);
}
END_TEST

/* An origin that does not read: the edge stops reading, so that the user's socket fills up. */
static void send_in_vain(struct bench *bench)
{
    static const uint8_t data[65536];
    struct user user;
    const struct connection *connection;

    user_open(&user, bench->plain_port);
    user_say(&user, "POST /hold HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n");
    for (int i = 0; i < 1000; i++) {
        struct pollfd poll_fd = {.fd = user.fd, .events = POLLOUT};

        if (poll(&poll_fd, 1, 300) <= 0)
            break;
        ck_assert_int_gt(send(user.fd, data, sizeof data, MSG_NOSIGNAL | MSG_DONTWAIT), 0);
        ck_assert_int_lt(i, 999);
    }
    connection = edge_of(bench)->connections;
    ck_assert_uint_le(protocol_of(connection)->body.received, 65536);
    ck_assert_uint_le(input_unread(connection), 65536);
    /* A FIN would wait behind data that cannot be sent. */
    setsockopt(user.fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
    user_close(&user);
}

START_TEST(test_slow_origin)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, send_in_vain);
    /* The user has disconnected, which is noticed although nothing is read. */
    bench_settle(&bench);
    ck_assert_uint_eq(bench.seen.resets, 1);
    bench_free(&bench);
}
END_TEST

TCase *body_tests(void)
{
    TCase *tests = new_case("bodies", 60);

    tcase_add_test(tests, test_download);
    tcase_add_test(tests, test_download_chunks);
    tcase_add_test(tests, test_upload);
    tcase_add_test(tests, test_slow_reader);
    tcase_add_test(tests, test_slow_origin);
    return tests;
}
