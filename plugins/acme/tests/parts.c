/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Names, requests for certificates, pairs of certificate and key.
 */
#include "plugins/acme/key.h"
#include "plugins/acme/key_pair.h"
#include "plugins/acme/name.h"
#include "plugins/acme/tests/cases.h"
#include "plugins/lib/jose/base64url.h"

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

/* What openssl, which is not ours, says of a request. */
static void expect(const char *request, const char *const *wanted, size_t count)
{
    size_t size;
    uint8_t *der = jose_base64url_read(hg_text(request), &size);
    gnutls_datum_t pem;
    char *text = calloc(1, 65536);
    FILE *pipe;

    ck_assert_int_ge(gnutls_pem_base64_encode2("CERTIFICATE REQUEST", &(gnutls_datum_t){der, (unsigned)size}, &pem), 0);
    setenv("REQUEST", (char *)pem.data, 1);
    pipe = popen("echo \"$REQUEST\" | openssl req -noout -verify -text 2>&1", "r");
    ck_assert_ptr_nonnull(pipe);
    ck_assert_uint_lt(fread(text, 1, 65535, pipe), 65535);
    pclose(pipe);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(strstr(text, wanted[i]), "\"%s\" is not in: %s", wanted[i], text);
    gnutls_free(pem.data);
    free(der);
    free(text);
}

static const enum acme_key_type types[] = {ACME_P256, ACME_P384, ACME_RSA2048};

START_TEST(test_request)
{
    static const char *const names[] = {"a.example.com", "*.example.com", "192.0.2.1", "2001:db8::1",
                                        "a-name-that-is-longer-than-the-64-bytes-of-a-common-name.long.example.com"};
    static const char *const wanted[] = {
        "verify OK",
        ("DNS:a.example.com, DNS:*.example.com, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1, "
         "DNS:a-name-that-is-longer-than-the-64-bytes-of-a-common-name.long.example.com"),
        "Subject:"};
    gnutls_x509_privkey_t key = acme_key_new(types[_i]), again;
    char *request = acme_key_request(key, names, 5), *pem = acme_key_pem(key);

    expect(request, wanted, sizeof wanted / sizeof *wanted);
    again = acme_key_read(hg_text(pem));
    ck_assert_ptr_nonnull(again);
    acme_key_free(again);
    ck_assert_ptr_null(acme_key_read(hg_text("")));
    ck_assert_ptr_null(acme_key_read(hg_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")));
    acme_secret_free(pem);
    free(request);
    acme_key_free(key);
}
END_TEST

START_TEST(test_self_signed)
{
    static const char *const names[] = {"a.test", "*.b.test", "192.0.2.1", "2001:db8::1"};
    const time_t now = time(NULL);
    struct acme_key_pair *pair = acme_key_pair_self_signed(names, 4, now);

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
    tcase_add_loop_test(tests, test_request, 0, sizeof types / sizeof *types);
    tcase_add_test(tests, test_self_signed);
    return tests;
}
