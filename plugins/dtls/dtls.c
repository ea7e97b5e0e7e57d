/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * dtls: links over DTLS 1.2 (RFC 6347) on UDP. This file has the descriptor, options and configuration; gateway.c
 * listens, client.c connects, association.c is shared by both, socket.c sends and receives datagrams.
 */
#include "plugins/dtls/dtls.h"

#include "config.h"
#include "plugins/dtls/association.h"
#include "plugins/dtls/association_file.h"
#include "plugins/dtls/client.h"
#include "plugins/dtls/gateway.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define MTU_MIN 576   /* RFC 791 section 3.1: every host accepts this */
#define MTU_MAX 65535 /* a record takes up to 16 KiB of it */

/* In the order of enum hg_congestion, starting at HG_CONGESTION_BBR. */
static const char *const congestion_names[] = {"bbr", "cubic", NULL};

static const struct hg_option options[] = {
    {.name = "listen",
     .type = HG_OPTION_LIST,
     .item = HG_OPTION_ADDRESS,
     .offset = offsetof(struct dtls_config, listen),
     .doc = "On a gateway: UDP addresses to listen on."},
    TLSCOMMON_CLIENT_OPTIONS(struct dtls_config, client),
    {.name = "bind",
     .type = HG_OPTION_ADDRESS,
     .offset = offsetof(struct dtls_config, bind),
     .max = 65535,
     .doc = "On a client: local IP address and port to connect from; port 0: any port, which several links need."},
    {.name = "mtu",
     .type = HG_OPTION_INTEGER,
     .offset = offsetof(struct dtls_config, mtu),
     .value = "0",
     .max = MTU_MAX,
     .doc = "The maximum size of an IP packet in bytes, at least 576, assumed to be deliverable. 0: discover it by "
            "probing, from a UDP payload of 1,200 bytes up to the route's MTU or 16 KiB."},
    {.name = "handshake_timeout",
     .type = HG_OPTION_DURATION,
     .offset = offsetof(struct dtls_config, handshake_timeout),
     .value = "10s",
     .min = 100 * (int64_t)HG_MILLISECOND,
     .max = 300 * (int64_t)HG_SECOND,
     .doc = "How long a handshake may take."},
    {.name = "max_handshakes",
     .type = HG_OPTION_INTEGER,
     .offset = offsetof(struct dtls_config, max_handshakes),
     .value = "4000",
     .min = 1,
     .max = 1000000,
     .doc = "On a gateway: the maximum number of handshakes in progress in each worker; other clients retry."},
    RATELIMIT_OPTIONS(struct dtls_config, ratelimit),
    {.name = "socket_buffer",
     .type = HG_OPTION_SIZE,
     .offset = offsetof(struct dtls_config, socket_buffer),
     .value = "4M",
     .min = 65536,
     .max = 256 * 1024 * 1024,
     .doc = "The size requested for each of a socket's two kernel buffers. A warning is logged if the kernel grants "
            "less."},
    {.name = "congestion",
     .type = HG_OPTION_ENUM,
     .offset = offsetof(struct dtls_config, congestion),
     .value = "bbr",
     .choices = congestion_names,
     .doc = "The congestion control for data that this end sends. bbr measures what the path can deliver, keeps "
            "queues short and is not slowed down by random loss; cubic, like most TCP, sends faster until packets are "
            "lost. The ends need not agree."},
    {.name = "priority",
     .type = HG_OPTION_STRING,
     .offset = offsetof(struct dtls_config, priority),
     .doc = "A GnuTLS priority string. The default is ECDHE with X25519, P-256 or P-384, and AES-GCM or "
            "CHACHA20-POLY1305, which processors without AES instructions prefer."},
    {0},
};

/* ---- Config ---- */

#define PROTOCOLS "NORMAL:-VERS-ALL:+VERS-DTLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-MAC-ALL:+AEAD:-CIPHER-ALL"

static int set_bind_address(struct hg_instance *instance)
{
    const struct dtls_config *config = instance->cfg;
    struct dtls_instance *state = instance->state;
    union dtls_address *address = &state->bind_address;

    if (!config->bind.host)
        return 0;
    state->bound = true;
    if (inet_pton(AF_INET, config->bind.host, &address->v4.sin_addr) == 1) {
        address->v4.sin_family = AF_INET;
        address->v4.sin_port = htons(config->bind.port);
        return 0;
    }
    if (inet_pton(AF_INET6, config->bind.host, &address->v6.sin6_addr) == 1) {
        address->v6.sin6_family = AF_INET6;
        address->v6.sin6_port = htons(config->bind.port);
        return 0;
    }
    return hg_config_error(instance, "bind", "\"%s\" is not an IP address and port, such as 192.0.2.1:0",
                           config->bind.host);
}

