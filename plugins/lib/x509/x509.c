/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/lib/x509/x509.h"

#include <arpa/inet.h>
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>

#define DAY 86400

gnutls_x509_privkey_t x509_key_new(enum x509_key_type type)
{
    static const struct {
        gnutls_pk_algorithm_t algorithm;
        unsigned bits;
    } kinds[] = {
        [X509_P256] = {GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1)},
        [X509_P384] = {GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP384R1)},
        [X509_RSA2048] = {GNUTLS_PK_RSA, 2048},
        [X509_RSA3072] = {GNUTLS_PK_RSA, 3072},
        [X509_RSA4096] = {GNUTLS_PK_RSA, 4096},
    };
    gnutls_x509_privkey_t key = NULL;

    if (gnutls_x509_privkey_init(&key) >= 0 &&
        gnutls_x509_privkey_generate(key, kinds[type].algorithm, kinds[type].bits, 0) >= 0)
        return key;
    gnutls_x509_privkey_deinit(key);
    return NULL;
}

gnutls_x509_privkey_t x509_key_read(struct hg_text pem)
{
    const gnutls_datum_t datum = {(unsigned char *)(uintptr_t)pem.data, (unsigned)pem.size};
    gnutls_x509_privkey_t key = NULL;

    if (pem.size && gnutls_x509_privkey_init(&key) >= 0 &&
        gnutls_x509_privkey_import2(key, &datum, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN) >= 0)
        return key;
    gnutls_x509_privkey_deinit(key);
    return NULL;
}

char *x509_key_pem(gnutls_x509_privkey_t key)
{
    gnutls_datum_t pem = {0};
    char *text;

    if (gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &pem) < 0)
        return NULL;
    text = strndup((const char *)pem.data, pem.size);
    gnutls_memset(pem.data, 0, pem.size);
    gnutls_free(pem.data);
    return text;
}

/* ---- Requests for certificates ---- */

size_t x509_address(struct hg_text text, uint8_t address[16])
{
    char literal[INET6_ADDRSTRLEN];

    if (!text.size || text.size >= sizeof literal)
        return 0;
    memcpy(literal, text.data, text.size);
    literal[text.size] = 0;
    return inet_pton(AF_INET, literal, address) == 1 ? 4 : inet_pton(AF_INET6, literal, address) == 1 ? 16 : 0;
}

static int add_name(gnutls_x509_crq_t request, const char *name)
{
    uint8_t address[16];
    const size_t size = x509_address(hg_text(name), address);

    if (size)
        return gnutls_x509_crq_set_subject_alt_name(request, GNUTLS_SAN_IPADDRESS, address, (unsigned)size,
                                                    GNUTLS_FSAN_APPEND);
    return gnutls_x509_crq_set_subject_alt_name(request, GNUTLS_SAN_DNSNAME, name, (unsigned)strlen(name),
                                                GNUTLS_FSAN_APPEND);
}

/* All names are alternative names, whose length has no limit; a common name has at most 64 bytes. */
static gnutls_x509_crq_t request_new(gnutls_x509_privkey_t key, const char *const *names, size_t count)
{
    gnutls_x509_crq_t request = NULL;
    bool good = gnutls_x509_crq_init(&request) >= 0 && gnutls_x509_crq_set_version(request, 1) >= 0;

    for (size_t i = 0; i < count && good; i++)
        good = add_name(request, names[i]) >= 0;
    if (good && gnutls_x509_crq_set_key(request, key) >= 0 &&
        gnutls_x509_crq_sign2(request, key, GNUTLS_DIG_SHA256, 0) >= 0)
        return request;
    gnutls_x509_crq_deinit(request);
    return NULL;
}

gnutls_datum_t x509_request(gnutls_x509_privkey_t key, const char *const *names, size_t count)
{
    gnutls_x509_crq_t request = request_new(key, names, count);
    gnutls_datum_t der = {0};

    if (request && gnutls_x509_crq_export2(request, GNUTLS_X509_FMT_DER, &der) < 0)
        der.data = NULL;
    gnutls_x509_crq_deinit(request);
    return der;
}

/* ---- Self-signed certificates ---- */

static void release(struct hg_certificate *certificate)
{
    x509_clear(certificate);
    free(certificate);
}

/* The certificate is made from a request, which has all of its names. */
static bool fill(gnutls_x509_crt_t crt, gnutls_x509_crq_t request, const struct x509_self_signed *wanted)
{
    uint8_t serial[16];

    if (gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof serial) < 0)
        return false;
    serial[0] = (uint8_t)((serial[0] & 0x7f) | 1); /* positive, and of full length (RFC 5280 section 4.1.2.2) */
    return gnutls_x509_crt_set_version(crt, 3) >= 0 && gnutls_x509_crt_set_serial(crt, serial, sizeof serial) >= 0 &&
           gnutls_x509_crt_set_activation_time(crt, wanted->now - DAY) >= 0 &&
           gnutls_x509_crt_set_expiration_time(crt, wanted->now + 7 * DAY) >= 0 &&
           gnutls_x509_crt_set_crq(crt, request) >= 0 && gnutls_x509_crt_set_crq_extensions(crt, request) >= 0 &&
           gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, wanted->subject,
                                         (unsigned)strlen(wanted->subject)) >= 0 &&
           (!wanted->oid || gnutls_x509_crt_set_extension_by_oid(crt, wanted->oid, wanted->extension.data,
                                                                 wanted->extension.size, 1) >= 0);
}

/* In the form that handshakes need. NULL: out of memory. */
static struct hg_certificate *wrap(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key)
{
    struct hg_certificate *certificate = calloc(1, sizeof *certificate);

    if (!certificate)
        return NULL;
    atomic_init(&certificate->refs, 1);
    certificate->release = release;
    certificate->chain = calloc(1, sizeof *certificate->chain);
    certificate->chain_size = certificate->chain && gnutls_pcert_import_x509(certificate->chain, crt, 0) >= 0;
    if (certificate->chain_size && gnutls_privkey_init(&certificate->key) >= 0 &&
        gnutls_privkey_import_x509(certificate->key, key, GNUTLS_PRIVKEY_IMPORT_COPY) >= 0)
        return certificate;
    release(certificate);
    return NULL;
}

struct hg_certificate *x509_self_signed(const struct x509_self_signed *wanted)
{
    gnutls_x509_privkey_t key = x509_key_new(X509_P256);
    gnutls_x509_crq_t request = key ? request_new(key, wanted->names, wanted->name_count) : NULL;
    gnutls_x509_crt_t crt = NULL;
    struct hg_certificate *certificate = NULL;

    if (request && gnutls_x509_crt_init(&crt) >= 0 && fill(crt, request, wanted) &&
        gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0) >= 0)
        certificate = wrap(crt, key);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_crq_deinit(request);
    gnutls_x509_privkey_deinit(key);
    return certificate;
}
