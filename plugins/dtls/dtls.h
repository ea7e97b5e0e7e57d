/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Shared by all parts of the transport: its config, and its state for each config block and each worker.
 */
#ifndef PLUGINS_DTLS_DTLS_H
#define PLUGINS_DTLS_DTLS_H

#include "plugins/dtls/list.h"
#include "plugins/dtls/socket.h"
#include "plugins/lib/ratelimit/ratelimit.h"
#include "plugins/lib/tlscommon/gateway_connect.h"
#include "plugins/lib/tlscommon/tls_setup.h"

#include <gnutls/gnutls.h>
#include <hopgate/host.h>
#include <hopgate/transport.h>
#include <stdatomic.h>

struct dtls_gateway;
struct dtls_roster;
struct turns;

/* At most: an address has an IPv4 and an IPv6 socket. */
#define DTLS_LISTENER_SOCKETS 2

/* The config block, filled by the core from the option table in dtls.c. */
struct dtls_config {
    struct hg_list listen; /* of struct hg_address */
    struct tlscommon_client_config client;
    struct hg_address bind;
    int64_t mtu; /* 0: automatic */
    uint64_t socket_buffer;
    hg_time handshake_timeout;
    int64_t max_handshakes;
    struct ratelimit_config ratelimit;
    const char *priority;
    int congestion; /* an index into congestion_names */
};

/* instance->state */
struct dtls_instance {
    struct tlscommon_setup setup;
    bool bound; /* client: `bind_address` is set */
    union dtls_address bind_address;
    atomic_flag buffers_reported;
    struct dtls_roster **rosters; /* gateway: DTLS_LISTENER_SOCKETS for each listener; each may be NULL */
};

/* Counters, shown under the plugin's name. */
struct dtls_counters {
    uint64_t *handshakes;
    uint64_t *handshakes_failed;
    uint64_t *resumed;
    uint64_t *cookies;
    uint64_t *refused;
    uint64_t *dropped;
    uint64_t *send_errors;
};

/* worker->state */
struct dtls_worker {
    struct hg_worker *worker;
    const struct dtls_config *config;
    struct dtls_instance *instance;
    struct dtls_receiver *receiver;
    struct dtls_list touched; /* associations that got packets since the last batch end */
    struct dtls_counters counters;
    struct turns *turns;          /* gateway: grants turns to sign */
    struct dtls_gateway *gateway; /* one of these is NULL */
    struct tlscommon_client *client;
};

/* Asks for the configured kernel buffers; logs once if the kernel grants less. */
void dtls_set_buffers(struct hg_instance *instance, int fd);

#endif
