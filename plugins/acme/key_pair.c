/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/key_pair.h"

#include "plugins/acme/name.h"
#include "plugins/acme/store.h"
#include "plugins/lib/jose/base64url.h"
#include "plugins/lib/x509/x509.h"

#include <arpa/inet.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>

/* More than any path that a verifier follows. */
#define CHAIN_MAX 16
/* The longest serial number (RFC 5280 section 4.1.2.2). */
#define SERIAL_MAX       20
#define SELF_SIGNED_DAYS 7
#define DAY              86400

static void release(struct hg_certificate *certificate)
{
    struct acme_key_pair *pair = (struct acme_key_pair *)certificate;

    for (unsigned i = 0; i < certificate->chain_size; i++)
        gnutls_pcert_deinit(&certificate->chain[i]);
    free(certificate->chain);
    if (certificate->key)
        gnutls_privkey_deinit(certificate->key);
    for (size_t i = 0; i < pair->name_count; i++)
        free(pair->names[i]);
    free(pair->names);
    free(pair->ari_id);
    free(pair);
}

static struct acme_key_pair *pair_new(void)
{
    struct acme_key_pair *pair = calloc(1, sizeof *pair);

    if (!pair)
        return NULL;
    atomic_init(&pair->certificate.refs, 1);
    pair->certificate.release = release;
    return pair;
}

/* ---- What the leaf says ---- */

static bool add_name(struct acme_key_pair *pair, struct hg_text text)
{
    char canonical[ACME_NAME_MAX + 1];
    char **names;

    if (!acme_name_canonical(text, canonical))
        return true; /* nothing that anybody asks for here */
    names = realloc(pair->names, (pair->name_count + 1) * sizeof *names);
    if (!names)
        return false;
    pair->names = names;
    names[pair->name_count] = strdup(canonical);
    return names[pair->name_count] && ++pair->name_count;
}

static bool add_address(struct acme_key_pair *pair, const uint8_t *bytes, size_t size)
{
    char text[INET6_ADDRSTRLEN];

    return !inet_ntop(size == 4 ? AF_INET : AF_INET6, bytes, text, sizeof text) || add_name(pair, hg_text(text));
}

