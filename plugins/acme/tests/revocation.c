/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What the operator wants of a certificate is done in the end, whatever is in the way: renewed, or revoked (RFC 8555
 * section 7.6).
 */
#include "plugins/acme/tests/cases.h"
#include "plugins/acme/tests/lab.h"

#include <hopgate/host.h>
#include <stdio.h>

static bool is_wanted(void)
{
    return fake_store_first(&lab->store, "acme/requests");
}

/* The first certificate is revoked, once, and there is one new one. */
static void check_done(void)
{
    ck_assert_msg(lab->ca->orders[0].revoked, "%s", lab->host.log);
    ck_assert_msg(lab->ca->issued == 2, "%u certificates: %s", lab->ca->issued, lab->host.log);
    ck_assert_int_eq(lab_served_by(lab->ca, "a.test"), (int)lab->ca->order_count - 1);
    ck_assert(!lab->ca->orders[lab->ca->order_count - 1].revoked);
    ck_assert(!is_wanted());
    ck_assert_ptr_null(fake_store_first(&lab->store, "acme/previous"));
}

static void kill_and_start(void)
{
    lab_kill();
    lab->store.death = (struct fake_death){0};
    lab_start();
}

/* As `hopgate acme revoke` puts it into the store. */
static void want_revoked(void)
{
    json_t *state = json_loads(fake_store_text(&lab->store, "acme/states/a.test"), 0, NULL);
    char value[128];

    snprintf(value, sizeof value, "{\"serial\": \"%s\"}", json_string_value(json_object_get(state, "serial")));
    json_decref(state);
    fake_store_set(&lab->store, "acme/requests/revoke@a.test", value);
}

START_TEST(test_revoked)
{
    lab_begin();
    if (_i)
        want_revoked();
    else
        lab_want("revoke@a.test");
    lab_run(LAB_MINUTE);
    check_done();
    ck_assert(!lab->ca->orders[0].revoked_by_own_key);
    ck_assert_uint_eq(fake_ca_seen(lab->ca, "revoke"), 1);
}
END_TEST

/* The authority is in trouble: it is asked again and again, also by the next process. */
static const struct fake_rule troubles[] = {
    {.kind = "revoke", .times = 2, .status = 503},
    {.kind = "revoke", .times = 2, .status = 500, .type = "serverInternal"},
    {.kind = "revoke", .times = 2, .status = 429, .type = "rateLimited", .retry_after = 600},
    {.kind = "revoke", .times = 2, .error = "Connection refused"},
    {.kind = "revoke", .times = 1, .error = "Connection reset by peer", .too_late = true},
    {.kind = "*", .times = 2, .error = "Connection refused"},
};

START_TEST(test_trouble)
{
    lab_begin();
    lab_run(LAB_MINUTE);
    fake_ca_rule(lab->ca, troubles[_i % 6]);
    want_revoked();
    lab_run(2 * HG_SECOND);
    ck_assert(is_wanted());
    ck_assert_uint_eq(lab->ca->issued, 1);
    ck_assert_uint_ge(lab_said("cannot be revoked"), 1);
    ck_assert_ptr_nonnull(strstr(fake_store_text(&lab->store, "acme/states/a.test"), "cannot be revoked"));
    if (_i >= 6)
        lab_restart();
    lab_run(LAB_HOUR);
    check_done();
    ck_assert_uint_le(fake_ca_seen(lab->ca, "revoke"), 3);
    ck_assert_ptr_null(strstr(fake_store_text(&lab->store, "acme/states/a.test"), "cannot be revoked"));
}
END_TEST

/* The process dies while it waits for the answer, before or after the authority has done it. */
START_TEST(test_killed_at_answer)
{
    lab_begin();
    fake_ca_rule(lab->ca, (struct fake_rule){.kind = "revoke", .times = 1, .kills = true, .too_late = _i});
    want_revoked();
    lab_run(10 * HG_SECOND);
    ck_assert(lab->world.dead);
    kill_and_start();
    lab_run(LAB_MINUTE);
    check_done();
}
END_TEST

/* At each change of the store, from the wish on until the new certificate is ordered. */
START_TEST(test_killed_at_change)
{
    lab_begin();
    lab->store.death = (struct fake_death){.change = lab->store.changes + 1 + (unsigned)_i / 2, .done = _i & 1};
    want_revoked();
    lab_run(LAB_MINUTE);
    ck_assert(lab->store.dead);
    kill_and_start();
    lab_run(5 * LAB_MINUTE);
    check_done();
}
END_TEST

/* Somebody else has revoked it. */
START_TEST(test_already)
{
    lab_begin();
    fake_ca_rule(lab->ca, (struct fake_rule){.kind = "revoke", .status = 400, .type = "alreadyRevoked"});
    want_revoked();
    lab_run(LAB_MINUTE);
    lab->ca->orders[0].revoked = true;
    check_done();
    ck_assert_uint_eq(fake_ca_seen(lab->ca, "revoke"), 1);
}
END_TEST

/* The account may not, or there is none any more: the certificate's own key may. */
START_TEST(test_own_key)
{
    lab_begin();
    if (_i == 0)
        fake_ca_rule(lab->ca, (struct fake_rule){.kind = "revoke", .times = 1, .status = 403, .type = "unauthorized"});
    else if (_i == 1)
        lab->ca->accounts[0].forgotten = true;
    else
        lab->ca->accounts[0].deactivated = true;
    want_revoked();
    lab_run(5 * LAB_MINUTE);
    check_done();
    ck_assert(lab->ca->orders[0].revoked_by_own_key);
}
END_TEST

