/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Operators' commands: renew, by the gateway, and revoke (RFC 8555 section 7.6).
 */
#include "plugins/acme/tests/cases.h"
#include "plugins/acme/tests/lab.h"
#include "plugins/lib/x509/x509.h"

#include <hopgate/host.h>
#include <stdio.h>

static bool is_requested(void)
{
    return fake_store_first(&lab->store, "acme/requests");
}

/* The first certificate is revoked, and there is one new one. */
static void check_done(void)
{
    lab_run(LAB_MINUTE);
    ck_assert_msg(lab->ca->orders[0].revoked, "%s", lab->host.log);
    ck_assert_msg(lab->ca->issued == 2, "%u certificates: %s", lab->ca->issued, lab->host.log);
    ck_assert_int_eq(lab_served_by(lab->ca, "a.test"), (int)lab->ca->order_count - 1);
    ck_assert(!lab->ca->orders[lab->ca->order_count - 1].revoked);
    ck_assert(!is_requested());
    ck_assert_ptr_null(fake_store_first(&lab->store, "acme/previous"));
}

static void kill_and_start(void)
{
    lab_kill();
    lab->store.death = (struct fake_death){0};
    lab_start();
}

static int revoke(const char *serial)
{
    return lab_command("revoke", "a.test", serial);
}

/* Begins with a key of that type from an earlier attempt, as generating it takes no simulated time. */
static void begin_with(int type)
{
    gnutls_x509_privkey_t key = x509_key_new((enum x509_key_type)type);
    char *pem = x509_key_pem(key), *text;
    json_t *record;

    lab->config.key_type = type;
    record = json_pack("{s:o, s:s, s:[s]}", "options", acme_options_wanted(&lab->config, lab->directories[0]), "key",
                       pem, "names", "a.test");
    text = json_dumps(record, 0);
    fake_store_set(&lab->store, "acme/orders/a.test", text);
    json_decref(record);
    free(pem);
    gnutls_x509_privkey_deinit(key);
    free(text);
    lab_begin();
}

/* Signed with the account's key, whatever the certificate's key is. */
START_TEST(test_revoked)
{
    begin_with(_i);
    lab->config.key_type = X509_P256;
    ck_assert_int_eq(revoke(NULL), 0);
    check_done();
    ck_assert(!lab->ca->orders[0].revoked_by_own_key);
    ck_assert_uint_eq(fake_ca_seen(lab->ca, "revoke"), 1);
    ck_assert_uint_eq(lab_logged("is revoked; ordering a new one"), 1);
}
END_TEST

/* The gateway orders a new certificate when it starts. */
START_TEST(test_gateway_stopped)
{
    lab_begin();
    fake_ca_rule(lab->ca, (struct fake_rule){.kind = "new-order", .error = "Connection refused"});
    ck_assert_int_eq(revoke(NULL), 0);
    fake_ca_forget_rules(lab->ca);
    kill_and_start();
    check_done();
}
END_TEST

/* The command fails, nothing changes, and the next try succeeds. */
static const struct fake_rule troubles[] = {
    {.kind = "revoke", .times = 1, .status = 503},
    {.kind = "revoke", .times = 1, .status = 500, .type = "serverInternal"},
    {.kind = "revoke", .times = 1, .status = 429, .type = "rateLimited", .retry_after = 600},
    {.kind = "revoke", .times = 1, .error = "Connection refused"},
    {.kind = "revoke", .times = 1, .error = "Connection reset by peer", .too_late = true},
    {.kind = "*", .times = 1, .error = "Connection refused"},
};

START_TEST(test_authority_errors)
{
    lab_begin();
    lab_run(LAB_MINUTE);
    fake_ca_rule(lab->ca, troubles[_i]);
    ck_assert_int_eq(revoke(NULL), 1);
    lab_run(LAB_MINUTE);
    ck_assert(!is_requested());
    ck_assert_uint_eq(lab->ca->issued, 1);
    ck_assert_int_eq(revoke(NULL), 0);
    check_done();
    ck_assert(!lab->ca->orders[0].revoked_by_own_key);
}
END_TEST

