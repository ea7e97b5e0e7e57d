/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The certificates of an authority: two chains for each leaf.
 */
#include "plugins/acme/tests/fake_ca.h"
#include "plugins/lib/jose/base64url.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define YEAR (365 * 86400)

static const char *const root_names[2] = {"CN=Root A", "CN=Root B"};

static void fill(gnutls_x509_crt_t crt, uint32_t serial, const char *name, time_t begins, time_t ends)
{
    const uint8_t bytes[4] = {0x10, (uint8_t)(serial >> 16), (uint8_t)(serial >> 8), (uint8_t)serial};

    gnutls_x509_crt_set_version(crt, 3);
    gnutls_x509_crt_set_serial(crt, bytes, sizeof bytes);
    gnutls_x509_crt_set_dn(crt, name, NULL);
    gnutls_x509_crt_set_activation_time(crt, begins);
    gnutls_x509_crt_set_expiration_time(crt, ends);
}

static gnutls_x509_privkey_t key_new(void)
{
    gnutls_x509_privkey_t key;

    gnutls_x509_privkey_init(&key);
    ck_assert_int_ge(
        gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0), 0);
    return key;
}

static gnutls_x509_crt_t authority_new(const char *name, gnutls_x509_privkey_t key, gnutls_x509_crt_t issuer,
                                       gnutls_x509_privkey_t issuer_key)
{
    static const uint8_t key_id[] = {1, 2, 3, 4, 5, 6, 7, 8};
    const time_t now = acme_clock();
    gnutls_x509_crt_t crt;

    gnutls_x509_crt_init(&crt);
    fill(crt, 1, name, now - 20 * YEAR, now + 20 * YEAR);
    gnutls_x509_crt_set_basic_constraints(crt, 1, -1);
    gnutls_x509_crt_set_subject_key_id(crt, key_id, sizeof key_id);
    gnutls_x509_crt_set_key(crt, key);
    ck_assert_int_ge(gnutls_x509_crt_sign2(crt, issuer ? issuer : crt, issuer_key, GNUTLS_DIG_SHA256, 0), 0);
    return crt;
}

void fake_issuer_begin(struct fake_ca *ca)
{
    for (size_t i = 0; i < 3; i++)
        ca->keys[i] = key_new();
    for (size_t i = 0; i < 2; i++) {
        ca->roots[i] = authority_new(root_names[i], ca->keys[1 + i], NULL, ca->keys[1 + i]);
        ca->intermediates[i] = authority_new("CN=Intermediate", ca->keys[0], ca->roots[i], ca->keys[1 + i]);
    }
}

void fake_issuer_end(struct fake_ca *ca)
{
    for (size_t i = 0; i < 3; i++)
        gnutls_x509_privkey_deinit(ca->keys[i]);
    for (size_t i = 0; i < 2; i++) {
        gnutls_x509_crt_deinit(ca->roots[i]);
        gnutls_x509_crt_deinit(ca->intermediates[i]);
    }
}

static gnutls_x509_crt_t leaf_new(struct fake_ca *ca, const struct fake_ca_order *order, uint32_t serial)
{
    static const uint8_t key_id[] = {1, 2, 3, 4, 5, 6, 7, 8};
    const time_t now = acme_clock() + ca->skew;
    gnutls_x509_crt_t crt;

    gnutls_x509_crt_init(&crt);
    fill(crt, serial, "CN=leaf", now - 60, now - 60 + (time_t)ca->lifetime);
    gnutls_x509_crt_set_authority_key_id(crt, key_id, sizeof key_id);
    for (size_t i = 0; i < order->name_count; i++) {
        const char *name = ca->other_names ? ca->other_names : order->names[i];

        gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, name, (unsigned)strlen(name), GNUTLS_FSAN_APPEND);
    }
    return crt;
}

static bool sign(struct fake_ca *ca, gnutls_x509_crt_t crt, gnutls_x509_crq_t request)
{
    gnutls_x509_privkey_t other = ca->other_key ? key_new() : NULL;
    const int result = other ? gnutls_x509_crt_set_key(crt, other) : 0;

    if (other)
        gnutls_x509_privkey_deinit(other);
    else
        gnutls_x509_crt_set_crq(crt, request);
    return result >= 0 && gnutls_x509_crt_sign2(crt, ca->intermediates[0], ca->keys[0], GNUTLS_DIG_SHA256, 0) >= 0;
}

bool fake_issuer_issue(struct fake_ca *ca, struct fake_ca_order *order, const char *csr)
{
    size_t size = 0;
    uint8_t *bytes = jose_base64url_read(hg_text(csr), &size);
    const gnutls_datum_t der = {bytes, (unsigned)size};
    gnutls_datum_t pem = {0};
    gnutls_x509_crq_t request;
    gnutls_x509_crt_t crt;
    bool good;

    gnutls_x509_crq_init(&request);
    good = size && gnutls_x509_crq_import(request, &der, GNUTLS_X509_FMT_DER) >= 0 &&
           gnutls_x509_crq_verify(request, 0) >= 0;
    crt = leaf_new(ca, order, ca->issued + 1);
    good = good && sign(ca, crt, request) && gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem) >= 0 &&
           gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &order->der) >= 0;
    if (good)
        order->leaf = strndup((const char *)pem.data, pem.size);
    gnutls_free(pem.data);
    gnutls_x509_crq_deinit(request);
    gnutls_x509_crt_deinit(crt);
    free(bytes);
    ca->issued += good;
    return good;
}

static char *pem_of(gnutls_x509_crt_t crt)
{
    gnutls_datum_t pem = {0};
    char *text;

    gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem);
    text = strndup((const char *)pem.data, pem.size);
    gnutls_free(pem.data);
    return text;
}

/* A leaf that is not the order's. */
static char *stranger(struct fake_ca *ca, const struct fake_ca_order *order)
{
    gnutls_x509_privkey_t key = key_new();
    gnutls_x509_crt_t crt = leaf_new(ca, order, 0xffffff);
    char *pem;

    gnutls_x509_crt_set_key(crt, key);
    gnutls_x509_crt_sign2(crt, ca->intermediates[1], ca->keys[0], GNUTLS_DIG_SHA256, 0);
    pem = pem_of(crt);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
    return pem;
}

char *fake_issuer_chain(struct fake_ca *ca, const struct fake_ca_order *order, bool alternate)
{
    const char *how = alternate ? ca->alternate : ca->chain ? ca->chain : "good";
    struct fake_ca *signer = strcmp(how, "alien") ? ca : &fake_world->cas[1];
    char *leaf = strcmp(how, "other") ? strdup(order->leaf) : stranger(ca, order);
    /* "torn": without the intermediate, but issued by the alternate root. */
    char *next = pem_of(strcmp(how, "torn") ? signer->intermediates[alternate] : ca->roots[1]);
    char *chain = NULL;

    if (asprintf(&chain, "%s%s", leaf, next) < 0)
        chain = NULL;
    if (!strcmp(how, "cut"))
        chain[strlen(chain) - 100] = 0;
    free(leaf);
    free(next);
    return chain;
}
