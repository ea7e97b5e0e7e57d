/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The real edge, in its own file, since its names conflict with those of the transport.
 */
#include "tests/unit/http_edge.h"
#include "tests/unit/worker_fixture.h"

#include <check.h>

struct fixture_part edge_part(uint16_t port);
uint64_t edge_handed_over(struct fixture *fixture);
void edge_drain(struct fixture *fixture);

struct fixture_part edge_part(uint16_t port)
{
    static struct hg_address address;
    static struct http_config config;

    address = (struct hg_address){.host = "127.0.0.1", .port = port, .words = LISTEN_TLS};
    config = (struct http_config){
        .listen = {1, &address},
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
        .tls_priority = "NORMAL",
    };
    return (struct fixture_part){http_plugin(), &config};
}

struct fixture_part edge_part(uint16_t port);
uint64_t edge_handed_over(struct fixture *fixture)
{
    const struct edge *edge = fixture_worker(fixture, 0)->state;

    return *edge->handed_over;
}

void edge_drain(struct fixture *fixture)
{
    http_plugin()->worker_drain(fixture_worker(fixture, 0));
}
