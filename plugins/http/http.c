/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The plugin `http`: the edge, which speaks HTTP/1 to public users, with and without TLS.
 */
#include "plugins/http/protocol.h"
#include "plugins/http/tls.h"

#include "config.h"

#include <hopgate/challenges.h>
#include <stdio.h>
#include <stdlib.h>

#define SECONDS(number) ((int64_t)(number) * (int64_t)HG_SECOND)
#define A_DAY           SECONDS(86400)

static const char *const listen_words[] = {"tls", NULL};
static const char *const forwarded_policies[] = {"replace", "append", "remove", "keep", NULL};

/* RFC 9325 sections 4.1 and 4.2: no static RSA, no finite-field Diffie-Hellman, no CBC. */
#define TLS_PRIORITY                                                                                                   \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-CIPHER-ALL:+AES-128-GCM:+AES-256-"    \
    "GCM:"                                                                                                             \
    "+CHACHA20-POLY1305:-MAC-ALL:+AEAD:%SERVER_PRECEDENCE"

#define OPTION(member) .name = #member, .offset = offsetof(struct http_config, member)

static const struct hg_option options[] = {
    {OPTION(listen), .type = HG_OPTION_LIST, .item = HG_OPTION_ADDRESS, .flags = HG_OPTION_REQUIRED, .min = 0,
     .max = 65535, .choices = listen_words, .doc = "Addresses to listen on; `tls` after an address means TLS."},
    {OPTION(head_timeout), .type = HG_OPTION_DURATION, .value = "10s", .min = (int64_t)HG_MILLISECOND, .max = A_DAY,
     .doc = "How long the TLS handshake and the request head may take together; the time restarts after a wait for a "
            "certificate."},
    {OPTION(idle_timeout), .type = HG_OPTION_DURATION, .value = "300s", .min = (int64_t)HG_MILLISECOND, .max = A_DAY,
     .doc = "How long a request or response may make no progress."},
    {OPTION(keep_alive_timeout), .type = HG_OPTION_DURATION, .value = "60s", .min = (int64_t)HG_MILLISECOND,
     .max = A_DAY, .doc = "How long an idle connection is kept open."},
    {OPTION(drain_timeout), .type = HG_OPTION_DURATION, .value = "5s", .min = (int64_t)HG_MILLISECOND, .max = A_DAY,
     .doc = "How long to continue reading an upload that makes no progress (16 KiB) after its response or error was "
            "sent, so that the user can receive it."},
    {OPTION(max_connections), .type = HG_OPTION_INTEGER, .value = "16384", .min = 1, .max = 10000000,
     .doc = "The maximum number of connections per worker; others wait to be accepted."},
    {OPTION(max_requests), .type = HG_OPTION_INTEGER, .value = "1000", .min = 1, .max = INT64_MAX,
     .doc = "The maximum number of requests on one connection before it is closed."},
    {OPTION(max_request_line), .type = HG_OPTION_SIZE, .value = "8k", .min = 64, .max = 65536,
     .doc =
         "The maximum length of the request line; longer ones are answered with 414, or 501 if the method alone is."},
    {OPTION(max_head), .type = HG_OPTION_SIZE, .value = "64k", .min = 256, .max = HTTP1_HEAD_MAX,
     .doc = "The maximum size of a request head; larger ones are answered with 431. See MEMORY."},
    {OPTION(max_fields), .type = HG_OPTION_INTEGER, .value = "100", .min = 1, .max = HTTP1_FIELDS_MAX,
     .doc = "The maximum number of fields in a request head or trailer section; more are answered with 431."},
    {OPTION(max_trailers), .type = HG_OPTION_SIZE, .value = "8k", .min = 64, .max = 8192,
     .doc = "The maximum size of a request's trailer section; larger ones are answered with 431."},
    {OPTION(max_body), .type = HG_OPTION_SIZE, .value = "0", .min = 0, .max = INT64_MAX,
     .doc = "The maximum size of a request body; larger ones are answered with 413. 0: no limit."},
    {OPTION(underscores), .type = HG_OPTION_BOOL, .value = "no",
     .doc = "Keep fields whose names contain `_`, which some services do not distinguish from `-`."},
    {OPTION(forwarded), .type = HG_OPTION_ENUM, .value = "replace", .choices = forwarded_policies,
     .doc = "What to do with Forwarded, X-Forwarded-* and other fields that a proxy sets: replace them, append to "
            "them, remove them, or keep them unchanged."},
    {OPTION(via), .type = HG_OPTION_STRING, .value = "hopgate",
     .doc = "The name of this gateway in Via, CDN-Loop and Proxy-Status; empty: no Via."},
    {OPTION(request_via), .type = HG_OPTION_BOOL, .value = "no",
     .doc = "Add Via to requests, too. Some services, such as nginx, do not compress responses to a proxy."},
    {OPTION(accept_request_id), .type = HG_OPTION_BOOL, .value = "no",
     .doc = "Use the X-Request-Id of the request instead of a new id. Only for gateways behind a trusted proxy."},
    {OPTION(tls_priority), .type = HG_OPTION_STRING, .value = TLS_PRIORITY,
     .doc = "TLS versions and algorithms as a GnuTLS priority string. The default allows only forward secrecy and "
            "AEAD (RFC 9325), in the server's order."},
    {0},
};

