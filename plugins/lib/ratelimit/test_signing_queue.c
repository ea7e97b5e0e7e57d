/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/lib/ratelimit/signing_queue.h"

#include "tests/unit/clock.h"
#include "tests/unit/fake_host.h"
#include "tests/unit/run_suite.h"

#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define CROWD 1000

static const struct hg_plugin plugin = {.name = "test"};
static struct fake_host fake;
static struct turns *turns;
static hg_time cost; /* of one signature */
static bool stops;   /* after one turn of the loop */

/* A client that needs a signature. */
struct signer {
    struct turn turn;
    unsigned signed_as; /* its position in the order of signing; 0: not yet */
};

static struct signer crowd[CROWD], other;
static unsigned signatures;

static void set_up(void)
{
    fake_host_init(&fake, &plugin, NULL);
    turns = turns_new(&fake.worker);
    ck_assert_ptr_nonnull(turns);
    memset(crowd, 0, sizeof crowd);
    memset(&other, 0, sizeof other);
    signatures = 0;
    cost = HG_MILLISECOND;
    stops = false;
}

static void tear_down(void)
{
    turns_free(turns);
}

static void sign(void *arg)
{
    ((struct signer *)arg)->signed_as = ++signatures;
    fake.stopped = stops;
    clock_pass(cost);
}

/* Arrives from an address, and signs at once if allowed. */
static void come(struct signer *signer, const char *address)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    bool is_v4 = inet_pton(AF_INET, address, &v4.sin_addr) == 1;

    ck_assert(is_v4 || inet_pton(AF_INET6, address, &v6.sin6_addr) == 1);
    turn_init(&signer->turn, turns_share(turns, is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6), sign, signer);
    if (!turns_take(turns, &signer->turn))
        return;
    sign(signer);
    turns_done(turns);
}

START_TEST(a_turn_of_the_loop_is_short)
{
    uint64_t set;
    unsigned done = 5;

    for (size_t i = 0; i < 30; i++)
        come(&crowd[i], "192.0.2.1");
    ck_assert_uint_eq(signatures, done); /* 5 ms */
    while (signatures < 30) {
        hg_time before = clock_now();

        set = fake.timers_set;
        stops = true;
        fake_host_run(&fake, 0);
        ck_assert_uint_le(clock_now() - before, 5 * HG_MILLISECOND);
        ck_assert_uint_gt(signatures, done);
        done = signatures;
        ck_assert_uint_eq(fake.timers_set - set, done < 30 ? 1 : 0);
    }
    stops = false;
    /* When all have signed, and in a new turn, the next one need not wait. */
    fake.now += HG_MILLISECOND;
    come(&other, "192.0.2.1");
    ck_assert_uint_eq(other.signed_as, 31);
}
END_TEST

START_TEST(one_signature_may_take_longer)
{
    cost = 20 * HG_MILLISECOND;
    for (size_t i = 0; i < 4; i++)
        come(&crowd[i], "192.0.2.1");
    ck_assert_uint_eq(signatures, 1);
    fake_host_run(&fake, 0);
    ck_assert_uint_eq(signatures, 4);
}
END_TEST

START_TEST(a_lone_source_gets_everything)
{
    for (size_t i = 0; i < CROWD; i++)
        come(&crowd[i], "192.0.2.1");
    fake_host_run(&fake, 0);
    ck_assert_uint_eq(signatures, CROWD);
}
END_TEST

/* However many requests are from one source, or from all addresses of one network, a client from elsewhere waits for
 * only a handful of others, and so does a neighbor of that source. */
START_TEST(a_lone_client_is_soon_next)
{
    for (size_t i = 0; i < CROWD; i++) {
        char address[64];

        if (_i == 0 || _i == 3)
            snprintf(address, sizeof address, "192.0.2.1");
        else if (_i == 1)
            snprintf(address, sizeof address, "192.0.2.%zu", i % 256);
        else
            snprintf(address, sizeof address, "2001:db8:1:%zx::1", i);
        come(&crowd[i], address);
    }
    come(&other, _i == 2 ? "2001:db8:2::1" : _i == 3 ? "192.0.2.2" : "198.51.100.1");
    fake_host_run(&fake, 0);
    ck_assert_uint_eq(signatures, CROWD + 1);
    ck_assert_uint_gt(other.signed_as, 5);
    ck_assert_uint_le(other.signed_as, 60);
}
END_TEST

START_TEST(a_client_that_leaves_is_not_called)
{
    for (size_t i = 0; i < 40; i++)
        come(&crowd[i], i % 2 ? "192.0.2.1" : "192.0.2.2");
    for (size_t i = 0; i < 40; i += 3)
        turns_leave(turns, &crowd[i].turn);
    turns_leave(turns, &other.turn); /* never arrived */
    fake_host_run(&fake, 0);
    for (size_t i = 5; i < 40; i++)
        ck_assert_int_eq(crowd[i].signed_as > 0, i % 3 != 0);
    come(&other, "192.0.2.1");
    fake_host_run(&fake, 0);
    ck_assert_uint_gt(other.signed_as, 0);
}
END_TEST

static struct share share_of(const struct shares *shares, const char *address)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};

    ck_assert_int_eq(inet_pton(AF_INET, address, &v4.sin_addr), 1);
    return shares_find(shares, (struct sockaddr *)&v4);
}

START_TEST(nobody_gets_all)
{
    static struct shares shares;
    unsigned first = 0, second = 0;
    struct share share;

    ck_assert_int_eq(shares_init(&shares), 0);
    share = share_of(&shares, "192.0.2.1");
    for (; shares_has_room(&shares, share, 100); first++)
        shares_add(&shares, share);
    share = share_of(&shares, "192.0.2.2");
    for (; shares_has_room(&shares, share, 100); second++)
        shares_add(&shares, share);
    ck_assert_uint_eq(first, 25);
    ck_assert_uint_eq(second, 25);
    shares_remove(&shares, share);
    ck_assert(shares_has_room(&shares, share, 100));
    /* If there is room for just one, anyone may be that one. */
    share = share_of(&shares, "198.51.100.1");
    ck_assert(shares_has_room(&shares, share, 1));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("turns");
    TCase *tests = tcase_create("turns");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_turn_of_the_loop_is_short);
    tcase_add_test(tests, one_signature_may_take_longer);
    tcase_add_test(tests, a_lone_source_gets_everything);
    tcase_add_loop_test(tests, a_lone_client_is_soon_next, 0, 4);
    tcase_add_test(tests, a_client_that_leaves_is_not_called);
    tcase_add_test(tests, nobody_gets_all);
    tcase_set_timeout(tests, 30);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
