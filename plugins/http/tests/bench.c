/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/http/tests/cases.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

atomic_int shortages;
atomic_bool small_buffers;

/* Overrides the one of the C library. */
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

void bench_init(struct bench *bench)
{
    memset(bench, 0, sizeof *bench);
    bench->plain_port = fixture_free_port();
    bench->tls_port = fixture_free_port();
    bench->addresses[0] = (struct hg_address){.host = "127.0.0.1", .port = bench->plain_port};
    bench->addresses[1] = (struct hg_address){.host = "127.0.0.1", .port = bench->tls_port, .words = LISTEN_TLS};
    bench->config = (struct http_config){
        .listen = {2, bench->addresses},
        .head_timeout = 10 * HG_SECOND,
        .idle_timeout = 300 * HG_SECOND,
        .keep_alive_timeout = 60 * HG_SECOND,
        .drain_timeout = 5 * HG_SECOND,
        .max_connections = 16384,
        .max_requests = 1000,
        .max_fields = 100,
        .max_request_line = 8192,
        .max_head = 65536,
        .max_trailers = 8192,
        .via = "hopgate",
        .tls_priority = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2",
    };
    bench->answer.seen = &bench->seen;
    bench->certificate.certificate = certificate_new();
}

void bench_start(struct bench *bench)
{
    struct fixture_part parts[] = {
        {http_plugin(), &bench->config},
        {certificate_plugin(), &bench->certificate},
        {answer_plugin(), &bench->answer},
    };

    bench->fixture = fixture_new(PIPELINE_CLIENT, parts, 3);
    fixture_start(bench->fixture);
}

bool is_done(void *arg)
{
    struct bench *bench = arg;

    return atomic_load(&bench->done);
}

void *user_thread(void *arg)
{
    struct bench *bench = arg;

    bench->user(bench);
    atomic_store(&bench->done, true);
    return NULL;
}

/* Runs `user` against the edge. A failed assertion in it ends the test. */
void bench_run(struct bench *bench, void (*user)(struct bench *bench))
{
    pthread_t thread;

    if (!bench->fixture)
        bench_start(bench);
    bench->user = user;
    atomic_store(&bench->done, false);
    pthread_create(&thread, NULL, user_thread, bench);
    /* Runs the loop at least every few milliseconds, so that the end of the user is noticed. */
    for (int i = 0; i < 6000 && !fixture_run(bench->fixture, is_done, bench, 5); i++)
        ;
    ck_assert_msg(atomic_load(&bench->done), "the user waits for ever");
    pthread_join(thread, NULL);
}

struct edge *edge_of(struct bench *bench)
{
    return fixture_worker(bench->fixture, 0)->state;
}

static bool is_quiet(void *arg)
{
    struct bench *bench = arg;

    return edge_of(bench)->connection_count == 0 && bench->seen.heads == bench->seen.detaches;
}

/* Waits until all connections and exchanges have ended. */
void bench_settle(struct bench *bench)
{
    for (int i = 0; i < 2000 && !fixture_run(bench->fixture, is_quiet, bench, 5); i++)
        ;
    ck_assert_uint_eq(edge_of(bench)->connection_count, 0);
    ck_assert_uint_eq(bench->seen.heads, bench->seen.detaches);
}

void bench_free(struct bench *bench)
{
    if (bench->fixture)
        fixture_free(bench->fixture);
    hg_certificate_unref(bench->certificate.certificate);
    ck_assert_uint_eq(bench->seen.heads, bench->seen.detaches);
}
