/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What the tests of the transports over GnuTLS share: where each begins and ends, and the cases that hold for all of
 * them. Compiled for each transport, as transport_pair.h is, whose header TEST_TRANSPORT then also defines
 *   TEST_WORKER   the type of its worker->state, with `counters`
 *   TEST_SECURITY what a link says of its security
 */
#ifndef TESTS_UNIT_TRANSPORT_CASES_H
#define TESTS_UNIT_TRANSPORT_CASES_H

#include "tests/unit/transport_pair.h"

#include <check.h>

/* Each test starts with an authority, a certificate for gate.test and a pair of ends that are not started yet, and ends
 * with as many descriptors as it began with. */
extern struct test_certificate ca, leaf;
extern struct test_pair pair;

/* A second pair, for tests where one end must go without the other: its loop turns with that of `pair`. */
extern struct test_pair other;
void start_other(bool gateway, bool client, uint16_t port);
void stop_other(void);

/* A counter of one end. */
#define COUNTER(worker, name) (*((TEST_WORKER *)(worker)->state)->counters.name)

/* A test case with that around each test, for which it has so many seconds. */
TCase *new_case(const char *name, double seconds);

/* Connects, and expects that it fails with this in its reason. */
void expect_refusal(const char *text);

/* What configure() says of a config; "" when it takes it. It stays in `errors`. */
const char *faults(TEST_CONFIG *config);
extern char errors[1024];
extern bool certificates_offered;  /* whether the pipeline has somebody who offers them */
extern struct hg_address anywhere; /* "*:443" */
#define ck_assert_has(text, part) ck_assert_msg(strstr(text, part), "\"%s\" is not in: %s", part, text)

/* Add the cases that hold for all transports. */
void add_handshake_tests(TCase *tests);
void add_config_tests(TCase *tests);

#endif
