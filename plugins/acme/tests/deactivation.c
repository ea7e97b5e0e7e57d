/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * An account that is given up by command (RFC 8555 section 7.3.6): for ever, whatever happens meanwhile.
 */
#include "plugins/acme/tests/cases.h"
#include "plugins/acme/tests/lab.h"

/* The authority and the store say so, the wish is fulfilled, the certificate is served, and another is not ordered. */
static void check_deactivated(void)
{
    const int served = lab_served_by(lab->ca, "a.test");
    json_t *record = json_loads(fake_store_first(&lab->store, "acme/accounts"), 0, NULL);

    ck_assert_msg(lab->ca->accounts[0].deactivated, "%s", lab->host.log);
    ck_assert(json_is_true(json_object_get(record, "deactivated")));
    ck_assert_ptr_null(json_object_get(record, "key"));
    ck_assert_ptr_null(fake_store_first(&lab->store, "acme/requests"));
    lab->host.log[0] = 0;
    lab_want("renew@a.test");
    lab_run(LAB_HOUR);
    ck_assert_uint_ge(lab_said("a.test: no certificate: account: it was deactivated by command"), 1);
    ck_assert_int_eq(lab_served_by(lab->ca, "a.test"), served);
    ck_assert_uint_eq(lab->ca->account_count, 1);
    json_decref(record);
}

START_TEST(test_wanted)
{
    lab_begin();
    lab_want("deactivate@account");
    lab_run(10 * HG_SECOND);
    check_deactivated();
    lab_restart();
    lab_run(10 * HG_SECOND);
    check_deactivated();
    lab_want("deactivate@account"); /* as if it had been forgotten */
    lab_want("new-key@account");
    lab_run(10 * HG_SECOND);
    check_deactivated();
    ck_assert_uint_eq(fake_ca_seen(lab->ca, "account"), 1);
    lab_want("new-account@account");
    lab_run_until_issued(2, LAB_MINUTE);
    ck_assert_msg(lab->ca->issued == 2, "%s", lab->host.log);
    ck_assert_uint_eq(lab->ca->account_count, 2);
    ck_assert(!json_equal(lab->ca->accounts[0].jwk, lab->ca->accounts[1].jwk));
}
END_TEST

/* The process dies at each change of the store, from the wish on. */
START_TEST(test_killed)
{
    lab_begin();
    lab->store.death = (struct fake_death){.change = lab->store.changes + 1 + (unsigned)_i / 2, .done = _i & 1};
    lab_want("deactivate@account");
    lab_run(10 * HG_SECOND);
    ck_assert(lab->store.dead);
    lab_kill();
    lab_start();
    lab_run(10 * HG_SECOND);
    check_deactivated();
}
END_TEST

/* … or while it waits for the authority, which was reached or not; or the authority cannot be asked. */
static const struct fake_rule interruptions[] = {
    {.kind = "account", .times = 1, .kills = true},
    {.kind = "account", .times = 1, .kills = true, .too_late = true},
    {.kind = "account", .times = 1, .status = 503},
    {.kind = "account", .times = 1, .error = "the connection is refused"},
};

START_TEST(test_interrupted)
{
    lab_begin();
    fake_ca_rule(lab->ca, interruptions[_i]);
    lab_want("deactivate@account");
    lab_run(10 * HG_SECOND);
    ck_assert_ptr_nonnull(fake_store_first(&lab->store, "acme/requests"));
    lab_kill();
    lab_start();
    lab_run(10 * HG_SECOND);
    check_deactivated();
}
END_TEST

/* In the middle of a change of the key: which of both counts is found out first. */
START_TEST(test_rolled_over)
{
    lab_begin();
    fake_ca_rule(lab->ca, (struct fake_rule){.kind = "key-change", .times = 1, .kills = true, .too_late = _i});
    lab_want("new-key@account");
    lab_run(10 * HG_SECOND);
    lab_kill();
    lab_want("deactivate@account");
    lab_start();
    lab_run(10 * HG_SECOND);
    check_deactivated();
}
END_TEST

/* It cannot be written down: not forgotten. */
START_TEST(test_not_stored)
{
    lab_begin();
    lab->store.unwritable = "acme/accounts";
    lab_want("deactivate@account");
    lab_run(10 * HG_SECOND);
    ck_assert_msg(lab_said("an account cannot be deactivated: that cannot be stored") == 1, "%s", lab->host.log);
    lab_kill();
    lab->store.unwritable = NULL;
    lab_start();
    lab_run(10 * HG_SECOND);
    check_deactivated();
}
END_TEST

/* There is none yet: none is made either. */
START_TEST(test_none)
{
    lab_want("deactivate@account");
    fake_ca_rule(lab->ca, (struct fake_rule){.kind = "new-account", .times = 1, .status = 503});
    lab_start();
    lab_run(LAB_HOUR);
    ck_assert_uint_eq(lab->ca->issued, 0);
    ck_assert_uint_eq(lab->ca->account_count, 0);
    ck_assert_ptr_null(fake_store_first(&lab->store, "acme/requests"));
}
END_TEST

TCase *cases_deactivation(void)
{
    TCase *tests = tcase_create("deactivation");

    tcase_add_checked_fixture(tests, lab_set_up, lab_tear_down);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, test_wanted);
    tcase_add_loop_test(tests, test_killed, 0, 4);
    tcase_add_loop_test(tests, test_interrupted, 0, sizeof interruptions / sizeof *interruptions);
    tcase_add_loop_test(tests, test_rolled_over, 0, 2);
    tcase_add_test(tests, test_not_stored);
    tcase_add_test(tests, test_none);
    return tests;
}
