/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * JSON signed with a key (JOSE): JWS in its flattened JSON form (RFC 7515 section 7.2.2) and public keys as JWK (RFC
 * 7517). Keys are P-256, P-384 or RSA.
 *
 * The caller frees what is returned. NULL: out of memory, or GnuTLS cannot use the key.
 */
#ifndef PLUGINS_LIB_JOSE_JOSE_H
#define PLUGINS_LIB_JOSE_JOSE_H

#include <gnutls/x509.h>
#include <jansson.h>

/* Signs `payload`, any text. Takes `header`, the protected header, and adds "alg" to it. If either is NULL because
 * memory has run out, the result is NULL, too. */
json_t *jose_sign(json_t *header, const char *payload, gnutls_x509_privkey_t key);
/* The same with HS256; `key` is base64url, as in a JWK (RFC 7518 section 6.4.1). */
json_t *jose_mac(json_t *header, const char *payload, const char *key);

/* The public key. */
json_t *jose_jwk(gnutls_x509_privkey_t key);
/* Its thumbprint (RFC 7638), in base64url. */
char *jose_thumbprint(gnutls_x509_privkey_t key);

#endif
