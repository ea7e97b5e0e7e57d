/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Bodies of the pattern, there and back.
 */
#include "plugins/http/tests/cases.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* The offset of the body; asserts that the head has arrived. */
size_t body_at(const struct user *user)
{
    const char *end = strstr(user->got, "\r\n\r\n");

    ck_assert_ptr_nonnull(end);
    return (size_t)(end + 4 - user->got);
}

void expect_pattern(struct user *user, size_t size)
{
    size_t at;

    user_expect(user, "\r\n\r\n");
    at = body_at(user);
    while (user->size - at < size)
        ck_assert_msg(user_receive(user, 10000), "only %zu of %zu bytes came", user->size - at, size);
    ck_assert_uint_eq(user->size - at, size);
    for (size_t i = 0; i < size; i++)
        if ((uint8_t)user->got[at + i] != answer_pattern(i))
            ck_abort_msg("byte %zu is wrong", i);
}

void download(struct user *user)
{
    user_say(user, "GET /bytes/3000001 HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_pattern(user, 3000001);
    user_forget(user);
    user_say(user, "GET /ok HTTP/1.1\r\nHost: a\r\n\r\n");
    user_expect(user, "\r\n\r\nok");
}

/* Decodes the chunked response in place; returns the body's size. */
size_t dechunk(struct user *user, struct http1_piece *last)
{
    static const struct http1_limits limits = HTTP1_DEFAULT_LIMITS;
    struct http1_message message = {.framing = HTTP1_CHUNKED};
    struct http1_body body;
    size_t from = body_at(user), to = from;

    http1_body_start(&body, HG_RESPONSE, &message);
    do {
        from += http1_body_read(&body, NULL, &limits, (uint8_t *)user->got + from, user->size - from, last);
        if (last->type == HTTP1_PIECE_DATA) {
            memmove(user->got + to, last->data, last->size);
            to += last->size;
        }
    } while (last->type == HTTP1_PIECE_DATA);
    return to - body_at(user);
}

struct upload {
    struct user *user;
    bool chunked;
};

/* Sends while another thread receives; otherwise the echo would fill both directions. */
static void *send_upload(void *arg)
{
    struct upload *upload = arg;
    static uint8_t data[10000];
    char line[32];

    for (size_t at = 0; at < UPLOAD_SIZE; at += sizeof data) {
        for (size_t i = 0; i < sizeof data; i++)
            data[i] = answer_pattern(at + i);
        if (upload->chunked) {
            snprintf(line, sizeof line, "%zx;x=y\r\n", sizeof data);
            user_say(upload->user, line);
        }
        ck_assert(user_send(upload->user, data, sizeof data));
        if (upload->chunked)
            user_say(upload->user, "\r\n");
    }
    if (upload->chunked)
        user_say(upload->user, "0\r\nX-Trailer: t\r\n\r\n");
    return NULL;
}

void upload_and_back(struct user *user, bool chunked)
{
    static const char end[] = "\r\n0\r\nX-Trailer: t\r\n\r\n";
    struct upload upload = {user, chunked};
    struct http1_piece last;
    pthread_t thread;

    user_say(user, chunked ? "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                           : "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n");
    pthread_create(&thread, NULL, send_upload, &upload);
    if (chunked) {
        user_expect(user, "\r\n\r\n");
        /* Searching the whole text after each piece would take too long. */
        while (memcmp(user->got + user->size - (sizeof end - 1), end, sizeof end - 1) != 0)
            ck_assert(user_receive(user, 10000));
        ck_assert_uint_eq(dechunk(user, &last), UPLOAD_SIZE);
        ck_assert_int_eq(last.type, HTTP1_PIECE_END);
        user->size = body_at(user) + UPLOAD_SIZE;
    }
    expect_pattern(user, UPLOAD_SIZE);
    pthread_join(thread, NULL);
    user_forget(user);
}
