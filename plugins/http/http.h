/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The edge: its instance and its workers. A connection has two parts: struct connection (connection.h) reads and
 * writes, directly or through TLS; struct protocol (protocol.h) is HTTP/1.1 on top of it, with the state of the request
 * and the response. Each is modified only by its own files, which call the functions of the other.
 *
 *   http.c, http.h              descriptor, options, instance and workers
 *
 *   connection.c, connection.h  one connection: socket, deadline, how it ends
 *   discard.c                   reading input that will not be answered
 *   input.c                     bytes that were read but not used yet
 *   output.c                    output that has not been written yet
 *   tls.c, tls.h                the layer between socket and buffers on `tls` listeners
 *
 *   protocol.c, protocol.h      HTTP/1.1 on a connection: its events and state
 *   request.c                   from input to exchanges: heads, bodies, pipelining
 *   response.c                  from exchanges to output
 *   forwarded.c                 additions to a request head: id, peer, Via, Forwarded
 *   error.c                     the gateway's own responses
 *
 * HTTP/2 will be next to protocol.c, on top of the same connection, chosen by ALPN in connection_handshake().
 */
#ifndef PLUGINS_HTTP_HTTP_H
#define PLUGINS_HTTP_HTTP_H

#include "plugins/lib/accept/accept.h"
#include "plugins/lib/http1/http1.h"

#include <hopgate/certificates.h>
#include <hopgate/connections.h>
#include <hopgate/host.h>
#include <sys/types.h>

/* ---- The instance ---- */

enum {
    LISTEN_TLS = 1 << 0, /* the word `tls` after an address */
};

enum forwarded_policy {
    FORWARDED_REPLACE = 0,
    FORWARDED_APPEND = 1,
    FORWARDED_REMOVE = 2,
    FORWARDED_KEEP = 3,
};

/* The block in the config file; its option table is in http.c. */
struct http_config {
    struct hg_list listen; /* of struct hg_address */
    hg_time head_timeout, idle_timeout, keep_alive_timeout, drain_timeout;
    int64_t max_connections, max_requests, max_fields;
    uint64_t max_request_line, max_head, max_trailers, max_body;
    bool underscores, accept_request_id, request_via;
    int forwarded; /* enum forwarded_policy */
    const char *via;
    const char *tls_priority;
};

struct tls_context;

/* One config block. */
struct http {
    struct http1_limits limits;
    struct tls_context *tls; /* NULL: no listener uses TLS */
    struct hg_listener **listeners;
};

/* One worker of it. */
struct edge {
    struct hg_worker *worker;
    const struct http_config *config;
    const struct http *http;
    struct accept *accept;
    struct hg_capability taker;    /* takes connections that offer … */
    const char *const *taken;      /* … one of these protocols, terminated by NULL; NULL: none */
    const char *const *handshakes; /* protocols that consist of the handshake alone; NULL: none */
    bool draining;
    struct connection *connections;
    size_t connection_count;
    struct hg_buffer *spare_inputs[16];
    size_t spare_input_count;
    time_t date_time; /* of `date` */
    char date[32];
    uint64_t *accepted, *handed_over, *requests, *refused, *failed_handshakes, *aborted; /* counters */
    struct hg_histogram *durations;                                                      /* of requests */
    uint8_t *tls_input;  /* for one read from any connection's socket */
    uint8_t *tls_record; /* for one record of any connection's output */
    struct turns *turns; /* for TLS handshakes */
};

/* The value of a Date field (RFC 9110 section 5.6.7), updated once a second. */
const char *error_date(struct edge *edge);

#endif
