/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Names, and pairs of certificate and key.
 */
#include "plugins/acme/key_pair.h"
#include "plugins/acme/name.h"
#include "plugins/acme/tests/cases.h"
#include "plugins/lib/x509/x509.h"

#include <stdio.h>
#include <stdlib.h>

START_TEST(test_names)
{
    static const struct {
        const char *name;
        enum acme_name_kind kind;
        const char *canonical;
    } cases[] = {
        {"App.Example.COM", ACME_NAME_HOST, "app.example.com"},
        {"app.example.com.", ACME_NAME_HOST, "app.example.com"},
        {"xn--bcher-kva.example", ACME_NAME_HOST, "xn--bcher-kva.example"},
        {"intern", ACME_NAME_HOST, "intern"},
        {"*.Example.com", ACME_NAME_WILDCARD, "*.example.com"},
        {"192.0.2.1", ACME_NAME_ADDRESS, "192.0.2.1"},
        {"2001:DB8:0::1", ACME_NAME_ADDRESS, "2001:db8::1"},
        {"", ACME_NAME_WRONG, NULL},
        {".", ACME_NAME_WRONG, NULL},
        {"*", ACME_NAME_WRONG, NULL},
        {"*.", ACME_NAME_WRONG, NULL},
        {"a..b", ACME_NAME_WRONG, NULL},
        {"-a.b", ACME_NAME_WRONG, NULL},
        {"a-.b", ACME_NAME_WRONG, NULL},
        {"a_b.c", ACME_NAME_WRONG, NULL},
        {"a.*.c", ACME_NAME_WRONG, NULL},
        {"b\xc3\xbc"
         "cher.example",
         ACME_NAME_WRONG, NULL},
        {"192.0.2.256", ACME_NAME_WRONG, NULL},
        {"a.b:80", ACME_NAME_WRONG, NULL},
        {"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl.b", ACME_NAME_WRONG, NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char canonical[ACME_NAME_MAX + 1];

        ck_assert_msg(acme_name_kind(hg_text(cases[i].name)) == cases[i].kind, "%s", cases[i].name);
        ck_assert_msg(acme_name_canonical(hg_text(cases[i].name), canonical) == !!cases[i].canonical, "%s",
                      cases[i].name);
        if (cases[i].canonical)
            ck_assert_str_eq(canonical, cases[i].canonical);
    }
    ck_assert(acme_name_matches("*.example.com", HG_TEXT("a.example.com")));
    ck_assert(!acme_name_matches("*.example.com", HG_TEXT("a.b.example.com")));
    ck_assert(!acme_name_matches("*.example.com", HG_TEXT("example.com")));
    ck_assert(!acme_name_matches("*.example.com", HG_TEXT(".example.com")));
    ck_assert(!acme_name_matches("example.com", HG_TEXT("")));
}
END_TEST

/* Key and chain, as in the store. */
static void print_pem(const struct hg_certificate *certificate, char *text, size_t size)
{
    gnutls_x509_privkey_t key;
    gnutls_datum_t pem;
    char *key_pem;

    ck_assert_int_ge(gnutls_privkey_export_x509(certificate->key, &key), 0);
    ck_assert_int_ge(gnutls_pem_base64_encode2("CERTIFICATE", &certificate->chain->cert, &pem), 0);
    key_pem = x509_key_pem(key);
    snprintf(text, size, "%s%.*s", key_pem, (int)pem.size, pem.data);
    free(key_pem);
    gnutls_free(pem.data);
    gnutls_x509_privkey_deinit(key);
}

START_TEST(test_pair)
{
    static const char *const names[] = {"a.test", "*.b.test", "192.0.2.1", "2001:db8::1"};
    const time_t now = time(NULL);
    struct hg_certificate *certificate =
        x509_self_signed(&(struct x509_self_signed){.subject = "test", .names = names, .name_count = 4, .now = now});
    char pem[4096], why[128];
    struct acme_key_pair *pair;

    print_pem(certificate, pem, sizeof pem);
    hg_certificate_unref(certificate);
    pair = acme_key_pair_read(hg_text(pem), why, sizeof why);
    ck_assert_ptr_nonnull(pair);
    ck_assert_int_le(pair->begins, now);
    ck_assert_int_gt(pair->ends, now);
    ck_assert(acme_key_pair_is_for(pair, names, 4));
    ck_assert(!acme_key_pair_is_for(pair, names, 3));
    ck_assert(acme_key_pair_is_named(pair, "*.b.test"));
    ck_assert(acme_key_pair_is_named(pair, "2001:db8::1"));
    ck_assert(!acme_key_pair_is_named(pair, "b.test"));
    acme_key_pair_unref(pair);
}
END_TEST

TCase *cases_parts(void)
{
    TCase *tests = tcase_create("parts");

    tcase_add_test(tests, test_names);
    tcase_add_test(tests, test_pair);
    return tests;
}