static bool take_names(struct acme_key_pair *pair, gnutls_x509_crt_t leaf)
{
    for (unsigned i = 0;; i++) {
        uint8_t name[ACME_NAME_MAX + 3];
        size_t size = sizeof name;
        const int type = gnutls_x509_crt_get_subject_alt_name(leaf, i, name, &size, NULL);
        bool taken = true;

        if (type == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
            return true;
        if (type == GNUTLS_SAN_DNSNAME)
            taken = add_name(pair, (struct hg_text){(char *)name, size});
        else if (type == GNUTLS_SAN_IPADDRESS && (size == 4 || size == 16))
            taken = add_address(pair, name, size);
        if (!taken)
            return false;
    }
}

/* Key identifier and serial number, the latter with the leading zero that makes it positive (RFC 9773 section 4.1). */
static void take_ids(struct acme_key_pair *pair, gnutls_x509_crt_t leaf)
{
    uint8_t serial[SERIAL_MAX + 1], issuer[64];
    size_t serial_size = sizeof serial, issuer_size = sizeof issuer;
    char *first, *second;

    if (gnutls_x509_crt_get_serial(leaf, serial, &serial_size) < 0)
        return;
    for (size_t i = 0; i < serial_size; i++)
        sprintf(pair->serial + 2 * i, "%02x", serial[i]);
    if (gnutls_x509_crt_get_authority_key_id(leaf, issuer, &issuer_size, NULL) < 0)
        return;
    first = jose_base64url(issuer, issuer_size);
    second = jose_base64url(serial, serial_size);
    if (!first || !second || asprintf(&pair->ari_id, "%s.%s", first, second) < 0)
        pair->ari_id = NULL;
    free(first);
    free(second);
}

static bool take_leaf(struct acme_key_pair *pair, gnutls_x509_crt_t leaf)
{
    pair->begins = gnutls_x509_crt_get_activation_time(leaf);
    pair->ends = gnutls_x509_crt_get_expiration_time(leaf);
    take_ids(pair, leaf);
    return take_names(pair, leaf);
}

/* ---- Key and chain ---- */

static bool belongs(gnutls_privkey_t key, gnutls_pubkey_t leaf_key)
{
    uint8_t of_key[32], of_leaf[32];
    size_t key_size = sizeof of_key, leaf_size = sizeof of_leaf;
    gnutls_pubkey_t public = NULL;
    const bool equal = gnutls_pubkey_init(&public) >= 0 && gnutls_pubkey_import_privkey(public, key, 0, 0) >= 0 &&
                       gnutls_pubkey_get_key_id(public, GNUTLS_KEYID_USE_SHA256, of_key, &key_size) >= 0 &&
                       gnutls_pubkey_get_key_id(leaf_key, GNUTLS_KEYID_USE_SHA256, of_leaf, &leaf_size) >= 0 &&
                       key_size == leaf_size && !memcmp(of_key, of_leaf, key_size);

    if (public)
        gnutls_pubkey_deinit(public);
    return equal;
}

/* What is wrong, or NULL. */
static const char *take_chain(struct acme_key_pair *pair, const gnutls_datum_t *pem)
{
    struct hg_certificate *certificate = &pair->certificate;
    gnutls_x509_crt_t crts[CHAIN_MAX];
    unsigned imported = CHAIN_MAX, count;
    const char *why = NULL;
    int result = gnutls_x509_crt_list_import(crts, &imported, pem, GNUTLS_X509_FMT_PEM,
                                             GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED);

    if (result < 0)
        return result == GNUTLS_E_NO_CERTIFICATE_FOUND ? "it contains no certificate" : gnutls_strerror(result);
    count = imported;
    certificate->chain = calloc(count, sizeof *certificate->chain);
    result = certificate->chain
                 ? gnutls_pcert_import_x509_list(certificate->chain, crts, &count, GNUTLS_X509_CRT_LIST_SORT)
                 : GNUTLS_E_MEMORY_ERROR;
    if (result < 0)
        why = gnutls_strerror(result);
    else
        certificate->chain_size = count;
    if (!why && !take_leaf(pair, crts[0]))
        why = "out of memory";
    for (unsigned i = 0; i < imported; i++)
        gnutls_x509_crt_deinit(crts[i]);
    return why;
}

static const char *take_key(struct acme_key_pair *pair, const gnutls_datum_t *pem)
{
    int result = gnutls_privkey_init(&pair->certificate.key);

    if (result >= 0)
        result = gnutls_privkey_import_x509_raw(pair->certificate.key, pem, GNUTLS_X509_FMT_PEM, NULL, 0);
    return result < 0 ? "it contains no private key" : NULL;
}

struct acme_key_pair *acme_key_pair_read(struct hg_text pem, char *why, size_t why_size)
{
    const gnutls_datum_t datum = {(unsigned char *)(uintptr_t)pem.data, (unsigned)pem.size};
    struct acme_key_pair *pair = pair_new();
    const char *fault = pair ? NULL : "out of memory";

    if (!fault && !pem.size)
        fault = "it is empty";
    if (!fault)
        fault = take_chain(pair, &datum);
    if (!fault)
        fault = take_key(pair, &datum);
    if (!fault && !belongs(pair->certificate.key, pair->certificate.chain[0].pubkey))
        fault = "the key does not belong to the certificate";
    if (!fault)
        return pair;
    snprintf(why, why_size, "%s", fault);
    acme_key_pair_unref(pair);
    return NULL;
}

bool acme_key_pair_has_key(const struct acme_key_pair *pair, gnutls_x509_privkey_t key)
{
    gnutls_privkey_t wrapped = NULL;
    const bool has = gnutls_privkey_init(&wrapped) >= 0 && gnutls_privkey_import_x509(wrapped, key, 0) >= 0 &&
                     belongs(wrapped, pair->certificate.chain[0].pubkey);

    if (wrapped)
        gnutls_privkey_deinit(wrapped);
    return has;
}

/* ---- Signed by ourselves ---- */

static int fill_self_signed(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key, const char *const *names, size_t count,
                            time_t now)
{
    uint8_t serial[16], address[16];
    int result = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof serial);

    serial[0] &= 0x7f; /* positive */
    if (result >= 0)
        result = gnutls_x509_crt_set_version(crt, 3);
    if (result >= 0)
        result = gnutls_x509_crt_set_serial(crt, serial, sizeof serial);
    if (result >= 0)
        result = gnutls_x509_crt_set_activation_time(crt, now - DAY);
    if (result >= 0)
        result = gnutls_x509_crt_set_expiration_time(crt, now + SELF_SIGNED_DAYS * DAY);
    if (result >= 0)
        result = gnutls_x509_crt_set_dn(crt, "CN=hopgate\\, no certificate yet", NULL);
    for (size_t i = 0; i < count && result >= 0; i++) {
        const size_t size = x509_address(hg_text(names[i]), address);

        result = gnutls_x509_crt_set_subject_alt_name(crt, size ? GNUTLS_SAN_IPADDRESS : GNUTLS_SAN_DNSNAME,
                                                      size ? (const void *)address : names[i],
                                                      (unsigned)(size ? size : strlen(names[i])), GNUTLS_FSAN_APPEND);
    }
    if (result >= 0)
        result = gnutls_x509_crt_set_key(crt, key);
    return result >= 0 ? gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0) : result;
}

struct acme_key_pair *acme_key_pair_self_signed(const char *const *names, size_t count, time_t now)
{
    gnutls_x509_privkey_t key = x509_key_new(X509_P256);
    char *key_pem = key ? x509_key_pem(key) : NULL, *text, why[128];
    gnutls_x509_crt_t crt = NULL;
    gnutls_datum_t pem = {0};
    struct acme_key_pair *pair = NULL;

    if (key_pem && gnutls_x509_crt_init(&crt) >= 0 && fill_self_signed(crt, key, names, count, now) >= 0 &&
        gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem) >= 0 &&
        asprintf(&text, "%s%.*s", key_pem, (int)pem.size, pem.data) >= 0) {
        pair = acme_key_pair_read(hg_text(text), why, sizeof why);
        acme_secret_free(text);
    }
    gnutls_free(pem.data);
    if (crt)
        gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
    acme_secret_free(key_pem);
    return pair;
}

/* ---- For whom ---- */

static bool has_name(char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(names[i], name))
            return true;
    return false;
}

bool acme_key_pair_is_named(const struct acme_key_pair *pair, const char *name)
{
    return has_name(pair->names, pair->name_count, name);
}

bool acme_key_pair_is_for(const struct acme_key_pair *pair, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!has_name(pair->names, pair->name_count, names[i]))
            return false;
    for (size_t i = 0; i < pair->name_count; i++)
        if (!has_name((char *const *)(uintptr_t)names, count, pair->names[i]))
            return false;
    return true;
}
