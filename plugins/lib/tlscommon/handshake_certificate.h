/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The certificate for a server's handshake, from the capability "certificates": looked up before GnuTLS starts, at once
 * or later, and passed to GnuTLS when it asks.
 */
#ifndef PLUGINS_LIB_TLSCOMMON_HANDSHAKE_CERTIFICATE_H
#define PLUGINS_LIB_TLSCOMMON_HANDSHAKE_CERTIFICATE_H

#include <hopgate/certificates.h>
#include <hopgate/host.h>

/* The state of one handshake, initially zero. Must be the first member of the struct passed to
 * gnutls_session_set_ptr(). */
struct tlscommon_certificate {
    struct hg_worker *worker; /* the user's */
    struct hg_certificate *found;
    struct hg_certificate_lookup *lookup; /* in progress */
    hg_callback done;
    void *arg;
};

/* Makes handshakes with these credentials use the certificate that was found. */
void tlscommon_certificate_serve(gnutls_certificate_credentials_t credentials);

/* Makes a handshake without a certificate fail with the alert unrecognized_name. */
void tlscommon_certificate_require(gnutls_session_t session);

/* Asks the provider. True: the handshake can start, with the result or to be refused. False: it must wait; done(arg)
 * will be called. */
bool tlscommon_certificate_find(struct tlscommon_certificate *certificate, struct hg_worker *worker,
                                const struct hg_certificate_query *query, hg_callback done, void *arg);

/* Releases the certificate, or cancels its lookup. */
void tlscommon_certificate_release(struct tlscommon_certificate *certificate);

#endif
