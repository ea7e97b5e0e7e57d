/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The edge over real sockets: the worker's loop runs in the test's main thread, users are threads with blocking
 * sockets.
 */
#include "plugins/http/http.h"
#include "plugins/http/test_answer.h"
#include "tests/unit/rig.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <jansson.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

const struct hg_plugin *http_plugin(void);

/* ---- The edge under test ---- */

/* How often accepting fails for want of descriptors; whether the edge's sockets hold little. */
static atomic_int shortages;
static atomic_bool small_buffers;

/* Stands before the C library's. */
int accept4(int fd, __SOCKADDR_ARG address, socklen_t *restrict size, int flags)
{
    int accepted;

    if (atomic_load(&shortages) > 0) {
        atomic_fetch_sub(&shortages, 1);
        errno = EMFILE;
        return -1;
    }
    accepted = (int)syscall(SYS_accept4, fd, address.__sockaddr__, size, flags);
    if (accepted >= 0 && atomic_load(&small_buffers))
        setsockopt(accepted, SOL_SOCKET, SO_SNDBUF, &(int){4096}, sizeof(int));
    return accepted;
}

struct bench {
    struct http_config config;
    struct hg_address addresses[2];
    struct seen seen;
    struct certificate_config certificate;
    struct answer_config answer;
    struct rig *rig;
    uint16_t plain_port, tls_port;
    /* What a user's thread does, and that it has. */
    void (*user)(struct bench *bench);
    atomic_bool done;
};

static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    getsockname(fd, (struct sockaddr *)&address, &size);
    close(fd);
    return ntohs(address.sin_port);
}

static void bench_init(struct bench *bench)
{
    memset(bench, 0, sizeof *bench);
    bench->plain_port = free_port();
    bench->tls_port = free_port();
    bench->addresses[0] = (struct hg_address){.host = "127.0.0.1", .port = bench->plain_port};
    bench->addresses[1] = (struct hg_address){.host = "127.0.0.1", .port = bench->tls_port, .words = LISTEN_TLS};
    bench->config = (struct http_config){
        .listen = {2, bench->addresses},
        .head_timeout = 10 * HG_SECOND,
        .idle_timeout = 300 * HG_SECOND,
        .keep_alive_timeout = 60 * HG_SECOND,
        .drain_timeout = 5 * HG_SECOND,
        .drain_size = 1 << 20,
        .max_connections = 16384,
        .max_requests = 1000,
        .max_fields = 100,
        .max_request_line = 8192,
        .max_head = 32768,
        .max_trailers = 8192,
        .via = "hopgate",
        .tls_priority = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2",
    };
    bench->answer.seen = &bench->seen;
    bench->certificate.certificate = certificate_new();
}

static void bench_start(struct bench *bench)
{
    struct rig_part parts[] = {
        {http_plugin(), &bench->config},
        {certificate_plugin(), &bench->certificate},
        {answer_plugin(), &bench->answer},
    };

    bench->rig = rig_new(PIPELINE_CLIENT, parts, 3);
    rig_start(bench->rig);
}

static bool is_done(void *arg)
{
    struct bench *bench = arg;

    return atomic_load(&bench->done);
}

static void *user_thread(void *arg)
{
    struct bench *bench = arg;

    bench->user(bench);
    atomic_store(&bench->done, true);
    return NULL;
}

/* Runs `user` against the edge. What it asserts ends the test. */
static void bench_run(struct bench *bench, void (*user)(struct bench *bench))
{
    pthread_t thread;

    if (!bench->rig)
        bench_start(bench);
    bench->user = user;
    atomic_store(&bench->done, false);
    pthread_create(&thread, NULL, user_thread, bench);
    /* Turns at least every few milliseconds, so that the user's end is seen. */
    for (int i = 0; i < 6000 && !rig_run(bench->rig, is_done, bench, 5); i++)
        ;
    ck_assert_msg(atomic_load(&bench->done), "the user waits for ever");
    pthread_join(thread, NULL);
}

static struct edge *edge_of(struct bench *bench)
{
    return rig_worker(bench->rig, 0)->state;
}

static bool is_quiet(void *arg)
{
    struct bench *bench = arg;

    return edge_of(bench)->connection_count == 0 && bench->seen.heads == bench->seen.detaches;
}

/* Waits until all connections and exchanges are gone: the users are. */
static void bench_settle(struct bench *bench)
{
    for (int i = 0; i < 2000 && !rig_run(bench->rig, is_quiet, bench, 5); i++)
        ;
    ck_assert_uint_eq(edge_of(bench)->connection_count, 0);
    ck_assert_uint_eq(bench->seen.heads, bench->seen.detaches);
}

static void bench_free(struct bench *bench)
{
    if (bench->rig)
        rig_free(bench->rig);
    hg_certificate_unref(bench->certificate.certificate);
    ck_assert_uint_eq(bench->seen.heads, bench->seen.detaches);
}

/* ---- Users ---- */

struct user {
    int fd;
    gnutls_session_t tls; /* NULL: plain */
    gnutls_certificate_credentials_t credentials;
    char *got; /* all that was received, NUL behind it */
    size_t size, capacity;
    bool at_end; /* the peer has closed */
    bool broken; /* … by reset, or without close_notify */
};

static void user_init(struct user *user)
{
    memset(user, 0, sizeof *user);
    user->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(user->fd, 0);
}

static void user_connect(struct user *user, uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};

    ck_assert_int_eq(connect(user->fd, (struct sockaddr *)&address, sizeof address), 0);
    setsockopt(user->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    user->capacity = 65536;
    user->got = malloc(user->capacity);
    user->got[0] = '\0';
}

