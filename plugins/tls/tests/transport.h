/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The definitions of this transport for tests/unit/transport_pair.h and transport_cases.h.
 */
#ifndef PLUGINS_TLS_TESTS_TRANSPORT_H
#define PLUGINS_TLS_TESTS_TRANSPORT_H

#include "plugins/tls/connection.h"

#define TEST_NAME                   "tls"
#define TEST_CONFIG                 struct tls_config
#define TEST_INSTANCE               struct tls_instance
#define TEST_WORKER                 struct tls_worker
#define TEST_SECURITY               "TLS1.3 ECDHE-X25519 AES-128-GCM"
#define TEST_CONFIG_DEFAULTS        .priority = NULL
#define TEST_SET_MTU(config, bytes) (void)(bytes)

#endif