static int configure_client(struct hg_instance *instance)
{
    const struct dtls_config *config = instance->cfg;
    struct dtls_instance *state = instance->state;
    int result = tlscommon_client_configure(instance, &config->client, state->setup.credentials);

    if (set_bind_address(instance) < 0)
        result = -1;
    if (config->bind.port && config->client.connect.count > 1) {
        hg_config_error(instance, "bind", "with several gateways the port must be 0, as each link needs its own");
        result = -1;
    }
    return result;
}

static int configure_gateway(struct hg_instance *instance)
{
    const struct dtls_config *config = instance->cfg;
    struct dtls_instance *state = instance->state;
    const char *client_only = config->client.server_name ? "server_name"
                              : config->client.ca        ? "ca"
                              : config->bind.host        ? "bind"
                                                         : NULL;
    int result = tlscommon_setup_gateway(&state->setup, instance, true);

    if (client_only) {
        hg_config_error(instance, client_only, "only applies to a client, with `connect`; remove it");
        result = -1;
    }
    return result;
}

static int configure(struct hg_instance *instance)
{
    const struct dtls_config *config = instance->cfg;
    struct dtls_instance *state = calloc(1, sizeof *state);
    bool gateway = config->listen.count > 0, client = config->client.connect.count > 0;
    int result;

    instance->state = state;
    if (!state)
        return hg_config_error(instance, NULL, "out of memory");
    atomic_flag_clear(&state->buffers_reported);
    result = tlscommon_setup_init(&state->setup, instance, config->priority, PROTOCOLS);
    if (!state->setup.credentials)
        return -1;
    if (config->mtu != 0 && config->mtu < MTU_MIN) {
        hg_config_error(instance, "mtu", "%lld is too small; use at least %d, or 0 to discover the size",
                        (long long)config->mtu, MTU_MIN);
        result = -1;
    }
    if (gateway == client)
        return hg_config_error(
            instance, gateway ? "listen" : NULL,
            gateway
                ? "a block cannot have both `listen` and `connect`; remove `listen` on a client, `connect` on a gateway"
                : "give `listen: ADDRESS` on a gateway or `connect: HOST:PORT` on a client");
    if ((gateway ? configure_gateway(instance) : configure_client(instance)) < 0)
        result = -1;
    return result;
}

static void unconfigure(struct hg_instance *instance)
{
    struct dtls_instance *state = instance->state;

    if (!state)
        return;
    for (size_t i = 0; state->rosters && i < state->setup.listener_count * DTLS_LISTENER_SOCKETS; i++)
        dtls_roster_close(state->rosters[i]);
    free(state->rosters);
    tlscommon_setup_fini(&state->setup);
    free(state);
    instance->state = NULL;
}

void dtls_set_buffers(struct hg_instance *instance, int fd)
{
    const struct dtls_config *config = instance->cfg;
    struct dtls_instance *state = instance->state;
    size_t size = dtls_socket_set_buffers(fd, config->socket_buffer);

    if (size < config->socket_buffer && !atomic_flag_test_and_set(&state->buffers_reported))
        hg_log(instance, HG_LOG_WARNING,
               "the kernel limits socket buffers to %zu bytes instead of %llu; raise net.core.rmem_max and "
               "net.core.wmem_max (sysctl), or lower socket_buffer",
               size, (unsigned long long)config->socket_buffer);
}

/* Does what needs the privileges present at startup: exceeding the kernel's buffer limits, and opening files. */
static void prepare_sockets(struct hg_instance *instance, const struct hg_listener *listener,
                            struct dtls_roster **rosters)
{
    int fds[DTLS_LISTENER_SOCKETS];
    size_t count = hg_listener_sockets(instance, listener, fds, DTLS_LISTENER_SOCKETS);

    for (size_t i = 0; i < count && i < DTLS_LISTENER_SOCKETS; i++) {
        dtls_set_buffers(instance, fds[i]);
        rosters[i] = dtls_roster_open(instance, fds[i]);
    }
}

static int prepare(struct hg_instance *instance)
{
    const struct dtls_config *config = instance->cfg;
    struct dtls_instance *state = instance->state;

    if (tlscommon_setup_listen(&state->setup, instance, &config->listen, SOCK_DGRAM))
        return -1;
    state->rosters = calloc(state->setup.listener_count * DTLS_LISTENER_SOCKETS + 1, sizeof(struct dtls_roster *));
    if (!state->rosters)
        return hg_config_error(instance, NULL, "out of memory");
    for (size_t i = 0; i < state->setup.listener_count; i++)
        prepare_sockets(instance, state->setup.listeners[i], &state->rosters[i * DTLS_LISTENER_SOCKETS]);
    return 0;
}