static void user_open(struct user *user, uint16_t port)
{
    user_init(user);
    user_connect(user, port);
}

static void user_close(struct user *user)
{
    if (user->tls) {
        gnutls_deinit(user->tls);
        gnutls_certificate_free_credentials(user->credentials);
    }
    close(user->fd);
    free(user->got);
}

/* True while the peer takes it. */
static bool user_send(struct user *user, const void *data, size_t size)
{
    while (size) {
        ssize_t sent = user->tls ? gnutls_record_send(user->tls, data, size) : send(user->fd, data, size, MSG_NOSIGNAL);

        if (sent <= 0)
            return false;
        data = (const char *)data + sent;
        size -= (size_t)sent;
    }
    return true;
}

static void user_say(struct user *user, const char *text)
{
    user_send(user, text, strlen(text));
}

/* Receives once, waiting at most so long. False: nothing came, or the end. */
static bool user_receive(struct user *user, int milliseconds)
{
    struct pollfd poll_fd = {.fd = user->fd, .events = POLLIN};
    ssize_t got;

    if (user->at_end)
        return false;
    if (!(user->tls && gnutls_record_check_pending(user->tls)) && poll(&poll_fd, 1, milliseconds) <= 0)
        return false;
    if (user->capacity - user->size < 32768) {
        user->capacity *= 2;
        user->got = realloc(user->got, user->capacity);
    }
    do
        got = user->tls ? gnutls_record_recv(user->tls, user->got + user->size, user->capacity - user->size - 1)
                        : recv(user->fd, user->got + user->size, user->capacity - user->size - 1, 0);
    while (user->tls && (got == GNUTLS_E_AGAIN || got == GNUTLS_E_INTERRUPTED));
    if (got <= 0) {
        user->at_end = true;
        user->broken = got < 0;
        return false;
    }
    user->size += (size_t)got;
    user->got[user->size] = '\0';
    return true;
}

/* Receives until the peer closes. */
static void user_receive_all(struct user *user)
{
    while (user_receive(user, 10000))
        ;
    ck_assert_msg(user->at_end, "no end after: %.200s", user->got);
}

/* Receives until that text has come; asserts that it does. */
static void user_expect(struct user *user, const char *text)
{
    while (!strstr(user->got, text))
        if (!user_receive(user, 10000))
            ck_abort_msg("\"%s\" did not come, but: %s", text, user->got);
}

/* Forgets what was received. */
static void user_forget(struct user *user)
{
    user->size = 0;
    user->got[0] = '\0';
}

/* One plain connection: all of `input`, then what comes until the end. */
static void converse(struct bench *bench, struct user *user, const char *input)
{
    user_open(user, bench->plain_port);
    user_say(user, input);
    user_receive_all(user);
}

/* ---- Plain requests ---- */

static void ask_ok(struct bench *bench)
{
    struct user user;

    user_open(&user, bench->plain_port);
    user_say(&user, "GET /ok?x=1 HTTP/1.1\r\nHost: app.test\r\nX-One: 1\r\nConnection: X-Two\r\nX-Two: 2\r\n\r\n");
    user_expect(&user, "\r\n\r\nok");
    ck_assert_ptr_nonnull(strstr(user.got, "HTTP/1.1 200 Made Up\r\n"));
    ck_assert_ptr_nonnull(strstr(user.got, "Content-Length: 2\r\n"));
    ck_assert_ptr_nonnull(strstr(user.got, "Via: 1.1 hopgate\r\n"));
    ck_assert_ptr_null(strstr(user.got, "Connection"));
    user_close(&user);
}

START_TEST(test_ok)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, ask_ok);
    ck_assert_uint_eq(bench.seen.heads, 1);
    ck_assert_uint_eq(bench.seen.ends, 1);
    bench_free(&bench);
}
END_TEST

/* Pipelined requests are answered in their order, on one connection. */
static void pipeline_three(struct bench *bench)
{
    struct user user;

    converse(bench, &user,
             "GET /status/204 HTTP/1.1\r\nHost: a\r\n\r\nHEAD /ok HTTP/1.1\r\nHost: a\r\n\r\n"
             "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /status/304 HTTP/1.1\r\nHost: a\r\n\r\n"
             "GET /ok HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /ok HTTP/1.1\r\nHost: a\r\n\r\n");
    ck_assert_str_eq(user.got,
                     "HTTP/1.1 204 Made Up\r\nX-Answer: yes\r\nVia: 1.1 hopgate\r\n\r\n"
                     "HTTP/1.1 200 Made Up\r\nX-Answer: yes\r\nContent-Length: 2\r\nVia: 1.1 hopgate\r\n\r\n"
                     "HTTP/1.1 200 Made Up\r\nX-Answer: yes\r\nContent-Length: 3\r\nVia: 1.1 hopgate\r\n\r\nabc"
                     "HTTP/1.1 304 Made Up\r\nX-Answer: yes\r\nContent-Length: 5\r\nVia: 1.1 hopgate\r\n\r\n"
                     "HTTP/1.1 200 Made Up\r\nX-Answer: yes\r\nContent-Length: 2\r\nConnection: close\r\n"
                     "Via: 1.1 hopgate\r\n\r\nok");
    ck_assert(!user.broken);
    user_close(&user);
}

START_TEST(test_pipelining)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, pipeline_three);
    ck_assert_uint_eq(bench.seen.heads, 5);
    bench_free(&bench);
}
END_TEST

