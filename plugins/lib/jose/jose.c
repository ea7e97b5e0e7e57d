/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/lib/jose/jose.h"

#include "plugins/lib/jose/base64url.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/* Bytes of a coordinate of P-384, the longest, and of a half of its signature. */
#define COORDINATE_MAX 48

/* RFC 7518 sections 3.3, 3.4 and 6.2.1.1. */
static const struct algorithm {
    const char *name, *curve_name; /* of RSA no curve */
    gnutls_ecc_curve_t curve;
    gnutls_sign_algorithm_t sign;
    size_t coordinate; /* bytes */
} algorithms[] = {
    {"RS256", NULL, GNUTLS_ECC_CURVE_INVALID, GNUTLS_SIGN_RSA_SHA256, 0},
    {"ES256", "P-256", GNUTLS_ECC_CURVE_SECP256R1, GNUTLS_SIGN_ECDSA_SHA256, 32},
    {"ES384", "P-384", GNUTLS_ECC_CURVE_SECP384R1, GNUTLS_SIGN_ECDSA_SHA384, 48},
};

/* ---- Public keys ---- */

static gnutls_privkey_t wrap(gnutls_x509_privkey_t key)
{
    gnutls_privkey_t wrapped = NULL;

    if (gnutls_privkey_init(&wrapped) < 0)
        return NULL;
    if (gnutls_privkey_import_x509(wrapped, key, 0) >= 0)
        return wrapped;
    gnutls_privkey_deinit(wrapped);
    return NULL;
}

static gnutls_pubkey_t public_of(gnutls_x509_privkey_t key)
{
    gnutls_privkey_t wrapped = wrap(key);
    gnutls_pubkey_t public = NULL;

    if (wrapped && gnutls_pubkey_init(&public) >= 0 && gnutls_pubkey_import_privkey(public, wrapped, 0, 0) < 0) {
        gnutls_pubkey_deinit(public);
        public = NULL;
    }
    if (wrapped)
        gnutls_privkey_deinit(wrapped);
    return public;
}

/* NULL: there is none for this key. */
static const struct algorithm *algorithm_of(gnutls_pubkey_t public)
{
    const bool rsa = gnutls_pubkey_get_pk_algorithm(public, NULL) == GNUTLS_PK_RSA;
    gnutls_ecc_curve_t curve = GNUTLS_ECC_CURVE_INVALID;
    gnutls_datum_t x = {0}, y = {0};

    if (!rsa && gnutls_pubkey_export_ecc_raw(public, &curve, &x, &y) >= 0) {
        gnutls_free(x.data);
        gnutls_free(y.data);
    }
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++)
        if (rsa ? !algorithms[i].curve_name : curve == algorithms[i].curve && algorithms[i].curve_name)
            return &algorithms[i];
    return NULL;
}

/* An unsigned number in `size` bytes, which GnuTLS gives with a leading zero or without its zeros. */
static bool pad(const gnutls_datum_t *number, uint8_t *padded, size_t size)
{
    const uint8_t *data = number->data;
    size_t left = number->size;

    for (; left > size && !*data; left--)
        data++;
    if (left > size)
        return false;
    memset(padded, 0, size - left);
    memcpy(padded + size - left, data, left);
    return true;
}

/* As base64url, in `size` bytes, 0: in as few as it takes. */
static char *number_text(const gnutls_datum_t *number, size_t size)
{
    uint8_t padded[COORDINATE_MAX];
    const size_t zeros = number->size && !*number->data;

    if (!size)
        return jose_base64url(number->data + zeros, number->size - zeros);
    return pad(number, padded, size) ? jose_base64url(padded, size) : NULL;
}

static char *print_jwk(gnutls_pubkey_t public, const struct algorithm *algorithm)
{
    const size_t size = algorithm->coordinate;
    gnutls_datum_t numbers[2] = {0};
    char *first = NULL, *second = NULL, *text = NULL;
    int result = algorithm->curve_name ? gnutls_pubkey_export_ecc_raw(public, NULL, &numbers[0], &numbers[1])
                                       : gnutls_pubkey_export_rsa_raw(public, &numbers[1], &numbers[0]);

    if (result >= 0) {
        first = number_text(&numbers[0], size);
        second = number_text(&numbers[1], size);
    }
    if (!first || !second)
        result = -1;
    else if (algorithm->curve_name)
        result = asprintf(&text, "{\"crv\":\"%s\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", algorithm->curve_name,
                          first, second);
    else
        result = asprintf(&text, "{\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"}", first, second);
    gnutls_free(numbers[0].data);
    gnutls_free(numbers[1].data);
    free(first);
    free(second);
    return result < 0 ? NULL : text;
}

