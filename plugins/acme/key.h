/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Private keys, of accounts (always P-256) and of certificates, and requests for certificates.
 *
 * Texts that are returned are for the caller to free; NULL means that memory is out or that GnuTLS has failed.
 */
#ifndef ACME_KEY_H
#define ACME_KEY_H

#include "plugins/acme/options.h"

#include <gnutls/x509.h>

/* A new key. RSA takes tens to hundreds of milliseconds. */
gnutls_x509_privkey_t acme_key_new(enum acme_key_type type);
void acme_key_free(gnutls_x509_privkey_t key);

/* As PKCS #8 in PEM; acme_secret_free() wipes it. */
char *acme_key_pem(gnutls_x509_privkey_t key);
gnutls_x509_privkey_t acme_key_read(struct hg_text pem);
void acme_secret_free(char *text);

/* A request in DER, as base64url, for canonical names. */
char *acme_key_request(gnutls_x509_privkey_t key, const char *const *names, size_t count);

#endif
