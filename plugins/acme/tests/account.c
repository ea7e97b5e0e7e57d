/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Accounts that are lost or refused (behaviour 17).
 */
#include "plugins/acme/tests/cases.h"
#include "plugins/acme/tests/lab.h"
#include "plugins/lib/jose/jose.h"
#include "plugins/lib/x509/x509.h"

/* Renewal works without an operator's help. */
static void check_renews(unsigned accounts)
{
    const unsigned issued = lab->ca->issued;

    lab_renew("a.test");
    lab_run_until_issued(issued + 1, 10 * LAB_MINUTE);
    ck_assert_msg(lab->ca->issued == issued + 1, "%s", lab->host.log);
    ck_assert_int_eq(lab_served_by(lab->ca, "a.test"), (int)lab->ca->order_count - 1);
    ck_assert_uint_eq(lab->ca->account_count, accounts);
}

/* Whether the key in the store is that of this account. */
static bool is_key_of(unsigned account, const char *member)
{
    json_t *record = json_loads(fake_store_first(&lab->store, "acme/accounts"), 0, NULL);
    const char *pem = json_string_value(json_object_get(record, member));
    gnutls_x509_privkey_t key = pem ? x509_key_read(hg_text(pem)) : NULL;
    json_t *jwk = jose_jwk(key);
    const bool same = json_equal(jwk, lab->ca->accounts[account].jwk);

    json_decref(jwk);
    json_decref(record);
    gnutls_x509_privkey_deinit(key);
    return same;
}

/* ---- Unknown, deactivated ---- */

static const char *const kinds[] = {"new-order", "authorization", "challenge", "order", "finalize", "certificate"};

/* In each request of an order. */
START_TEST(test_unknown_account)
{
    fake_ca_rule(
        lab->ca,
        (struct fake_rule){
            .kind = kinds[_i], .times = 1, .status = 400, .type = "accountDoesNotExist", .detail = "who is that?"});
    lab_start();
    lab_run_until_issued(1, LAB_MINUTE);
    ck_assert_msg(lab_served_by(lab->ca, "a.test") == (int)lab->ca->order_count - 1, "%s: %s", kinds[_i],
                  lab->host.log);
    ck_assert_uint_eq(lab->ca->account_count, 1); /* the CA knows the key after all */
    ck_assert_uint_eq(fake_ca_seen(lab->ca, "new-account"), 2);
}
END_TEST

/* With another order in progress, no request is made without an account, and both certificates are issued. */
START_TEST(test_unknown_in_one_order)
{
    lab_add("b.test");
    fake_ca_rule(lab->ca,
                 (struct fake_rule){.kind = "new-order", .times = 1, .status = 400, .type = "accountDoesNotExist"});
    lab_start();
    lab_run(5 * LAB_MINUTE);
    ck_assert_int_ge(lab_served_by(lab->ca, "a.test"), 0);
    ck_assert_int_ge(lab_served_by(lab->ca, "b.test"), 0);
    ck_assert_uint_eq(lab->ca->account_count, 1);
    ck_assert_uint_eq(lab->ca->issued, 2);
}
END_TEST

START_TEST(test_forgotten)
{
    lab_begin();
    lab->ca->accounts[0].forgotten = true;
    if (_i)
        lab_restart();
    check_renews(2);
    ck_assert(json_equal(lab->ca->accounts[0].jwk, lab->ca->accounts[1].jwk));
    ck_assert(is_key_of(1, "key"));
}
END_TEST

START_TEST(test_deactivated)
{
    lab_begin();
    lab->ca->accounts[0].deactivated = true;
    if (_i)
        lab_restart();
    check_renews(2);
    ck_assert(!json_equal(lab->ca->accounts[0].jwk, lab->ca->accounts[1].jwk));
    ck_assert(is_key_of(1, "key"));
    lab_restart();
    check_renews(2);
}
END_TEST