/* It will not, ever: told once, nothing is ordered, and `hopgate acme status` knows. */
START_TEST(test_refused)
{
    lab_begin();
    fake_ca_rule(lab->ca, (struct fake_rule){
                              .kind = "revoke", .status = 400, .type = "badRevocationReason", .detail = "not that"});
    want_revoked();
    lab_run(LAB_HOUR);
    ck_assert_uint_eq(fake_ca_seen(lab->ca, "revoke"), 2); /* by its own key, too */
    ck_assert_uint_eq(lab_said("cannot be revoked: badRevocationReason: not that; given up"), 1);
    ck_assert_uint_eq(lab->ca->issued, 1);
    ck_assert(!is_wanted());
    ck_assert_ptr_nonnull(strstr(fake_store_text(&lab->store, "acme/states/a.test"), "not that; given up"));
}
END_TEST

/* Its own key is of a kind that signs no messages here: that is no reason to try for ever. */
START_TEST(test_other_key)
{
    lab->config.key_type = ACME_P384;
    lab_begin();
    fake_ca_rule(lab->ca, (struct fake_rule){.kind = "revoke", .status = 403, .type = "unauthorized", .detail = "no"});
    want_revoked();
    lab_run(LAB_HOUR);
    ck_assert_uint_eq(fake_ca_seen(lab->ca, "revoke"), 1);
    ck_assert_uint_eq(lab_said("cannot be revoked: unauthorized: no; given up"), 1);
    ck_assert(!is_wanted());
}
END_TEST

/* Renewed before the authority could be asked: it is the one that was meant which is revoked, and no other. */
START_TEST(test_replaced)
{
    lab_begin();
    fake_ca_rule(lab->ca, (struct fake_rule){.kind = "revoke", .times = 1, .status = 503});
    want_revoked();
    lab_run(2 * HG_SECOND);
    lab_want("renew@a.test");
    lab_run(10 * HG_SECOND);
    ck_assert_uint_eq(lab->ca->issued, 2);
    ck_assert(is_wanted());
    if (_i)
        lab_restart();
    lab_run(LAB_HOUR);
    check_done();
}
END_TEST

/* A wish that comes while another one is fulfilled, for the certificate after it. */
START_TEST(test_two)
{
    lab_begin();
    fake_ca_rule(lab->ca, (struct fake_rule){.kind = "revoke", .times = 1, .status = 503});
    want_revoked();
    lab_run(2 * HG_SECOND);
    lab_want("renew@a.test");
    lab_run(10 * HG_SECOND);
    want_revoked();
    lab_run(LAB_HOUR);
    ck_assert(lab->ca->orders[0].revoked && lab->ca->orders[1].revoked && !lab->ca->orders[2].revoked);
    ck_assert_uint_eq(lab->ca->issued, 3);
    ck_assert_int_eq(lab_served_by(lab->ca, "a.test"), 2);
    ck_assert(!is_wanted());
}
END_TEST

START_TEST(test_unknown)
{
    lab_begin();
    fake_store_set(&lab->store, "acme/requests/revoke@a.test", "{\"serial\": \"77\"}");
    lab_run(LAB_MINUTE);
    ck_assert_uint_eq(lab_said("certificate 77 cannot be revoked: it is not in the store any more"), 1);
    ck_assert_uint_eq(fake_ca_seen(lab->ca, "revoke"), 0);
    ck_assert(!is_wanted());
}
END_TEST

/* An authority that has told us to wait is not asked before. */
START_TEST(test_paused)
{
    lab_add("b.test");
    lab_start();
    lab_run_until_issued(2, LAB_MINUTE);
    fake_ca_rule(lab->ca, (struct fake_rule){.kind = "new-order", .times = 1, .status = 503, .retry_after = 3600});
    lab_want("renew@b.test");
    lab_run(10 * HG_SECOND);
    want_revoked();
    lab_run(50 * LAB_MINUTE);
    ck_assert_uint_eq(fake_ca_seen(lab->ca, "revoke"), 0);
    lab_run(20 * LAB_MINUTE);
    ck_assert_uint_eq(fake_ca_seen(lab->ca, "revoke"), 1);
    ck_assert(!is_wanted());
}
END_TEST

/* `hopgate acme renew`: at each change of the store. */
START_TEST(test_renewal_killed)
{
    lab_begin();
    lab->store.death = (struct fake_death){.change = lab->store.changes + 1 + (unsigned)_i / 2, .done = _i & 1};
    lab_want("renew@a.test");
    lab_run(LAB_MINUTE);
    ck_assert(lab->store.dead);
    kill_and_start();
    lab_run(5 * LAB_MINUTE);
    ck_assert_msg(lab->ca->issued == 2, "%u certificates: %s", lab->ca->issued, lab->host.log);
    ck_assert_int_eq(lab_served_by(lab->ca, "a.test"), (int)lab->ca->order_count - 1);
    ck_assert(!is_wanted());
}
END_TEST

TCase *cases_revocation(void)
{
    TCase *tests = tcase_create("revocation");

    tcase_add_checked_fixture(tests, lab_set_up, lab_tear_down);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, test_revoked, 0, 2);
    tcase_add_loop_test(tests, test_trouble, 0, 12);
    tcase_add_loop_test(tests, test_killed_at_answer, 0, 2);
    tcase_add_loop_test(tests, test_killed_at_change, 0, 6);
    tcase_add_test(tests, test_already);
    tcase_add_loop_test(tests, test_own_key, 0, 3);
    tcase_add_test(tests, test_refused);
    tcase_add_test(tests, test_other_key);
    tcase_add_loop_test(tests, test_replaced, 0, 2);
    tcase_add_test(tests, test_two);
    tcase_add_test(tests, test_unknown);
    tcase_add_test(tests, test_paused);
    tcase_add_loop_test(tests, test_renewal_killed, 0, 4);
    return tests;
}
