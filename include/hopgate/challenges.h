/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The capabilities "challenge_http01" and "challenge_tlsalpn01": answering the challenges by which a certificate
 * authority checks that a name is served here (RFC 8555 section 8.3, RFC 8737).
 *
 * Offered by the plugins that answer these types of challenge (acme_http01, acme_tlsalpn01), used by the one that
 * orders certificates (acme). Those present in the pipeline determine, even in configure(), which types are possible. A
 * solver keeps presented challenges only in its worker's memory: acme keeps pending challenges in the store and
 * presents each of them in every worker of every node, so any of them can answer the authority.
 */
#ifndef HOPGATE_CHALLENGES_H
#define HOPGATE_CHALLENGES_H

#include <hopgate/certificates.h>
#include <hopgate/plugin.h>

#define HG_CHALLENGE_HTTP01    "challenge_http01"
#define HG_CHALLENGE_TLSALPN01 "challenge_tlsalpn01"
#define HG_CHALLENGES_VERSION  1

/** The application protocol of a tls-alpn-01 validation (RFC 8737 section 6.2). */
#define HG_ALPN_ACME_TLS "acme-tls/1"

/** A pending challenge. The texts are valid during the call. */
struct hg_challenge {
    /**
     * What is validated: a DNS name in lower case, without a wildcard, or an IP address as printed by inet_ntop() (for
     * tls-alpn-01, the authority then sends the reverse name as SNI, RFC 8738 section 6).
     */
    struct hg_text identifier;
    struct hg_text token;             /**< Base64url. Unique among the pending challenges. */
    struct hg_text key_authorization; /**< The token, a dot and the account key's thumbprint (RFC 8555 section 8.1). */
};

/** The operations of both capabilities. */
struct hg_challenges_ops {
    /**
     * Answers the challenge from now on, until it is withdrawn: http-01 by token, tls-alpn-01 by identifier. Presenting
     * a token again changes nothing; in tls-alpn-01, a second token for the same identifier replaces the first until it
     * is withdrawn. 0, or -1 if it cannot, as when out of memory.
     */
    int (*present)(struct hg_worker *provider, const struct hg_challenge *challenge);
    /** Stops answering. An unknown token is ignored. */
    void (*withdraw)(struct hg_worker *provider, struct hg_text token);
    /**
     * tls-alpn-01 only, NULL in http-01: the certificate for a handshake that offers HG_ALPN_ACME_TLS (RFC 8737 section
     * 3), as a reference that the caller owns; NULL: nothing is pending for that name, refuse the handshake. acme
     * passes such handshakes on from `certificates`.
     */
    struct hg_certificate *(*find)(struct hg_worker *provider, const struct hg_certificate_query *query);
};

#endif
