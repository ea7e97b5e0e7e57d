/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A chain with its key, from PEM: what is served, and what is known of it. Counted; does not change.
 */
#ifndef ACME_KEY_PAIR_H
#define ACME_KEY_PAIR_H

#include <gnutls/x509.h>
#include <hopgate/certificates.h>
#include <time.h>

struct acme_key_pair {
    struct hg_certificate certificate; /* first, so that one is the other */
    char **names;                      /* canonical, of the leaf's subject alternative names */
    size_t name_count;
    time_t begins, ends;
    char *ari_id;            /* the certificate's identifier for ARI (RFC 9773 section 4.1); NULL: none */
    char serial[2 * 20 + 3]; /* hexadecimal, for people */
};

/* From a private key and a chain, leaf first, in one text of PEM. NULL with `why` set: not a pair that belongs
 * together.
 */
struct acme_key_pair *acme_key_pair_read(struct hg_text pem, char *why, size_t why_size);

/* Whether this canonical name is one of its own. */
bool acme_key_pair_is_named(const struct acme_key_pair *pair, const char *name);

/* Whether it is that key's. */
bool acme_key_pair_has_key(const struct acme_key_pair *pair, gnutls_x509_privkey_t key);

/* Whether it is for each of these canonical names and no other. */
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
