/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The process dies at each change of the store and at each request, and the next one continues (behaviour 8).
 */
#include "plugins/acme/tests/cases.h"
#include "plugins/acme/tests/lab.h"

#include <hopgate/host.h>
#include <stdio.h>

/* Certificates are renewed after half of it. */
#define LIFETIME (12 * 3600)

/* When the process dies. */
struct death {
    unsigned change;  /* of the store, or … */
    const char *kind; /* … a request of this kind */
    bool done;        /* after the store or the authority has processed it */
};

static void plan(const struct death *death)
{
    if (death->kind)
        fake_ca_rule(lab->ca,
                     (struct fake_rule){.kind = death->kind, .times = 1, .kills = true, .too_late = death->done});
    else
        lab->store.death = (struct fake_death){.change = lab->store.changes + death->change, .done = death->done};
}

/* An order may be left until the next renewal, but not a challenge. */
static void check_nothing_left(const char *where)
{
    lab_run(LAB_MINUTE);
    ck_assert_msg(!fake_store_first(&lab->store, "acme/challenges"), "%s: a challenge is left in the store", where);
    ck_assert_msg(!lab->presented_count, "%s: a challenge is presented", where);
}

static void check_next(const char *where)
{
    const unsigned issued = lab->ca->issued;

    lab_run(3 * LAB_HOUR);
    ck_assert_msg(lab->ca->issued == issued, "%s: %u certificates later", where, lab->ca->issued);
    lab_renew("a.test");
    lab_run(LAB_MINUTE);
    ck_assert_msg(lab->ca->issued == issued + 1, "%s: %u renewed", where, lab->ca->issued);
    ck_assert_msg(lab_served_by(lab->ca, "a.test") == (int)lab->ca->order_count - 1, "%s: not renewed", where);
    ck_assert_msg(!fake_store_first(&lab->store, "acme/orders"), "%s: an order is left in the store", where);
}

/* False: there were fewer changes, so it did not die. */
static bool first_certificate(const struct death *death, const char *where)
{
    bool died;

    lab->ca->lifetime = LIFETIME;
    plan(death);
    lab_start();
    lab_run(LAB_MINUTE);
    died = lab->store.dead;
    lab->store.death = (struct fake_death){0};
    if (died) {
        lab_kill();
        lab_start();
        lab_run(2 * LAB_MINUTE);
    }
    ck_assert_msg(lab->ca->issued == 1, "%s: %u certificates: %s", where, lab->ca->issued, lab->host.log);
    ck_assert_msg(lab->ca->account_count == 1, "%s: %u accounts", where, lab->ca->account_count);
    ck_assert_msg(lab_served_by(lab->ca, "a.test") == (int)lab->ca->order_count - 1, "%s: it is not served", where);
    check_nothing_left(where);
    check_next(where);
    return died;
}

/* After a restart, the old certificate is served at once, and one new one is obtained. */
static bool renewal(const struct death *death, const char *where)
{
    bool died;

    lab->ca->lifetime = LIFETIME;
    lab_start();
    lab_run(5 * LAB_HOUR);
    ck_assert_uint_eq(lab->ca->issued, 1);
    plan(death);
    lab_run(2 * LAB_HOUR);
    died = lab->store.dead;
    lab->store.death = (struct fake_death){0};
    if (died) {
        lab_kill();
        lab_start();
        lab_run(20 * HG_MILLISECOND);
        ck_assert_msg(lab_served_by(lab->ca, "a.test") >= 0, "%s: nothing is served", where);
        lab_run(2 * LAB_MINUTE);
    }
    ck_assert_msg(lab->ca->issued == 2, "%s: %u certificates: %s", where, lab->ca->issued, lab->host.log);
    ck_assert_msg(lab_served_by(lab->ca, "a.test") == (int)lab->ca->order_count - 1, "%s: the old one is served",
                  where);
    check_nothing_left(where);
    check_next(where);
    return died;
}

typedef bool (*life_fn)(const struct death *death, const char *where);

static const life_fn lives[] = {first_certificate, renewal};

START_TEST(test_changes)
{
    const life_fn life = lives[_i / 2];
    unsigned change = 0;
    bool died = true;

    while (died) {
        char where[64];

        snprintf(where, sizeof where, "change %u %s", ++change, _i & 1 ? "done" : "not done");
        died = life(&(struct death){.change = change, .done = _i & 1}, where);
        lab_tear_down();
        lab_set_up();
    }
    ck_assert_msg(change > 8, "%u changes", change);
}
END_TEST

static const char *const kinds[] = {"directory", "new-nonce", "new-account", "new-order",  "authorization",
                                    "challenge", "order",     "finalize",    "certificate"};

START_TEST(test_requests)
{
    const char *kind = kinds[_i / 2];
    char where[64];

    snprintf(where, sizeof where, "%s %s", kind, _i & 1 ? "done" : "not done");
    ck_assert_msg(first_certificate(&(struct death){.kind = kind, .done = _i & 1}, where), "%s", where);
    if (_i / 2 < 3)
        return; /* a renewal makes no such request */
    lab_tear_down();
    lab_set_up();
    ck_assert_msg(renewal(&(struct death){.kind = kind, .done = _i & 1}, where), "%s", where);
}
END_TEST

TCase *cases_death(void)
{
    TCase *tests = tcase_create("death");

    tcase_add_checked_fixture(tests, lab_set_up, lab_tear_down);
    tcase_set_timeout(tests, 300);
    tcase_set_tags(tests, "long");
    tcase_add_loop_test(tests, test_changes, 0, 4);
    tcase_add_loop_test(tests, test_requests, 0, 2 * sizeof kinds / sizeof *kinds);
    return tests;
}
