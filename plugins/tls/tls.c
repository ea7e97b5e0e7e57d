/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * tls: links over TLS 1.3 (RFC 8446) on TCP. This file has the descriptor, options and configuration; gateway.c accepts
 * connections, client.c opens them, connection.c is shared by both, packet_framing.c and output.c implement packets on
 * a stream.
 */
#include "plugins/tls/tls.h"

#include "config.h"
#include "plugins/tls/client.h"
#include "plugins/tls/connection.h"
#include "plugins/tls/gateway.h"

#include <stdlib.h>

#define OPTION(member) .name = #member, .offset = offsetof(struct tls_config, member)

static const struct hg_option options[] = {
    {OPTION(listen), .type = HG_OPTION_LIST, .item = HG_OPTION_ADDRESS,
     .doc = "On a gateway: TCP addresses to listen on. Default: none; the edge hands over the connections to its "
            "`tls` addresses that speak hopgate/1."},
    TLSCOMMON_CLIENT_OPTIONS(struct tls_config, client),
    {OPTION(handshake_timeout), .type = HG_OPTION_DURATION, .value = "10s", .min = 100 * (int64_t)HG_MILLISECOND,
     .max = 300 * (int64_t)HG_SECOND, .doc = "How long a handshake may take."},
    {OPTION(max_handshakes), .type = HG_OPTION_INTEGER, .value = "4000", .min = 1, .max = 1000000,
     .doc = "On a gateway: the maximum number of handshakes in progress in each worker. Other clients wait to be "
            "accepted; connections handed over by the edge are closed."},
    RATELIMIT_OPTIONS(struct tls_config, ratelimit),
    {OPTION(priority), .type = HG_OPTION_STRING,
     .doc = "A GnuTLS priority string. The default is TLS 1.3 with X25519, P-256 or P-384, and AES-GCM or "
            "CHACHA20-POLY1305, which processors without AES instructions prefer."},
    {0},
};

/* ---- Config ---- */

#define PROTOCOLS "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL"

static int configure_client(struct hg_instance *instance)
{
    const struct tls_config *config = instance->cfg;
    struct tls_instance *state = instance->state;
    int result = tlscommon_client_configure(instance, &config->client, state->setup.credentials);

    if (config->listen.count > 0) {
        hg_config_error(
            instance, "listen",
            "a block cannot have both `listen` and `connect`; remove `listen` on a client, `connect` on a gateway");
        result = -1;
    }
    return result;
}

static int configure_gateway(struct hg_instance *instance)
{
    const struct tls_config *config = instance->cfg;
    struct tls_instance *state = instance->state;
    const char *client_only = config->client.server_name ? "server_name" : config->client.ca ? "ca" : NULL;

    if (!client_only)
        return tlscommon_setup_gateway(&state->setup, instance, config->listen.count > 0);
    return hg_config_error(instance, client_only,
                           "only applies to a client, with `connect: HOST:PORT`; add that, or remove this");
}

static bool is_client(const struct hg_instance *instance)
{
    const struct tls_config *config = instance->cfg;

    return config->client.connect.count > 0;
}

static int configure(struct hg_instance *instance)
{
    const struct tls_config *config = instance->cfg;
    struct tls_instance *state = calloc(1, sizeof *state);
    int result;

    instance->state = state;
    if (!state)
        return hg_config_error(instance, NULL, "out of memory");
    result = tlscommon_setup_init(&state->setup, instance, config->priority, PROTOCOLS);
    if (!state->setup.credentials)
        return -1;
    if ((is_client(instance) ? configure_client(instance) : configure_gateway(instance)) < 0)
        result = -1;
    return result;
}

static void unconfigure(struct hg_instance *instance)
{
    struct tls_instance *state = instance->state;

    if (!state)
        return;
    tlscommon_setup_fini(&state->setup);
    free(state);
    instance->state = NULL;
}

static int prepare(struct hg_instance *instance)
{
    const struct tls_config *config = instance->cfg;
    struct tls_instance *state = instance->state;

    return tlscommon_setup_listen(&state->setup, instance, &config->listen, SOCK_STREAM);
}

/* ---- Workers ---- */

