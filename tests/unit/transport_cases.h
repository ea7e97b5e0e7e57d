/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Shared by the tests of transports over GnuTLS: their setup and teardown, and the cases that all of them have.
 * Compiled for each transport, like transport_pair.h, whose header TEST_TRANSPORT then also defines
 *   TEST_WORKER   the type of its worker->state, with `counters`
 *   TEST_SECURITY how a link describes its security
 */
#ifndef TESTS_UNIT_TRANSPORT_CASES_H
#define TESTS_UNIT_TRANSPORT_CASES_H

#include "tests/unit/transport_pair.h"

#include <check.h>

/* Each test starts with an authority, a certificate for gate.test and a pair of ends that have not been started yet,
 * and must end with as many open descriptors as before. */
extern struct test_certificate ca, leaf;
extern struct test_pair pair;

/* A second pair, for tests in which one end exists without the other: its loop runs along with that of `pair`. */
extern struct test_pair other;
void start_other(bool gateway, bool client, uint16_t port);
void stop_other(void);

/* A counter of one end. */
#define COUNTER(worker, name) (*((TEST_WORKER *)(worker)->state)->counters.name)

/* Creates a test case with this setup and teardown for each test, and a time limit in seconds. */
TCase *new_case(const char *name, double seconds);

/* Connects, and expects this to fail with `text` in the reason. */
void expect_refusal(const char *text);

/* The errors that configure() reports for a config; "" if it accepts it. They stay in `errors`. */
const char *faults(TEST_CONFIG *config);
extern char errors[1024];
extern bool certificates_offered;  /* whether the pipeline has a provider of certificates */
extern struct hg_address anywhere; /* "*:443" */
#define ck_assert_has(text, part) ck_assert_msg(strstr(text, part), "\"%s\" is not in: %s", part, text)

/* Add the cases for all transports. */
void add_handshake_tests(TCase *tests);
void add_config_tests(TCase *tests);

#endif