/* ---- Workers ---- */

static void make_counters(struct hg_worker *worker, struct dtls_counters *counters)
{
    counters->handshakes = hg_counter(worker, "handshakes", "Handshakes completed.");
    counters->handshakes_failed = hg_counter(worker, "handshakes_failed", "Handshakes that failed or timed out.");
    counters->resumed = hg_counter(worker, "handshakes_resumed", "Handshakes resumed with a session ticket.");
    counters->cookies = hg_counter(worker, "cookies_sent", "First messages answered with a cookie.");
    counters->refused = hg_counter(worker, "handshakes_refused", "Handshakes above max_handshakes.");
    counters->dropped = hg_counter(worker, "datagrams_dropped", "Datagrams that are not DTLS records.");
    counters->send_errors = hg_counter(worker, "send_errors", "Datagrams that the kernel refused to send.");
}

static void worker_stop(struct hg_worker *worker)
{
    struct dtls_worker *dtls = worker->state;

    if (!dtls)
        return;
    dtls_gateway_free(dtls->gateway);
    dtls_client_free(dtls->client);
    free(dtls->receiver);
    free(dtls);
    worker->state = NULL;
}

static int worker_start(struct hg_worker *worker)
{
    const struct dtls_config *config = worker->cfg;
    struct dtls_worker *dtls = calloc(1, sizeof *dtls);

    if (!dtls) {
        hg_log(worker->instance, HG_LOG_ERROR, "cannot start: out of memory");
        return -1;
    }
    worker->state = dtls;
    dtls->worker = worker;
    dtls->config = config;
    dtls->instance = worker->instance->state;
    /* 1 MiB, of which only the parts that datagrams have been written to use memory. */
    dtls->receiver = malloc(sizeof *dtls->receiver);
    dtls_list_init(&dtls->touched);
    make_counters(worker, &dtls->counters);
    if (dtls->receiver && config->listen.count > 0)
        dtls->gateway = dtls_gateway_new(dtls);
    else if (dtls->receiver)
        dtls->client = dtls_client_new(dtls);
    if (dtls->gateway || dtls->client)
        return 0;
    hg_log(worker->instance, HG_LOG_ERROR, "cannot start: out of memory");
    worker_stop(worker);
    return -1;
}

/* ---- Operations ---- */

static bool listens(const struct hg_instance *instance)
{
    const struct dtls_config *config = instance->cfg;

    return config->listen.count > 0;
}

static const struct hg_address *gateways(const struct hg_instance *instance, size_t *count)
{
    const struct dtls_config *config = instance->cfg;

    *count = config->client.connect.count;
    return config->client.connect.items;
}

static int connect_link(struct hg_worker *worker, struct hg_link *link, size_t gateway)
{
    struct dtls_worker *dtls = worker->state;

    return tlscommon_client_connect(dtls->client, link, gateway);
}

static void cancel_link(struct hg_worker *worker, struct hg_link *link)
{
    struct dtls_worker *dtls = worker->state;

    tlscommon_client_cancel(dtls->client, link);
}

HG_EXPORT const struct hg_plugin *hopgate_plugin(void)
{
    static const struct hg_transport_ops ops = {
        .listens = listens,
        .connect = connect_link,
        .cancel = cancel_link,
        .next_packet_number = dtls_association_next_packet_number,
        .skip_packet_number = dtls_association_skip_packet_number,
        .send = dtls_association_send,
        .flush = dtls_association_flush,
        .close = dtls_association_close,
        .probe = dtls_association_probe,
        .gateways = gateways,
    };
    static const struct hg_need needs[] = {
        {.name = HG_CERTIFICATES, .version = HG_CERTIFICATES_VERSION, .optional = true}, {0}};
    static const struct hg_plugin plugin = {
        .abi = HG_ABI,
        .role = HG_ROLE_TRANSPORT,
        .name = "dtls",
        .version = PACKAGE_VERSION,
        .summary = "carries sessions over DTLS 1.2 on UDP",
        .options = options,
        .cfg_size = sizeof(struct dtls_config),
        .ops = &ops,
        .needs = needs,
        .configure = configure,
        .unconfigure = unconfigure,
        .prepare = prepare,
        .worker_start = worker_start,
        .worker_stop = worker_stop,
    };

    return &plugin;
}
