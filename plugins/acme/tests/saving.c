/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A certificate that cannot be stored (behaviour 9), or whose lease was lost (20), is served and stored later.
 */
#include "plugins/acme/store.h"
#include "plugins/acme/tests/cases.h"
#include "plugins/acme/tests/lab.h"

#define CERTIFICATE "acme/" ACME_CERTIFICATES "/a.test"

static const char *stored(void)
{
    const char *text = fake_store_text(&lab->store, CERTIFICATE);

    return text ? text : "";
}

/* The authority has issued that many, but the last one is not downloaded yet. */
static void run_until_last_is_issued(unsigned count)
{
    while (lab->ca->issued < count)
        lab_run(HG_SECOND / 100);
    ck_assert_uint_eq(lab->ca->issued, count);
}

/* The certificate of the last order is served, even after a restart, and nothing more is ordered. */
static void check_saved(void)
{
    const unsigned count = lab->ca->order_count;

    ck_assert_msg(lab_served_by(lab->ca, "a.test") == (int)count - 1, "%s", lab->host.log);
    lab_restart();
    lab_run(LAB_MINUTE);
    ck_assert_msg(lab_served_by(lab->ca, "a.test") == (int)count - 1, "%s", lab->host.log);
    ck_assert_uint_eq(lab->ca->order_count, count);
    ck_assert_ptr_null(fake_store_first(&lab->store, "acme/orders"));
}

/* For longer than the lease. The old certificate in the store is not used again. */
START_TEST(test_read_only)
{
    char *before;

    lab_begin();
    before = strdup(stored());
    lab_renew("a.test");
    run_until_last_is_issued(2);
    lab->store.closed = true;
    lab_run(5 * HG_SECOND);
    ck_assert_msg(lab_logged("using it from memory and storing it later") == 1, "%s", lab->host.log);
    for (int i = 0; i < 20; i++) {
        ck_assert_msg(lab_served_by(lab->ca, "a.test") == 1, "%d: %s", i, lab->host.log);
        lab_run(30 * HG_SECOND);
    }
    ck_assert_str_eq(stored(), before);
    lab->store.closed = false;
    lab_run(2 * LAB_MINUTE);
    ck_assert_str_ne(stored(), before);
    check_saved();
    free(before);
}
END_TEST

/* The lease is renewed however long the authority takes, so no other process starts an order of its own. */
START_TEST(test_lease_is_kept)
{
    lab->ca->lazy = true; /* it does not look at challenges */
    lab_start();
    for (unsigned seconds = 1; seconds < 9 * 60; seconds++) {
        lab_run(HG_SECOND);
        ck_assert_msg(fake_store_is_held(&lab->store, LAB_LEASE), "free after %u s", seconds);
    }
    lab->ca->lazy = false;
    lab_run(6 * LAB_MINUTE);
    lab_check_one();
    ck_assert(!fake_store_is_held(&lab->store, LAB_LEASE));
}
END_TEST

/* At the worst moment, for a first certificate and a renewal. */
START_TEST(test_lease_lost)
{
    char *before;

    if (_i)
        lab_begin();
    else
        lab_start();
    before = strdup(stored());
    if (_i)
        lab_renew("a.test");
    run_until_last_is_issued(1 + (unsigned)_i);
    fake_store_steal(&lab->store, "acme/certificates/a.test", 5 * LAB_MINUTE);
    for (int i = 0; i < 8; i++) {
        lab_run(30 * HG_SECOND);
        ck_assert_msg(lab_served_by(lab->ca, "a.test") == _i, "%d: %s", i, lab->host.log);
    }
    ck_assert_str_eq(stored(), before);
    lab_run(2 * LAB_MINUTE);
    ck_assert_str_ne(stored(), before);
    check_saved();
    free(before);
}
END_TEST

