/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What a config block of a TLS or DTLS transport sets up for all its handshakes, and where it listens.
 */
#ifndef PLUGINS_LIB_TLSCOMMON_TLS_SETUP_H
#define PLUGINS_LIB_TLSCOMMON_TLS_SETUP_H

#include <gnutls/gnutls.h>
#include <hopgate/host.h>

/* The application protocol, negotiated by ALPN (RFC 7301). */
#define TLSCOMMON_ALPN "hopgate/1"

/* Part of instance->state; initially zero. */
struct tlscommon_setup {
    gnutls_priority_t priority;
    gnutls_certificate_credentials_t credentials; /* client: trusted authorities; gateway: the source of certificates */
    gnutls_datum_t ticket_key;                    /* gateway */
    struct hg_listener **listeners;
    size_t listener_count;
};

/* `priority` is the option with that name. If it is NULL, `protocols`, the start of a GnuTLS priority string, is used
 * with the AEAD ciphers, the one that is fast on this machine first. Returns 0, or -1 after config errors;
 * tlscommon_setup_fini() must be called in either case. */
int tlscommon_setup_init(struct tlscommon_setup *setup, struct hg_instance *instance, const char *priority,
                         const char *protocols);
/* On a gateway: sets up certificates and tickets. `listens`: the block has the option `listen`. Returns 0, or -1 after
 * config errors. */
int tlscommon_setup_gateway(struct tlscommon_setup *setup, struct hg_instance *instance, bool listens);
/* In prepare(): binds the addresses in the option `listen` with sockets of a type. Returns 0, or -1 after config
 * errors. */
int tlscommon_setup_listen(struct tlscommon_setup *setup, struct hg_instance *instance, const struct hg_list *listen,
                           int type);
void tlscommon_setup_fini(struct tlscommon_setup *setup);

/* A session with these settings, for gnutls_init() with `flags`; NULL when out of memory. */
gnutls_session_t tlscommon_setup_session(const struct tlscommon_setup *setup, unsigned flags);

#endif
