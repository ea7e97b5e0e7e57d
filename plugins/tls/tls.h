/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Shared by all parts of the transport: its config, and its state for each config block and each worker.
 */
#ifndef PLUGINS_TLS_TLS_H
#define PLUGINS_TLS_TLS_H

#include "plugins/lib/ratelimit/ratelimit.h"
#include "plugins/lib/tlscommon/gateway_connect.h"
#include "plugins/lib/tlscommon/tls_setup.h"
#include "plugins/tls/output.h"

#include <hopgate/host.h>
#include <hopgate/transport.h>

/* For one read from any connection's socket. */
#define TLS_INPUT_SIZE 131072

struct tls_connection;
struct tls_gateway;

/* The config block, filled by the core from the option table in tls.c. */
struct tls_config {
    struct hg_list listen; /* of struct hg_address */
    struct tlscommon_client_config client;
    hg_time handshake_timeout;
    int64_t max_handshakes;
    struct ratelimit_config ratelimit;
    const char *priority;
};

/* instance->state */
struct tls_instance {
    struct tlscommon_setup setup;
};

/* Counters, shown under the plugin's name. */
struct tls_counters {
    uint64_t *handshakes;
    uint64_t *handshakes_failed;
    uint64_t *resumed;
    uint64_t *refused;
    uint64_t *truncated;
};

/* worker->state */
struct tls_worker {
    struct hg_worker *worker;
    const struct tls_config *config;
    struct tls_instance *instance;
    struct tls_counters counters;
    struct tls_connection *closing; /* connections that are only waiting for their peers to close */
    size_t closing_count;
    struct tls_gateway *gateway; /* one of these is NULL */
    struct tlscommon_client *client;
    struct tls_batch batch;
    uint8_t input[TLS_INPUT_SIZE];
};

#endif
