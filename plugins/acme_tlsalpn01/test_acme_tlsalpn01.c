/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Unit tests of the acme_tlsalpn01 plugin, which look at its certificates as an authority does.
 */
#include "tests/unit/fake_host.h"
#include "tests/unit/run_suite.h"

#include <arpa/inet.h>
#include <check.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <hopgate/challenges.h>
#include <stdlib.h>

#define ANSWER "token.thumbprint"

static struct fake_host fake;
static const struct hg_challenges_ops *ops;

static void set_up(void)
{
    fake_host_init(&fake, hopgate_plugin(), NULL);
    ops = hopgate_plugin()->offers[0].ops;
}

static void tear_down(void)
{
    fake_host_stop(&fake, hopgate_plugin());
}

static void present(const char *identifier, const char *token, const char *answer)
{
    const struct hg_challenge challenge = {hg_text(identifier), hg_text(token), hg_text(answer)};

    ck_assert_int_eq(ops->present(&fake.worker, &challenge), 0);
}

static struct hg_certificate *find(const char *server_name)
{
    static const struct hg_text alpn = {HG_ALPN_ACME_TLS, sizeof HG_ALPN_ACME_TLS - 1};
    const struct hg_certificate_query query = {.server_name = hg_text(server_name), .alpn = &alpn, .alpn_count = 1};

    return ops->find(&fake.worker, &query);
}

/* RFC 8737 section 3: what the authority checks. `san` is 0 and a name, or 4 or 16 and an address. */
static void expect(struct hg_certificate *certificate, size_t san, const void *identifier, const char *answer)
{
    static const gnutls_datum_t text = {(unsigned char *)(uintptr_t) "text", 4};
    unsigned char hash[2 + 32] = {0x04, 32}, extension[64];
    unsigned critical = 0, type = 0;
    size_t size = sizeof extension;
    gnutls_datum_t signature;
    gnutls_x509_crt_t crt;
    char name[300];

    ck_assert_ptr_nonnull(certificate);
    ck_assert_uint_eq(certificate->chain_size, 1);
    ck_assert_int_eq(gnutls_pcert_export_x509(certificate->chain, &crt), 0);
    ck_assert_int_eq(gnutls_hash_fast(GNUTLS_DIG_SHA256, answer, strlen(answer), hash + 2), 0);
    ck_assert_int_eq(gnutls_x509_crt_get_extension_by_oid(crt, "1.3.6.1.5.5.7.1.31", 0, extension, &size, &critical),
                     0);
    ck_assert_uint_eq(critical, 1);
    ck_assert(size == sizeof hash && !memcmp(extension, hash, size));
    size = sizeof name;
    type = (unsigned)gnutls_x509_crt_get_subject_alt_name(crt, 0, name, &size, NULL);
    ck_assert_uint_eq(type, san ? GNUTLS_SAN_IPADDRESS : GNUTLS_SAN_DNSNAME);
    ck_assert_uint_eq(size, san ? san : strlen(identifier));
    ck_assert_int_eq(memcmp(name, identifier, size), 0);
    size = sizeof name;
    ck_assert_int_eq(gnutls_x509_crt_get_subject_alt_name(crt, 1, name, &size, NULL),
                     GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE);
    ck_assert_int_lt(gnutls_x509_crt_get_activation_time(crt), time(NULL));
    ck_assert_int_gt(gnutls_x509_crt_get_expiration_time(crt), time(NULL));
    /* The key is the certificate's. */
    ck_assert_int_eq(
        gnutls_privkey_sign_data2(certificate->key, GNUTLS_SIGN_ECDSA_SECP256R1_SHA256, 0, &text, &signature), 0);
    ck_assert_int_ge(gnutls_pubkey_verify_data2(certificate->chain->pubkey, GNUTLS_SIGN_ECDSA_SECP256R1_SHA256, 0,
                                                &text, &signature),
                     0);
    gnutls_free(signature.data);
    gnutls_x509_crt_deinit(crt);
    hg_certificate_unref(certificate);
}

START_TEST(a_pending_name_has_its_certificate)
{
    ck_assert_ptr_null(find("app.test"));
    present("app.test", "token", ANSWER);
    expect(find("app.test"), 0, "app.test", ANSWER);
    expect(find("App.Test"), 0, "app.test", ANSWER);
    ck_assert_ptr_null(find("other.test"));
    ck_assert_ptr_null(find(""));
}
END_TEST

START_TEST(a_long_name_needs_no_common_name)
{
    char name[254];

    memset(name, 'a', sizeof name);
    for (size_t i = 50; i < sizeof name; i += 51)
        name[i] = '.';
    name[253] = '\0';
    present(name, "token", ANSWER);
    expect(find(name), 0, name, ANSWER);
}
END_TEST

/* RFC 8738 section 6. */
START_TEST(addresses_are_queried_by_their_reverse_name)
{
    struct in6_addr address;

    present("192.0.2.1", "4", ANSWER);
    present("2001:db8::1", "6", ANSWER);
    ck_assert_ptr_null(find("192.0.2.1"));
    expect(find("1.2.0.192.in-addr.arpa"), 4, "\xc0\0\2\1", ANSWER);
    inet_pton(AF_INET6, "2001:db8::1", &address);
    expect(find("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"), 16, &address, ANSWER);
}
END_TEST

START_TEST(withdrawn_challenges_are_gone)
{
    struct hg_certificate *held;

    present("a.test", "a", "a.thumb");
    present("b.test", "b", "b.thumb");
    present("a.test", "a2", "a2.thumb"); /* in place of the first, until it is withdrawn */
    expect(find("a.test"), 0, "a.test", "a2.thumb");
    present("a.test", "a", "a.thumb"); /* again: no difference */
    expect(find("a.test"), 0, "a.test", "a2.thumb");
    ops->withdraw(&fake.worker, HG_TEXT("a2"));
    expect(find("a.test"), 0, "a.test", "a.thumb");
    held = find("b.test"); /* a handshake is still using it */
    ops->withdraw(&fake.worker, HG_TEXT("b"));
    ops->withdraw(&fake.worker, HG_TEXT("unknown"));
    ck_assert_ptr_null(find("b.test"));
    expect(held, 0, "b.test", "b.thumb");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("acme_tlsalpn01");
    TCase *tests = tcase_create("acme_tlsalpn01");

    tcase_add_test(tests, a_pending_name_has_its_certificate);
    tcase_add_test(tests, a_long_name_needs_no_common_name);
    tcase_add_test(tests, addresses_are_queried_by_their_reverse_name);
    tcase_add_test(tests, withdrawn_challenges_are_gone);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