static void make_counters(struct hg_worker *worker, struct tls_counters *counters)
{
    counters->handshakes = hg_counter(worker, "handshakes", "Handshakes completed.");
    counters->handshakes_failed = hg_counter(worker, "handshakes_failed", "Handshakes that failed or timed out.");
    counters->resumed = hg_counter(worker, "handshakes_resumed", "Handshakes resumed with a session ticket.");
    counters->refused = hg_counter(worker, "handshakes_refused", "Connections closed because of max_handshakes.");
    counters->truncated =
        hg_counter(worker, "connections_truncated", "Connections whose TCP stream ended without close_notify.");
}

static void worker_stop(struct hg_worker *worker)
{
    struct tls_worker *tls = worker->state;

    if (!tls)
        return;
    tls_gateway_free(tls->gateway);
    tls_client_free(tls->client);
    tls_connection_end_closing(tls);
    free(tls);
    worker->state = NULL;
}

static int worker_start(struct hg_worker *worker)
{
    /* Large, but the system allocates only the pages that are used. */
    struct tls_worker *tls = calloc(1, sizeof *tls);

    if (tls) {
        worker->state = tls;
        tls->worker = worker;
        tls->config = worker->cfg;
        tls->instance = worker->instance->state;
        make_counters(worker, &tls->counters);
        if (is_client(worker->instance))
            tls->client = tls_client_new(tls);
        else
            tls->gateway = tls_gateway_new(tls);
        if (tls->client || tls->gateway)
            return 0;
    }
    hg_log(worker->instance, HG_LOG_ERROR, "cannot start: out of memory");
    worker_stop(worker);
    return -1;
}

/* ---- Operations ---- */

static bool listens(const struct hg_instance *instance)
{
    return !is_client(instance);
}

static const struct hg_address *gateways(const struct hg_instance *instance, size_t *count)
{
    const struct tls_config *config = instance->cfg;

    *count = config->client.connect.count;
    return config->client.connect.items;
}

static int connect_link(struct hg_worker *worker, struct hg_link *link, size_t gateway)
{
    struct tls_worker *tls = worker->state;

    return tlscommon_client_connect(tls->client, link, gateway);
}

static void cancel_link(struct hg_worker *worker, struct hg_link *link)
{
    struct tls_worker *tls = worker->state;

    tlscommon_client_cancel(tls->client, link);
}

static const char *const *protocols(const struct hg_instance *instance)
{
    static const char *const names[] = {TLSCOMMON_ALPN, NULL};
    const struct tls_config *config = instance->cfg;

    return is_client(instance) || config->listen.count > 0 ? NULL : names;
}

static void take(struct hg_worker *worker, const struct hg_connection *connection)
{
    struct tls_worker *tls = worker->state;

    tls_gateway_take(tls->gateway, connection);
}

HG_EXPORT const struct hg_plugin *hopgate_plugin(void)
{
    static const struct hg_transport_ops ops = {
        .flags = HG_TRANSPORT_RELIABLE,
        .listens = listens,
        .connect = connect_link,
        .cancel = cancel_link,
        .next_packet_number = tls_connection_next_packet_number,
        .send = tls_connection_send,
        .flush = tls_connection_flush,
        .close = tls_connection_close,
        .gateways = gateways,
    };
    static const struct hg_connections_ops connections = {.protocols = protocols, .take = take};
    static const struct hg_offer offers[] = {
        {.name = HG_CONNECTIONS, .version = HG_CONNECTIONS_VERSION, .ops = &connections}, {0}};
    static const struct hg_need needs[] = {
        {.name = HG_CERTIFICATES, .version = HG_CERTIFICATES_VERSION, .optional = true}, {0}};
    static const struct hg_plugin plugin = {
        .abi = HG_ABI,
        .role = HG_ROLE_TRANSPORT,
        .name = "tls",
        .version = PACKAGE_VERSION,
        .summary = "carries sessions over TLS 1.3 on TCP",
        .options = options,
        .cfg_size = sizeof(struct tls_config),
        .ops = &ops,
        .offers = offers,
        .needs = needs,
        .configure = configure,
        .unconfigure = unconfigure,
        .prepare = prepare,
        .worker_start = worker_start,
        .worker_stop = worker_stop,
    };

    return &plugin;
}
