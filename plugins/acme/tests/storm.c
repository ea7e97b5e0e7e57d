/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Random faults of the authority and of the store, deaths, clock steps and requests, all at once. Some invariants must
 * hold throughout, others at the end, without faults.
 */
#include "plugins/acme/tests/cases.h"
#include "plugins/acme/tests/lab.h"
#include "plugins/lib/jose/jose.h"
#include "plugins/lib/x509/x509.h"

#include <hopgate/host.h>

enum { STORMS = 40, EVENTS = 60 };

static unsigned seed;

static unsigned chance(unsigned below)
{
    return (unsigned)rand_r(&seed) % below;
}

static void spoil(void)
{
    static const char *const kinds[] = {"directory", "new-nonce", "new-account", "new-order",   "authorization",
                                        "challenge", "order",     "finalize",    "certificate", "key-change"};
    static const struct fake_rule ways[] = {
        {.body = "{}"},
        {.body = "<html>"},
        {.status = 500},
        {.status = 400, .type = "badNonce"},
        {.status = 400, .type = "malformed"},
        {.status = 400, .type = "accountDoesNotExist"},
        {.status = 403, .type = "unauthorized", .detail = "no"},
        {.status = 403, .type = "orderNotReady"},
        {.status = 429, .type = "rateLimited", .retry_after = 1200},
        {.status = 503, .retry_after = 300},
        {.error = "Connection refused"},
        {.error = "Connection reset by peer", .too_late = true},
        {.kills = true},
        {.kills = true, .too_late = true},
    };
    struct fake_rule rule = ways[chance(sizeof ways / sizeof *ways)];

    if (lab->ca->rule_count == FAKE_RULES_MAX)
        fake_ca_forget_rules(lab->ca);
    rule.kind = kinds[chance(sizeof kinds / sizeof *kinds)];
    if (!strcmp(rule.kind, "new-account") && rule.type && !strcmp(rule.type, "accountDoesNotExist"))
        rule.type = "malformed"; /* it never denies an existing account, as changing a key depends on this */
    rule.times = 1 + chance(3);
    rule.skip = chance(2);
    fake_ca_rule(lab->ca, rule);
}

static void happen(void)
{
    static const char *const names[] = {"a.test", "b.test"};

    switch (chance(10)) {
    case 0:
    case 1:
    case 2:
        spoil();
        break;
    case 3:
    case 4:
        lab_renew(names[chance(2)]);
        break;
    case 5:
        lab->store.death = (struct fake_death){.change = lab->store.changes + 1 + chance(12), .done = chance(2)};
        break;
    case 6:
        lab->store.unwritable = lab->store.unwritable ? NULL : chance(2) ? "acme" : "acme/certificates";
        break;
    case 7:
        lab->clock_error = (int64_t)chance(7200) - 3600;
        break;
    case 8:
        lab->ca->unreachable = chance(2) ? "tls-alpn-01" : NULL;
        break;
    default:
        if (lab->ca->account_count && lab->ca->account_count < FAKE_ACCOUNTS_MAX - 2 && !chance(3))
            lab->ca->accounts[lab->ca->account_count - 1].deactivated = true;
        else
            lab_restart();
    }
}

/* Once a certificate has been served, there is always one. */
static void check_served(bool *was_served)
{
    for (size_t i = 0; i < 2; i++) {
        const char *name = i ? "b.test" : "a.test", *key = i ? "acme/certificates/b.test" : "acme/certificates/a.test";
        const bool served = lab_served_by(lab->ca, name) >= 0;

        ck_assert_msg(served || !was_served[i], "%s is no longer served: %s", name, lab->host.log);
        was_served[i] |= served && fake_store_text(&lab->store, key); /* otherwise it is lost with the process */
    }
}

static void pass(hg_time time)
{
    lab_run(time + 20 * HG_MILLISECOND); /* enough to read the store after a restart */
    if (!lab->store.dead)
        return;
    lab_kill();
    lab_start();
    lab_run(20 * HG_MILLISECOND);
}

static bool is_account_alive(void)
{
    json_t *record = json_loads(fake_store_first(&lab->store, "acme/accounts"), 0, NULL);
    gnutls_x509_privkey_t key = x509_key_read(hg_text(json_string_value(json_object_get(record, "key"))));
    json_t *jwk = jose_jwk(key);
    bool alive = false;

    for (unsigned i = 0; i < lab->ca->account_count; i++)
        alive |= !lab->ca->accounts[i].deactivated && json_equal(jwk, lab->ca->accounts[i].jwk);
    json_decref(jwk);
    json_decref(record);
    gnutls_x509_privkey_deinit(key);
    return alive;
}

START_TEST(test_storm)
{
    bool was_served[2] = {false, false};
    unsigned issued;

    seed = (unsigned)_i + 1;
    lab_add("b.test");
    lab->ca->lifetime = 12 * 3600;
    lab_start();
    for (int i = 0; i < EVENTS; i++) {
        happen();
        pass((hg_time)chance(3) * HG_SECOND + (hg_time)chance(2) * chance(1800) * HG_SECOND);
        check_served(was_served);
    }
    fake_ca_forget_rules(lab->ca);
    lab->store.unwritable = NULL;
    lab->store.death = (struct fake_death){0};
    lab->ca->unreachable = NULL;
    pass(8 * LAB_HOUR);
    lab->host.log[0] = 0;
    issued = lab->ca->issued;
    lab_renew("a.test");
    lab_renew("b.test");
    pass(10 * LAB_MINUTE);
    ck_assert_msg(lab->ca->issued == issued + 2, "storm %d: %u issued: %s", _i, lab->ca->issued - issued,
                  lab->host.log);
    ck_assert_msg(lab_served_by(lab->ca, "a.test") >= 0 && lab_served_by(lab->ca, "b.test") >= 0, "storm %d: %s", _i,
                  lab->host.log);
    ck_assert_msg(!fake_store_first(&lab->store, "acme/orders"), "storm %d: an order is left", _i);
    ck_assert_msg(!fake_store_first(&lab->store, "acme/challenges"), "storm %d: a challenge is left", _i);
    ck_assert_msg(!fake_store_first(&lab->store, "acme/requests"), "storm %d: a request is left", _i);
    ck_assert_uint_eq(lab->presented_count, 0);
    ck_assert(is_account_alive());
}
END_TEST

TCase *cases_storm(void)
{
    TCase *tests = tcase_create("storm");

    tcase_add_checked_fixture(tests, lab_set_up, lab_tear_down);
    tcase_set_timeout(tests, 300);
    tcase_set_tags(tests, "long");
    tcase_add_loop_test(tests, test_storm, 0, STORMS);
    return tests;
}