/* The offset of the body; asserts that the head is there. */
static size_t body_at(const struct user *user)
{
    const char *end = strstr(user->got, "\r\n\r\n");

    ck_assert_ptr_nonnull(end);
    return (size_t)(end + 4 - user->got);
}

/* HTTP/1.0: no keep-alive unless asked for, bodies of unknown length end with the connection, no interim responses. */
static void ask_old(struct bench *bench)
{
    struct user user;

    converse(bench, &user, "GET /chunks/5 HTTP/1.0\r\nHost: a\r\n\r\n");
    ck_assert_ptr_null(strstr(user.got, "chunked"));
    ck_assert_ptr_nonnull(strstr(user.got, "Connection: close\r\n"));
    ck_assert_uint_eq(user.size - body_at(&user), 5);
    user_close(&user);
    user_open(&user, bench->plain_port);
    user_say(&user, "GET /hint HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
    user_expect(&user, "\r\n\r\nok");
    ck_assert_ptr_null(strstr(user.got, "103"));
    ck_assert_ptr_nonnull(strstr(user.got, "Connection: keep-alive\r\n"));
    user_forget(&user);
    user_say(&user, "GET /ok HTTP/1.0\r\nHost: a\r\n\r\n");
    user_receive_all(&user);
    ck_assert_ptr_nonnull(strstr(user.got, "\r\n\r\nok"));
    user_close(&user);
}

START_TEST(test_old_version)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, ask_old);
    bench_free(&bench);
}
END_TEST

/* ---- Bodies ---- */

static void expect_pattern(struct user *user, size_t size)
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

static void download(struct user *user)
{
    user_say(user, "GET /bytes/3000001 HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_pattern(user, 3000001);
    user_forget(user);
    user_say(user, "GET /ok HTTP/1.1\r\nHost: a\r\n\r\n");
    user_expect(user, "\r\n\r\nok");
}

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

/* Undoes the chunking of the response in place; gives the body's size. */
static size_t dechunk(struct user *user, struct http1_piece *last)
{
    static const struct http1_limits limits = HTTP1_DEFAULT_LIMITS;
    struct http1_message message = {.framing = HTTP1_CHUNKED};
    struct http1_body body;
    size_t from = body_at(user), to = from;

    http1_body_start(&body, HG_RESPONSE, &message);
    do {
        from += http1_body_read(&body, NULL, &limits, (const uint8_t *)user->got + from, user->size - from, last);
        if (last->type == HTTP1_PIECE_DATA) {
            memmove(user->got + to, last->data, last->size);
            to += last->size;
        }
    } while (last->type == HTTP1_PIECE_DATA);
    return to - body_at(user);
}

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

#define UPLOAD_SIZE 2000000

struct upload {
    struct user *user;
    bool chunked;
};

/* Sends while another thread receives: the echo would fill both directions otherwise. */
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

static void upload_and_back(struct user *user, bool chunked)
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
        /* A search of the whole text for each piece would take long. */
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

static void upload_plain(struct bench *bench)
{
    struct user user;

    user_open(&user, bench->plain_port);
    upload_and_back(&user, false);
    upload_and_back(&user, true);
    user_close(&user);
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

/* A user who does not read: the origin is not let to send more than the credit and the output's bound. */
static void do_not_read(struct bench *bench)
{
    struct user user;

    user_open(&user, bench->plain_port);
    setsockopt(user.fd, SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int));
    user_say(&user, "GET /bytes/100000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    usleep(500000);
    ck_assert_uint_le(edge_of(bench)->connections->output.bytes, 131072 + 65536);
    ck_assert(edge_of(bench)->connections->data_waits);
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

/* An origin that does not read: the edge stops reading, so that the user's own socket fills. */
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
    ck_assert_uint_le(connection->body.received, 65536);
    ck_assert_uint_le(connection->input_end - connection->input_start, 65536);
    /* A FIN would wait behind what cannot be sent. */
    setsockopt(user.fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
    user_close(&user);
}

START_TEST(test_slow_origin)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, send_in_vain);
    /* The user is gone, which is seen although nothing is read. */
    bench_settle(&bench);
    ck_assert_uint_eq(bench.seen.resets, 1);
    bench_free(&bench);
}
END_TEST

/* ---- Expectations, early responses ---- */

static void expect_continue(struct bench *bench)
{
    struct user user;

    user_open(&user, bench->plain_port);
    user_say(&user, "POST /continue HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    user_expect(&user, "HTTP/1.1 100 ");
    ck_assert_ptr_null(strstr(user.got, "200"));
    user_say(&user, "abc");
    user_expect(&user, "\r\n\r\nok");
    ck_assert_ptr_null(strstr(user.got, "Connection: close"));
    user_close(&user);
    /* Answered without 100: nobody knows whether the body will come. */
    converse(bench, &user, "POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    ck_assert_ptr_nonnull(strstr(user.got, "Connection: close\r\n"));
    ck_assert_ptr_nonnull(strstr(user.got, "\r\n\r\nearly"));
    user_close(&user);
    converse(bench, &user, "POST /ok HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 200-ok\r\n\r\n");
    ck_assert_ptr_nonnull(strstr(user.got, "HTTP/1.1 417 "));
    user_close(&user);
    user_open(&user, bench->plain_port);
    user_say(&user, "GET /hint HTTP/1.1\r\nHost: a\r\n\r\n");
    user_expect(&user, "\r\n\r\nok");
    ck_assert_ptr_nonnull(strstr(user.got, "HTTP/1.1 103 \r\nX-Interim: yes\r\n\r\nHTTP/1.1 200 "));
    user_close(&user);
}

START_TEST(test_expect)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, expect_continue);
    bench_settle(&bench);
    bench_free(&bench);
}
END_TEST

static void answer_early(struct bench *bench)
{
    static char data[200000];
    struct user user;

    memset(data, 'x', sizeof data);
    user_open(&user, bench->plain_port);
    user_say(&user, "POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n");
    user_expect(&user, "\r\n\r\nearly");
    /* The rest of the upload is taken, and the connection goes on. */
    user_send(&user, data, sizeof data);
    user_forget(&user);
    user_say(&user, "GET /ok HTTP/1.1\r\nHost: a\r\n\r\n");
    user_expect(&user, "\r\n\r\nok");
    user_close(&user);
    /* An endless upload that nobody reads ends the connection, after the response. */
    user_open(&user, bench->plain_port);
    user_say(&user, "POST /deaf HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n");
    user_expect(&user, "\r\n\r\nearly");
    while (user_send(&user, data, sizeof data))
        ;
    user_close(&user);
}

START_TEST(test_early)
{
    struct bench bench;

    bench_init(&bench);
    bench.config.drain_timeout = 300 * HG_MILLISECOND;
    bench_run(&bench, answer_early);
    bench_settle(&bench);
    ck_assert_uint_eq(bench.seen.resets, 1);
    bench_free(&bench);
}
END_TEST

/* ---- Ends that come too soon ---- */

static void leave_waiting(struct bench *bench)
{
    struct user user;

    user_open(&user, bench->plain_port);
    user_say(&user, "GET /never HTTP/1.1\r\nHost: a\r\n\r\n");
    usleep(100000);
    user_close(&user);
}

START_TEST(test_user_gone)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, leave_waiting);
    bench_settle(&bench);
    ck_assert_uint_eq(bench.seen.resets, 1);
    ck_assert_uint_eq(*edge_of(&bench)->aborted, 1);
    bench_free(&bench);
}
END_TEST

