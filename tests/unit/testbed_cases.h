/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The testbed of a test program's cases, and what many of them share. Include it in one file of a program.
 */
#ifndef TESTS_UNIT_TESTBED_CASES_H
#define TESTS_UNIT_TESTBED_CASES_H

#include "tests/unit/testbed.h"

extern struct testbed testbed;

/* The fixture of each case: a testbed that has not been started. */
void set_up(void);
void tear_down(void);

/* Starts both ends, and waits until they have a session and nothing more to send. */
void connect_pair(void);

struct sessions *at_gateway(void);
struct sessions *at_client(void);

/* Fails unless the user got the whole response. */
void expect_success(const struct user *user, uint64_t bytes);

/* ---- Conditions for testbed_run(); `arg` is ignored ---- */

bool no_session(void *arg);
bool one_session(void *arg);
/* The client has no session, not even one that waits for a link. */
bool client_is_disconnected(void *arg);
/* There is an exchange at the origin that does not end. */
bool is_held(void *arg);
/* All exchanges at the origin have ended. */
bool origin_is_quiet(void *arg);
/* The user, `arg`, got a status. */
bool has_status(void *arg);

#endif
