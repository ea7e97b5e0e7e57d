/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "tests/unit/testbed_cases.h"

#include "core/session/session_table.h"

#include <check.h>

struct testbed testbed;

void set_up(void)
{
    memset(&testbed, 0, sizeof testbed);
    testbed.wire.seed = 1;
    testbed_new(&testbed);
}

void tear_down(void)
{
    testbed_free(&testbed);
}

void connect_pair(void)
{
    testbed_start(&testbed);
    testbed_connect(&testbed);
    testbed_wait(&testbed, 20);
}

struct sessions *at_gateway(void)
{
    return testbed.gateway->worker->sessions;
}

struct sessions *at_client(void)
{
    return testbed.client->worker->sessions;
}

void expect_success(const struct user *user, uint64_t bytes)
{
    ck_assert_msg(!user->was_reset, "reset: %d %s %s", user->reason.status, user->reason.error, user->detail);
    ck_assert_int_eq(user->status, 200);
    ck_assert(user->ended && !user->is_wrong);
    ck_assert_uint_eq(user->got, bytes);
}

bool no_session(void *arg)
{
    (void)arg;
    return testbed_session_count(&testbed) == 0;
}

bool one_session(void *arg)
{
    (void)arg;
    return testbed_session_count(&testbed) == 1;
}

bool client_is_disconnected(void *arg)
{
    (void)arg;
    return !testbed.client->worker->sessions->sessions;
}

bool is_held(void *arg)
{
    (void)arg;
    return testbed.held != NULL;
}

bool origin_is_quiet(void *arg)
{
    (void)arg;
    return testbed.attached == testbed.detached;
}

bool has_status(void *arg)
{
    return ((struct user *)arg)->status != 0;
}
