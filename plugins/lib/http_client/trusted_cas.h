/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Whom connections to HTTPS servers trust: read once, for all of them.
 */
#ifndef PLUGINS_LIB_HTTP_CLIENT_TRUSTED_CAS_H
#define PLUGINS_LIB_HTTP_CLIENT_TRUSTED_CAS_H

#include <gnutls/x509.h>
#include <stdbool.h>
#include <stddef.h>

/* The system's roots, and those of the file `extra` in PEM beside them if it is not NULL. With why not all of them are
 * there in `why`, else "". NULL: out of memory. */
gnutls_x509_trust_list_t https_trust_new(const char *extra, char *why, size_t size);

/* All of them in PEM, for gnutls_free(); a NULL `data`: out of memory. */
gnutls_datum_t https_trust_pem(gnutls_x509_trust_list_t trust);

/* Whether a server's chain, the leaf first, leads to one of them. Its name is not looked at. False with why not
 * in `why`, else "". */
bool https_trust_covers(gnutls_x509_trust_list_t trust, const gnutls_datum_t *chain, unsigned count, char *why,
                        size_t size);

#endif