/* What the user is told of a response that breaks off must not look complete. */
static void receive_truncated(struct bench *bench)
{
    struct user user;
    struct http1_piece last;

    converse(bench, &user, "GET /truncate/1000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    ck_assert_ptr_nonnull(strstr(user.got, "Content-Length: 1000000\r\n"));
    ck_assert_uint_lt(user.size - body_at(&user), 1000000);
    user_close(&user);
    converse(bench, &user, "GET /truncate-chunks/1000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    dechunk(&user, &last);
    ck_assert_int_ne(last.type, HTTP1_PIECE_END);
    user_close(&user);
    converse(bench, &user, "GET /truncate-chunks/1000000 HTTP/1.0\r\nHost: a\r\n\r\n");
    ck_assert(user.broken);
    user_close(&user);
}

START_TEST(test_truncated)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, receive_truncated);
    bench_free(&bench);
}
END_TEST

/* ---- Errors ---- */

static void be_refused(struct bench *bench)
{
    struct user user;

    user_open(&user, bench->plain_port);
    user_say(&user, "GET /refuse HTTP/1.1\r\nHost: a\r\nX-Request-Id: mine\r\n\r\n");
    user_expect(&user, "request id: ");
    ck_assert_ptr_nonnull(strstr(user.got, "HTTP/1.1 503 Service Unavailable\r\n"));
    ck_assert_ptr_nonnull(strstr(user.got, "Retry-After: 7\r\n"));
    ck_assert_ptr_nonnull(
        strstr(user.got, "Proxy-Status: hopgate; error=connection_refused; details=\"nobody \\\"home\\\"\"\r\n"));
    ck_assert_ptr_nonnull(strstr(user.got, "\r\n\r\n503 Service Unavailable\nnobody \"home\"\nrequest id: "));
    ck_assert_ptr_null(strstr(user.got, "mine"));
    /* The request was complete, so the connection goes on. */
    ck_assert_ptr_null(strstr(user.got, "Connection: close"));
    user_forget(&user);
    user_say(&user, "HEAD /refuse HTTP/1.1\r\nHost: a\r\n\r\n");
    user_expect(&user, "\r\n\r\n");
    ck_assert_ptr_null(strstr(user.got, "request id"));
    user_close(&user);
    converse(bench, &user, "GET /status/101 HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade, close\r\n\r\n");
    ck_assert_ptr_nonnull(strstr(user.got, "HTTP/1.1 502 "));
    user_close(&user);
    converse(bench, &user, "POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    ck_assert_ptr_nonnull(strstr(user.got, "Connection: close\r\n"));
    user_close(&user);
}

START_TEST(test_refused)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, be_refused);
    bench_free(&bench);
}
END_TEST

#define FLOOD 5000

static void *send_flood(void *arg)
{
    for (int i = 0; i < FLOOD; i++)
        user_say(arg, "GET /refuse HTTP/1.1\r\nHost: a\r\n\r\n");
    return NULL;
}

