/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/lib/x509/x509.h"

#include "tests/unit/run_suite.h"

#include <stdio.h>
#include <stdlib.h>

/* Checks what openssl, an independent implementation, prints about a request or a certificate. */
static void expect(const gnutls_datum_t *der, const char *type, const char *command, const char *const *wanted,
                   size_t count)
{
    gnutls_datum_t pem;
    char *text = calloc(1, 65536);
    FILE *pipe;

    ck_assert_int_ge(gnutls_pem_base64_encode2(type, der, &pem), 0);
    setenv("PEM", (char *)pem.data, 1);
    pipe = popen(command, "r");
    ck_assert_ptr_nonnull(pipe);
    ck_assert_uint_lt(fread(text, 1, 65535, pipe), 65535);
    pclose(pipe);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(strstr(text, wanted[i]), "\"%s\" is not in: %s", wanted[i], text);
    gnutls_free(pem.data);
    free(text);
}

START_TEST(test_request)
{
    static const char *const names[] = {"a.example.com", "*.example.com", "192.0.2.1", "2001:db8::1",
                                        "a-name-that-is-longer-than-the-64-bytes-of-a-common-name.long.example.com"};
    static const char *const wanted[] = {
        "verify OK",
        ("DNS:a.example.com, DNS:*.example.com, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1, "
         "DNS:a-name-that-is-longer-than-the-64-bytes-of-a-common-name.long.example.com"),
        "Subject:"};
    gnutls_x509_privkey_t key = x509_key_new((enum x509_key_type)_i), again;
    gnutls_datum_t request = x509_request(key, names, 5);
    char *pem = x509_key_pem(key);

    expect(&request, "CERTIFICATE REQUEST", "echo \"$PEM\" | openssl req -noout -verify -text 2>&1", wanted,
           sizeof wanted / sizeof *wanted);
    again = x509_key_read(hg_text(pem));
    ck_assert_ptr_nonnull(again);
    gnutls_x509_privkey_deinit(again);
    ck_assert_ptr_null(x509_key_read(hg_text("")));
    ck_assert_ptr_null(x509_key_read(hg_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")));
    free(pem);
    gnutls_free(request.data);
    gnutls_x509_privkey_deinit(key);
}
END_TEST

START_TEST(test_self_signed)
{
    static const char *const names[] = {"a.test", "*.b.test", "192.0.2.1", "2001:db8::1"};
    static const char *const wanted[] = {
        ": OK\n",
        "Subject: CN = no certificate yet",
        "DNS:a.test, DNS:*.b.test, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1",
        "1.2.3.4: critical\n",
    };
    struct hg_certificate *certificate =
        x509_self_signed(&(struct x509_self_signed){.subject = "no certificate yet",
                                                    .names = names,
                                                    .name_count = 4,
                                                    .now = time(NULL),
                                                    .oid = "1.2.3.4",
                                                    .extension = {(unsigned char[]){4, 0}, 2}});

    ck_assert_ptr_nonnull(certificate);
    ck_assert_uint_eq(certificate->chain_size, 1);
    ck_assert(x509_is_key_of(certificate->key, certificate->chain));
    expect(&certificate->chain->cert, "CERTIFICATE",
           "echo \"$PEM\" | openssl x509 -noout -text 2>&1; "
           "file=$(mktemp); echo \"$PEM\" > $file; openssl verify -ignore_critical -CAfile $file $file 2>&1; rm $file",
           wanted, sizeof wanted / sizeof *wanted);
    hg_certificate_unref(certificate);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("x509");
    TCase *tests = tcase_create("x509");

    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, test_request, X509_P256, X509_RSA2048 + 1);
    tcase_add_test(tests, test_self_signed);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
