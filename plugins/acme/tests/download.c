/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The preferred chain, and checks before a certificate is used (behaviours 12, 23).
 */
#include "plugins/acme/tests/cases.h"
#include "plugins/acme/tests/lab.h"

/* The common name of the issuer of the last certificate in the chain. */
static const char *root_of_served(void)
{
    const char *pem = fake_store_first(&lab->store, "acme/certificates");
    const gnutls_datum_t datum = {(unsigned char *)(uintptr_t)pem, (unsigned)strlen(pem)};
    gnutls_x509_crt_t crts[4];
    unsigned count = 4;
    static char name[64];
    size_t size = sizeof name;

    ck_assert_int_ge(gnutls_x509_crt_list_import(crts, &count, &datum, GNUTLS_X509_FMT_PEM, 0), 0);
    ck_assert_uint_eq(count, 2);
    gnutls_x509_crt_get_issuer_dn_by_oid(crts[1], GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &size);
    for (unsigned i = 0; i < count; i++)
        gnutls_x509_crt_deinit(crts[i]);
    return name;
}

static const struct {
    const char *preferred, *alternate;
    struct fake_rule rule;
    const char *root;
    bool logged;
} chains[] = {
    {NULL, "good", {0}, "Root A", false},
    {"Root A", "good", {0}, "Root A", false},
    {"Root B", "good", {0}, "Root B", false},
    {"Root C", "good", {0}, "Root A", true},
    {"Root B", NULL, {0}, "Root A", true},
    {"Root B", "cut", {0}, "Root A", true},
    {"Root B", "torn", {0}, "Root A", true},
    {"Root B", "other", {0}, "Root A", true},
    {"Root B", "good", {.kind = "alternate", .status = 404, .type = "malformed"}, "Root A", true},
    {"Root B", "good", {.kind = "alternate", .status = 500}, "Root A", true},
    {"Root B", "good", {.kind = "alternate", .error = "Connection reset by peer"}, "Root A", true},
    {"Root B", "good", {.kind = "alternate", .body = ""}, "Root A", true},
    {"Root B", "good", {.kind = "alternate", .body = "<html>"}, "Root A", true},
};

START_TEST(test_chains)
{
    lab->config.preferred_chain = chains[_i].preferred;
    lab->ca->alternate = chains[_i].alternate;
    if (chains[_i].rule.kind)
        fake_ca_rule(lab->ca, chains[_i].rule);
    lab_start();
    lab_run(30 * HG_SECOND);
    ck_assert_msg(lab_served_by(lab->ca, "a.test") == 0, "%d: %s", _i, lab->host.log);
    ck_assert_str_eq(root_of_served(), chains[_i].root);
    ck_assert_uint_eq(lab->ca->order_count, 1);
    ck_assert_msg(lab_logged("using the default one") == chains[_i].logged, "%d: %s", _i, lab->host.log);
}
END_TEST

/* A wrong leaf is logged, not served, and ordered again after a pause. */
static const struct {
    bool other_key;
    const char *other_names;
    int64_t skew;
    const char *logged;
    unsigned orders; /* 1: if our clock may be wrong, it is only downloaded again */
} leaves[] = {
    {true, NULL, 0, "the key does not belong to the certificate", 2},
    {false, "b.test", 0, "is for other names", 2},
    {false, NULL, -91 * 86400, "has already expired", 2},
    {false, NULL, 30 * 86400, "not valid before tomorrow", 1},
};

START_TEST(test_leaf)
{
    lab->ca->other_key = leaves[_i].other_key;
    lab->ca->other_names = leaves[_i].other_names;
    lab->ca->skew = leaves[_i].skew;
    lab_start();
    lab_run(30 * HG_SECOND);
    ck_assert_msg(lab_logged(leaves[_i].logged) == 1, "%s: %s", leaves[_i].logged, lab->host.log);
    ck_assert_int_eq(lab_served_by(lab->ca, "a.test"), -1);
    ck_assert_ptr_null(fake_store_first(&lab->store, "acme/certificates"));
    lab->ca->other_key = false;
    lab->ca->other_names = NULL;
    lab->clock_error = lab->ca->skew > 0 ? lab->ca->skew : 0;
    lab->ca->skew = 0;
    lab_run(20 * LAB_MINUTE);
    ck_assert_msg(lab->ca->order_count == leaves[_i].orders, "%s: %u orders", leaves[_i].logged, lab->ca->order_count);
    ck_assert_int_eq(lab_served_by(lab->ca, "a.test"), (int)leaves[_i].orders - 1);
}
END_TEST

/* The old certificate is served while the new one cannot be used. */
START_TEST(test_leaf_of_renewal)
{
    lab_start();
    lab_run_until_issued(1, LAB_MINUTE);
    lab->ca->other_key = true;
    lab_renew("a.test");
    lab_run(30 * HG_SECOND);
    ck_assert_msg(lab->ca->issued == 2, "%s", lab->host.log);
    ck_assert_int_eq(lab_served_by(lab->ca, "a.test"), 0);
    lab_restart();
    lab_run(5 * HG_SECOND);
    ck_assert_int_eq(lab_served_by(lab->ca, "a.test"), 0);
}
END_TEST

/* If the response is not a chain, the order is kept, and the certificate is downloaded again. */
START_TEST(test_no_chain)
{
    static const struct fake_rule rules[] = {{.body = ""},
                                             {.body = "<html>"},
                                             {.body = "-----BEGIN CERTIFICATE-----\nMIIB\n"},
                                             {.status = 500},
                                             {.error = "Connection reset by peer"}};
    struct fake_rule rule = rules[_i];

    rule.kind = "certificate";
    fake_ca_rule(lab->ca, rule);
    lab_start();
    lab_run(30 * HG_SECOND);
    ck_assert_uint_eq(lab_logged("no certificate:"), 1);
    fake_ca_forget_rules(lab->ca);
    lab_run(5 * LAB_MINUTE);
    lab_check_one();
    ck_assert_uint_eq(lab->ca->order_count, 1);
}
END_TEST

/* A renewal with an intermediate that has not signed it: the old certificate stays in use, and nothing more is ordered.
 */
START_TEST(test_alien_intermediate)
{
    lab_begin();
    lab->ca->chain = _i ? "alien" : "torn";
    lab_renew("a.test");
    lab_run(LAB_HOUR);
    ck_assert_int_eq(lab_served_by(lab->ca, "a.test"), 0);
    ck_assert_uint_ge(lab_logged("no certificate: the authority's certificate: does not verify"), 2);
    ck_assert_uint_eq(lab->ca->order_count, 2);
    lab->ca->chain = NULL;
    lab_run(2 * LAB_HOUR);
    ck_assert_int_eq(lab_served_by(lab->ca, "a.test"), 1);
    ck_assert_msg(lab->ca->issued == 2, "%s", lab->host.log);
}
END_TEST

TCase *cases_download(void)
{
    TCase *tests = tcase_create("download");

    tcase_add_checked_fixture(tests, lab_set_up, lab_tear_down);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, test_chains, 0, sizeof chains / sizeof *chains);
    tcase_add_loop_test(tests, test_leaf, 0, sizeof leaves / sizeof *leaves);
    tcase_add_test(tests, test_leaf_of_renewal);
    tcase_add_loop_test(tests, test_alien_intermediate, 0, 2);
    tcase_add_loop_test(tests, test_no_chain, 0, 5);
    return tests;
}
