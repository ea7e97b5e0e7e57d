/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What the tests of the transport share. Each starts with an authority, a certificate for gate.test and a pair of ends
 * that are not started yet.
 */
#ifndef DTLS_TESTS_CASES_H
#define DTLS_TESTS_CASES_H

#include "plugins/dtls/tests/kernel.h"
#include "tests/unit/transport_pair.h"

#include <check.h>

extern struct test_certificate ca, leaf;
extern struct test_pair pair;

/* A second pair, for tests where one end must go without the other: its loop turns with that of `pair`. */
extern struct test_pair other;
void start_other(bool gateway, bool client, uint16_t port);
void stop_other(void);

/* A counter of one end. */
#define COUNTER(worker, name) (*((struct dtls_worker *)(worker)->state)->counters.name)

/* The transport's half of a link. */
#define ASSOCIATION(link) ((struct dtls_association *)(link)->handle)

TCase *unit_tests(void);
TCase *config_tests(void);
TCase *handshake_tests(void);
TCase *address_tests(void);
TCase *data_tests(void);
TCase *socket_tests(void);
TCase *hostile_tests(void);

/* A test case with what all start with; `seconds` for each test. */
TCase *new_case(const char *name, double seconds);

#endif
