/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/tls_files/certificate_file.h"

#include "plugins/lib/x509/x509.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/x509.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Ten times as much as a chain of 16 certificates with the longest keys. */
#define FILE_MAX ((off_t)1 << 20)

/* A pair while it is being loaded. */
struct loader {
    const struct pair_files *files;
    pair_fault fault;
    void *arg;
    struct pair *pair;
    bool failed;
};

__attribute__((format(printf, 3, 4))) static void report(struct loader *loader, const char *member, const char *format,
                                                         ...)
{
    char what[512], text[5000];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    snprintf(text, sizeof text, "%s: %s", *member == 'c' ? loader->files->cert : loader->files->key, what);
    loader->fault(loader->arg, member, text);
    loader->failed = true;
}

/* ---- Reading files ---- */

static bool read_all(int fd, gnutls_datum_t *text)
{
    size_t size = 0;

    while (size < text->size) {
        ssize_t got = read(fd, text->data + size, text->size - size);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        if (!got)
            break;
        size += (size_t)got;
    }
    text->size = (unsigned)size;
    text->data[size] = 0;
    return true;
}

/* Reads the content, terminated by NUL. Wiped and freed by forget(). */
static bool slurp(struct loader *loader, const char *member, const char *path, gnutls_datum_t *text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat state;

    if (fd < 0 || fstat(fd, &state)) {
        report(loader, member, "%s", strerror(errno));
    } else if (!S_ISREG(state.st_mode) || state.st_size > FILE_MAX) {
        report(loader, member, "not a regular file of up to 1 MiB");
    } else {
        text->size = (unsigned)state.st_size;
        text->data = malloc(text->size + 1);
        if (!text->data)
            report(loader, member, "out of memory");
        else if (!read_all(fd, text))
            report(loader, member, "%s", strerror(errno));
    }
    if (fd >= 0)
        close(fd);
    return !loader->failed;
}

static void forget(gnutls_datum_t *text)
{
    if (text->data)
        gnutls_memset(text->data, 0, text->size);
    free(text->data);
    *text = (gnutls_datum_t){0};
}

/* ---- The chain ---- */

static bool holds(const gnutls_datum_t *text, const char *part)
{
    return text->data && memmem(text->data, text->size, part, strlen(part));
}

static void report_no_chain(struct loader *loader, const gnutls_datum_t *text, int result)
{
    if (holds(text, "PRIVATE KEY-----") && !holds(text, "-----BEGIN CERTIFICATE-----"))
        report(loader, "cert", "contains a private key and no certificate; are `cert` and `key` swapped?");
    else if (!holds(text, "-----BEGIN "))
        report(loader, "cert", "not a PEM file: it has no line \"-----BEGIN CERTIFICATE-----\"");
    else if (result == GNUTLS_E_SHORT_MEMORY_BUFFER)
        report(loader, "cert", "more than %d certificates", X509_CHAIN_MAX);
    else
        report(loader, "cert", "not a PEM certificate chain: %s", gnutls_strerror(result));
}

static void take_chain(struct loader *loader, const gnutls_datum_t *text)
{
    const int result = x509_read_chain(&loader->pair->certificate, text);

    if (result == GNUTLS_E_CERTIFICATE_LIST_UNSORTED)
        report(loader, "cert", "its certificates do not form a chain: %s", gnutls_strerror(result));
    else if (result < 0)
        report_no_chain(loader, text, result);
}

/* ---- The key ---- */