/* Sends many requests at once and reads late: the answers do not pile up in the edge, and none is lost. */
static void flood(struct bench *bench)
{
    struct user user;
    pthread_t thread;
    unsigned answers = 0;

    user_init(&user);
    setsockopt(user.fd, SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int));
    user_connect(&user, bench->plain_port);
    pthread_create(&thread, NULL, send_flood, &user);
    usleep(500000);
    ck_assert_uint_le(edge_of(bench)->connections->output.bytes, 8192);
    while (answers < FLOOD) {
        char *at = user.got;

        ck_assert(user_receive(&user, 10000));
        for (char *next; (next = strstr(at, "request id: ")); at = next + 1)
            answers++;
        /* What may be half a mark is looked at again. */
        user.size = user.size > 11 ? 11 : user.size;
        memmove(user.got, user.got + strlen(user.got) - user.size, user.size + 1);
    }
    ck_assert_uint_eq(answers, FLOOD);
    pthread_join(thread, NULL);
    user_close(&user);
}

START_TEST(test_flood)
{
    struct bench bench;

    bench_init(&bench);
    bench.config.max_requests = 2 * FLOOD;
    atomic_store(&small_buffers, true);
    bench_run(&bench, flood);
    atomic_store(&small_buffers, false);
    ck_assert_uint_eq(bench.seen.heads, FLOOD);
    bench_free(&bench);
}
END_TEST

