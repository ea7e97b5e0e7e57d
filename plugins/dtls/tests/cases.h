/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Shared by the tests of the transport, in addition to tests/unit/transport_cases.h.
 */
#ifndef PLUGINS_DTLS_TESTS_CASES_H
#define PLUGINS_DTLS_TESTS_CASES_H

#include "plugins/dtls/tests/kernel.h"
#include "tests/unit/transport_cases.h"

#include <check.h>

/* The transport's half of a link. */
#define ASSOCIATION(link) ((struct dtls_association *)(link)->handle)

TCase *unit_tests(void);
TCase *config_tests(void);
TCase *handshake_tests(void);
TCase *address_tests(void);
TCase *data_tests(void);
TCase *socket_tests(void);
TCase *hostile_tests(void);
TCase *roster_tests(void);

/* A test case whose tests start with a kernel that refuses nothing. */
TCase *dtls_case(const char *name, double seconds);

#endif