/* The disk is full, and when there is room again, the lease is lost. */
START_TEST(test_lease_lost_later)
{
    char *before;

    lab_begin();
    before = strdup(stored());
    lab->store.unwritable = CERTIFICATE;
    lab_renew("a.test");
    lab_run(10 * HG_SECOND);
    ck_assert_int_eq(lab_served_by(lab->ca, "a.test"), 1);
    lab->store.unwritable = NULL;
    fake_store_steal(&lab->store, LAB_LEASE, 5 * LAB_MINUTE);
    lab_run(4 * LAB_MINUTE);
    ck_assert_int_eq(lab_served_by(lab->ca, "a.test"), 1);
    ck_assert_str_eq(stored(), before);
    lab_run(2 * LAB_MINUTE);
    ck_assert_str_ne(stored(), before);
    check_saved();
    free(before);
}
END_TEST

/* Meanwhile, another gateway has obtained a newer one. It stays, whether this gateway is notified or only finds it when
 * it has the lease again. */
START_TEST(test_newer_from_other_gateway)
{
    char *first, *newer;

    lab->ca->skew = -7200;
    lab_begin();
    first = strdup(stored());
    lab->ca->skew = 0;
    lab_renew("a.test");
    lab_run_until_issued(2, LAB_MINUTE);
    newer = strdup(stored());
    ck_assert_str_ne(first, newer);
    lab_stop();
    fake_store_set(&lab->store, CERTIFICATE, first);
    lab_start();
    lab_run(5 * HG_SECOND);
    lab->ca->skew = -3600; /* certificates issued now are older than the other gateway's */
    lab->store.unwritable = CERTIFICATE;
    lab_renew("a.test");
    lab_run(10 * HG_SECOND);
    ck_assert_int_eq(lab_served_by(lab->ca, "a.test"), 2);
    fake_store_steal(&lab->store, LAB_LEASE, 5 * LAB_MINUTE);
    lab_run(2 * LAB_MINUTE);
    lab->store.unwritable = NULL;
    fake_store_set(&lab->store, "acme/orders/a.test", "{}");
    fake_store_slip(&lab->store, "acme/states/a.test", "{}");
    (_i ? fake_store_set : fake_store_slip)(&lab->store, CERTIFICATE, newer);
    lab_run(LAB_MINUTE);
    ck_assert_int_eq(lab_served_by(lab->ca, "a.test"), _i ? 1 : 2);
    lab_run(10 * LAB_MINUTE);
    ck_assert_msg(lab_served_by(lab->ca, "a.test") == 1, "%s", lab->host.log);
    ck_assert_str_eq(stored(), newer);
    ck_assert_uint_eq(lab->ca->order_count, 3);
    free(first);
    free(newer);
}
END_TEST

/* A certificate that is revoked while it is renewed is not kept as the previous one. */
START_TEST(test_revoked_meanwhile)
{
    lab_begin();
    lab_renew("a.test");
    while (fake_ca_seen(lab->ca, "new-order") < 2)
        lab_run(HG_SECOND / 100);
    ck_assert_int_eq(lab_command("revoke", "a.test", NULL), 0);
    lab_run(10 * HG_SECOND);
    ck_assert_msg(lab_logged("is revoked; ordering a new one") == 1, "%s", lab->host.log);
    ck_assert_ptr_null(fake_store_first(&lab->store, "acme/" ACME_PREVIOUS));
    ck_assert_uint_eq(lab->ca->order_count, 2);
    check_saved();
}
END_TEST

TCase *cases_saving(void)
{
    TCase *tests = tcase_create("saving");

    tcase_add_checked_fixture(tests, lab_set_up, lab_tear_down);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, test_read_only);
    tcase_add_test(tests, test_lease_is_kept);
    tcase_add_loop_test(tests, test_lease_lost, 0, 2);
    tcase_add_test(tests, test_lease_lost_later);
    tcase_add_test(tests, test_revoked_meanwhile);
    tcase_add_loop_test(tests, test_newer_from_other_gateway, 0, 2);
    return tests;
}
