/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/lib/ratelimit/ratelimit.h"

#include "tests/unit/fake_host.h"
#include "tests/unit/run_suite.h"

#include <arpa/inet.h>
#include <check.h>
#include <malloc.h>
#include <stdlib.h>

static const struct hg_plugin plugin = {.name = "test"};
static struct fake_host fake;
static struct ratelimit_config config;
static struct ratelimit *limit;

static void set_up(void)
{
    fake_host_init(&fake, &plugin, NULL);
    config = (struct ratelimit_config){.rate = 10, .burst = 5};
    limit = ratelimit_new(&fake.worker, &config);
    ck_assert_ptr_nonnull(limit);
}

static void tear_down(void)
{
    ratelimit_free(limit);
}

static bool admits(const char *address)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = (in_port_t)rand()};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = (in_port_t)rand()};

    if (inet_pton(AF_INET, address, &v4.sin_addr) == 1)
        return ratelimit_admits(limit, (struct sockaddr *)&v4);
    ck_assert_int_eq(inet_pton(AF_INET6, address, &v6.sin6_addr), 1);
    return ratelimit_admits(limit, (struct sockaddr *)&v6);
}

/* How many of these tries are admitted now. */
static unsigned admitted(const char *address, unsigned tries)
{
    unsigned count = 0;

    while (tries--)
        count += admits(address);
    return count;
}

/* A source that was known before a restart returns along with all others. */
START_TEST(known_sources_do_not_count)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000201)};

    for (unsigned i = 0; i < 30; i++)
        ratelimit_expect(limit, (struct sockaddr *)&v4);
    ck_assert_uint_eq(admitted("192.0.2.1", 100), 30 + 5);
    ck_assert_uint_eq(admitted("192.0.2.2", 100), 5);
}
END_TEST

static bool admits_number(uint32_t number)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(number)};

    return ratelimit_admits(limit, (struct sockaddr *)&v4);
}

START_TEST(a_burst_then_the_rate)
{
    ck_assert_uint_eq(admitted("192.0.2.1", 20), 5);
    ck_assert_uint_eq(fake.counter, 15);
    fake.now += 99 * HG_MILLISECOND;
    ck_assert(!admits("192.0.2.1"));
    fake.now += HG_MILLISECOND;
    ck_assert_uint_eq(admitted("192.0.2.1", 20), 1); /* refused tries have taken nothing */
    fake.now += 300 * HG_MILLISECOND;
    ck_assert_uint_eq(admitted("192.0.2.1", 20), 3);
    fake.now += 3600 * HG_SECOND;
    ck_assert_uint_eq(admitted("192.0.2.1", 20), 5); /* no more than one burst accumulates */
}
END_TEST

START_TEST(each_source_has_its_own)
{
    ck_assert_uint_eq(admitted("192.0.2.1", 6), 5);
    ck_assert_uint_eq(admitted("192.0.2.2", 6), 5);
    ck_assert_uint_eq(admitted("::ffff:192.0.2.1", 6), 0); /* the same host on a dual-stack socket */
    ck_assert_uint_eq(admitted("2001:db8:0:1::1", 6), 5);
    ck_assert_uint_eq(admitted("2001:db8:0:1:ffff::2", 6), 0); /* the same network */
    ck_assert_uint_eq(admitted("2001:db8:0:2::1", 6), 5);
    ck_assert_uint_eq(admitted("::1", 6), 5);
}
END_TEST

START_TEST(without_a_rate_there_is_no_limit)
{
    config.rate = 0;
    ck_assert_uint_eq(admitted("192.0.2.1", 10000), 10000);
    ck_assert_uint_eq(fake.counter, 0);
}
END_TEST

START_TEST(refusals_are_logged_once_a_minute)
{
    admitted("192.0.2.1", 100);
    ck_assert_str_eq(fake.log, "warning: handshakes from 192.0.2.1 exceed handshake_rate (10 per second) and are "
                               "delayed; the counter handshakes_limited has the total for all sources\n");
    fake.now += 59 * HG_SECOND;
    admitted("2001:db8:0:1::5", 100);
    ck_assert_ptr_eq(strchr(fake.log, '\n')[1] ? fake.log : NULL, NULL);
    fake.now += HG_SECOND;
    admitted("2001:db8:0:1::5", 100);
    ck_assert_ptr_nonnull(strstr(fake.log, "handshakes from 2001:db8:0:1::/64 exceed"));
}
END_TEST

/* Any number of sources: they exhaust neither memory nor time, and new ones are admitted. */
START_TEST(the_table_cannot_be_exhausted)
{
    size_t before = mallinfo2().uordblks, admitted_sources = 0;

    for (uint32_t i = 0; i < 300 * RATELIMIT_SOURCES; i++)
        admitted_sources += admits_number(i * 7919);
    ck_assert_uint_eq(admitted_sources, 300 * RATELIMIT_SOURCES);
    ck_assert_uint_eq(mallinfo2().uordblks, before);
    ck_assert_uint_eq(admitted("192.0.2.1", 6), 5);
    /* The newest are known … */
    for (uint32_t i = 1; i < RATELIMIT_SOURCES; i++)
        ck_assert(admits_number(i));
    ck_assert_uint_eq(admitted("192.0.2.1", 6), 0);
    /* … and the oldest was replaced. */
    ck_assert(admits_number(RATELIMIT_SOURCES));
    ck_assert_uint_eq(admitted("192.0.2.1", 6), 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ratelimit");
    TCase *tests = tcase_create("ratelimit");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_burst_then_the_rate);
    tcase_add_test(tests, each_source_has_its_own);
    tcase_add_test(tests, without_a_rate_there_is_no_limit);
    tcase_add_test(tests, known_sources_do_not_count);
    tcase_add_test(tests, refusals_are_logged_once_a_minute);
    tcase_add_test(tests, the_table_cannot_be_exhausted);
    tcase_set_timeout(tests, 30);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
