/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The edge: its instance and its workers. A connection is cut in two: struct connection (connection.h) is what is read
 * and written, by socket or TLS; struct protocol (protocol.h) is HTTP/1.1 on top of it, the state of its request and
 * its response. Each is changed by its own files, which call the other's functions.
 *
 *   http.c, http.h              descriptor, options, life of the instance and of its workers
 *
 *   connection.c, connection.h  one connection: socket, deadline, ways to end
 *   discard.c                   reading on where nothing more will be answered
 *   input.c                     what was read and not used yet
 *   output.c                    what waits to be written
 *   tls.c, tls.h                what lies between socket and buffers on `tls` listeners
 *
 *   protocol.c, protocol.h      a connection's HTTP/1.1: its life, and what the connection tells it
 *   request.c                   from input to exchanges: heads, bodies, pipelining
 *   response.c                  from exchanges to output
 *   forwarded.c                 what a request head gets on its way in: id, peer, Via, Forwarded
 *   error.c                     responses of our own making
 *
 * HTTP/2 will stand beside protocol.c, above the same connection, chosen by ALPN in connection_handshake().
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
    LISTEN_TLS = 1 << 0, /* the word `tls` behind an address */
};

enum forwarded_policy {
    FORWARDED_REPLACE = 0,
    FORWARDED_APPEND = 1,
    FORWARDED_REMOVE = 2,
    FORWARDED_KEEP = 3,
};

/* The block in the config file; http.c has its table. */
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

/* One block of the config file. */
struct http {
    struct http1_limits limits;
    struct tls_context *tls; /* NULL: no listener wants it */
    struct hg_listener **listeners;
};

/* One worker of it. */
struct edge {
    struct hg_worker *worker;
    const struct http_config *config;
    const struct http *http;
    struct accept *accept;
    struct hg_capability taker;    /* who takes those that offer … */
    const char *const *taken;      /* … one of these protocols, ended by NULL; NULL: nobody */
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
    uint8_t *tls_input;  /* one read of any connection's socket */
    uint8_t *tls_record; /* one record of any connection's output */
    struct turns *turns; /* of TLS handshakes */
};

/* The value of a Date field (RFC 9110 section 5.6.7); made once a second: error.c. */
const char *error_date(struct edge *edge);

#endif