static void too_much(struct bench *bench)
{
    static char body[200000];
    struct user user;

    memset(body, 'x', sizeof body);
    user_open(&user, bench->plain_port);
    user_say(&user, "GET /");
    user_send(&user, body, 9000);
    user_receive_all(&user);
    ck_assert_ptr_nonnull(strstr(user.got, "HTTP/1.1 414 "));
    user_close(&user);
    /* The error reaches a user who goes on sending. */
    user_open(&user, bench->plain_port);
    user_say(&user, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    user_send(&user, body, sizeof body);
    user_receive_all(&user);
    ck_assert_ptr_nonnull(strstr(user.got, "HTTP/1.1 431 "));
    user_close(&user);
    converse(bench, &user, "POST /ok HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n");
    ck_assert_ptr_nonnull(strstr(user.got, "HTTP/1.1 413 "));
    user_close(&user);
    user_open(&user, bench->plain_port);
    user_say(&user, "POST /ok HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2000\r\n");
    user_send(&user, body, 8192);
    user_receive_all(&user);
    ck_assert_ptr_nonnull(strstr(user.got, "HTTP/1.1 413 "));
    user_close(&user);
}

START_TEST(test_too_much)
{
    struct bench bench;

    bench_init(&bench);
    bench.config.max_body = 1000;
    bench_run(&bench, too_much);
    bench_settle(&bench);
    ck_assert_uint_eq(bench.seen.ends, 0);
    bench_free(&bench);
}
END_TEST

static void be_slow(struct bench *bench)
{
    struct user user;

    user_open(&user, bench->plain_port);
    for (int i = 0; i < 20 && user_send(&user, "G", 1); i++)
        usleep(20000);
    user_receive_all(&user);
    ck_assert_ptr_nonnull(strstr(user.got, "HTTP/1.1 408 "));
    user_close(&user);
    converse(bench, &user, "POST /ok HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc");
    ck_assert_ptr_nonnull(strstr(user.got, "HTTP/1.1 408 "));
    user_close(&user);
    converse(bench, &user, "GET /never HTTP/1.1\r\nHost: a\r\n\r\n");
    ck_assert_ptr_nonnull(strstr(user.got, "HTTP/1.1 504 "));
    user_close(&user);
    converse(bench, &user, "");
    ck_assert_uint_eq(user.size, 0);
    user_close(&user);
    converse(bench, &user, "GET /ok HTTP/1.1\r\nHost: a\r\n\r\n");
    ck_assert_ptr_nonnull(strstr(user.got, "\r\n\r\nok"));
    ck_assert_ptr_null(strstr(user.got, "408"));
    user_close(&user);
    /* Half a handshake. */
    user_open(&user, bench->tls_port);
    user_send(&user, "\x16\x03\x01", 3);
    user_receive_all(&user);
    ck_assert_uint_eq(user.size, 0);
    user_close(&user);
}

START_TEST(test_slow)
{
    struct bench bench;

    bench_init(&bench);
    bench.config.head_timeout = bench.config.idle_timeout = bench.config.keep_alive_timeout = 200 * HG_MILLISECOND;
    bench_run(&bench, be_slow);
    ck_assert_uint_eq(bench.seen.heads, 3);
    bench_free(&bench);
}
END_TEST

/* ---- Connections ---- */

static void ask_twice(struct bench *bench)
{
    struct user user;

    converse(bench, &user, "GET /ok HTTP/1.1\r\nHost: a\r\n\r\nGET /ok HTTP/1.1\r\nHost: a\r\n\r\n");
    ck_assert_ptr_nonnull(strstr(strstr(user.got, "\r\n\r\nok"), "Connection: close\r\n"));
    user_close(&user);
}

START_TEST(test_max_requests)
{
    struct bench bench;

    bench_init(&bench);
    bench.config.max_requests = 2;
    bench_run(&bench, ask_twice);
    ck_assert_uint_eq(bench.seen.heads, 2);
    bench_free(&bench);
}
END_TEST

static void come_in_turn(struct bench *bench)
{
    struct user first, second;

    user_open(&first, bench->plain_port);
    user_say(&first, "GET /ok HTTP/1.1\r\nHost: a\r\n\r\n");
    user_expect(&first, "\r\n\r\nok");
    user_open(&second, bench->plain_port);
    user_say(&second, "GET /ok HTTP/1.1\r\nHost: a\r\n\r\n");
    ck_assert(!user_receive(&second, 200));
    user_close(&first);
    user_expect(&second, "\r\n\r\nok");
    user_close(&second);
}

START_TEST(test_max_connections)
{
    struct bench bench;

    bench_init(&bench);
    bench.config.max_connections = 1;
    bench_run(&bench, come_in_turn);
    bench_free(&bench);
}
END_TEST

#define CROWD 40

/* Those who come while there are no descriptors wait, and nobody is lost. */
static void come_in_crowd(struct bench *bench)
{
    struct user users[CROWD];

    atomic_store(&shortages, 3);
    for (int i = 0; i < CROWD; i++) {
        user_open(&users[i], bench->plain_port);
        user_say(&users[i], "GET /ok HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    }
    for (int i = 0; i < CROWD; i++) {
        user_receive_all(&users[i]);
        ck_assert_ptr_nonnull(strstr(users[i].got, "\r\n\r\nok"));
        user_close(&users[i]);
    }
}

START_TEST(test_descriptors)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, come_in_crowd);
    ck_assert_int_eq(atomic_load(&shortages), 0);
    ck_assert_uint_eq(bench.seen.heads, CROWD);
    bench_free(&bench);
}
END_TEST

static void stay_idle(struct bench *bench)
{
    struct user user;
    const struct connection *connection;

    user_open(&user, bench->plain_port);
    user_say(&user, "GET /bytes/5000 HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_pattern(&user, 5000);
    usleep(50000);
    connection = edge_of(bench)->connections;
    ck_assert_ptr_null(connection->input);
    ck_assert_ptr_null(connection->output.tail);
    atomic_store(&bench->done, true);
    /* The edge now drains: the idle connection is closed at once. */
    user_receive_all(&user);
    ck_assert(!user.broken);
    user_close(&user);
}

START_TEST(test_drain)
{
    struct bench bench;
    pthread_t thread;

    bench_init(&bench);
    bench_start(&bench);
    bench.user = stay_idle;
    pthread_create(&thread, NULL, user_thread, &bench);
    ck_assert(rig_run(bench.rig, is_done, &bench, 5000) || rig_run(bench.rig, is_done, &bench, 5000));
    http_plugin()->worker_drain(rig_worker(bench.rig, 0));
    bench_settle(&bench);
    pthread_join(thread, NULL);
    bench_free(&bench);
}
END_TEST

/* ---- What a request gets on its way ---- */

static void come_through_proxies(struct bench *bench)
{
    struct user user;

    converse(bench, &user,
             "GET /ok HTTP/1.1\r\nHost: a.test:80\r\nForwarded: for=x\r\nX-Forwarded-For: 9.9.9.9\r\n"
             "X-Forwarded-Proto: gopher\r\nVia: 1.1 other\r\nX-Request-Id: mine\r\nConnection: close\r\n\r\n");
    user_close(&user);
}

static void check_forwarded(int policy, bool accept_id, const char *const *wanted, const char *const *unwanted)
{
    struct bench bench;

    bench_init(&bench);
    bench.config.forwarded = policy;
    bench.config.accept_request_id = accept_id;
    bench_run(&bench, come_through_proxies);
    for (; *wanted; wanted++)
        ck_assert_msg(strstr(bench.seen.head, *wanted) != NULL, "no %s in %s", *wanted, bench.seen.head);
    for (; *unwanted; unwanted++)
        ck_assert_msg(!strstr(bench.seen.head, *unwanted), "%s in %s", *unwanted, bench.seen.head);
    bench_free(&bench);
}

START_TEST(test_forwarded)
{
    check_forwarded(FORWARDED_REPLACE, false,
                    (const char *const[]){"\nForwarded: for=127.0.0.1;proto=http;host=\"a.test:80\"\n",
                                          "\nX-Forwarded-For: 127.0.0.1\n", "\nX-Forwarded-Proto: http\n",
                                          "\nX-Forwarded-Host: a.test:80\n", "\nVia: 1.1 other\n",
                                          "\nVia: 1.1 hopgate\n", "\npeer: 127.0.0.1:", "\nX-Request-Id: ", NULL},
                    (const char *const[]){"9.9.9.9", "gopher", "for=x", "mine", NULL});
    check_forwarded(FORWARDED_APPEND, true,
                    (const char *const[]){"\nForwarded: for=x\n", "\nForwarded: for=127.0.0.1;",
                                          "\nX-Forwarded-For: 9.9.9.9\n", "\nX-Forwarded-For: 127.0.0.1\n",
                                          "\nX-Forwarded-Proto: gopher\n", "\nid: mine\n", "\nX-Request-Id: mine\n",
                                          NULL},
                    (const char *const[]){"Proto: http\n", NULL});
    check_forwarded(FORWARDED_REMOVE, false, (const char *const[]){NULL}, (const char *const[]){"orwarded", NULL});
    check_forwarded(FORWARDED_KEEP, false, (const char *const[]){"\nX-Forwarded-For: 9.9.9.9\n", NULL},
                    (const char *const[]){"X-Forwarded-For: 127", NULL});
}
END_TEST

/* ---- TLS ---- */

static void user_open_tls(struct user *user, uint16_t port, const char *priority, const gnutls_datum_t *resume,
                          int expected)
{
    static const gnutls_datum_t alpn[] = {{(unsigned char *)(uintptr_t) "foo/9", 5},
                                          {(unsigned char *)(uintptr_t) "http/1.1", 8}};
    int result;

    user_open(user, port);
    gnutls_certificate_allocate_credentials(&user->credentials);
    ck_assert_int_eq(gnutls_init(&user->tls, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL), 0);
    gnutls_priority_set_direct(user->tls, priority, NULL);
    gnutls_credentials_set(user->tls, GNUTLS_CRD_CERTIFICATE, user->credentials);
    gnutls_server_name_set(user->tls, GNUTLS_NAME_DNS, "LocalHost", 9);
    gnutls_alpn_set_protocols(user->tls, alpn, 2, 0);
    if (resume)
        gnutls_session_set_data(user->tls, resume->data, resume->size);
    gnutls_transport_set_int(user->tls, user->fd);
    do
        result = gnutls_handshake(user->tls);
    while (result < 0 && !gnutls_error_is_fatal(result));
    ck_assert_int_eq(result, expected);
}

#define TLS13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"
#define TLS12 "NORMAL:-VERS-ALL:+VERS-TLS1.2"

static void ask_by_tls(struct bench *bench)
{
    static const char *const priorities[] = {TLS13, TLS12};

    for (int i = 0; i < 2; i++) {
        struct user user;
        gnutls_datum_t protocol, session;

        user_open_tls(&user, bench->tls_port, priorities[i], NULL, 0);
        ck_assert_int_eq(gnutls_alpn_get_selected_protocol(user.tls, &protocol), 0);
        ck_assert(protocol.size == 8 && !memcmp(protocol.data, "http/1.1", 8));
        user_say(&user, "GET /ok HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        user_receive_all(&user);
        ck_assert_ptr_nonnull(strstr(user.got, "\r\n\r\nok"));
        ck_assert(!user.broken);
        ck_assert_int_eq(gnutls_session_get_data2(user.tls, &session), 0);
        user_close(&user);
        user_open_tls(&user, bench->tls_port, priorities[i], &session, 0);
        ck_assert(gnutls_session_is_resumed(user.tls));
        download(&user);
        gnutls_free(session.data);
        user_close(&user);
    }
}

START_TEST(test_tls)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, ask_by_tls);
    ck_assert_str_eq(bench.certificate.name, "localhost");
    ck_assert_str_eq(bench.certificate.alpn, "foo/9");
    ck_assert_ptr_nonnull(strstr(bench.seen.head, "scheme: https\n"));
    bench_free(&bench);
}
END_TEST

START_TEST(test_tls_parked)
{
    struct bench bench;

    bench_init(&bench);
    bench.certificate.later = true;
    bench_run(&bench, ask_by_tls);
    bench_free(&bench);
}
END_TEST

static void find_no_certificate(struct bench *bench)
{
    struct user user;

    user_open_tls(&user, bench->tls_port, TLS13, NULL, GNUTLS_E_FATAL_ALERT_RECEIVED);
    ck_assert_int_eq(gnutls_alert_get(user.tls), GNUTLS_A_UNRECOGNIZED_NAME);
    user_close(&user);
    user_open(&user, bench->tls_port);
    user_say(&user, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    user_receive_all(&user);
    user_close(&user);
}

START_TEST(test_tls_no_certificate)
{
    struct bench bench;

    bench_init(&bench);
    hg_certificate_unref(bench.certificate.certificate);
    bench.certificate.certificate = NULL;
    bench.certificate.later = _i;
    bench_run(&bench, find_no_certificate);
    bench_settle(&bench);
    ck_assert_uint_eq(*edge_of(&bench)->failed_handshakes, 2);
    bench_free(&bench);
}
END_TEST

static void leave_during_handshake(struct bench *bench)
{
    struct user user;

    user_open(&user, bench->tls_port);
    user_close(&user);
}

START_TEST(test_tls_user_gone)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, leave_during_handshake);
    bench_settle(&bench);
    bench_free(&bench);
}
END_TEST

