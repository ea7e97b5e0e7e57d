/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/lib/jose/jose.h"

#include "plugins/lib/jose/base64url.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>

/* Bytes of a coordinate of P-384, the longest, and of half its signature. */
#define COORDINATE_MAX 48

/* RFC 7518 sections 3.3, 3.4 and 6.2.1.1. */
static const struct algorithm {
    const char *name, *curve_name; /* RSA has no curve */
    gnutls_ecc_curve_t curve;
    gnutls_sign_algorithm_t sign;
    size_t coordinate; /* bytes */
} algorithms[] = {
    {"RS256", NULL, GNUTLS_ECC_CURVE_INVALID, GNUTLS_SIGN_RSA_SHA256, 0},
    {"ES256", "P-256", GNUTLS_ECC_CURVE_SECP256R1, GNUTLS_SIGN_ECDSA_SHA256, 32},
    {"ES384", "P-384", GNUTLS_ECC_CURVE_SECP384R1, GNUTLS_SIGN_ECDSA_SHA384, 48},
};

/* NULL: this key is of no use. */
static const struct algorithm *algorithm_of(gnutls_x509_privkey_t key)
{
    gnutls_ecc_curve_t curve = GNUTLS_ECC_CURVE_INVALID;

    if (!key)
        return NULL;
    if (gnutls_x509_privkey_get_pk_algorithm(key) != GNUTLS_PK_RSA &&
        gnutls_x509_privkey_export_ecc_raw(key, &curve, NULL, NULL, NULL) < 0)
        return NULL;
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++)
        if (curve == algorithms[i].curve)
            return &algorithms[i];
    return NULL;
}

/* GnuTLS may put a zero before a number or leave out its leading zeros; JOSE requires all `size` bytes. */
static bool pad(gnutls_datum_t number, uint8_t *padded, size_t size)
{
    for (; number.size > size && !*number.data; number.size--)
        number.data++;
    if (number.size > size)
        return false;
    memset(padded, 0, size - number.size);
    memcpy(padded + size - number.size, number.data, number.size);
    return true;
}

/* ---- Public keys ---- */

/* In `size` bytes; 0: as few as possible. */
static char *number_text(gnutls_datum_t number, size_t size)
{
    uint8_t padded[COORDINATE_MAX];
    const size_t zeros = number.size && !*number.data;

    if (!size)
        return jose_base64url(number.data + zeros, number.size - zeros);
    return pad(number, padded, size) ? jose_base64url(padded, size) : NULL;
}

json_t *jose_jwk(gnutls_x509_privkey_t key)
{
    const struct algorithm *algorithm = algorithm_of(key);
    gnutls_datum_t numbers[2] = {0};
    char *first = NULL, *second = NULL;
    json_t *jwk = NULL;

    if (!algorithm)
        return NULL;
    if (algorithm->curve_name
            ? gnutls_x509_privkey_export_ecc_raw(key, NULL, &numbers[0], &numbers[1], NULL) >= 0
            : gnutls_x509_privkey_export_rsa_raw(key, &numbers[0], &numbers[1], NULL, NULL, NULL, NULL) >= 0) {
        first = number_text(numbers[0], algorithm->coordinate);
        second = number_text(numbers[1], algorithm->coordinate);
    }
    if (first && second)
        jwk = algorithm->curve_name ? json_pack("{s:s, s:s, s:s, s:s}", "kty", "EC", "crv", algorithm->curve_name, "x",
                                                first, "y", second)
                                    : json_pack("{s:s, s:s, s:s}", "kty", "RSA", "n", first, "e", second);
    gnutls_free(numbers[0].data);
    gnutls_free(numbers[1].data);
    free(first);
    free(second);
    return jwk;
}

char *jose_thumbprint(gnutls_x509_privkey_t key)
{
    json_t *jwk = jose_jwk(key);
    char *text = jwk ? json_dumps(jwk, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    char *thumbprint = text ? jose_base64url_sha256(text, strlen(text)) : NULL;

    json_decref(jwk);
    free(text);
    return thumbprint;
}

/* ---- Messages ---- */

/* "protected.payload", both in base64url: what is signed. Takes `header`. */
static char *signing_input(json_t *header, const char *algorithm, const char *payload)
{
    char *text = json_object_set_new(header, "alg", json_string(algorithm)) ? NULL : json_dumps(header, JSON_COMPACT);
    char *first = text ? jose_base64url(text, strlen(text)) : NULL;
    char *second = payload ? jose_base64url(payload, strlen(payload)) : NULL;
    char *input = NULL;

    if (first && second && asprintf(&input, "%s.%s", first, second) < 0)
        input = NULL;
    json_decref(header);
    free(text);
    free(first);
    free(second);
    return input;
}

/* The message. Takes both texts. */
static json_t *flattened(char *input, char *signature)
{
    const char *dot = input ? strchr(input, '.') : NULL;
    json_t *message = dot && signature ? json_pack("{s:s#, s:s, s:s}", "protected", input, (int)(dot - input),
                                                   "payload", dot + 1, "signature", signature)
                                       : NULL;

    free(input);
    free(signature);
    return message;
}

/* For elliptic curves, GnuTLS makes a DER sequence of two numbers; JOSE uses only these (RFC 7518 section 3.4). */
static char *signature_text(const gnutls_datum_t *signature, size_t coordinate)
{
    uint8_t raw[2 * COORDINATE_MAX];
    gnutls_datum_t r = {0}, s = {0};
    char *text = NULL;

    if (!coordinate)
        return jose_base64url(signature->data, signature->size);
    if (gnutls_decode_rs_value(signature, &r, &s) >= 0 && pad(r, raw, coordinate) &&
        pad(s, raw + coordinate, coordinate))
        text = jose_base64url(raw, 2 * coordinate);
    gnutls_free(r.data);
    gnutls_free(s.data);
    return text;
}

static char *sign(gnutls_x509_privkey_t key, const struct algorithm *algorithm, const char *input)
{
    const gnutls_datum_t datum = {(unsigned char *)(uintptr_t)input, (unsigned)strlen(input)};
    gnutls_privkey_t signer = NULL;
    gnutls_datum_t signature = {0};
    char *text = NULL;

    if (gnutls_privkey_init(&signer) >= 0 && gnutls_privkey_import_x509(signer, key, 0) >= 0 &&
        gnutls_privkey_sign_data2(signer, algorithm->sign, 0, &datum, &signature) >= 0)
        text = signature_text(&signature, algorithm->coordinate);
    gnutls_free(signature.data);
    gnutls_privkey_deinit(signer);
    return text;
}

json_t *jose_sign(json_t *header, const char *payload, gnutls_x509_privkey_t key)
{
    const struct algorithm *algorithm = algorithm_of(key);
    char *input = signing_input(header, algorithm ? algorithm->name : NULL, payload);

    return flattened(input, input ? sign(key, algorithm, input) : NULL);
}

json_t *jose_mac(json_t *header, const char *payload, const char *key)
{
    char *input = signing_input(header, "HS256", payload), *signature = NULL;
    size_t size = 0;
    uint8_t *bytes = jose_base64url_read(hg_text(key), &size), mac[32];

    if (input && bytes && gnutls_hmac_fast(GNUTLS_MAC_SHA256, bytes, size, input, strlen(input), mac) >= 0)
        signature = jose_base64url(mac, sizeof mac);
    if (bytes)
        gnutls_memset(bytes, 0, size);
    free(bytes);
    return flattened(input, signature);
}
