/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Unit tests of the tls_files plugin, with certificates created here.
 */
#include "plugins/tls_files/certificate_file.h"
#include "tests/unit/fake_host.h"
#include "tests/unit/run_suite.h"

#include <check.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* As in tls_files.c. */
struct config {
    const char *cert, *key;
    struct hg_list pairs;
};

#define PAIRS 4

struct fixture {
    struct fake_host fake;
    const struct hg_plugin *plugin;
    const struct hg_certificates_ops *ops;
    struct config config;
    char folder[64];
    struct pair_files files[PAIRS];
};

/* ---- Creating certificates ---- */

struct made {
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t cert;
};

static void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "w");

    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
    chmod(path, 0600);
}

/* `names`: separated by spaces, including IPv4 addresses; NULL: only the common name "cn.test". */
static void set_names(gnutls_x509_crt_t cert, const char *names)
{
    char copy[256], *rest = copy, *name;

    if (!names) {
        ck_assert_int_eq(gnutls_x509_crt_set_dn(cert, "CN=cn.test", NULL), 0);
        return;
    }
    strcpy(copy, names);
    while ((name = strsep(&rest, " "))) {
        unsigned a, b, c, d;

        if (sscanf(name, "%u.%u.%u.%u", &a, &b, &c, &d) == 4) {
            uint8_t address[4] = {(uint8_t)a, (uint8_t)b, (uint8_t)c, (uint8_t)d};

            gnutls_x509_crt_set_subject_alt_name(cert, GNUTLS_SAN_IPADDRESS, address, 4, GNUTLS_FSAN_APPEND);
        } else {
            gnutls_x509_crt_set_subject_alt_name(cert, GNUTLS_SAN_DNSNAME, name, (unsigned)strlen(name),
                                                 GNUTLS_FSAN_APPEND);
        }
    }
}

static struct made make(const char *names, time_t begins, time_t ends, const struct made *issuer)
{
    static uint8_t serial = 1;
    struct made made;