START_TEST(test_already_revoked)
{
    lab_begin();
    fake_ca_rule(lab->ca, (struct fake_rule){.kind = "revoke", .status = 400, .type = "alreadyRevoked"});
    ck_assert_int_eq(revoke(NULL), 0);
    lab->ca->orders[0].revoked = true;
    check_done();
    ck_assert_uint_eq(fake_ca_seen(lab->ca, "revoke"), 1);
}
END_TEST

static void forget_account(void)
{
    char *key = strdup(fake_store_key(&lab->store, "acme/accounts"));

    fake_store_set(&lab->store, key, "{}");
    free(key);
}

/* The account may not revoke it, or is lost: signed with the certificate's key, of any type. */
START_TEST(test_own_key)
{
    begin_with(_i / 4);
    lab->config.key_type = X509_P256;
    if (_i % 4 == 0)
        fake_ca_rule(lab->ca, (struct fake_rule){.kind = "revoke", .times = 1, .status = 403, .type = "unauthorized"});
    else if (_i % 4 == 1)
        lab->ca->accounts[0].forgotten = true;
    else if (_i % 4 == 2)
        lab->ca->accounts[0].deactivated = true;
    else
        forget_account();
    ck_assert_int_eq(revoke(NULL), 0);
    check_done();
    ck_assert(lab->ca->orders[0].revoked_by_own_key);
}
END_TEST

/* The authority refuses: both keys are tried, and nothing is ordered. */
START_TEST(test_refused)
{
    lab_begin();
    fake_ca_rule(lab->ca, (struct fake_rule){
                              .kind = "revoke", .status = 400, .type = "badRevocationReason", .detail = "not that"});
    ck_assert_int_eq(revoke(NULL), 1);
    lab_run(LAB_HOUR);
    ck_assert_uint_eq(fake_ca_seen(lab->ca, "revoke"), 2);
    ck_assert_uint_eq(lab->ca->issued, 1);
    ck_assert(!is_requested());
}
END_TEST

/* The previous certificate, by its serial number: the current one stays in use. */
START_TEST(test_previous)
{
    const char *state;
    char serial[64];

    lab_begin();
    state = strstr(fake_store_text(&lab->store, "acme/states/a.test"), "\"serial\": \"");
    ck_assert_int_eq(sscanf(state, "\"serial\": \"%63[0-9a-f]", serial), 1);
    lab_renew("a.test");
    lab_run(10 * HG_SECOND);
    ck_assert_uint_eq(lab->ca->issued, 2);
    ck_assert_int_eq(revoke(serial), 0);
    check_done();
    ck_assert_int_eq(revoke(serial), 1); /* it is no longer in the store */
    ck_assert_int_eq(revoke("77"), 1);
    ck_assert_int_eq(lab_command("revoke", "b.test", NULL), 1);
    ck_assert_uint_eq(fake_ca_seen(lab->ca, "revoke"), 1);
}
END_TEST

/* `hopgate acme renew`, killed at each change of the store. */
START_TEST(test_renewal_killed)
{
    lab_begin();
    lab->store.death = (struct fake_death){.change = lab->store.changes + 1 + (unsigned)_i / 2, .done = _i & 1};
    lab_renew("a.test");
    lab_run(LAB_MINUTE);
    ck_assert(lab->store.dead);
    kill_and_start();
    lab_run(5 * LAB_MINUTE);
    ck_assert_msg(lab->ca->issued == 2, "%u certificates: %s", lab->ca->issued, lab->host.log);
    ck_assert_int_eq(lab_served_by(lab->ca, "a.test"), (int)lab->ca->order_count - 1);
    ck_assert(!is_requested());
}
END_TEST

TCase *cases_revocation(void)
{
    TCase *tests = tcase_create("revocation");

    tcase_add_checked_fixture(tests, lab_set_up, lab_tear_down);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, test_revoked, X509_P256, X509_RSA2048 + 1);
    tcase_add_test(tests, test_gateway_stopped);
    tcase_add_loop_test(tests, test_authority_errors, 0, 6);
    tcase_add_test(tests, test_already_revoked);
    tcase_add_loop_test(tests, test_own_key, 0, 12);
    tcase_add_test(tests, test_refused);
    tcase_add_test(tests, test_previous);
    tcase_add_loop_test(tests, test_renewal_killed, 0, 4);
    return tests;
}
