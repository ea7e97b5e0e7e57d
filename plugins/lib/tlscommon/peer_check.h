/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The peer of a TLS or DTLS link: which authorities a client trusts, whether the gateway is the right one, and how to
 * describe this to humans.
 */
#ifndef PLUGINS_LIB_TLSCOMMON_PEER_CHECK_H
#define PLUGINS_LIB_TLSCOMMON_PEER_CHECK_H

#include <gnutls/gnutls.h>
#include <hopgate/host.h>

/* Trusts the authorities in a PEM file, the option `ca`; NULL: those of the system. Returns 0, or -1 after a config
 * error. */
int tlscommon_trust(struct hg_instance *instance, gnutls_certificate_credentials_t credentials, const char *ca);

/* Sets the name of the gateway to ask for; an IP address is not sent (RFC 6066 section 3). */
void tlscommon_ask_for(gnutls_session_t session, const char *name);

/* Verifies the gateway's chain, and that it is for the expected name. Returns 0, or a GnuTLS error; then `reason` gives
 * a helpful explanation, unless there was nothing to verify. */
int tlscommon_verify(gnutls_session_t session, const char *expected, const char *ca, char *reason, size_t size);

/* "TLS1.3 ECDHE-X25519 AES-128-GCM, resumed" */
void tlscommon_print_security(gnutls_session_t session, char *text, size_t size);

/* Why GnuTLS failed: the peer's alert and what it may mean, or GnuTLS's error message. */
void tlscommon_print_failure(gnutls_session_t session, int error, const char *protocol, char *text, size_t size);

/* Whether AES-GCM is faster than CHACHA20-POLY1305 on this machine. */
bool tlscommon_has_aes(void);

#endif
