/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Certificates on demand: for which names, how many, and how long.
 */
#include "plugins/acme/on_demand.h"

#include "plugins/acme/tests/cases.h"
#include "plugins/acme/tests/lab.h"

#include <hopgate/host.h>
#include <stdio.h>
#include <stdlib.h>

START_TEST(test_source_of_address)
{
    static const char *const cases[][2] = {
        {"192.0.2.1:443", "192.0.2.1"},
        {"[2001:db8:1:2:3:4:5:6]:50000", "2001:db8:1:2::"},
        {"[2001:db8:1:2:ffff::]:1", "2001:db8:1:2::"},
        {"[::1]:1", "::"},
        {"[fe80::1%eth0]:1", "[fe80::1%eth0"},
        {"[2001:db8:1:2:3:4:5", "[2001:db8:1:2:3:4"},
        {"unix", "unix"},
        {"", ""},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_str_eq(acme_source_of(hg_text(cases[i][0])).text, cases[i][1]);
}
END_TEST

/* ---- Quotas ---- */

#define MINUTES(count) ((time_t)(count)*60)

enum { MOST = 25 };

/* How many of these orders are allowed. */
static unsigned order(struct acme_quota *quotas, const char *address, unsigned count, time_t now)
{
    struct acme_source source;
    unsigned allowed = 0;

    snprintf(source.text, sizeof source.text, "%s", address);
    while (count--)
        allowed += !acme_quota_count(quotas, MOST, &source, now);
    return allowed;
}

START_TEST(test_quotas)
{
    struct acme_quota quotas = {0};

    ck_assert_uint_eq(order(&quotas, "a", 19, MINUTES(1000)), 10);
    ck_assert_uint_eq(order(&quotas, "b", 19, MINUTES(1000)), 10);
    ck_assert_uint_eq(order(&quotas, "c", 19, MINUTES(1000)), 5);
    ck_assert_uint_eq(quotas.count, 25);
    ck_assert_uint_eq(order(&quotas, "d", 19, MINUTES(1060)), 10);
    ck_assert_uint_eq(quotas.count, 10); /* the others are forgotten */
    free(quotas.orders);
}
END_TEST

/* Constant requests get the full quota in any hour, wherever it begins, but not more. */
START_TEST(test_any_hour)
{
    enum { TIME = 600 };
    struct acme_quota quotas = {0};
    unsigned allowed[TIME], all = 0;

    for (int i = 0; i < TIME; i++) {
        allowed[i] = order(&quotas, "a", i < 2 * _i ? 0 : 8, MINUTES(1000 + i));
        all += allowed[i];
    }
    for (int begin = 0; begin < TIME; begin++) {
        unsigned in_hour = 0;

        for (int i = begin; i < begin + 60 && i < TIME; i++)
            in_hour += allowed[i];
        ck_assert_msg(in_hour <= 10, "%u in the hour after minute %d", in_hour, begin);
    }
    ck_assert_uint_ge(all, 10 * (TIME - 2 * (unsigned)_i) / 60);
    free(quotas.orders);
}
END_TEST

/* Orders were counted while the clock was years ahead. */
START_TEST(test_clock_set_back)
{
    struct acme_quota quotas = {0};

    ck_assert_uint_eq(order(&quotas, "a", 19, MINUTES(1000000)), 10);
    ck_assert_uint_eq(order(&quotas, "a", 19, MINUTES(1000)), 0);
    ck_assert_uint_eq(order(&quotas, "a", 19, MINUTES(1060)), 10);
    free(quotas.orders);
}
END_TEST

/* ---- Names ---- */

static void set_up(void)
{
    lab_set_up();
    lab->config.on_demand = true;
    lab->config.wait = 20 * HG_SECOND;
    lab->config.on_demand_per_hour = 60;
}

/* A handshake from one of 21 addresses, each time from another port. */
static int shake(const char *name, unsigned number)
{
    snprintf(lab->peer, sizeof lab->peer, "192.0.2.%u:%u", number % 21, 1024 + number);
    return lab_served_by(lab->ca, name);
}

static void shake_many(const char *domain, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char name[64];

        snprintf(name, sizeof name, "n%u.%s", i, domain);
        ck_assert_int_eq(shake(name, i), -1);
        lab_run(50 * HG_MILLISECOND);
    }
}

static bool is_stored(const char *kind, const char *name)
{
    char key[128];

    snprintf(key, sizeof key, "acme/%s/%s", kind, name);
    return fake_store_text(&lab->store, key);
}

/* Names that strangers make up are not ordered, and do not affect others. */
START_TEST(test_strangers)
{
    lab_begin();
    shake_many("wild.test", 240);
    lab_run(LAB_MINUTE);
    ck_assert_uint_eq(lab->ca->order_count, 1);
    shake("a.named.test", 0);
    lab_run(10 * HG_SECOND);
    ck_assert_int_eq(shake("a.named.test", 0), 1);
    ck_assert_uint_eq(lab->ca->order_count, 2);
}
END_TEST

