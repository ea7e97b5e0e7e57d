/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Gauges, and warnings before certificates expire (behaviour 24).
 */
#include "plugins/acme/store.h"
#include "plugins/acme/tests/cases.h"
#include "plugins/acme/tests/lab.h"

#include <hopgate/certificates.h>
#include <hopgate/host.h>

static uint64_t gauge(const char *name, const char *label)
{
    return fake_host_gauge(&lab->host, name, label);
}

START_TEST(test_gauges)
{
    lab_add("b.test");
    lab->ca->forbidden = "b.test";
    lab_start();
    lab_run_until_issued(1, LAB_MINUTE);
    lab_run(LAB_MINUTE);
    ck_assert_uint_eq(gauge("not_after", "a.test"), (uint64_t)lab_state("a.test", "expires"));
    ck_assert_uint_gt(gauge("not_after", "a.test"), (uint64_t)acme_clock());
    ck_assert_uint_eq(gauge("next_try", "a.test"), (uint64_t)lab_state("a.test", "renew_at"));
    ck_assert_uint_eq(gauge("failures", "a.test"), 0);
    ck_assert_uint_eq(gauge("not_after", "b.test"), 0);
    ck_assert_uint_eq(gauge("next_try", "b.test"), (uint64_t)lab_state("b.test", "due"));
    ck_assert_uint_gt(gauge("next_try", "b.test"), (uint64_t)acme_clock());
    ck_assert_uint_eq(gauge("failures", "b.test"), 1);
    ck_assert_uint_eq(gauge("errors", "rejectedIdentifier"), 1);
    ck_assert_uint_eq(gauge("certificates", NULL), 1);
    ck_assert_uint_eq(gauge("first_not_after", NULL), gauge("not_after", "a.test"));
}
END_TEST

/* For the command "status", before the first attempt has ended. */
START_TEST(test_state_at_start)
{
    lab->ca->lazy = true;
    lab_add("b.test");
    lab_start();
    lab_run(HG_SECOND);
    ck_assert_ptr_nonnull(fake_store_text(&lab->store, "acme/states/a.test"));
    ck_assert_ptr_nonnull(strstr(fake_store_text(&lab->store, "acme/states/b.test"), "\"b.test\""));
    ck_assert_uint_eq(lab_logged("no certificate:"), 0);
    lab->ca->lazy = false;
    lab_run_until_issued(2, 20 * LAB_MINUTE);
    ck_assert_int_ge(lab_served_by(lab->ca, "a.test"), 0);
}
END_TEST

/* A restarted process logs what went wrong before. */
START_TEST(test_failures_logged_at_start)
{
    lab->ca->forbidden = "a.test";
    lab_add("b.test");
    lab_start();
    lab_run(LAB_MINUTE);
    lab_restart();
    lab_run(HG_SECOND);
    ck_assert_msg(
        lab_logged("error: a.test: there is no certificate yet; failed attempts before this start: 1, the last "
                   "one: rejectedIdentifier: that name is on a list; next attempt 2030-01-0") == 1,
        "%s", lab->host.log);
    ck_assert_uint_eq(lab_logged("error: b.test"), 0);
}
END_TEST

/* The number of gauges is bounded, whatever types the authority uses. */
static const struct {
    struct fake_rule rule;
    const char *kind;
} failures[] = {
    {{.kind = "new-order", .status = 429, .type = "rateLimited"}, "rateLimited"},
    {{.kind = "new-order", .status = 400, .type = "ofTheirOwn"}, "other"},
    {{.kind = "new-order", .status = 500}, "other"},
    {{.kind = "new-order", .error = "the connection is refused"}, "unreachable"},
    {{.kind = "directory", .error = "the connection is refused"}, "unreachable"},
};

START_TEST(test_error_types)
{
    fake_ca_rule(lab->ca, failures[_i].rule);
    lab_start();
    lab_run(10 * HG_SECOND);
    ck_assert_msg(gauge("errors", failures[_i].kind) == 1, "%s: %s", failures[_i].kind, lab->host.log);
    ck_assert_uint_eq(gauge("failures", "a.test"), 1);
}
END_TEST

START_TEST(test_unwritable)
{
    lab->store.unwritable = "acme/";
    lab_start();
    lab_run(10 * HG_SECOND);
    ck_assert_msg(gauge("errors", "store") == 1 || gauge("errors", "other") == 1, "%s", lab->host.log);
}
END_TEST

/* The attempt is repeated each minute, but the hook is run only once. */
START_TEST(test_hook_runs_once)
{
    lab->config.hook = "/bin/sh"; /* not really run */
    lab->store.unwritable = "acme/orders/";
    lab_start();
    lab_run(5 * LAB_MINUTE);
    ck_assert_uint_ge(gauge("errors", "store"), 4);
    ck_assert_str_eq(lab->hooks, "failed a.test\n");
    lab->store.unwritable = NULL;
    lab_run(2 * LAB_MINUTE);
    lab_check_one();
    ck_assert_str_eq(lab->hooks, "failed a.test\nissued a.test\n");
}
END_TEST

/* How often this is logged in that many days. The log is emptied daily, as it has a limited size. */
static unsigned logged_within(unsigned days, const char *text)
{
    unsigned count = 0;

    for (unsigned i = 0; i < days; i++) {
        lab->host.log[0] = 0;
        lab_run(LAB_DAY);
        count += lab_logged(text);
    }
    return count;
}