static void upload_by_tls(struct bench *bench)
{
    struct user user;

    user_open_tls(&user, bench->tls_port, TLS13, NULL, 0);
    upload_and_back(&user, false);
    upload_and_back(&user, true);
    user_close(&user);
}

START_TEST(test_tls_upload)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, upload_by_tls);
    bench_free(&bench);
}
END_TEST

static void be_truncated_by_tls(struct bench *bench)
{
    struct user user;

    user_open_tls(&user, bench->tls_port, TLS13, NULL, 0);
    user_say(&user, "GET /truncate-chunks/1000000 HTTP/1.0\r\nHost: a\r\n\r\n");
    user_receive_all(&user);
    ck_assert(user.broken);
    user_close(&user);
}

START_TEST(test_tls_truncated)
{
    struct bench bench;

    bench_init(&bench);
    bench_run(&bench, be_truncated_by_tls);
    bench_free(&bench);
}
END_TEST

/* ---- The corpus ---- */

#define CORPUS_MAX     200
#define CORPUS_THREADS 24

struct corpus_case {
    char name[128];
    uint8_t bytes[256];
    size_t size;
    unsigned answers; /* 0: must be refused */
};

struct corpus {
    struct bench *bench;
    struct corpus_case cases[CORPUS_MAX];
    size_t count;
    atomic_uint next; /* split and case that the next thread takes */
};

static void add_case(struct corpus *corpus, const json_t *object)
{
    struct corpus_case *added = &corpus->cases[corpus->count];
    const json_t *text = json_object_get(object, "bytes");
    const uint8_t *utf8 = (const uint8_t *)json_string_value(text), *end = utf8 + json_string_length(text);

    if (strcmp(json_string_value(json_object_get(object, "kind")), "request") != 0 ||
        !json_is_true(json_object_get(object, "firm")))
        return;
    snprintf(added->name, sizeof added->name, "%s", json_string_value(json_object_get(object, "name")));
    while (utf8 < end) {
        uint8_t byte = *utf8++;

        if (byte >= 0x80)
            byte = (uint8_t)((byte & 3) << 6 | (*utf8++ & 63));
        added->bytes[added->size++] = byte;
        ck_assert_uint_lt(added->size, sizeof added->bytes);
    }
    if (!strcmp(json_string_value(json_object_get(object, "expect")), "accept"))
        added->answers = strstr(added->name, "pipelined") ? 2 : 1;
    corpus->count++;
}

