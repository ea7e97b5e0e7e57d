/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Shared by the tests of the edge. All use real sockets: the worker's loop runs in the test's main thread, users are
 * threads with blocking sockets.
 */
#ifndef PLUGINS_HTTP_TESTS_CASES_H
#define PLUGINS_HTTP_TESTS_CASES_H

#include "plugins/http/protocol.h"
#include "plugins/http/tests/answer.h"
#include "tests/unit/worker_fixture.h"

#include <check.h>
#include <gnutls/gnutls.h>
#include <stdatomic.h>

const struct hg_plugin *http_plugin(void);

TCase *request_tests(void);
TCase *body_tests(void);
TCase *early_tests(void);
TCase *error_tests(void);
TCase *connection_tests(void);
TCase *tls_tests(void);
TCase *corpus_tests(void);

/* `seconds` for each test. */
TCase *new_case(const char *name, double seconds);

/* ---- The edge under test ---- */

/* How often accepting fails for lack of descriptors; whether the edge's sockets have small buffers. */
extern atomic_int shortages;
extern atomic_bool small_buffers;

struct bench {
    struct http_config config;
    struct hg_address addresses[2];
    struct seen seen;
    struct certificate_config certificate;
    struct answer_config answer;
    struct fixture *fixture;
    uint16_t plain_port, tls_port;
    /* What the user's thread runs, and whether it has finished. */
    void (*user)(struct bench *bench);
    atomic_bool done;
};

void bench_init(struct bench *bench);
void bench_start(struct bench *bench);
/* Runs `user` against the edge. A failed assertion in it ends the test. */
void bench_run(struct bench *bench, void (*user)(struct bench *bench));
/* Waits until all connections and exchanges have ended. */
void bench_settle(struct bench *bench);
void bench_free(struct bench *bench);
struct edge *edge_of(struct bench *bench);
/* The thread that bench_run() starts, for tests that run the loop themselves until is_done(). */
void *user_thread(void *bench);
bool is_done(void *bench);

/* ---- Users ---- */

/* Whether users' sockets collect small packets (Nagle). */
extern atomic_bool users_gather;

struct user {
    int fd;
    gnutls_session_t tls; /* NULL: plain */
    gnutls_certificate_credentials_t credentials;
    char *got; /* all that was received, terminated by NUL */
    size_t size, capacity;
    bool at_end; /* the peer has closed */
    bool broken; /* … with a reset, or without close_notify */
};

void user_init(struct user *user);
void user_connect(struct user *user, uint16_t port);
void user_open(struct user *user, uint16_t port);
/* `expected`: the expected result of the handshake. */
void user_open_tls(struct user *user, uint16_t port, const char *priority, const gnutls_datum_t *resume, int expected);
/* The same with these protocols, three at most, terminated by NULL. */
void user_open_alpn(struct user *user, uint16_t port, const char *const *protocols, const char *priority,
                    const gnutls_datum_t *resume, int expected);
void user_close(struct user *user);
/* True as long as the peer accepts it. */
bool user_send(struct user *user, const void *data, size_t size);
void user_say(struct user *user, const char *text);
/* Receives once, waiting no longer than this. False: nothing arrived, or the peer has closed. */
bool user_receive(struct user *user, int milliseconds);
/* Receives until the peer closes. */
void user_receive_all(struct user *user);
/* Receives until the text has arrived; asserts that it does. */
void user_expect(struct user *user, const char *text);
/* Discards what was received. */
void user_forget(struct user *user);
/* One plain connection: sends `input`, then receives until the end. */
void converse(struct bench *bench, struct user *user, const char *input);

/* ---- Bodies of the pattern ---- */

#define UPLOAD_SIZE 2000000

/* The offset of the body; asserts that the head has arrived. */
size_t body_at(const struct user *user);
void expect_pattern(struct user *user, size_t size);
/* Decodes the chunked response in place; returns the body's size. */
size_t dechunk(struct user *user, struct http1_piece *last);
void download(struct user *user);
/* Sends UPLOAD_SIZE bytes to /echo. */
void upload_and_back(struct user *user, bool chunked);

#endif