static void take_key(struct loader *loader, const gnutls_datum_t *text)
{
    struct hg_certificate *certificate = &loader->pair->certificate;
    int result = gnutls_privkey_init(&certificate->key);

    if (result >= 0)
        result = gnutls_privkey_import_x509_raw(certificate->key, text, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (result >= 0)
        return;
    if (result == GNUTLS_E_DECRYPTION_FAILED || holds(text, "ENCRYPTED"))
        report(loader, "key",
               "the key is encrypted, and hopgate has no password for it; store it unencrypted with mode 0600");
    else if (holds(text, "-----BEGIN CERTIFICATE-----") && !holds(text, "PRIVATE KEY-----"))
        report(loader, "key", "contains a certificate and no private key; are `cert` and `key` swapped?");
    else if (!holds(text, "-----BEGIN "))
        report(loader, "key", "not a PEM file: it has no line \"-----BEGIN PRIVATE KEY-----\"");
    else
        report(loader, "key", "not a PEM private key: %s", gnutls_strerror(result));
}

/* ---- Names and times ---- */

static bool add_name(struct pair *pair, bool is_address, const char *text, size_t size)
{
    struct pair_name *names = realloc(pair->names, (pair->name_count + 1) * sizeof *names);
    char *copy = malloc(size + 1);

    pair->names = names ? names : pair->names;
    if (!names || !copy) {
        free(copy);
        return false;
    }
    memcpy(copy, text, size);
    pair->names[pair->name_count++] = (struct pair_name){is_address, {copy, size}};
    return true;
}

/* The subject alternative names or, if there are none, the common name (RFC 6125 section 6.4.4). */
static bool take_names(struct pair *pair, gnutls_x509_crt_t leaf)
{
    char name[256];
    size_t size;
    unsigned i;

    for (i = 0;; i++) {
        int type;

        size = sizeof name;
        type = gnutls_x509_crt_get_subject_alt_name(leaf, i, name, &size, NULL);
        if (type == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
            break;
        if ((type == GNUTLS_SAN_DNSNAME || type == GNUTLS_SAN_IPADDRESS) &&
            !add_name(pair, type == GNUTLS_SAN_IPADDRESS, name, size))
            return false;
    }
    size = sizeof name;
    if (i || gnutls_x509_crt_get_dn_by_oid(leaf, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &size) < 0)
        return true;
    return add_name(pair, false, name, size);
}

static void take_leaf(struct loader *loader)
{
    struct pair *pair = loader->pair;
    gnutls_x509_crt_t leaf = NULL;
    int result = gnutls_pcert_export_x509(&pair->certificate.chain[0], &leaf);

    if (result >= 0) {
        pair->begins = gnutls_x509_crt_get_activation_time(leaf);
        pair->ends = gnutls_x509_crt_get_expiration_time(leaf);
        if (!take_names(pair, leaf))
            result = GNUTLS_E_MEMORY_ERROR;
        gnutls_x509_crt_deinit(leaf);
    }
    if (result < 0)
        report(loader, "cert", "%s", gnutls_strerror(result));
}

static void report_date(char *text, size_t capacity, const char *what, time_t when)
{
    char date[32] = "?";
    struct tm parts;

    if (gmtime_r(&when, &parts))
        strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S UTC", &parts);
    snprintf(text, capacity, "%s %s", what, date);
}

bool pair_time_fault(const struct pair *pair, time_t now, char *text, size_t capacity)
{
    if (now >= pair->ends)
        report_date(text, capacity, "the certificate expired on", pair->ends);
    else if (now < pair->begins)
        report_date(text, capacity, "the certificate is not valid before", pair->begins);
    else
        return false;
    return true;
}

static enum pair_fit name_fits(struct hg_text pattern, struct hg_text name)
{
    if (hg_text_equal_nocase(pattern, name))
        return PAIR_EXACT;
    return x509_wildcard_fits(pattern, name) ? PAIR_WILDCARD : PAIR_NO_FIT;
}

enum pair_fit pair_fits(const struct pair *pair, struct hg_text server_name)
{
    enum pair_fit best = PAIR_NO_FIT;
    uint8_t address[16];
    size_t address_size;

    if (server_name.size && server_name.data[server_name.size - 1] == '.')
        server_name.size--;
    address_size = x509_address(server_name, address);
    for (size_t i = 0; i < pair->name_count && best != PAIR_EXACT; i++) {
        const struct pair_name *name = &pair->names[i];
        enum pair_fit fit = PAIR_NO_FIT;

        if (!name->is_address && !address_size)
            fit = name_fits(name->text, server_name);
        else if (name->is_address && hg_text_equal(name->text, (struct hg_text){(char *)address, address_size}))
            fit = PAIR_EXACT;
        best = fit > best ? fit : best;
    }
    return best;
}

/* ---- The pair ---- */

static void pair_release(struct hg_certificate *certificate)
{
    struct pair *pair = (struct pair *)certificate;

    x509_clear(certificate);
    for (size_t i = 0; i < pair->name_count; i++)
        free((char *)(uintptr_t)pair->names[i].text.data);
    free(pair->names);
    free(pair);
}

void pair_unref(struct pair *pair)
{
    if (pair)
        hg_certificate_unref(&pair->certificate);
}

struct pair *pair_load(const struct pair_files *files, pair_fault fault, void *arg)
{
    struct loader loader = {.files = files, .fault = fault, .arg = arg, .pair = calloc(1, sizeof *loader.pair)};
    gnutls_datum_t cert = {0}, key = {0};
    bool have_cert, have_key;

    if (!loader.pair) {
        report(&loader, "cert", "out of memory");
        return NULL;
    }
    atomic_init(&loader.pair->certificate.refs, 1);
    loader.pair->certificate.release = pair_release;
    /* Read both in any case, so that errors in both files are reported at once. */
    have_cert = slurp(&loader, "cert", files->cert, &cert);
    if (have_cert)
        take_chain(&loader, &cert);
    loader.failed = false;
    have_key = slurp(&loader, "key", files->key, &key);
    if (have_key)
        take_key(&loader, &key);
    forget(&cert);
    forget(&key);
    loader.failed |= !loader.pair->certificate.chain_size;
    if (!loader.failed && !x509_is_key_of(loader.pair->certificate.key, loader.pair->certificate.chain))
        report(&loader, "key", "not the key of the first certificate in %s", files->cert);
    if (!loader.failed)
        take_leaf(&loader);
    if (loader.failed) {
        pair_unref(loader.pair);
        return NULL;
    }
    return loader.pair;
}

void pair_look(const struct pair_files *files, struct pair_state *state)
{
    if (stat(files->cert, &state->cert))
        memset(&state->cert, 0, sizeof state->cert);
    if (stat(files->key, &state->key))
        memset(&state->key, 0, sizeof state->key);
}

static bool stat_equal(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && a->st_ino == b->st_ino && a->st_dev == b->st_dev &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

bool pair_state_equal(const struct pair_state *a, const struct pair_state *b)
{
    return stat_equal(&a->cert, &b->cert) && stat_equal(&a->key, &b->key);
}