static bool has_listener(const struct http_config *config, bool tls)
{
    const struct hg_address *addresses = config->listen.items;

    for (size_t i = 0; i < config->listen.count; i++)
        if (!!(addresses[i].words & LISTEN_TLS) == tls)
            return true;
    return false;
}

/* Whether another block waits for connections that only a TLS listener can identify. */
static bool is_waited_for(struct hg_instance *instance)
{
    struct hg_capability connections;
    const struct hg_connections_ops *ops;

    if (!hg_capability(instance, HG_CONNECTIONS, HG_CONNECTIONS_VERSION, &connections))
        return false;
    ops = connections.ops;
    return ops->protocols(connections.provider) != NULL;
}

/* Via and Proxy-Status need a token (RFC 9110 section 7.6.3). */
static bool is_token(const char *text)
{
    return text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._")] == '\0';
}

static int configure_tls(struct hg_instance *instance, struct http *http, const struct http_config *config)
{
    struct hg_capability certificates;
    int result = 0;

    if (!hg_capability(instance, HG_CERTIFICATES, HG_CERTIFICATES_VERSION, &certificates)) {
        hg_config_error(instance, "listen",
                        "a tls listener requires certificates, which no plugin in the pipeline offers; add tls_files");
        result = -1;
    }
    http->tls = tls_context_new(instance, config->tls_priority);
    return http->tls ? result : -1;
}

/* For each kind of challenge, the authority connects to one kind of listener; if the port is forwarded, it may have any
 * number. */
static void check_solvers(struct hg_instance *instance, const struct http_config *config)
{
    struct hg_capability solver;

    if (hg_capability(instance, HG_CHALLENGE_HTTP01, HG_CHALLENGES_VERSION, &solver) && !has_listener(config, false))
        hg_config_warning(instance, "listen",
                          "%s answers challenges on port 80 without TLS, but every address has `tls`; add \"*:80\" or "
                          "remove the block",
                          solver.provider->name);
    if (hg_capability(instance, HG_CHALLENGE_TLSALPN01, HG_CHALLENGES_VERSION, &solver) && !has_listener(config, true))
        hg_config_warning(instance, "listen",
                          "%s answers challenges on port 443 over TLS, but no address has `tls`; add \"*:443 tls\" or "
                          "remove the block",
                          solver.provider->name);
}

static int http_configure(struct hg_instance *instance)
{
    const struct http_config *config = instance->cfg;
    struct http *http = calloc(1, sizeof *http);
    int result = 0;

    if (!http)
        return hg_config_error(instance, NULL, "out of memory");
    instance->state = http;
    http->limits = (struct http1_limits)HTTP1_DEFAULT_LIMITS;
    http->limits.start_line = config->max_request_line;
    http->limits.head = config->max_head;
    http->limits.fields = (size_t)config->max_fields;
    http->limits.trailers = config->max_trailers;
    http->limits.underscores = config->underscores;
    if (config->listen.count == 0) {
        hg_config_error(instance, "listen", "no address; give at least one, such as \"*:80\"");
        result = -1;
    }
    if (!is_token(config->via)) {
        hg_config_error(instance, "via", "only letters, digits and -._ are allowed");
        result = -1;
    }
    check_solvers(instance, config);
    if (has_listener(config, true)) {
        if (configure_tls(instance, http, config))
            result = -1;
    } else if (is_waited_for(instance)) {
        hg_config_error(instance, "listen",
                        "a transport expects TLS connections from here, but no address has `tls`; add it to one, or "
                        "give that transport its own address with `listen`");
        result = -1;
    }
    return result;
}

static void http_unconfigure(struct hg_instance *instance)
{
    struct http *http = instance->state;

    if (!http)
        return;
    tls_context_free(http->tls);
    free(http->listeners);
    free(http);
    instance->state = NULL;
}

static int http_prepare(struct hg_instance *instance)
{
    const struct http_config *config = instance->cfg;
    const struct hg_address *addresses = config->listen.items;
    struct http *http = instance->state;
    int result = 0;

    http->listeners = calloc(config->listen.count, sizeof *http->listeners);
    if (!http->listeners)
        return hg_config_error(instance, "listen", "out of memory");
    for (size_t i = 0; i < config->listen.count; i++) {
        char option[32];

        snprintf(option, sizeof option, "listen[%zu]", i);
        http->listeners[i] = hg_listen(instance, option, &addresses[i], SOCK_STREAM);
        if (!http->listeners[i])
            result = -1;
    }
    return result;
}

