/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme_tlsalpn01/validation.h"

#include <arpa/inet.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* RFC 8737 section 6.1. */
#define ACME_IDENTIFIER_OID "1.3.6.1.5.5.7.1.31"
#define HASH_SIZE           32
/* An order's life, and what clocks may differ by. */
#define VALID_FOR ((time_t)7 * 86400)
#define SKEW      ((time_t)86400)

/* ---- Names ---- */

/* 4 or 16 raw bytes, 0: it is no address. */
static unsigned parse_address(struct hg_text text, uint8_t address[16])
{
    char literal[INET6_ADDRSTRLEN];

    if (text.size >= sizeof literal)
        return 0;
    memcpy(literal, text.data, text.size);
    literal[text.size] = '\0';
    return inet_pton(AF_INET, literal, address) == 1 ? 4 : inet_pton(AF_INET6, literal, address) == 1 ? 16 : 0;
}

void validation_server_name(struct hg_text identifier, char name[VALIDATION_NAME_SIZE])
{
    uint8_t address[16];
    unsigned size = parse_address(identifier, address);
    int length = 0;

    name[0] = '\0';
    if (!size && identifier.size < VALIDATION_NAME_SIZE) {
        snprintf(name, VALIDATION_NAME_SIZE, "%.*s", HG_PRINT(identifier));
    } else if (size == 4) {
        snprintf(name, VALIDATION_NAME_SIZE, "%u.%u.%u.%u.in-addr.arpa", address[3], address[2], address[1],
                 address[0]);
    } else if (size == 16) {
        for (int i = 15; i >= 0; i--)
            length += snprintf(name + length, VALIDATION_NAME_SIZE - (size_t)length, "%x.%x.", address[i] & 15,
                               address[i] >> 4);
        snprintf(name + length, VALIDATION_NAME_SIZE - (size_t)length, "ip6.arpa");
    }
}

/* ---- The certificate ---- */

static int set_subject(gnutls_x509_crt_t crt, struct hg_text identifier)
{
    uint8_t address[16];
    unsigned size = parse_address(identifier, address);

    if (size)
        return gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, address, size, GNUTLS_FSAN_SET);
    return gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, identifier.data, (unsigned)identifier.size,
                                                GNUTLS_FSAN_SET);
}

/* acmeIdentifier: an octet string of the key authorization's SHA-256, and critical, so that nobody takes this for an
 * ordinary certificate. */
static int set_identifier(gnutls_x509_crt_t crt, struct hg_text key_authorization)
{
    uint8_t value[2 + HASH_SIZE] = {0x04, HASH_SIZE};
    int result = gnutls_hash_fast(GNUTLS_DIG_SHA256, key_authorization.data, key_authorization.size, value + 2);

    return result ? result : gnutls_x509_crt_set_extension_by_oid(crt, ACME_IDENTIFIER_OID, value, sizeof value, 1);
}

/* 0 or an error of GnuTLS. */
static int fill(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key, struct hg_text identifier,
                struct hg_text key_authorization)
{
    /* A name over 64 bytes is none for the common name (RFC 5280, ub-common-name), so there is always this one. */
    static const char subject[] = "ACME challenge";
    const time_t now = time(NULL);
    uint8_t serial[16];
    int result = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof serial);

    serial[0] = (uint8_t)((serial[0] & 0x7f) | 1); /* positive, of full length (RFC 5280 section 4.1.2.2) */
    if (!result)
        result = gnutls_x509_crt_set_version(crt, 3);
    if (!result)
        result = gnutls_x509_crt_set_serial(crt, serial, sizeof serial);
    if (!result)
        result = gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, subject, sizeof subject - 1);
    if (!result)
        result = gnutls_x509_crt_set_activation_time(crt, now - SKEW);
    if (!result)
        result = gnutls_x509_crt_set_expiration_time(crt, now + VALID_FOR);
    if (!result)
        result = set_subject(crt, identifier);
    if (!result)
        result = set_identifier(crt, key_authorization);
    if (!result)
        result = gnutls_x509_crt_set_key(crt, key);
    return result ? result : gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0);
}

static void release(struct hg_certificate *certificate)
{
    if (certificate->chain_size)
        gnutls_pcert_deinit(certificate->chain);
    if (certificate->key)
        gnutls_privkey_deinit(certificate->key);
    free(certificate->chain);
    free(certificate);
}

/* What a handshake takes. */
static struct hg_certificate *make(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key)
{
    struct hg_certificate *certificate = calloc(1, sizeof *certificate);

    if (!certificate)
        return NULL;
    atomic_init(&certificate->refs, 1);
    certificate->release = release;
    certificate->chain = calloc(1, sizeof *certificate->chain);
    certificate->chain_size = certificate->chain && !gnutls_pcert_import_x509(certificate->chain, crt, 0);
    if (certificate->chain_size && !gnutls_privkey_init(&certificate->key) &&
        !gnutls_privkey_import_x509(certificate->key, key, GNUTLS_PRIVKEY_IMPORT_COPY))
        return certificate;
    hg_certificate_unref(certificate);
    return NULL;
}

struct hg_certificate *validation_certificate(struct hg_text identifier, struct hg_text key_authorization)
{
    struct hg_certificate *certificate = NULL;
    gnutls_x509_privkey_t key = NULL;
    gnutls_x509_crt_t crt = NULL;

    if (!gnutls_x509_privkey_init(&key) && !gnutls_x509_crt_init(&crt) &&
        !gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0) &&
        !fill(crt, key, identifier, key_authorization))
        certificate = make(crt, key);
    if (crt)
        gnutls_x509_crt_deinit(crt);
    if (key)
        gnutls_x509_privkey_deinit(key);
    return certificate;
}
