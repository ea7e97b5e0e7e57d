/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Certificates at both ends: the gateway's own, by the capability "certificates"; and what a client thinks of the one
 * that it is shown.
 */
#ifndef DTLS_CERTIFICATE_H
#define DTLS_CERTIFICATE_H

#include "plugins/dtls/association.h"

/* Begins the server's handshake: finds the certificate that the ClientHello asks for, now or later, then hands the
 * ClientHello to GnuTLS. Without a certificate the peer is refused. */
void dtls_certificate_begin(struct dtls_association *association, const struct dtls_record *client_hello);

/* Drops the certificate, or the lookup of one. */
void dtls_certificate_release(struct dtls_association *association);

/* On a client: verifies the chain that the gateway has shown, also in the handshake that a resumed one goes back to,
 * and that it is for the expected name. 0, or an error of GnuTLS with association->reason set. */
int dtls_certificate_verify(gnutls_session_t session);

#endif
