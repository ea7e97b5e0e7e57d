/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The certificate of a server's handshake, by the capability "certificates": found before GnuTLS begins, now or later,
 * and given to GnuTLS when it asks.
 */
#ifndef PLUGINS_LIB_TLSCOMMON_HANDSHAKE_CERTIFICATE_H
#define PLUGINS_LIB_TLSCOMMON_HANDSHAKE_CERTIFICATE_H

#include <hopgate/certificates.h>
#include <hopgate/host.h>

/* Of one handshake; zeroed at first. It must be the first member of the struct that gnutls_session_set_ptr() is given.
 */
struct tlscommon_certificate {
    struct hg_worker *worker; /* the user's */
    struct hg_certificate *found;
    struct hg_certificate_lookup *lookup; /* goes on */
    hg_callback done;
    void *arg;
};

/* Lets handshakes with these credentials take what was found. */
void tlscommon_certificate_serve(gnutls_certificate_credentials_t credentials);

/* Lets a handshake for which nothing was found fail with the alert unrecognized_name. */
void tlscommon_certificate_require(gnutls_session_t session);

/* Asks the provider. True: the handshake may begin, with what was found or to be refused. False: it must wait,
 * done(arg) will be called. */
bool tlscommon_certificate_find(struct tlscommon_certificate *certificate, struct hg_worker *worker,
                                const struct hg_certificate_query *query, hg_callback done, void *arg);

/* Drops the certificate, or the lookup of one. */
void tlscommon_certificate_release(struct tlscommon_certificate *certificate);

#endif