char *jose_jwk(gnutls_x509_privkey_t key)
{
    gnutls_pubkey_t public = public_of(key);
    const struct algorithm *algorithm = public ? algorithm_of(public) : NULL;
    char *text = algorithm ? print_jwk(public, algorithm) : NULL;

    if (public)
        gnutls_pubkey_deinit(public);
    return text;
}

char *jose_thumbprint(gnutls_x509_privkey_t key)
{
    char *jwk = jose_jwk(key), *text = NULL;
    uint8_t hash[32];

    if (jwk && gnutls_hash_fast(GNUTLS_DIG_SHA256, jwk, strlen(jwk), hash) >= 0)
        text = jose_base64url(hash, sizeof hash);
    free(jwk);
    return text;
}

/* ---- Signatures ---- */

/* GnuTLS makes a DER sequence for elliptic curves, where JOSE wants both numbers (RFC 7518 section 3.4). */
static char *signature_text(const gnutls_datum_t *signature, size_t coordinate)
{
    uint8_t raw[2 * COORDINATE_MAX];
    gnutls_datum_t r = {0}, s = {0};
    char *text = NULL;

    if (gnutls_decode_rs_value(signature, &r, &s) >= 0 && pad(&r, raw, coordinate) &&
        pad(&s, raw + coordinate, coordinate))
        text = jose_base64url(raw, 2 * coordinate);
    gnutls_free(r.data);
    gnutls_free(s.data);
    return text;
}

static char *sign(gnutls_x509_privkey_t key, const struct algorithm *algorithm, const char *input)
{
    const gnutls_datum_t datum = {(unsigned char *)(uintptr_t)input, (unsigned)strlen(input)};
    gnutls_privkey_t signer = wrap(key);
    gnutls_datum_t signature = {0};
    char *text = NULL;

    if (signer && gnutls_privkey_sign_data2(signer, algorithm->sign, 0, &datum, &signature) >= 0)
        text = algorithm->coordinate ? signature_text(&signature, algorithm->coordinate)
                                     : jose_base64url(signature.data, signature.size);
    gnutls_free(signature.data);
    if (signer)
        gnutls_privkey_deinit(signer);
    return text;
}

/* ---- Messages ---- */

/* "protected.payload", both in base64url: what is signed. NULL: out of memory. Takes `header`. */
static char *signing_input(json_t *header, const char *payload)
{
    char *text = header ? json_dumps(header, JSON_COMPACT) : NULL;
    char *first = text ? jose_base64url(text, strlen(text)) : NULL;
    char *second = jose_base64url(payload, strlen(payload));
    char *input = NULL;

    if (first && second && asprintf(&input, "%s.%s", first, second) < 0)
        input = NULL;
    json_decref(header);
    free(text);
    free(first);
    free(second);
    return input;
}

/* The whole message. Takes both. */
static char *flattened(char *input, char *signature)
{
    char *text = NULL;

    if (input && signature) {
        char *dot = strchr(input, '.');

        *dot = 0;
        if (asprintf(&text, "{\"protected\":\"%s\",\"payload\":\"%s\",\"signature\":\"%s\"}", input, dot + 1,
                     signature) < 0)
            text = NULL;
    }
    free(input);
    free(signature);
    return text;
}

static json_t *header_of(const struct jose_message *message, const struct algorithm *algorithm, const char *jwk)
{
    json_t *header =
        json_pack("{s:s, s:s, s:s*}", "alg", algorithm->name, "url", message->url, "nonce", message->nonce);

    if (message->kid)
        json_object_set_new(header, "kid", json_string(message->kid));
    else
        json_object_set_new(header, "jwk", json_loads(jwk, 0, NULL));
    return header;
}

char *jose_sign(const struct jose_message *message)
{
    gnutls_pubkey_t public = public_of(message->key);
    const struct algorithm *algorithm = public ? algorithm_of(public) : NULL;
    char *jwk = algorithm ? print_jwk(public, algorithm) : NULL;
    char *input = jwk ? signing_input(header_of(message, algorithm, jwk), message->payload) : NULL;

    free(jwk);
    if (public)
        gnutls_pubkey_deinit(public);
    return flattened(input, input ? sign(message->key, algorithm, input) : NULL);
}

char *jose_bind(const char *kid, const char *mac_key, const char *url, gnutls_x509_privkey_t account_key)
{
    char *jwk = jose_jwk(account_key);
    char *input = jwk ? signing_input(json_pack("{s:s, s:s, s:s}", "alg", "HS256", "kid", kid, "url", url), jwk) : NULL;
    size_t size = 0;
    uint8_t *key = jose_base64url_read(hg_text(mac_key), &size), mac[32];
    char *signature = NULL;

    if (input && key && gnutls_hmac_fast(GNUTLS_MAC_SHA256, key, size, input, strlen(input), mac) >= 0)
        signature = jose_base64url(mac, sizeof mac);
    if (key)
        gnutls_memset(key, 0, size);
    free(key);
    free(jwk);
    return flattened(input, signature);
}
