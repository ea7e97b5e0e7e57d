/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The definitions of this transport for tests/unit/transport_pair.h and transport_cases.h.
 */
#ifndef PLUGINS_DTLS_TESTS_TRANSPORT_H
#define PLUGINS_DTLS_TESTS_TRANSPORT_H

#include "plugins/dtls/association.h"

#define TEST_NAME                   "dtls"
#define TEST_CONFIG                 struct dtls_config
#define TEST_INSTANCE               struct dtls_instance
#define TEST_WORKER                 struct dtls_worker
#define TEST_SECURITY               "DTLS1.2 ECDHE-X25519 AES-128-GCM"
#define TEST_CONFIG_DEFAULTS        .socket_buffer = 4 << 20
#define TEST_SET_MTU(config, bytes) (config).mtu = (bytes)

#endif