/* One order notices while another one is creating the next account, which is not dropped as well. */
START_TEST(test_deactivated_twice)
{
    lab_add("b.test");
    lab_start();
    lab_run_until_issued(2, LAB_MINUTE);
    lab->ca->accounts[0].deactivated = true;
    lab_renew("a.test");
    lab_run((hg_time)_i * 10 * HG_MILLISECOND); /* a response takes 100 */
    lab_renew("b.test");
    lab_run(5 * LAB_MINUTE);
    ck_assert_uint_eq(lab->ca->issued, 4);
    ck_assert_msg(lab->ca->account_count == 2, "%u accounts: %s", lab->ca->account_count, lab->host.log);
    ck_assert(is_key_of(1, "key"));
}
END_TEST

/* The account is found again by its key. */
START_TEST(test_lost_response)
{
    fake_ca_rule(
        lab->ca,
        (struct fake_rule){.kind = "new-account", .times = 1, .error = "Connection reset by peer", .too_late = true});
    lab_start();
    lab_run(5 * LAB_MINUTE);
    lab_check_one();
    ck_assert_uint_eq(lab->ca->account_count, 1);
    ck_assert(is_key_of(0, "key"));
}
END_TEST

START_TEST(test_contact)
{
    lab_begin();
    ck_assert_uint_eq(fake_ca_seen(lab->ca, "account"), 0);
    lab_stop();
    lab->config.email = _i ? NULL : "another@a.test";
    lab_start();
    check_renews(1);
    ck_assert_uint_eq(fake_ca_seen(lab->ca, "account"), 1);
    check_renews(1);
    lab_restart();
    check_renews(1);
    ck_assert_uint_eq(fake_ca_seen(lab->ca, "account"), 1);
}
END_TEST

/* It is logged and tried again a day later, and no certificate waits for it. */
START_TEST(test_contact_refused)
{
    static const struct fake_rule rules[] = {
        {.kind = "account", .status = 400, .type = "invalidContact", .detail = "no such domain"},
        {.kind = "account", .status = 403, .type = "unauthorized", .detail = "not now"},
        {.kind = "account", .status = 500},
    };
    struct fake_rule *rule;

    lab_begin();
    lab_stop();
    lab->config.email = "ops@wrong";
    rule = fake_ca_rule(lab->ca, rules[_i]);
    lab_start();
    check_renews(1);
    check_renews(1);
    ck_assert_uint_eq(fake_ca_seen(lab->ca, "account"), 1);
    ck_assert_uint_eq(lab_logged("error: https://ca1.test/directory: cannot change the contact to "), 1);
    lab_run(LAB_DAY);
    check_renews(1);
    ck_assert_uint_eq(fake_ca_seen(lab->ca, "account"), 2);
    rule->times = rule->hits;
    lab_run(LAB_DAY);
    check_renews(1);
    check_renews(1);
    ck_assert_uint_eq(fake_ca_seen(lab->ca, "account"), 3);
}
END_TEST

/* ---- Terms, external binding ---- */

START_TEST(test_terms)
{
    struct fake_rule *rule;

    lab_begin();
    rule = fake_ca_rule(lab->ca, (struct fake_rule){.kind = "new-order",
                                                    .status = 403,
                                                    .type = "userActionRequired",
                                                    .detail = "agree to https://ca1.test/terms/2"});
    lab_renew("a.test");
    lab_run(30 * HG_SECOND);
    ck_assert_uint_eq(lab_logged("userActionRequired: agree to https://ca1.test/terms/2; next attempt"), 1);
    ck_assert_int_eq(lab_served_by(lab->ca, "a.test"), 0);
    rule->times = rule->hits;
    lab_run(5 * LAB_MINUTE);
    ck_assert_int_eq(lab_served_by(lab->ca, "a.test"), 1);
    ck_assert_uint_eq(lab->ca->account_count, 1);
}
END_TEST

