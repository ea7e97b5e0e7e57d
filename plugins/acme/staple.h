/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The OCSP answer that is stapled to a certificate whose authority has a responder (RFC 6066 section 8, RFC 6960):
 * fetched when the certificate is first served, and again long before it expires.
 */
#ifndef ACME_STAPLE_H
#define ACME_STAPLE_H

#include "plugins/acme/pair.h"
#include "plugins/acme/vault.h"
#include "plugins/lib/http_client/http_client.h"

/* Of one certificate that is kept. */
struct acme_staple;

/* Of the certificate that the store knows as `id`, which lives as long. `revoked` is called when the responder says so.
 * NULL: out of memory. */
struct acme_staple *acme_staple_new(struct https *https, struct acme_vault *vault, const char *id, hg_callback revoked,
                                    void *arg);
/* NULL is allowed. */
void acme_staple_free(struct acme_staple *staple);

/* Begins to keep an answer for this pair; what there was for another one is dropped. `before` is the pair that it
 * replaces and that may still be shown, or NULL: where this one must have an answer, that one stands in until it has.
 */
void acme_staple_begin(struct acme_staple *staple, struct acme_pair *pair, struct acme_pair *before);

/* The pair with the answer, or what stands in for it, a reference; NULL: there is none that is valid now. Where an
 * answer has expired, it asks anew. */
struct hg_certificate *acme_staple_certificate(struct acme_staple *staple);

/* ---- Pure, for tests ---- */

/* What a responder says of a pair. */
struct acme_ocsp {
    bool revoked;
    time_t begins, ends; /* of the answer */
};

/* Where to ask, for the caller to free(); NULL: the authority has no responder, or is not in the chain. */
char *acme_ocsp_url(const struct acme_pair *pair);
/* The question, for the caller to gnutls_free(). 0 or an error of GnuTLS. */
int acme_ocsp_question(const struct acme_pair *pair, gnutls_datum_t *question);
/* Reads and verifies an answer. NULL, or why it is none that can be used. */
const char *acme_ocsp_read(const struct acme_pair *pair, struct hg_text answer, time_t now, struct acme_ocsp *ocsp);
/* Seconds until the next question after an answer. */
time_t acme_ocsp_pause(const struct acme_ocsp *ocsp, time_t now);

#endif
