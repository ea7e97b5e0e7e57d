/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What people are told of certificates: figures, and warnings of those that end soon (behaviour 24).
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

START_TEST(test_figures)
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

/* The command "status" has something to tell before the first attempt has ended. */
START_TEST(test_known_at_once)
{
    lab->ca->lazy = true;
    lab_add("b.test");
    lab_start();
    lab_run(HG_SECOND);
    ck_assert_ptr_nonnull(fake_store_text(&lab->store, "acme/states/a.test"));
    ck_assert_ptr_nonnull(strstr(fake_store_text(&lab->store, "acme/states/b.test"), "\"b.test\""));
    ck_assert_uint_eq(lab_said("no certificate:"), 0);
    lab->ca->lazy = false;
    lab_run_until_issued(2, 20 * LAB_MINUTE);
    ck_assert_int_ge(lab_served_by(lab->ca, "a.test"), 0);
}
END_TEST

/* Whoever starts anew is told what went wrong before, whether or not a handshake comes. */
START_TEST(test_told_at_start)
{
    lab->ca->forbidden = "a.test";
    lab_add("b.test");
    lab_start();
    lab_run(LAB_MINUTE);
    lab_restart();
    lab_run(HG_SECOND);
    ck_assert_msg(lab_said("error: a.test: there is no certificate yet; failed attempts before this start: 1, the last "
                           "one: rejectedIdentifier: that name is on a list; next attempt 2030-01-0") == 1,
                  "%s", lab->host.log);
    ck_assert_uint_eq(lab_said("error: b.test"), 0);
}
END_TEST

/* However the authority words it, there is a bounded number of figures. */
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

START_TEST(test_kinds)
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

/* Tried each minute, but the operator's program hears of it once. */
START_TEST(test_told_of_unwritable)
{
    lab->config.hook = "/bin/sh"; /* it is not run */
    lab->store.unwritable = "acme/orders/";
    lab_start();
    lab_run(5 * LAB_MINUTE);
    ck_assert_uint_ge(gauge("errors", "store"), 4);
    ck_assert_str_eq(lab->told, "failed a.test\n");
    lab->store.unwritable = NULL;
    lab_run(2 * LAB_MINUTE);
    lab_check_one();
    ck_assert_str_eq(lab->told, "failed a.test\nissued a.test\n");
}
END_TEST

/* How often the log says it in that many days; it is emptied now and then, before it is full. */
static unsigned said_within(unsigned days, const char *text)
{
    unsigned count = 0;

    for (unsigned i = 0; i < days; i++) {
        lab->host.log[0] = 0;
        lab_run(LAB_DAY);
        count += lab_said(text);
    }
    return count;
}

/* The gateway that has the lease hangs, or its authority is down: nobody fails here. */
START_TEST(test_warnings)
{
    unsigned warnings;

    lab->ca->lifetime = 90 * 86400;
    lab_start();
    lab_run_until_issued(1, LAB_MINUTE);
    fake_store_steal(&lab->store, LAB_LEASE, 365 * LAB_DAY);
    lab_run(LAB_MINUTE);
    ck_assert_uint_eq(said_within(76, "expires in"), 0);
    /* A day each, in fifteen hundredths of the time. */
    warnings = said_within(13, "warning: a.test: the certificate expires in ");
    ck_assert_msg(warnings >= 12 && warnings <= 13, "%u warnings", warnings);
    ck_assert_uint_eq(lab_said(" days: another gateway is ordering it; see its log"), 1);
    ck_assert_uint_ge(said_within(3, "error: a.test: the certificate has expired, "), 1);
}
END_TEST

/* Each failed attempt tells the days left already. */
START_TEST(test_told_once)
{
    lab->ca->lifetime = 90 * 86400;
    lab_start();
    lab_run_until_issued(1, LAB_MINUTE);
    fake_ca_rule(lab->ca, (struct fake_rule){.kind = "*", .status = 503});
    lab_run(78 * LAB_DAY);
    lab->host.log[0] = 0; /* it would be full */
    lab_run(4 * LAB_DAY);
    ck_assert_uint_eq(lab_said("expires in"), 0);
    ck_assert_uint_ge(lab_said("no certificate"), 1);
    ck_assert_uint_eq(lab_said("no certificate"), lab_said("the certificate is valid for"));
}
END_TEST

/* Whoever waits for an authority that wants to be left alone fails nowhere, and expires with a line of its own. */
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
    ck_assert_msg(lab_said("error: a.test: the certificate has expired, 2030-04-01") == 1, "%s", lab->host.log);
    ck_assert_uint_eq(lab_said("error: b.test: the certificate has expired, 2030-04-01"), 1);
}
END_TEST

/* ---- After its end ---- */

static void keep(void *arg, struct hg_certificate *certificate)
{
    *(struct hg_certificate **)arg = certificate;
}

/* Found expired after a time in which the gateway did not run: a handshake waits for a moment, since the new one may be
 * there by then; not longer, nor once the attempt has taken longer. */
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
    tcase_add_test(tests, test_figures);
    tcase_add_test(tests, test_known_at_once);
    tcase_add_test(tests, test_told_at_start);
    tcase_add_loop_test(tests, test_kinds, 0, (int)(sizeof failures / sizeof *failures));
    tcase_add_test(tests, test_unwritable);
    tcase_add_test(tests, test_told_of_unwritable);
    tcase_add_test(tests, test_warnings);
    tcase_add_test(tests, test_told_once);
    tcase_add_test(tests, test_expired);
    tcase_add_loop_test(tests, test_after_downtime, 0, 2);
    return tests;
}