    ck_assert_int_eq(gnutls_x509_privkey_init(&made.key), 0);
    ck_assert_int_eq(
        gnutls_x509_privkey_generate(made.key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
        0);
    ck_assert_int_eq(gnutls_x509_crt_init(&made.cert), 0);
    gnutls_x509_crt_set_version(made.cert, 3);
    gnutls_x509_crt_set_serial(made.cert, &serial, 1);
    serial++;
    gnutls_x509_crt_set_activation_time(made.cert, begins);
    gnutls_x509_crt_set_expiration_time(made.cert, ends);
    gnutls_x509_crt_set_key(made.cert, made.key);
    set_names(made.cert, names);
    ck_assert_int_eq(gnutls_x509_crt_sign2(made.cert, issuer ? issuer->cert : made.cert,
                                           issuer ? issuer->key : made.key, GNUTLS_DIG_SHA256, 0),
                     0);
    return made;
}

static void free_made(struct made *made)
{
    gnutls_x509_privkey_deinit(made->key);
    gnutls_x509_crt_deinit(made->cert);
}

static void write_cert(const char *path, const struct made *first, const struct made *second)
{
    const struct made *const chain[] = {first, second};
    char text[8192] = "";

    for (int i = 0; i < 2 && chain[i]; i++) {
        gnutls_datum_t pem;

        ck_assert_int_eq(gnutls_x509_crt_export2(chain[i]->cert, GNUTLS_X509_FMT_PEM, &pem), 0);
        strncat(text, (const char *)pem.data, pem.size);
        gnutls_free(pem.data);
    }
    write_file(path, text, strlen(text));
}

static void write_key(const char *path, const struct made *made)
{
    gnutls_datum_t pem;

    ck_assert_int_eq(gnutls_x509_privkey_export2(made->key, GNUTLS_X509_FMT_PEM, &pem), 0);
    write_file(path, pem.data, pem.size);
    gnutls_free(pem.data);
}

#define DAY ((time_t)86400)

static void write_pair(const struct pair_files *files, const char *names, time_t begins, time_t ends)
{
    struct made made = make(names, begins, ends, NULL);

    write_cert(files->cert, &made, NULL);
    write_key(files->key, &made);
    free_made(&made);
}

static void write_valid(const struct pair_files *files, const char *names)
{
    write_pair(files, names, time(NULL) - DAY, time(NULL) + DAY);
}

/* ---- An instance ---- */

static void fixture_begin(struct fixture *fixture)
{
    memset(fixture, 0, sizeof *fixture);
    fixture->plugin = hopgate_plugin();
    fixture->ops = fixture->plugin->offers[0].ops;
    strcpy(fixture->folder, "/tmp/hopgate-pairs-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(fixture->folder));
    for (int i = 0; i < PAIRS; i++) {
        char path[128];

        snprintf(path, sizeof path, "%s/%d.pem", fixture->folder, i);
        fixture->files[i].cert = strdup(path);
        snprintf(path, sizeof path, "%s/%d.key", fixture->folder, i);
        fixture->files[i].key = strdup(path);
    }
    fixture->config = (struct config){.cert = fixture->files[0].cert, .key = fixture->files[0].key};
    fake_host_init(&fixture->fake, fixture->plugin, &fixture->config);
}

static void fixture_end(struct fixture *fixture)
{
    fake_host_stop(&fixture->fake, fixture->plugin);
    for (int i = 0; i < PAIRS; i++) {
        unlink(fixture->files[i].cert);
        unlink(fixture->files[i].key);
        free((char *)(uintptr_t)fixture->files[i].cert);
        free((char *)(uintptr_t)fixture->files[i].key);
    }
    rmdir(fixture->folder);
}

static void use_list(struct fixture *fixture, size_t count)
{
    fixture->config = (struct config){.pairs = {count, fixture->files}};
}

static struct hg_certificate *find(struct fixture *fixture, const char *server_name)
{
    const struct hg_certificate_query query = {.server_name = hg_text(server_name)};
    struct hg_certificate_lookup *later = (struct hg_certificate_lookup *)fixture;
    struct hg_certificate *found = fixture->ops->find(&fixture->fake.worker, &query, NULL, NULL, &later);

    ck_assert_ptr_nonnull(found);
    ck_assert_ptr_null(later);
    return found;
}

/* Which of the files the certificate for that name comes from. */
static int found_for(struct fixture *fixture, const char *server_name)
{
    struct hg_certificate *found = find(fixture, server_name);
    char der[8192];
    int result = -1;

    for (int i = 0; i < PAIRS && result < 0; i++) {
        gnutls_x509_crt_t cert;
        gnutls_datum_t text;
        size_t size = sizeof der;

        if (gnutls_load_file(fixture->files[i].cert, &text) < 0)
            continue;
        gnutls_x509_crt_init(&cert);
        ck_assert_int_eq(gnutls_x509_crt_import(cert, &text, GNUTLS_X509_FMT_PEM), 0);
        ck_assert_int_eq(gnutls_x509_crt_export(cert, GNUTLS_X509_FMT_DER, der, &size), 0);
        if (size == found->chain[0].cert.size && !memcmp(der, found->chain[0].cert.data, size))
            result = i;
        gnutls_x509_crt_deinit(cert);
        gnutls_free(text.data);
    }
    hg_certificate_unref(found);
    return result;
}

START_TEST(test_choice)
{
    static const struct {
        const char *name;
        int pair;
    } cases[] = {
        {"", 0},
        {"other.test", 0},
        {"a.wild.test", 1},
        {"A.Wild.Test", 1},
        {"exact.wild.test", 2},
        {"a.b.wild.test", 0},
        {"wild.test", 0},
        {".wild.test", 0},
        {"second.test", 2},
        {"second.test.", 2},
        {"192.0.2.7", 2},
        {"192.0.2.8", 0},
        {"cn.test", 3},
        {"default.test", 0},
        {"*.wild.test", 1},
        {".", 0},
    };
    struct fixture fixture;

    fixture_begin(&fixture);
    use_list(&fixture, 4);
    write_valid(&fixture.files[0], "default.test");
    write_valid(&fixture.files[1], "*.wild.test");
    write_valid(&fixture.files[2], "second.test exact.wild.test 192.0.2.7");
    write_valid(&fixture.files[3], NULL);
    ck_assert_int_eq(fake_host_start(&fixture.fake, fixture.plugin), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(found_for(&fixture, cases[i].name) == cases[i].pair, "\"%s\": pair %d", cases[i].name,
                      found_for(&fixture, cases[i].name));
    fixture_end(&fixture);
}
END_TEST

/* The result is usable: a chain of two, and a key that signs for its leaf. */
START_TEST(test_chain)
{
    const time_t now = time(NULL);
    struct made ca = make(NULL, now - DAY, now + DAY, NULL), leaf = make("a.test", now - DAY, now + DAY, &ca);
    const gnutls_datum_t text = {(unsigned char *)(uintptr_t) "text", 4};
    struct hg_certificate *found;
    struct fixture fixture;
    gnutls_datum_t signature;

    fixture_begin(&fixture);
    write_cert(fixture.files[0].cert, &leaf, &ca);
    write_key(fixture.files[0].key, &leaf);
    ck_assert_int_eq(fake_host_start(&fixture.fake, fixture.plugin), 0);
    ck_assert_str_eq(fixture.fake.log, "");
    found = find(&fixture, "a.test");
    ck_assert_uint_eq(found->chain_size, 2);
    ck_assert_int_eq(gnutls_privkey_sign_data2(found->key, GNUTLS_SIGN_ECDSA_SHA256, 0, &text, &signature), 0);
    ck_assert_int_ge(gnutls_pubkey_verify_data2(found->chain[0].pubkey, GNUTLS_SIGN_ECDSA_SHA256, 0, &text, &signature),
                     0);
    gnutls_free(signature.data);
    hg_certificate_unref(found);
    fixture_end(&fixture);
    free_made(&ca);
    free_made(&leaf);
}
END_TEST

static void expect_error(struct fixture *fixture, const char *option, const char *file, const char *what)
{
    char wanted[512];

    fixture->fake.errors[0] = 0;
    ck_assert_int_eq(fake_host_start(&fixture->fake, fixture->plugin), -1);
    snprintf(wanted, sizeof wanted, "%s: %s: %s", option, file, what);
    ck_assert_msg(strstr(fixture->fake.errors, wanted), "no \"%s\" in:\n%s", wanted, fixture->fake.errors);
    fake_host_stop(&fixture->fake, fixture->plugin);
}

START_TEST(test_bad_files)
{
    static const char encrypted[] =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    static const char broken[] = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
    struct fixture fixture;
    const struct pair_files *files = fixture.files;

    fixture_begin(&fixture);
    write_valid(&files[0], "a.test");
    write_valid(&files[1], "b.test");
    fixture.config.key = files[1].key;
    expect_error(&fixture, "key", files[1].key, "not the key of the first certificate in ");
    fixture.config = (struct config){.cert = files[0].key, .key = files[0].cert};
    expect_error(&fixture, "cert", files[0].key, "contains a private key");
    ck_assert_ptr_nonnull(strstr(fixture.fake.errors, "contains a certificate and no private key"));
    fixture.config = (struct config){.cert = files[0].cert, .key = files[2].key};
    expect_error(&fixture, "key", files[2].key, "No such file or directory");
    write_file(files[2].key, encrypted, sizeof encrypted - 1);
    expect_error(&fixture, "key", files[2].key, "the key is encrypted");
    write_file(files[2].key, "text", 4);
    expect_error(&fixture, "key", files[2].key, "not a PEM file");
    fixture.config = (struct config){.cert = files[2].cert, .key = files[0].key};
    write_file(files[2].cert, broken, sizeof broken - 1);
    expect_error(&fixture, "cert", files[2].cert, "not a PEM certificate chain: ");
    write_file(files[2].cert, "", 0);
    expect_error(&fixture, "cert", files[2].cert, "not a PEM file");
    use_list(&fixture, 3);
    expect_error(&fixture, "pairs[2].cert", files[2].cert, "not a PEM file");
    fixture.config = (struct config){.cert = "/tmp", .key = files[0].key};
    expect_error(&fixture, "cert", "/tmp", "not a regular file");
    fixture_end(&fixture);
}
END_TEST

START_TEST(test_forms)
{
    struct fixture fixture;

    fixture_begin(&fixture);
    fixture.config = (struct config){.cert = "a"};
    ck_assert_int_eq(fake_host_start(&fixture.fake, fixture.plugin), -1);
    ck_assert_str_eq(fixture.fake.errors, "cert: requires `key`, too\n");
    fixture.fake.errors[0] = 0;
    fixture.config = (struct config){0};
    ck_assert_int_eq(fake_host_start(&fixture.fake, fixture.plugin), -1);
    ck_assert_str_eq(fixture.fake.errors, "-: give `cert` and `key`, or a list of such pairs\n");
    fixture.fake.errors[0] = 0;
    fixture.config = (struct config){.key = "k", .pairs = {1, fixture.files}};
    ck_assert_int_eq(fake_host_start(&fixture.fake, fixture.plugin), -1);
    ck_assert_str_eq(fixture.fake.errors, "pairs: give either `cert` and `key` or `pairs`, not both\n");
    fixture_end(&fixture);
}
END_TEST

START_TEST(test_warnings)
{
    struct fixture fixture;

    fixture_begin(&fixture);
    use_list(&fixture, 2);
    write_pair(&fixture.files[0], "a.test", time(NULL) - 2 * DAY, time(NULL) - DAY);
    write_pair(&fixture.files[1], "b.test", time(NULL) + DAY, time(NULL) + 2 * DAY);
    chmod(fixture.files[1].key, 0644);
    ck_assert_int_eq(fake_host_start(&fixture.fake, fixture.plugin), 0);
    ck_assert_ptr_nonnull(strstr(fixture.fake.log, "0.pem: the certificate expired on 20"));
    ck_assert_ptr_nonnull(strstr(fixture.fake.log, "1.pem: the certificate is not valid before 20"));
    ck_assert_ptr_nonnull(strstr(fixture.fake.log, "can read or change the private key in"));
    ck_assert_ptr_null(strstr(fixture.fake.log, "0.key"));
    fixture_end(&fixture);
}
END_TEST

/* A renewed pair is used without a restart, after at most a second; users of the old one can keep it. */
START_TEST(test_renewal)
{
    struct hg_certificate *before;
    struct fixture fixture;

    fixture_begin(&fixture);
    write_valid(&fixture.files[0], "a.test");
    ck_assert_int_eq(fake_host_start(&fixture.fake, fixture.plugin), 0);
    before = find(&fixture, "a.test");
    write_valid(&fixture.files[0], "a.test");
    ck_assert_int_eq(found_for(&fixture, "a.test"), -1); /* not checked again within the second */
    fixture.fake.now += HG_SECOND;
    ck_assert_int_eq(found_for(&fixture, "a.test"), 0);
    ck_assert_ptr_nonnull(strstr(fixture.fake.log, "reloaded /"));
    ck_assert_uint_eq(before->chain_size, 1);
    hg_certificate_unref(before);
    fixture_end(&fixture);
}
END_TEST

/* On SIGHUP, an operator learns at once whether the new files can be used. */
START_TEST(test_sighup)
{
    struct fixture fixture;

    fixture_begin(&fixture);
    write_valid(&fixture.files[0], "a.test");
    ck_assert_int_eq(fake_host_start(&fixture.fake, fixture.plugin), 0);
    ck_assert_int_eq(found_for(&fixture, "a.test"), 0);
    write_valid(&fixture.files[0], "a.test");
    fixture.plugin->worker_reread(&fixture.fake.worker);
    ck_assert_ptr_nonnull(strstr(fixture.fake.log, "reloaded /"));
    unlink(fixture.files[0].key);
    fixture.plugin->worker_reread(&fixture.fake.worker);
    ck_assert_ptr_nonnull(strstr(fixture.fake.log, "the previous one stays in use"));
    ck_assert_int_eq(found_for(&fixture, "a.test"), 0);
    fixture_end(&fixture);
}
END_TEST

static unsigned count(const char *text, const char *part)
{
    unsigned found = 0;

    for (; (text = strstr(text, part)); text += strlen(part))
        found++;
    return found;
}

/* A pair that is incomplete, missing or expired changes nothing, and is logged once. */
START_TEST(test_bad_renewal)
{
    struct hg_certificate *before, *after;
    struct fixture fixture;
    struct made made;

    fixture_begin(&fixture);
    write_valid(&fixture.files[0], "a.test");
    ck_assert_int_eq(fake_host_start(&fixture.fake, fixture.plugin), 0);
    before = find(&fixture, "");
    made = make("a.test", time(NULL) - DAY, time(NULL) + DAY, NULL);
    write_cert(fixture.files[0].cert, &made, NULL);
    for (int i = 0; i < 3; i++) {
        fixture.fake.now += HG_SECOND;
        after = find(&fixture, "");
        ck_assert_ptr_eq(before, after);
        hg_certificate_unref(after);
    }
    ck_assert_uint_eq(count(fixture.fake.log, "the previous one stays"), 1);
    write_key(fixture.files[0].key, &made);
    free_made(&made);
    fixture.fake.now += HG_SECOND;
    ck_assert_int_eq(found_for(&fixture, ""), 0);
    hg_certificate_unref(before);

    before = find(&fixture, "");
    write_pair(&fixture.files[0], "a.test", time(NULL) - 2 * DAY, time(NULL) - DAY);
    fixture.fake.now += HG_SECOND;
    ck_assert_int_eq(found_for(&fixture, ""), -1);
    ck_assert_ptr_nonnull(strstr(fixture.fake.log, "the certificate expired on"));
    unlink(fixture.files[0].key);
    fixture.fake.now += HG_SECOND;
    after = find(&fixture, "");
    ck_assert_ptr_eq(before, after);
    hg_certificate_unref(after);
    hg_certificate_unref(before);
    fixture_end(&fixture);
}
END_TEST

/* A new pair may become readable for the gateway only after it was created, by chgrp or setfacl. Like this chmod, they
 * change the ctime, but need not change the mode. */
START_TEST(test_renewal_that_becomes_readable)
{
    struct fixture fixture;

    fixture_begin(&fixture);
    write_valid(&fixture.files[0], "a.test");
    ck_assert_int_eq(fake_host_start(&fixture.fake, fixture.plugin), 0);
    ck_assert_int_eq(chmod(fixture.files[0].key, 0600), 0);
    fixture.fake.now += HG_SECOND;
    ck_assert_int_eq(found_for(&fixture, "a.test"), 0);
    ck_assert_uint_eq(count(fixture.fake.log, "reloaded /"), 1);
    fixture_end(&fixture);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tls_files");
    TCase *tests = tcase_create("tls_files");

    tcase_add_test(tests, test_choice);
    tcase_add_test(tests, test_chain);
    tcase_add_test(tests, test_bad_files);
    tcase_add_test(tests, test_forms);
    tcase_add_test(tests, test_warnings);
    tcase_add_test(tests, test_renewal);
    tcase_add_test(tests, test_sighup);
    tcase_add_test(tests, test_bad_renewal);
    tcase_add_test(tests, test_renewal_that_becomes_readable);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
