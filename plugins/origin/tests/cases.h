/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Shared by the tests of the origin: the plugin in a real worker, between a simulated public user and a scripted
 * service.
 */
#ifndef PLUGINS_ORIGIN_TESTS_CASES_H
#define PLUGINS_ORIGIN_TESTS_CASES_H

#include "plugins/origin/origin.h"
#include "plugins/origin/tests/calls.h"
#include "plugins/origin/tests/service.h"
#include "tests/unit/worker_fixture.h"

#include <check.h>

TCase *request_tests(void);
TCase *body_tests(void);
TCase *response_tests(void);
TCase *timing_tests(void);
TCase *connection_tests(void);
TCase *kept_tests(void);
TCase *owned_tests(void);
TCase *pool_tests(void);
TCase *rule_tests(void);

/* A test case whose tests must close all descriptors. */
TCase *new_case(const char *name);

/* ---- The public user: an edge ---- */

/* One exchange: the request, then the result. */
struct user {
    const char *method, *scheme, *path, *authority;
    const char *fields[8]; /* "name: value" */
    int64_t length;        /* of the request's body: as in struct hg_head */
    size_t body_size;      /* bytes of the pattern to send */
    size_t piece;          /* bytes per slice; 0: 16384 */
    const char *trailer;
    bool keeps_body; /* sends nothing of the body until this is cleared and user_push() is called */
    bool is_stalled; /* does not read */
    unsigned seed;   /* reads random pieces, resuming later */
    const char *url;
    const struct hg_service *service; /* the settings in the route's rule; NULL: none */
    const char *connection;           /* its name */

    struct hg_self *self;
    struct hg_call resuming;
    size_t sent;
    bool request_ended;
    char heads[65536]; /* "status reason|name: value|…\n" of each head */
    int64_t response_length;
    unsigned head_count;
    bool ends_connection; /* the last head said so */
    char body[65536];     /* its start, as text */
    uint64_t received;
    bool is_pattern;      /* compare the body with the pattern */
    struct hg_slice kept; /* the first slice of the response, if keeps_slice */
    bool keeps_slice;
    char trailers[1024];
    unsigned ends, resets, detaches;
    struct hg_reason reason;
    char detail[256];
};

const struct hg_plugin *edge_plugin(void);
/* Makes a request. */
void ask(struct fixture *fixture, struct user *user);
/* Makes a request and waits for its end. */
void fetch(struct fixture *fixture, struct user *user);
/* Sends as much as there is credit for, and then the end. */
void user_push(struct user *user);
/* For fixture_run(), with a user. */
bool is_over(void *user);
bool has_head(void *user);

void check_failed(const struct user *user, int status, const char *error);
void check_answer(const struct user *user, const char *heads, const char *body);

/* ---- A worker with the plugin ---- */

struct origin_config default_config(void);
struct fixture *start(struct origin_config *config);
const struct origin *origin_of(struct fixture *fixture);
uint64_t counter(struct fixture *fixture, const char *name);

/* ---- Scripts of services ---- */

/* Sends the same small response to each request. */
void serve_hello(struct service *service, int fd, unsigned number);
/* Sends the pattern, as long as the request's body was. */
void serve_echo_length(struct service *service, int fd, unsigned number);
/* Sends service->text, if any, after one head, and waits for the peer to close. */
void serve_silence(struct service *service, int fd, unsigned number);
/* The same, with a text, while the upload is in progress. */
void serve_early(struct service *service, int fd, unsigned number);
/* Sends 20 million bytes for each request. */
void serve_much(struct service *service, int fd, unsigned number);
/* Reads a chunked body, accepting only the form in which it must be written; appends the trailer section to the
 * heads. */
bool read_chunks(struct service *service, int fd, uint64_t *total);

#endif
