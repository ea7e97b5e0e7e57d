/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/download.h"

#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>

/* Alternate chains that are looked at. */
#define ALTERNATES_MAX 8
#define CHAIN_MAX      16
/* A leaf may begin this much later than our clock says, which then is wrong rather than the authority's. */
#define SKEW_MAX (24 * 3600)

struct acme_download {
    struct acme_ca *ca;
    acme_downloaded downloaded;
    void *arg;
    struct acme_request *request;
    char *chain; /* the default one */
    char *alternates[ALTERNATES_MAX];
    size_t alternate_count, next;
};

/* Whether the last certificate of the chain was issued by that common name. */
static bool is_preferred(struct hg_text chain, const char *issuer)
{
    const gnutls_datum_t datum = {(unsigned char *)(uintptr_t)chain.data, (unsigned)chain.size};
    gnutls_x509_crt_t crts[CHAIN_MAX];
    unsigned count = CHAIN_MAX;
    char name[256];
    size_t size = sizeof name;
    bool found;

    if (gnutls_x509_crt_list_import(crts, &count, &datum, GNUTLS_X509_FMT_PEM,
                                    GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED) < 0)
        return false;
    found =
        count &&
        gnutls_x509_crt_get_issuer_dn_by_oid(crts[count - 1], GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &size) >= 0 &&
        !strcmp(name, issuer);
    for (unsigned i = 0; i < count; i++)
        gnutls_x509_crt_deinit(crts[i]);
    return found;
}

static void ask_next(struct acme_download *download);

/* A chain that cannot be had is no reason to do without a certificate. */
static void on_alternate(void *arg, const struct acme_answer *answer)
{
    struct acme_download *download = arg;

    download->request = NULL;
    if (!answer->error && is_preferred(answer->body, download->ca->config->preferred_chain))
        download->downloaded(download->arg, NULL, answer->body.data);
    else
        ask_next(download);
}

static void ask_next(struct acme_download *download)
{
    if (download->next < download->alternate_count)
        download->request =
            acme_ca_ask(download->ca, &(struct acme_query){.url = download->alternates[download->next++], .pem = true},
                        on_alternate, download);
    if (download->request)
        return;
    hg_log(download->ca->worker->instance, HG_LOG_WARNING,
           "the authority has no chain up to \"%s\": the default one is used", download->ca->config->preferred_chain);
    download->downloaded(download->arg, NULL, download->chain);
}

static void on_default(void *arg, const struct acme_answer *answer)
{
    struct acme_download *download = arg;
    const char *preferred = download->ca->config->preferred_chain;

    download->request = NULL;
    if (answer->error) {
        download->downloaded(download->arg, answer, NULL);
        return;
    }
    if (!preferred || is_preferred(answer->body, preferred)) {
        download->downloaded(download->arg, NULL, answer->body.data);
        return;
    }
    download->chain = strndup(answer->body.data, answer->body.size);
    while (download->alternate_count < ALTERNATES_MAX) {
        char *url = acme_answer_link(answer, "alternate", (unsigned)download->alternate_count);

        if (!url)
            break;
        download->alternates[download->alternate_count++] = url;
    }
    ask_next(download);
}

struct acme_download *acme_download(struct acme_ca *ca, const char *url, acme_downloaded downloaded, void *arg)
{
    struct acme_download *download = calloc(1, sizeof *download);

    if (!download)
        return NULL;
    *download = (struct acme_download){.ca = ca, .downloaded = downloaded, .arg = arg};
    download->request = acme_ca_ask(ca, &(struct acme_query){.url = url, .pem = true}, on_default, download);
    if (download->request)
        return download;
    free(download);
    return NULL;
}

void acme_download_free(struct acme_download *download)
{
    if (!download)
        return;
    acme_request_cancel(download->request);
    free(download->chain);
    for (size_t i = 0; i < download->alternate_count; i++)
        free(download->alternates[i]);
    free(download);
}

bool acme_download_is_chain(const char *chain)
{
    const gnutls_datum_t datum = {(unsigned char *)(uintptr_t)chain, (unsigned)strlen(chain)};
    gnutls_x509_crt_t crts[CHAIN_MAX];
    unsigned count = CHAIN_MAX;

    if (gnutls_x509_crt_list_import(crts, &count, &datum, GNUTLS_X509_FMT_PEM,
                                    GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED) < 0)
        return false;
    for (unsigned i = 0; i < count; i++)
        gnutls_x509_crt_deinit(crts[i]);
    return count > 0;
}

struct acme_pair *acme_download_check(struct hg_text pem, const char *const *names, size_t count, time_t now, char *why,
                                      size_t why_size)
{
    struct acme_pair *pair = acme_pair_read(pem, why, why_size);

    if (!pair)
        return NULL;
    if (!acme_pair_is_for(pair, names, count))
        snprintf(why, why_size, "is for other names than were ordered");
    else if (pair->ends <= now)
        snprintf(why, why_size, "has expired already: is the clock here right?");
    else if (pair->begins > now + SKEW_MAX)
        snprintf(why, why_size, "is not valid before tomorrow: is the clock here right?");
    else
        return pair;
    acme_pair_unref(pair);
    return NULL;
}
