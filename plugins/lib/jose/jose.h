/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Signed messages to a certificate authority: JWS in its flattened JSON form (RFC 7515 section 7.2.2), as RFC 8555
 * section 6.2 wants them. Accounts' keys are P-256; a certificate's own key, which may be any, signs its revocation.
 *
 * Texts that are returned are for the caller to free; NULL: out of memory, or GnuTLS cannot use the key.
 */
#ifndef PLUGINS_LIB_JOSE_JOSE_H
#define PLUGINS_LIB_JOSE_JOSE_H

#include <gnutls/x509.h>
#include <hopgate/types.h>

struct jose_message {
    gnutls_x509_privkey_t key;
    const char *kid;     /* the account's URL; NULL: the key itself is told */
    const char *nonce;   /* NULL: none, for a message inside another one */
    const char *url;     /* where it is sent */
    const char *payload; /* JSON; "": a POST-as-GET (RFC 8555 section 6.3) */
};

char *jose_sign(const struct jose_message *message);

/* External account binding (RFC 8555 section 7.3.4): the account's key, signed by HS256 with a key from the authority.
 * `mac_key` is base64url. */
char *jose_bind(const char *kid, const char *mac_key, const char *url, gnutls_x509_privkey_t account_key);

/* A public key as JSON, its members sorted and without blanks, as RFC 7638 section 3 hashes it. */
char *jose_jwk(gnutls_x509_privkey_t key);
/* base64url(SHA-256(JWK)). */
char *jose_thumbprint(gnutls_x509_privkey_t key);

#endif
