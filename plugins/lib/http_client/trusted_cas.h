/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Trusted roots for connections to HTTPS servers: read once, for all of them.
 */
#ifndef PLUGINS_LIB_HTTP_CLIENT_TRUSTED_CAS_H
#define PLUGINS_LIB_HTTP_CLIENT_TRUSTED_CAS_H

#include <gnutls/x509.h>
#include <stdbool.h>
#include <stddef.h>

/* Reads the system's roots and those in the PEM file `extra`, if it is not NULL. `why` says why some are missing, or is
 * "". NULL: out of memory. */
gnutls_x509_trust_list_t https_trust_new(const char *extra, char *why, size_t size);

/* All of them as PEM, for gnutls_free(); `data` is NULL when out of memory. */
gnutls_datum_t https_trust_pem(gnutls_x509_trust_list_t trust);

/* Whether a server's chain, leaf first, was issued by one of them. Its name is not checked. `why` says why not, or is
 * "". */
bool https_trust_covers(gnutls_x509_trust_list_t trust, const gnutls_datum_t *chain, unsigned count, char *why,
                        size_t size);

#endif
