/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A certificate chain with its key, read from PEM, and what acme needs to know about it. Reference-counted, immutable.
 */
#ifndef ACME_KEY_PAIR_H
#define ACME_KEY_PAIR_H

#include <gnutls/x509.h>
#include <hopgate/certificates.h>
#include <time.h>

struct acme_key_pair {
    struct hg_certificate certificate; /* first, so that one is the other */
    char **names;                      /* the leaf's subject alternative names, canonical */
    size_t name_count;
    time_t begins, ends;
    char *ari_id;            /* the certificate's identifier for ARI (RFC 9773 section 4.1); NULL: none */
    char serial[2 * 20 + 3]; /* hexadecimal, for logs and commands */
};

/* Reads a private key and its chain, leaf first, from one PEM text. NULL: it is not such a pair; `why` says what is
 * wrong.
 */
struct acme_key_pair *acme_key_pair_read(struct hg_text pem, char *why, size_t why_size);

/* Whether this canonical name is among its names. */
bool acme_key_pair_is_named(const struct acme_key_pair *pair, const char *name);

/* Whether the certificate is for this key. */
bool acme_key_pair_has_key(const struct acme_key_pair *pair, gnutls_x509_privkey_t key);

/* Whether its names are exactly these canonical names. */
bool acme_key_pair_is_for(const struct acme_key_pair *pair, const char *const *names, size_t count);

static inline struct acme_key_pair *acme_key_pair_ref(struct acme_key_pair *pair)
{
    hg_certificate_ref(&pair->certificate);
    return pair;
}

static inline void acme_key_pair_unref(struct acme_key_pair *pair)
{
    if (pair)
        hg_certificate_unref(&pair->certificate);
}

#endif
