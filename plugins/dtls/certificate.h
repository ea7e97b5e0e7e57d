/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The gateway's certificate, from the capability "certificates".
 */
#ifndef PLUGINS_DTLS_CERTIFICATE_H
#define PLUGINS_DTLS_CERTIFICATE_H

#include "plugins/dtls/association.h"

/* Starts the server's handshake: finds the certificate that the ClientHello asks for, at once or later, waits for its
 * turn within `share`, then passes the ClientHello to GnuTLS. Without a certificate, the peer is refused. */
void dtls_certificate_begin(struct dtls_association *association, struct share share,
                            const struct dtls_record *client_hello);

/* Releases the certificate, or cancels its lookup. */
void dtls_certificate_release(struct dtls_association *association);

#endif