/* The gateway that has the lease hangs, or its authority is down, so no attempt fails here. */
START_TEST(test_warnings)
{
    unsigned warnings;

    lab->ca->lifetime = 90 * 86400;
    lab_start();
    lab_run_until_issued(1, LAB_MINUTE);
    fake_store_steal(&lab->store, LAB_LEASE, 365 * LAB_DAY);
    lab_run(LAB_MINUTE);
    ck_assert_uint_eq(logged_within(76, "expires in"), 0);
    /* Once a day in the last 15 % of the lifetime. */
    warnings = logged_within(13, "warning: a.test: the certificate expires in ");
    ck_assert_msg(warnings >= 12 && warnings <= 13, "%u warnings", warnings);
    ck_assert_uint_eq(lab_logged(" days: another gateway is ordering it; see its log"), 1);
    ck_assert_uint_ge(logged_within(3, "error: a.test: the certificate has expired, "), 1);
}
END_TEST

/* If attempts fail, they log the days left, and there is no further warning. */
START_TEST(test_days_left_logged_once)
{
    lab->ca->lifetime = 90 * 86400;
    lab_start();
    lab_run_until_issued(1, LAB_MINUTE);
    fake_ca_rule(lab->ca, (struct fake_rule){.kind = "*", .status = 503});
    lab_run(78 * LAB_DAY);
    lab->host.log[0] = 0; /* before it is full */
    lab_run(4 * LAB_DAY);
    ck_assert_uint_eq(lab_logged("expires in"), 0);
    ck_assert_uint_ge(lab_logged("no certificate"), 1);
    ck_assert_uint_eq(lab_logged("no certificate"), lab_logged("the certificate is valid for"));
}
END_TEST

/* During a pause of the authority no attempt fails, so the expiry is logged. */
START_TEST(test_expired)
{
    lab->ca->lifetime = 90 * 86400;
    lab_add("b.test");
    lab_start();
    lab_run_until_issued(2, LAB_MINUTE);
    fake_ca_rule(lab->ca, (struct fake_rule){.kind = "new-order",
                                             .status = 429,
                                             .type = "rateLimited",
                                             .detail = "too many new orders from this account",
                                             .retry_after = 86400});
    lab_run(89 * LAB_DAY);
    lab->host.log[0] = 0;
    lab_run(LAB_DAY + LAB_MINUTE);
    ck_assert_msg(lab_logged("error: a.test: the certificate has expired, 2030-04-01") == 1, "%s", lab->host.log);
    ck_assert_uint_eq(lab_logged("error: b.test: the certificate has expired, 2030-04-01"), 1);
}
END_TEST

/* ---- After the expiry ---- */

static void keep(void *arg, struct hg_certificate *certificate)
{
    *(struct hg_certificate **)arg = certificate;
}

/* The certificate has expired while the gateway was stopped: a handshake waits a moment for the new one, but not if the
 * attempt takes longer. */
START_TEST(test_after_downtime)
{
    const struct hg_certificates_ops *ops = hopgate_plugin()->offers[0].ops;
    const struct hg_certificate_query query = {.server_name = HG_TEXT("a.test")};
    const struct hg_certificate *shown = NULL;
    struct hg_certificate_lookup *later;
    struct hg_certificate *given = NULL;
    int number = -1;

    lab->config.wait = 20 * HG_SECOND;
    lab_begin();
    lab_stop();
    lab->host.now += 100 * LAB_DAY;
    lab->ca->lazy = _i;
    lab_start();
    lab_run(50 * HG_MILLISECOND);
    ck_assert_ptr_null(ops->find(&lab->host.worker, &query, keep, &given, &later));
    ck_assert_ptr_nonnull(later);
    lab_run(4 * HG_SECOND);
    ck_assert_ptr_nonnull(given);
    shown = given;
    for (unsigned i = 0; i < lab->ca->order_count; i++)
        if (lab->ca->orders[i].der.size == shown->chain[0].cert.size &&
            !memcmp(lab->ca->orders[i].der.data, shown->chain[0].cert.data, shown->chain[0].cert.size))
            number = (int)i;
    ck_assert_int_eq(number, !_i);
    hg_certificate_unref(given);
    lab_run(2 * HG_SECOND);
    ck_assert_int_eq(lab_served_by(lab->ca, "a.test"), !_i);
}
END_TEST

TCase *cases_metrics(void)
{
    TCase *tests = tcase_create("metrics");

    tcase_add_checked_fixture(tests, lab_set_up, lab_tear_down);
    tcase_set_timeout(tests, 300); /* months of a simulated clock, on a loaded machine */
    tcase_set_tags(tests, "long");
    tcase_add_test(tests, test_gauges);
    tcase_add_test(tests, test_state_at_start);
    tcase_add_test(tests, test_failures_logged_at_start);
    tcase_add_loop_test(tests, test_error_types, 0, (int)(sizeof failures / sizeof *failures));
    tcase_add_test(tests, test_unwritable);
    tcase_add_test(tests, test_hook_runs_once);
    tcase_add_test(tests, test_warnings);
    tcase_add_test(tests, test_days_left_logged_once);
    tcase_add_test(tests, test_expired);
    tcase_add_loop_test(tests, test_after_downtime, 0, 2);
    return tests;
}
