/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/lib/x509/x509.h"

#include <stdlib.h>
#include <string.h>

void x509_clear(struct hg_certificate *certificate)
{
    for (unsigned i = 0; i < certificate->chain_size; i++)
        gnutls_pcert_deinit(&certificate->chain[i]);
    free(certificate->chain);
    gnutls_privkey_deinit(certificate->key);
}

int x509_read_chain(struct hg_certificate *certificate, const gnutls_datum_t *pem)
{
    gnutls_x509_crt_t crts[X509_CHAIN_MAX];
    unsigned imported = X509_CHAIN_MAX, count;
    int result = gnutls_x509_crt_list_import(crts, &imported, pem, GNUTLS_X509_FMT_PEM,
                                             GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED);

    if (result < 0)
        return result;
    count = imported; /* sorting drops what is not part of the chain */
    certificate->chain = calloc(count, sizeof *certificate->chain);
    result = certificate->chain
                 ? gnutls_pcert_import_x509_list(certificate->chain, crts, &count, GNUTLS_X509_CRT_LIST_SORT)
                 : GNUTLS_E_MEMORY_ERROR;
    if (result >= 0)
        certificate->chain_size = count;
    for (unsigned i = 0; i < imported; i++)
        gnutls_x509_crt_deinit(crts[i]);
    return result;
}

bool x509_is_key_of(gnutls_privkey_t key, const gnutls_pcert_st *leaf)
{
    uint8_t of_key[32], of_leaf[32];
    size_t key_size = sizeof of_key, leaf_size = sizeof of_leaf;
    gnutls_pubkey_t public = NULL;
    const bool equal = gnutls_pubkey_init(&public) >= 0 && gnutls_pubkey_import_privkey(public, key, 0, 0) >= 0 &&
                       gnutls_pubkey_get_key_id(public, GNUTLS_KEYID_USE_SHA256, of_key, &key_size) >= 0 &&
                       gnutls_pubkey_get_key_id(leaf->pubkey, GNUTLS_KEYID_USE_SHA256, of_leaf, &leaf_size) >= 0 &&
                       !memcmp(of_key, of_leaf, sizeof of_key);

    gnutls_pubkey_deinit(public);
    return equal;
}

bool x509_wildcard_fits(struct hg_text pattern, struct hg_text name)
{
    const char *dot = name.size ? memchr(name.data, '.', name.size) : NULL;

    return dot && dot != name.data && pattern.size > 2 && !memcmp(pattern.data, "*.", 2) &&
           hg_text_equal_nocase((struct hg_text){pattern.data + 1, pattern.size - 1},
                                (struct hg_text){dot, name.size - (size_t)(dot - name.data)});
}
