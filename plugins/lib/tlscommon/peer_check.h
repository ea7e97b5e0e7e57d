/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The other end of a TLS or DTLS link: whom a client trusts, whether the gateway is who it should be, and what to tell
 * people of it.
 */
#ifndef PLUGINS_LIB_TLSCOMMON_PEER_CHECK_H
#define PLUGINS_LIB_TLSCOMMON_PEER_CHECK_H

#include <gnutls/gnutls.h>
#include <hopgate/host.h>

/* Trusts the authorities of a PEM file, the option `ca`; NULL: those of the system. 0, or -1 after a config error. */
int tlscommon_trust(struct hg_instance *instance, gnutls_certificate_credentials_t credentials, const char *ca);

/* Asks for the gateway by name; one that is an IP address is not sent (RFC 6066 section 3). */
void tlscommon_ask_for(gnutls_session_t session, const char *name);

/* Verifies the chain that the gateway has shown, and that it is for the expected name. 0, or an error of GnuTLS; then
 * `reason` tells it in a way that helps, unless there was nothing to look at. */
int tlscommon_verify(gnutls_session_t session, const char *expected, const char *ca, char *reason, size_t size);

/* "TLS1.3 ECDHE-X25519 AES-128-GCM, resumed" */
void tlscommon_print_security(gnutls_session_t session, char *text, size_t size);

/* Why GnuTLS has failed: with the peer's alert and what it may mean, or in GnuTLS's words. */
void tlscommon_print_failure(gnutls_session_t session, int error, const char *protocol, char *text, size_t size);

/* Whether AES-GCM, rather than CHACHA20-POLY1305, is the fast cipher here. */
bool tlscommon_has_aes(void);

#endif