static void check_refused(const struct corpus_case *wanted, size_t split, const char *got)
{
    static const char *const statuses[] = {"400", "414", "431", "501", "505"};

    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (!strncmp(got, "HTTP/1.1 ", 9) && !strncmp(got + 9, statuses[i], 3))
            return;
    ck_abort_msg("%s, split at %zu, was not refused: %s", wanted->name, split, got);
}

static void try_case(struct corpus *corpus, const struct corpus_case *wanted, size_t split)
{
    struct user user;
    const char *at;

    user_open(&user, corpus->bench->plain_port);
    user_send(&user, wanted->bytes, split);
    if (split < wanted->size) {
        usleep(3000); /* so that the edge reads it by itself */
        user_send(&user, wanted->bytes + split, wanted->size - split);
    }
    if (!wanted->answers) {
        user_receive_all(&user);
        check_refused(wanted, split, user.got);
    }
    for (unsigned i = 0; i < wanted->answers; i++) {
        at = user.got;
        while (!(at = strstr(user.got, "\r\n\r\nok")))
            ck_assert_msg(user_receive(&user, 10000), "%s, split at %zu: %s", wanted->name, split, user.got);
        memmove(user.got, at + 6, strlen(at + 6) + 1);
        user.size = strlen(user.got);
    }
    user_close(&user);
}

static void *try_cases(void *arg)
{
    struct corpus *corpus = arg;
    unsigned all = (unsigned)corpus->count * 128, next;

    while ((next = atomic_fetch_add(&corpus->next, 1)) < all) {
        const struct corpus_case *wanted = &corpus->cases[next / 128];

        if (next % 128 <= wanted->size)
            try_case(corpus, wanted, next % 128);
    }
    return NULL;
}

static struct corpus *corpus_of_test;

static void try_corpus(struct bench *bench)
{
    pthread_t threads[CORPUS_THREADS];

    (void)bench;
    for (int i = 0; i < CORPUS_THREADS; i++)
        pthread_create(&threads[i], NULL, try_cases, corpus_of_test);
    for (int i = 0; i < CORPUS_THREADS; i++)
        pthread_join(threads[i], NULL);
}

/* Everything that must be refused is, and reaches nobody, however it is cut; everything else is answered. */
START_TEST(test_corpus)
{
    struct bench bench;
    struct corpus *corpus = calloc(1, sizeof *corpus);
    FILE *file = fopen(CORPUS, "r");
    char line[4096];
    unsigned answers = 0;

    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file)) {
        json_t *object = json_loads(line, JSON_ALLOW_NUL, NULL);

        add_case(corpus, object);
        json_decref(object);
    }
    fclose(file);
    ck_assert_uint_ge(corpus->count, 70);
    for (size_t i = 0; i < corpus->count; i++)
        answers += corpus->cases[i].answers * (unsigned)(corpus->cases[i].size + 1);
    bench_init(&bench);
    corpus->bench = &bench;
    corpus_of_test = corpus;
    bench_run(&bench, try_corpus);
    ck_assert_uint_eq(bench.seen.heads, answers);
    bench_free(&bench);
    free(corpus);
}
END_TEST

static Suite *suite(void)
{
    Suite *all = suite_create("http");
    TCase *plain = tcase_create("plain"), *tls = tcase_create("tls"), *corpus = tcase_create("corpus");

    tcase_set_timeout(plain, 60);
    tcase_set_timeout(tls, 60);
    tcase_set_timeout(corpus, 120);
    tcase_add_test(plain, test_ok);
    tcase_add_test(plain, test_pipelining);
    tcase_add_test(plain, test_old_version);
    tcase_add_test(plain, test_download);
    tcase_add_test(plain, test_download_chunks);
    tcase_add_test(plain, test_upload);
    tcase_add_test(plain, test_slow_reader);
    tcase_add_test(plain, test_slow_origin);
    tcase_add_test(plain, test_expect);
    tcase_add_test(plain, test_early);
    tcase_add_test(plain, test_user_gone);
    tcase_add_test(plain, test_truncated);
    tcase_add_test(plain, test_refused);
    tcase_add_test(plain, test_flood);
    tcase_add_test(plain, test_too_much);
    tcase_add_test(plain, test_slow);
    tcase_add_test(plain, test_max_requests);
    tcase_add_test(plain, test_max_connections);
    tcase_add_test(plain, test_descriptors);
    tcase_add_test(plain, test_drain);
    tcase_add_test(plain, test_forwarded);
    tcase_add_test(tls, test_tls);
    tcase_add_test(tls, test_tls_parked);
    tcase_add_loop_test(tls, test_tls_no_certificate, 0, 2);
    tcase_add_test(tls, test_tls_user_gone);
    tcase_add_test(tls, test_tls_upload);
    tcase_add_test(tls, test_tls_truncated);
    tcase_add_test(corpus, test_corpus);
    suite_add_tcase(all, plain);
    suite_add_tcase(all, tls);
    suite_add_tcase(all, corpus);
    return all;
}

int main(void)
{
    SRunner *runner = srunner_create(suite());
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
