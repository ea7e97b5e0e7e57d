/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The capability "certificates": a chain and key for a TLS or DTLS handshake, by server name.
 *
 * Offered by plugins that have certificates (tls_files, acme), used by those that do handshakes (http, dtls, tls).
 */
#ifndef HOPGATE_CERTIFICATES_H
#define HOPGATE_CERTIFICATES_H

#include <gnutls/abstract.h>
#include <hopgate/plugin.h>
#include <stdatomic.h>

#define HG_CERTIFICATES         "certificates"
#define HG_CERTIFICATES_VERSION 1

/**
 * A chain and its key. Counted, usable in any thread, never modified. The types are GnuTLS's because a handshake needs
 * them: a chain in DER or PEM would have to be parsed for each handshake or kept a second time by each user, and a key
 * may be one that cannot leave its token (PKCS #11).
 */
struct hg_certificate {
    atomic_uint refs; /**< Private: hg_certificate_ref(), hg_certificate_unref(). */
    void (*release)(struct hg_certificate *certificate);
    gnutls_pcert_st *chain; /**< The leaf first. */
    unsigned chain_size;
    gnutls_privkey_t key;
};

static inline struct hg_certificate *hg_certificate_ref(struct hg_certificate *certificate)
{
    atomic_fetch_add_explicit(&certificate->refs, 1, memory_order_relaxed);
    return certificate;
}

static inline void hg_certificate_unref(struct hg_certificate *certificate)
{
    if (certificate && atomic_fetch_sub_explicit(&certificate->refs, 1, memory_order_acq_rel) == 1)
        certificate->release(certificate);
}

/** What a handshake asks for. The texts are valid during the call. */
struct hg_certificate_query {
    struct hg_text server_name; /**< SNI, lower case; empty if the peer sent none. */
    const struct hg_text *alpn; /**< The protocols that the peer offered. */
    size_t alpn_count;
    struct hg_text peer; /**< Its address, as text. */
};

/** A pending lookup. Created by the provider. */
struct hg_certificate_lookup;

/**
 * Called once, later, in the same worker. `certificate` is a reference that the callee owns; NULL: none, refuse the
 * handshake.
 */
typedef void (*hg_certificate_done)(void *arg, struct hg_certificate *certificate);

struct hg_certificates_ops {
    /**
     * Finds a certificate. Usually it is available at once and returned, as a reference that the caller owns. If it
     * returns NULL and `*later` is NULL, there is none: refuse the handshake (unrecognized_name). If it returns NULL
     * and `*later` is set, park the handshake; `done` will be called with `arg`.
     */
    struct hg_certificate *(*find)(struct hg_worker *provider, const struct hg_certificate_query *query,
                                   hg_certificate_done done, void *arg, struct hg_certificate_lookup **later);
    /**
     * The handshake was aborted: `done` will not be called for this lookup. May be NULL if find() never sets `*later`.
     */
    void (*cancel)(struct hg_worker *provider, struct hg_certificate_lookup *lookup);
    /**
     * Protocols that consist of the handshake alone, as ALPN names, terminated by NULL (acme-tls/1, RFC 8737). If a
     * peer offers one, an edge selects it, uses the certificate that find() returns for it, and closes the connection
     * after the handshake; if find() returns none, it refuses the protocol (no_application_protocol). A NULL result, or
     * a NULL member: no such protocols. Depends on the config alone and lives as long as the instance.
     */
    const char *const *(*protocols)(const struct hg_instance *provider);
};

#endif
