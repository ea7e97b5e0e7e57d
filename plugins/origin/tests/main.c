/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/origin/tests/cases.h"
#include "tests/unit/core_host.h"
#include "tests/unit/run_suite.h"
#include "tests/unit/slowness.h"

#include <dirent.h>
#include <string.h>

struct origin_config default_config(void)
{
    return (struct origin_config){.connect_timeout = 2 * slowness() * HG_SECOND,
                                  .response_timeout = 5 * slowness() * HG_SECOND,
                                  .idle_timeout = 5 * slowness() * HG_SECOND,
                                  .keep_alive = 60 * HG_SECOND,
                                  .queue_timeout = 5 * slowness() * HG_SECOND,
                                  .max_connections = 100,
                                  .max_idle = 64,
                                  .max_queue = 1000,
                                  .host = "public"};
}

struct fixture *start(struct origin_config *config)
{
    const struct fixture_part parts[] = {{edge_plugin(), NULL}, {hopgate_plugin(), config}};
    struct fixture *fixture;

    memset(&calls, 0, sizeof calls);
    log_configure(LOG_TEXT, HG_LOG_ERROR);
    fixture = fixture_new(PIPELINE_CLIENT, parts, 2);
    fixture_start(fixture);
    ((struct origin *)fixture_worker(fixture, 1)->state)->trial_time = 0;
    return fixture;
}

const struct origin *origin_of(struct fixture *fixture)
{
    return fixture_worker(fixture, 1)->state;
}

uint64_t counter(struct fixture *fixture, const char *name)
{
    return *hg_counter(fixture_worker(fixture, 1), name, "");
}

void check_failed(const struct user *user, int status, const char *error)
{
    ck_assert_msg(user->resets == 1 && !user->ends, "not reset: %s", user->heads);
    ck_assert_msg(user->reason.status == status && strcmp(user->reason.error, error) == 0,
                  "%d %s (%s) instead of %d %s", user->reason.status, user->reason.error, user->detail, status, error);
    ck_assert_str_ne(user->detail, "");
}

void check_answer(const struct user *user, const char *heads, const char *body)
{
    ck_assert_msg(user->ends == 1, "no end, but %d %s (%s)", user->reason.status,
                  user->reason.error ? user->reason.error : "", user->detail);
    ck_assert_str_eq(user->heads, heads);
    ck_assert_str_eq(user->body, body);
}

static unsigned open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;

    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static unsigned descriptors_before;

static void before(void)
{
    descriptors_before = open_descriptors();
}

static void after(void)
{
    ck_assert_uint_eq(open_descriptors(), descriptors_before + fixture_port_count());
}

TCase *new_case(const char *name)
{
    TCase *tests = tcase_create(name);

    tcase_add_checked_fixture(tests, before, after);
    tcase_set_timeout(tests, 60);
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("origin");

    suite_add_tcase(suite, request_tests());
    suite_add_tcase(suite, body_tests());
    suite_add_tcase(suite, response_tests());
    suite_add_tcase(suite, timing_tests());
    suite_add_tcase(suite, connection_tests());
    suite_add_tcase(suite, kept_tests());
    suite_add_tcase(suite, owned_tests());
    suite_add_tcase(suite, pool_tests());
    suite_add_tcase(suite, rule_tests());
    return run_suite(suite);
}
