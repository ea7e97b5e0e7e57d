/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Keys, certificate requests and certificates, made with GnuTLS.
 */
#ifndef PLUGINS_LIB_X509_X509_H
#define PLUGINS_LIB_X509_X509_H

#include <gnutls/x509.h>
#include <hopgate/types.h>

enum x509_key_type {
    X509_P256,
    X509_P384,
    X509_RSA2048,
    X509_RSA3072,
    X509_RSA4096,
};

/* NULL: out of memory, or GnuTLS has failed. RSA takes tens to hundreds of milliseconds. */
gnutls_x509_privkey_t x509_key_new(enum x509_key_type type);
/* NULL: this is no key. */
gnutls_x509_privkey_t x509_key_read(struct hg_text pem);
/* As PKCS #8, for the caller to wipe and free. NULL: out of memory. */
char *x509_key_pem(gnutls_x509_privkey_t key);

/* The 4 or 16 bytes of an IP address; 0: it is none. */
size_t x509_address(struct hg_text text, uint8_t address[16]);

/* A request for a certificate for host names and IP addresses, in DER; gnutls_free() frees its data. Without data: out
 * of memory, or GnuTLS has failed. */
gnutls_datum_t x509_request(gnutls_x509_privkey_t key, const char *const *names, size_t count);

#endif
