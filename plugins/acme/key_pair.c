/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/key_pair.h"

#include "plugins/acme/name.h"
#include "plugins/lib/jose/base64url.h"
#include "plugins/lib/x509/x509.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

/* The longest serial number (RFC 5280 section 4.1.2.2). */
#define SERIAL_MAX 20

static void release(struct hg_certificate *certificate)
{
    struct acme_key_pair *pair = (struct acme_key_pair *)certificate;

    x509_clear(certificate);
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

/* ---- The leaf ---- */

static bool add_name(struct acme_key_pair *pair, struct hg_text text)
{
    char canonical[ACME_NAME_MAX + 1];
    char **names;

    if (!acme_name_canonical(text, canonical))
        return true; /* no client can ask for it */
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

/* The issuer's key identifier and the serial number, including the leading zero that makes it positive (RFC 9773
 * section 4.1). */
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

static bool take_leaf(struct acme_key_pair *pair)
{
    gnutls_x509_crt_t leaf;
    bool good;

    if (gnutls_pcert_export_x509(pair->certificate.chain, &leaf) < 0)
        return false;
    pair->begins = gnutls_x509_crt_get_activation_time(leaf);
    pair->ends = gnutls_x509_crt_get_expiration_time(leaf);
    take_ids(pair, leaf);
    good = take_names(pair, leaf);
    gnutls_x509_crt_deinit(leaf);
    return good;
}

/* What is wrong, or NULL. */
static const char *read_pem(struct acme_key_pair *pair, const gnutls_datum_t *pem)
{
    struct hg_certificate *certificate = &pair->certificate;
    int result;

    if (!pem->size)
        return "it is empty";
    result = x509_read_chain(certificate, pem);
    if (result < 0)
        return result == GNUTLS_E_NO_CERTIFICATE_FOUND ? "it contains no certificate" : gnutls_strerror(result);
    if (gnutls_privkey_init(&certificate->key) < 0 ||
        gnutls_privkey_import_x509_raw(certificate->key, pem, GNUTLS_X509_FMT_PEM, NULL, 0) < 0)
        return "it contains no private key";
    if (!x509_is_key_of(certificate->key, certificate->chain))
        return "the key does not belong to the certificate";
    return take_leaf(pair) ? NULL : "out of memory";
}

struct acme_key_pair *acme_key_pair_read(struct hg_text pem, char *why, size_t why_size)
{
    const gnutls_datum_t datum = {(unsigned char *)(uintptr_t)pem.data, (unsigned)pem.size};
    struct acme_key_pair *pair = pair_new();
    const char *fault = pair ? read_pem(pair, &datum) : "out of memory";

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
                     x509_is_key_of(wrapped, pair->certificate.chain);

    gnutls_privkey_deinit(wrapped);
    return has;
}

/* ---- Names ---- */

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