/* The account has another URL now, and the authority does not say so: it is found by its key. */
START_TEST(test_stale_url)
{
    static const int statuses[] = {0, 400, 401, 403, 404};
    char key[80];
    json_t *record;
    char *text;

    lab_begin();
    lab->ca->unknown_status = statuses[_i];
    for (const struct fake_value *value = lab->store.values; value; value = value->next)
        if (!strncmp(value->key, "acme/accounts/", 14))
            snprintf(key, sizeof key, "%s", value->key);
    record = json_loads(fake_store_text(&lab->store, key), 0, NULL);
    json_object_set_new(record, "account", json_string("https://ca1.test/account/77"));
    text = json_dumps(record, 0);
    lab_stop();
    fake_store_set(&lab->store, key, text);
    lab_start();
    lab_renew("a.test");
    lab_run(5 * LAB_MINUTE);
    ck_assert_msg(lab_served_by(lab->ca, "a.test") == 1, "%s", lab->host.log);
    ck_assert_uint_eq(lab->ca->account_count, 1);
    ck_assert_ptr_nonnull(strstr(fake_store_text(&lab->store, key), "https://ca1.test/account/0"));
    json_decref(record);
    free(text);
}
END_TEST

START_TEST(test_missing_binding)
{
    lab->ca->eab_required = true;
    lab_start();
    lab_run(2 * LAB_HOUR);
    ck_assert_uint_ge(lab_logged("externalAccountRequired: an external account binding is required; next attempt"), 4);
    ck_assert_uint_le(fake_ca_seen(lab->ca, "new-account"), 9);
    lab_stop();
    lab->config.eab_kid = "kid-1";
    lab->config.eab_key = "AAECAwQFBgcICQoLDA0ODw";
    lab_start();
    lab_run(4 * LAB_HOUR);
    lab_check_one();
}
END_TEST

/* The authority's error is logged, the pauses grow, and the key is kept, so the account can be restored. */
START_TEST(test_binding_refused)
{
    static const char *const words[] = {"the external account key was used already", "the binding was revoked"};
    json_t *first;

    lab->ca->eab_required = true;
    lab->ca->eab_words = words[_i];
    lab->config.eab_kid = "kid-1";
    lab->config.eab_key = "AAECAwQFBgcICQoLDA0ODw";
    lab_begin();
    first = json_deep_copy(lab->ca->accounts[0].jwk);
    lab->ca->accounts[0].forgotten = true;
    lab_renew("a.test");
    lab_run(2 * LAB_HOUR);
    ck_assert_msg(lab_logged(words[_i]) >= 4, "%s", lab->host.log);
    ck_assert_msg(fake_ca_seen(lab->ca, "new-account") <= 10, "%u", fake_ca_seen(lab->ca, "new-account"));
    ck_assert_int_eq(lab_served_by(lab->ca, "a.test"), 0);
    lab->ca->accounts[0].forgotten = false;
    lab_run(4 * LAB_HOUR);
    ck_assert_int_eq(lab_served_by(lab->ca, "a.test"), 1);
    ck_assert(json_equal(first, lab->ca->accounts[0].jwk));
    ck_assert(is_key_of(0, "key"));
    json_decref(first);
}
END_TEST

TCase *cases_account(void)
{
    TCase *tests = tcase_create("account");

    tcase_add_checked_fixture(tests, lab_set_up, lab_tear_down);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, test_unknown_account, 0, sizeof kinds / sizeof *kinds);
    tcase_add_test(tests, test_unknown_in_one_order);
    tcase_add_loop_test(tests, test_forgotten, 0, 2);
    tcase_add_loop_test(tests, test_deactivated, 0, 2);
    tcase_add_loop_test(tests, test_deactivated_twice, 0, 30);
    tcase_add_test(tests, test_lost_response);
    tcase_add_loop_test(tests, test_contact, 0, 2);
    tcase_add_loop_test(tests, test_contact_refused, 0, 3);
    tcase_add_test(tests, test_terms);
    tcase_add_loop_test(tests, test_stale_url, 0, 5);
    tcase_add_test(tests, test_missing_binding);
    tcase_add_loop_test(tests, test_binding_refused, 0, 2);
    return tests;
}