static void add_counters(struct edge *edge)
{
    static const uint64_t bounds[] = {
        HG_MILLISECOND,       3 * HG_MILLISECOND, 10 * HG_MILLISECOND, 30 * HG_MILLISECOND, 100 * HG_MILLISECOND,
        300 * HG_MILLISECOND, HG_SECOND,          3 * HG_SECOND,       10 * HG_SECOND,      60 * HG_SECOND};
    static const struct hg_metric durations = {
        .name = "request_duration",
        .kind = HG_METRIC_HISTOGRAM,
        .unit = HG_UNIT_NANOSECONDS,
        .help = "Time from the end of a request's head to the end of its response.",
        .bounds = bounds,
        .bound_count = sizeof bounds / sizeof *bounds,
    };

    edge->durations = hg_histogram(edge->worker, &durations, NULL);
    edge->accepted = hg_counter(edge->worker, "connections", "Connections accepted.");
    edge->handed_over = hg_counter(edge->worker, "handed_over", "Connections handed over to another plugin.");
    edge->requests = hg_counter(edge->worker, "requests", "Requests passed on.");
    edge->refused = hg_counter(edge->worker, "errors", "Responses that the gateway made itself.");
    edge->failed_handshakes = hg_counter(edge->worker, "failed_handshakes", "TLS handshakes that failed.");
    edge->aborted = hg_counter(edge->worker, "aborted", "Exchanges whose user closed the connection.");
}

static bool has_room(void *arg)
{
    const struct edge *edge = arg;

    return edge->connection_count < (size_t)edge->config->max_connections;
}

static void on_connection(void *arg, int fd, const struct sockaddr *address, size_t listener)
{
    struct edge *edge = arg;
    const struct hg_address *addresses = edge->config->listen.items;

    ++*edge->accepted;
    connection_open(edge, fd, address, addresses[listener].words & LISTEN_TLS);
}

static int start_accepting(struct edge *edge)
{
    static const struct accept_user user = {.has_room = has_room, .connection = on_connection};

    edge->accept = accept_start(edge->worker, edge->http->listeners, edge->config->listen.count, &user, edge);
    return edge->accept ? 0 : -1;
}

static void edge_free(struct edge *edge)
{
    while (edge->connections)
        connection_free(edge->connections);
    accept_free(edge->accept);
    while (edge->spare_input_count)
        hg_buffer_unref(edge->spare_inputs[--edge->spare_input_count]);
    tls_stop(edge);
    free(edge);
}

static int http_worker_start(struct hg_worker *worker)
{
    struct edge *edge = calloc(1, sizeof *edge);

    if (!edge) {
        hg_log(worker->instance, HG_LOG_ERROR, "out of memory");
        return -1;
    }
    edge->worker = worker;
    edge->config = worker->cfg;
    edge->http = worker->instance->state;
    add_counters(edge);
    if ((edge->http->tls && tls_start(edge)) || start_accepting(edge)) {
        hg_log(worker->instance, HG_LOG_ERROR, "cannot start: out of memory or descriptors");
        edge_free(edge);
        return -1;
    }
    worker->state = edge;
    return 0;
}

/* Listeners from which other plugins take connections stay open, as a session of a tunnel may need a new link to finish
 * its exchanges. */
static void stop_accepting(struct edge *edge)
{
    const struct hg_address *addresses = edge->config->listen.items;

    for (size_t i = 0; i < edge->config->listen.count; i++)
        if (!edge->taken || !(addresses[i].words & LISTEN_TLS))
            accept_stop(edge->accept, i);
}

static void http_worker_drain(struct hg_worker *worker)
{
    struct edge *edge = worker->state;
    struct connection *next;

    edge->draining = true;
    stop_accepting(edge);
    for (struct connection *connection = edge->connections; connection; connection = next) {
        next = connection->next;
        connection_drain(connection);
    }
}

static void http_worker_stop(struct hg_worker *worker)
{
    if (worker->state)
        edge_free(worker->state);
    worker->state = NULL;
}

HG_EXPORT const struct hg_plugin *hopgate_plugin(void)
{
    static const struct hg_edge_ops ops = {.exchange = &response_ops};
    static const struct hg_need needs[] = {
        {HG_CERTIFICATES, HG_CERTIFICATES_VERSION, true}, {HG_CONNECTIONS, HG_CONNECTIONS_VERSION, true}, {0}};
    static const struct hg_plugin plugin = {
        .abi = HG_ABI,
        .role = HG_ROLE_EDGE,
        .name = "http",
        .version = PACKAGE_VERSION,
        .summary = "accepts public HTTP/1 requests, with and without TLS",
        .options = options,
        .cfg_size = sizeof(struct http_config),
        .ops = &ops,
        .needs = needs,
        .configure = http_configure,
        .unconfigure = http_unconfigure,
        .prepare = http_prepare,
        .worker_start = http_worker_start,
        .worker_drain = http_worker_drain,
        .worker_stop = http_worker_stop,
    };

    return &plugin;
}
