/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/key.h"

#include "plugins/acme/name.h"
#include "plugins/lib/jose/base64url.h"

#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- Making, keeping ---- */

gnutls_x509_privkey_t acme_key_new(enum acme_key_type type)
{
    static const struct {
        gnutls_pk_algorithm_t algorithm;
        unsigned bits;
    } kinds[] = {
        [ACME_P256] = {GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1)},
        [ACME_P384] = {GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP384R1)},
        [ACME_RSA2048] = {GNUTLS_PK_RSA, 2048},
        [ACME_RSA3072] = {GNUTLS_PK_RSA, 3072},
        [ACME_RSA4096] = {GNUTLS_PK_RSA, 4096},
    };
    gnutls_x509_privkey_t key = NULL;

    if (gnutls_x509_privkey_init(&key) < 0)
        return NULL;
    if (gnutls_x509_privkey_generate(key, kinds[type].algorithm, kinds[type].bits, 0) >= 0)
        return key;
    gnutls_x509_privkey_deinit(key);
    return NULL;
}

void acme_key_free(gnutls_x509_privkey_t key)
{
    if (key)
        gnutls_x509_privkey_deinit(key);
}

char *acme_key_pem(gnutls_x509_privkey_t key)
{
    gnutls_datum_t pem = {0};
    char *text = NULL;

    if (gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &pem) >= 0) {
        text = strndup((const char *)pem.data, pem.size);
        gnutls_memset(pem.data, 0, pem.size);
        gnutls_free(pem.data);
    }
    return text;
}

gnutls_x509_privkey_t acme_key_read(struct hg_text pem)
{
    const gnutls_datum_t datum = {(unsigned char *)(uintptr_t)pem.data, (unsigned)pem.size};
    gnutls_x509_privkey_t key = NULL;

    if (gnutls_x509_privkey_init(&key) < 0)
        return NULL;
    if (pem.size && gnutls_x509_privkey_import2(key, &datum, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN) >= 0)
        return key;
    gnutls_x509_privkey_deinit(key);
    return NULL;
}

void acme_secret_free(char *text)
{
    if (text)
        gnutls_memset(text, 0, strlen(text));
    free(text);
}

/* ---- Requests for certificates ---- */

static int add_names(gnutls_x509_crq_t request, const char *const *names, size_t count)
{
    int result = 0;

    for (size_t i = 0; i < count && result >= 0; i++) {
        uint8_t address[16];
        const size_t size = acme_name_address(hg_text(names[i]), address);

        result = gnutls_x509_crq_set_subject_alt_name(request, size ? GNUTLS_SAN_IPADDRESS : GNUTLS_SAN_DNSNAME,
                                                      size ? (const void *)address : names[i],
                                                      (unsigned)(size ? size : strlen(names[i])), GNUTLS_FSAN_APPEND);
    }
    return result;
}

/* The names stand in the extension alone, where their length has no bound (a common name has 64 bytes). */
char *acme_key_request(gnutls_x509_privkey_t key, const char *const *names, size_t count)
{
    gnutls_x509_crq_t request = NULL;
    gnutls_datum_t der = {0};
    char *text = NULL;
    int result = gnutls_x509_crq_init(&request);

    if (result >= 0)
        result = gnutls_x509_crq_set_version(request, 1);
    if (result >= 0)
        result = add_names(request, names, count);
    if (result >= 0)
        result = gnutls_x509_crq_set_key(request, key);
    if (result >= 0)
        result = gnutls_x509_crq_sign2(request, key, GNUTLS_DIG_SHA256, 0);
    if (result >= 0 && gnutls_x509_crq_export2(request, GNUTLS_X509_FMT_DER, &der) >= 0)
        text = jose_base64url(der.data, der.size);
    gnutls_free(der.data);
    if (request)
        gnutls_x509_crq_deinit(request);
    return text;
}
