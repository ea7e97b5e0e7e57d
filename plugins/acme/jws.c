/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/jws.h"

#include "plugins/acme/base64url.h"
#include "plugins/acme/key.h"

#include <gnutls/crypto.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/* "protected.payload", both in base64url: what is signed. NULL when memory is out. Takes `header`. */
static char *signing_input(json_t *header, const char *payload)
{
    char *text = header ? json_dumps(header, JSON_COMPACT) : NULL;
    char *first = text ? acme_base64url(text, strlen(text)) : NULL;
    char *second = acme_base64url(payload, strlen(payload));
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

static json_t *header_of(const struct acme_jws *message)
{
    json_t *header = json_pack("{s:s, s:s}", "alg", "ES256", "url", message->url);
    char *jwk;

    if (message->nonce)
        json_object_set_new(header, "nonce", json_string(message->nonce));
    if (message->kid) {
        json_object_set_new(header, "kid", json_string(message->kid));
        return header;
    }
    jwk = acme_key_jwk(message->key);
    json_object_set_new(header, "jwk", jwk ? json_loads(jwk, 0, NULL) : NULL);
    free(jwk);
    return header;
}

char *acme_jws(const struct acme_jws *message)
{
    char *input = signing_input(header_of(message), message->payload);

    return flattened(input, input ? acme_key_sign(message->key, hg_text(input)) : NULL);
}

char *acme_jws_binding(const char *kid, const char *mac_key, const char *url, gnutls_x509_privkey_t account_key)
{
    char *jwk = acme_key_jwk(account_key);
    char *input = jwk ? signing_input(json_pack("{s:s, s:s, s:s}", "alg", "HS256", "kid", kid, "url", url), jwk) : NULL;
    size_t size = 0;
    uint8_t *key = acme_base64url_read(hg_text(mac_key), &size), mac[32];
    char *signature = NULL;

    if (input && key && gnutls_hmac_fast(GNUTLS_MAC_SHA256, key, size, input, strlen(input), mac) >= 0)
        signature = acme_base64url(mac, sizeof mac);
    if (key)
        gnutls_memset(key, 0, size);
    free(key);
    free(jwk);
    return flattened(input, signature);
}
