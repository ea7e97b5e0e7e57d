/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/lib/http_client/trusted_cas.h"

#include "plugins/lib/http_client/http_client.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* The longest chain that is verified; those of public authorities have three or four certificates. */
#define CHAIN_MAX 16

enum {
    ROOTS_MAX = 16 << 20, /* bytes of a file of trusted authorities */
};

static int add_file(gnutls_x509_trust_list_t trust, const char *path)
{
    struct stat state;
    int count;

    if (stat(path, &state) || !S_ISREG(state.st_mode) || state.st_size > ROOTS_MAX)
        return GNUTLS_E_FILE_ERROR;
    count = gnutls_x509_trust_list_add_trust_file(trust, path, NULL, GNUTLS_X509_FMT_PEM, 0, 0);

    return count ? count : GNUTLS_E_NO_CERTIFICATE_FOUND;
}

const char *https_check_roots(const char *path)
{
    gnutls_x509_trust_list_t trust;
    int result = gnutls_x509_trust_list_init(&trust, 0);

    if (!result) {
        result = add_file(trust, path);
        gnutls_x509_trust_list_deinit(trust, 1);
    }
    return result < 0 ? gnutls_strerror(result) : NULL;
}

gnutls_x509_trust_list_t https_trust_new(const char *extra, char *why, size_t size)
{
    gnutls_x509_trust_list_t trust;
    int result;

    *why = 0;
    if (gnutls_x509_trust_list_init(&trust, 0))
        return NULL;
    result = gnutls_x509_trust_list_add_system_trust(trust, 0, 0);
    if (result <= 0 && !extra)
        snprintf(why, size, "the system has no trusted root certificates: %s",
                 result ? gnutls_strerror(result) : "its trust store is empty");
    result = extra ? add_file(trust, extra) : 0;
    if (result < 0)
        snprintf(why, size, "%s: %s", extra, gnutls_strerror(result));
    return trust;
}

static bool append_pem(gnutls_datum_t *text, gnutls_x509_crt_t certificate)
{
    gnutls_datum_t one;
    unsigned char *data;

    if (gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &one))
        return false;
    data = gnutls_realloc(text->data, text->size + one.size + 1);
    if (data) {
        memcpy(data + text->size, one.data, one.size);
        text->data = data;
        text->size += one.size;
        text->data[text->size] = 0;
    }
    gnutls_free(one.data);
    return data != NULL;
}

gnutls_datum_t https_trust_pem(gnutls_x509_trust_list_t trust)
{
    gnutls_x509_trust_list_iter_t place = NULL;
    gnutls_x509_crt_t certificate;
    gnutls_datum_t text = {(unsigned char *)gnutls_strdup(""), 0};
    bool all = text.data != NULL;

    while (all && !gnutls_x509_trust_list_iter_get_ca(trust, &place, &certificate)) {
        all = append_pem(&text, certificate);
        gnutls_x509_crt_deinit(certificate);
    }
    gnutls_x509_trust_list_iter_deinit(place);
    if (!all) {
        gnutls_free(text.data);
        text = (gnutls_datum_t){0};
    }
    return text;
}

static int read_chain(const gnutls_datum_t *chain, unsigned count, gnutls_x509_crt_t *certificates, unsigned *done)
{
    int result = 0;

    for (*done = 0; *done < count && !result; ++*done) {
        result = gnutls_x509_crt_init(&certificates[*done]);
        if (result)
            break;
        result = gnutls_x509_crt_import(certificates[*done], &chain[*done], GNUTLS_X509_FMT_DER);
    }
    return result;
}

/* The local clock is wrong as often as the certificate. */
static void report_clock(char *why, size_t size)
{
    const size_t used = strlen(why);
    const time_t now = time(NULL);
    struct tm parts;

    if (gmtime_r(&now, &parts))
        strftime(why + used, size - used, " The local clock says %Y-%m-%d %H:%M:%S UTC; is it correct?", &parts);
}

static void report_status(unsigned status, char *why, size_t size)
{
    gnutls_datum_t text = {0};

    if (!gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0))
        snprintf(why, size, "%s", (const char *)text.data);
    gnutls_free(text.data);
    if (status & (GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED))
        report_clock(why, size);
}

bool https_trust_covers(gnutls_x509_trust_list_t trust, const gnutls_datum_t *chain, unsigned count, char *why,
                        size_t size)
{
    gnutls_typed_vdata_st purpose = {GNUTLS_DT_KEY_PURPOSE_OID, (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_SERVER,
                                     0};
    gnutls_x509_crt_t certificates[CHAIN_MAX];
    unsigned done = 0, status = 0;
    int result = count && count <= CHAIN_MAX ? 0 : GNUTLS_E_NO_CERTIFICATE_FOUND;

    snprintf(why, size, "cannot verify the server's certificate"); /* used if there is no better explanation */
    if (!result)
        result = read_chain(chain, count, certificates, &done);
    if (!result)
        result = gnutls_x509_trust_list_verify_crt2(trust, certificates, count, &purpose, 1, 0, &status, NULL);
    while (done)
        gnutls_x509_crt_deinit(certificates[--done]);
    if (result)
        snprintf(why, size, "cannot verify the server's certificate: %s", gnutls_strerror(result));
    else if (status)
        report_status(status, why, size);
    else
        *why = 0;
    return !result && !status;
}
