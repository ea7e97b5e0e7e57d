/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Keys, certificate requests and certificates, made with GnuTLS.
 */
#ifndef PLUGINS_LIB_X509_X509_H
#define PLUGINS_LIB_X509_X509_H

#include <gnutls/x509.h>
#include <hopgate/certificates.h>
#include <time.h>

enum x509_key_type {
    X509_P256,
    X509_P384,
    X509_RSA2048,
    X509_RSA3072,
    X509_RSA4096,
};

/* NULL: out of memory, or GnuTLS has failed. RSA takes tens to hundreds of milliseconds. */
gnutls_x509_privkey_t x509_key_new(enum x509_key_type type);
/* NULL: this is not a key. */
gnutls_x509_privkey_t x509_key_read(struct hg_text pem);
/* As PKCS #8, for the caller to wipe and free. NULL: out of memory. */
char *x509_key_pem(gnutls_x509_privkey_t key);

/* The 4 or 16 bytes of an IP address; 0: not an address. */
size_t x509_address(struct hg_text text, uint8_t address[16]);

/* A request for a certificate for host names and IP addresses, in DER; gnutls_free() frees its data. Without data: out
 * of memory, or GnuTLS has failed. */
gnutls_datum_t x509_request(gnutls_x509_privkey_t key, const char *const *names, size_t count);

/* A self-signed certificate, with a new P-256 key. */
struct x509_self_signed {
    const char *subject; /* its common name */
    const char *const *names;
    size_t name_count;
    time_t now;               /* it is valid for a week, and since a day ago, as clocks differ */
    const char *oid;          /* of a critical extension; NULL: none */
    gnutls_datum_t extension; /* in DER */
};

/* NULL: out of memory, or GnuTLS has failed. */
struct hg_certificate *x509_self_signed(const struct x509_self_signed *wanted);

/* Whether a name of a certificate is a wildcard for `name`, with "*" in place of the first label (RFC 6125 section
 * 6.4.3). */
bool x509_wildcard_fits(struct hg_text pattern, struct hg_text name);

/* ---- A chain with its key ---- */

/* More than any path that a verifier follows. */
#define X509_CHAIN_MAX 16

/* Reads a chain from PEM that begins with the leaf, and sorts it. 0 or an error of GnuTLS. */
int x509_read_chain(struct hg_certificate *certificate, const gnutls_datum_t *pem);
bool x509_is_key_of(gnutls_privkey_t key, const gnutls_pcert_st *leaf);
/* Frees the chain and the key: for the member `release`. */
void x509_clear(struct hg_certificate *certificate);

#endif