/* Neither are those that `ask` refuses, which are logged once a minute. */
START_TEST(test_refused_by_ask)
{
    struct fake_rule *rule;

    lab->config.ask = "https://ca1.test/ask";
    lab_begin();
    rule = fake_ca_rule(lab->ca, (struct fake_rule){.kind = "ask", .status = 403});
    shake_many("wild.test", 1000); /* 50 seconds */
    ck_assert_uint_eq(lab_logged("info: n0.wild.test: not ordered on demand: https://ca1.test/ask refused it"), 1);
    ck_assert_uint_eq(lab_logged("info: n1.wild.test"), 0);
    lab->host.log[0] = 0; /* before it is full */
    lab_run(2 * LAB_MINUTE);
    ck_assert_uint_eq(fake_ca_seen(lab->ca, "ask"), 1000);
    ck_assert_uint_eq(lab_logged("info: 999 more names were not ordered on demand"), 1);
    ck_assert_uint_eq(lab->ca->order_count, 1);
    rule->status = 200;
    shake("a.wild.test", 0);
    lab_run(10 * HG_SECOND);
    ck_assert_int_eq(shake("a.wild.test", 0), 1);
}
END_TEST

START_TEST(test_quotas_and_restart)
{
    lab->config.on_demand_per_hour = 3;
    lab_begin();
    shake_many("named.test", 5);
    lab_run(10 * HG_SECOND);
    ck_assert_uint_eq(lab->ca->order_count, 4);
    if (_i)
        lab_kill();
    else
        lab_stop();
    lab_start();
    lab_run(_i ? LAB_MINUTE : HG_SECOND);
    shake("a.named.test", 0);
    lab_run(10 * HG_SECOND);
    ck_assert_uint_eq(lab->ca->order_count, 4);
    lab_run(LAB_HOUR);
    shake("a.named.test", 0);
    lab_run(10 * HG_SECOND);
    ck_assert_int_eq(shake("a.named.test", 0), 4);
}
END_TEST

/* ---- Use ---- */

/* A certificate is not renewed before it has been used. */
START_TEST(test_unused)
{
    lab->ca->lifetime = 8LL * 86400; /* renewed after four */
    lab->config.domains.count = 0;
    lab_start();
    shake("a.named.test", 0);
    lab_run(7 * LAB_DAY);
    ck_assert_uint_eq(lab->ca->order_count, 1);
    ck_assert_int_eq(shake("a.named.test", 0), 0);
    lab_run(10 * HG_SECOND);
    ck_assert_int_eq(shake("a.named.test", 0), 1);
    lab_run(5 * LAB_DAY); /* used once, renewed once */
    ck_assert_uint_eq(lab->ca->order_count, 3);
    lab_run(10 * LAB_DAY);
    ck_assert_uint_eq(lab->ca->order_count, 3);
    /* Expired: not served, but ordered again. */
    ck_assert_int_eq(shake("a.named.test", 0), -1);
    lab_run(10 * HG_SECOND);
    if (shake("a.named.test", 0) != 3) {
        fprintf(stderr, "%s", lab->host.log);
        ck_abort();
    }
}
END_TEST

/* Then it is removed from memory and from the store, even if an earlier process has obtained it. */
START_TEST(test_removed)
{
    lab->ca->lifetime = 8LL * 86400;
    lab->config.domains.count = 0;
    lab_start();
    shake("a.named.test", 0);
    lab_run(10 * HG_SECOND);
    ck_assert_uint_eq(lab->ca->issued, 1);
    if (_i)
        lab_restart();
    lab_run(14 * LAB_DAY);
    ck_assert(is_stored("certificates", "a.named.test"));
    ck_assert_uint_eq(lab_logged("a.named.test: expired and unused; dropped"), !_i);
    lab_run(3 * LAB_DAY);
    ck_assert(!is_stored("certificates", "a.named.test") && !is_stored("states", "a.named.test"));
    ck_assert_uint_eq(lab->ca->order_count, 1);
    shake("a.named.test", 0);
    lab_run(10 * HG_SECOND);
    ck_assert_int_eq(shake("a.named.test", 0), 1);
}
END_TEST

/* While thousands of values are to be read, the certificate that a handshake waits for is read first. */
START_TEST(test_read_first)
{
    lab_begin();
    shake("a.named.test", 0);
    lab_run(10 * HG_SECOND);
    lab_stop();
    for (int i = 0; i < 4000; i++) {
        char key[64];

        snprintf(key, sizeof key, "acme/pauses/%d", i);
        fake_store_set(&lab->store, key, "{}");
    }
    lab_start();
    lab_run(20 * HG_MILLISECOND); /* the list of these has been read, few of the values have */
    ck_assert_int_eq(shake("a.named.test", 0), -1);
    lab_run(20 * HG_MILLISECOND);
    ck_assert_int_eq(shake("a.named.test", 0), 1);
}
END_TEST

TCase *cases_on_demand(void)
{
    TCase *tests = tcase_create("on_demand");

    tcase_add_checked_fixture(tests, set_up, lab_tear_down);
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, test_source_of_address);
    tcase_add_test(tests, test_quotas);
    tcase_add_loop_test(tests, test_any_hour, 0, 5);
    tcase_add_test(tests, test_clock_set_back);
    tcase_add_test(tests, test_strangers);
    tcase_add_test(tests, test_refused_by_ask);
    tcase_add_loop_test(tests, test_quotas_and_restart, 0, 2);
    tcase_add_test(tests, test_read_first);
    tcase_add_test(tests, test_unused);
    tcase_add_loop_test(tests, test_removed, 0, 2);
    return tests;
}
