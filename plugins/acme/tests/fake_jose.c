/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Reading signed messages (RFC 7515, RFC 8555 section 6.2).
 */
#include "plugins/acme/tests/fake_ca.h"
#include "plugins/lib/jose/base64url.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>

static const char *member(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

static json_t *decoded(const char *text)
{
    size_t size = 0;
    uint8_t *bytes = jose_base64url_read(hg_text(text), &size);
    json_t *json = size ? json_loadb((const char *)bytes, size, 0, NULL) : NULL;

    free(bytes);
    return json;
}

static gnutls_datum_t bytes_of(const char *text)
{
    size_t size = 0;
    uint8_t *bytes = jose_base64url_read(hg_text(text), &size);

    return (gnutls_datum_t){bytes, (unsigned)size};
}

/* Both coordinates, or n and e for RSA. False: not a key for this algorithm. */
static bool import_key(gnutls_pubkey_t key, const json_t *jwk, const char *algorithm, size_t coordinate)
{
    const bool rsa = !strcmp(member(jwk, "kty"), "RSA");
    gnutls_datum_t first = bytes_of(member(jwk, rsa ? "n" : "x")), second = bytes_of(member(jwk, rsa ? "e" : "y"));
    const gnutls_ecc_curve_t curve = coordinate == 48 ? GNUTLS_ECC_CURVE_SECP384R1 : GNUTLS_ECC_CURVE_SECP256R1;
    bool good;

    if (rsa)
        good = !strcmp(algorithm, "RS256") && gnutls_pubkey_import_rsa_raw(key, &first, &second) >= 0;
    else
        good = !strcmp(member(jwk, "crv"), coordinate == 48 ? "P-384" : "P-256") && first.size == coordinate &&
               second.size == coordinate && gnutls_pubkey_import_ecc_raw(key, curve, &first, &second) >= 0;
    free(first.data);
    free(second.data);
    return good;
}

static bool is_signed(const char *input, const gnutls_datum_t *raw, const json_t *jwk, const char *algorithm)
{
    const gnutls_datum_t data = {(unsigned char *)(uintptr_t)input, (unsigned)strlen(input)};
    const bool rsa = !strcmp(algorithm, "RS256");
    const unsigned coordinate = !strcmp(algorithm, "ES384") ? 48 : 32;
    const gnutls_datum_t r = {raw->data, coordinate}, s = {raw->data + coordinate, coordinate};
    gnutls_datum_t der = {0};
    gnutls_pubkey_t key;
    bool good;

    gnutls_pubkey_init(&key);
    good = import_key(key, jwk, algorithm, coordinate);
    if (good && rsa)
        good = gnutls_pubkey_verify_data2(key, GNUTLS_SIGN_RSA_SHA256, 0, &data, raw) >= 0;
    else if (good)
        good = raw->size == 2 * coordinate && gnutls_encode_rs_value(&der, &r, &s) >= 0 &&
               gnutls_pubkey_verify_data2(key, coordinate == 48 ? GNUTLS_SIGN_ECDSA_SHA384 : GNUTLS_SIGN_ECDSA_SHA256,
                                          0, &data, &der) >= 0;
    gnutls_pubkey_deinit(key);
    gnutls_free(der.data);
    return good;
}

json_t *fake_jose_header(const json_t *message)
{
    return decoded(member(message, "protected"));
}

json_t *fake_jose_open(const json_t *message, const json_t *jwk, json_t **header)
{
    const char *payload = member(message, "payload");
    gnutls_datum_t raw = bytes_of(member(message, "signature"));
    char *input = NULL;
    json_t *opened = NULL;

    *header = fake_jose_header(message);
    if (asprintf(&input, "%s.%s", member(message, "protected"), payload) < 0)
        input = NULL;
    if (raw.data && is_signed(input, &raw, jwk ? jwk : json_object_get(*header, "jwk"), member(*header, "alg")))
        opened = *payload ? decoded(payload) : json_null();
    free(raw.data);
    free(input);
    return opened;
}

char *fake_jose_key_authorization(const char *token, const json_t *jwk)
{
    json_t *needed = json_pack("{s:s, s:s, s:s, s:s}", "crv", member(jwk, "crv"), "kty", member(jwk, "kty"), "x",
                               member(jwk, "x"), "y", member(jwk, "y"));
    char *text = json_dumps(needed, JSON_COMPACT | JSON_SORT_KEYS), *thumbprint, *authorization = NULL;

    thumbprint = jose_base64url_sha256(text, strlen(text));
    if (asprintf(&authorization, "%s.%s", token, thumbprint) < 0)
        authorization = NULL;
    json_decref(needed);
    free(text);
    free(thumbprint);
    return authorization;
}
