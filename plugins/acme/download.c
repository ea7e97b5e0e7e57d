/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/download.h"

#include "plugins/acme/schedule.h"

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

/* The certificates of a chain; 0: it is none. */
static unsigned import(const char *chain, gnutls_x509_crt_t crts[CHAIN_MAX])
{
    const gnutls_datum_t datum = {(unsigned char *)(uintptr_t)chain, (unsigned)strlen(chain)};
    unsigned count = CHAIN_MAX;

    return gnutls_x509_crt_list_import(crts, &count, &datum, GNUTLS_X509_FMT_PEM,
                                       GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED) < 0
               ? 0
               : count;
}

static void release(gnutls_x509_crt_t crts[CHAIN_MAX], unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        gnutls_x509_crt_deinit(crts[i]);
}

/* Whether the last certificate of the chain was issued by that common name. */
static bool is_issued_by(gnutls_x509_crt_t last, const char *issuer)
{
    char name[256];
    size_t size = sizeof name;

    return gnutls_x509_crt_get_issuer_dn_by_oid(last, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &size) >= 0 &&
           !strcmp(name, issuer);
}

static bool is_preferred(const char *chain, const char *issuer)
{
    gnutls_x509_crt_t crts[CHAIN_MAX];
    const unsigned count = import(chain, crts);
    const bool preferred = count && is_issued_by(crts[count - 1], issuer);

    release(crts, count);
    return preferred;
}

/* Each certificate signed by the next. */
static bool is_whole(const gnutls_x509_crt_t crts[CHAIN_MAX], unsigned count)
{
    for (unsigned i = 0; i + 1 < count; i++) {
        unsigned status;

        if (gnutls_x509_crt_verify(crts[i], &crts[i + 1], 1, GNUTLS_VERIFY_DISABLE_TIME_CHECKS, &status) < 0 || status)
            return false;
    }
    return true;
}

/* Whether an alternate chain leads from the same leaf to somewhere: a preference is not worth a certificate. */
static bool can_replace(const char *alternate, const char *chain)
{
    gnutls_x509_crt_t crts[CHAIN_MAX], usual[CHAIN_MAX];
    const unsigned count = import(alternate, crts), usual_count = import(chain, usual);
    const bool good = count && usual_count && gnutls_x509_crt_equals(crts[0], usual[0]) && is_whole(crts, count);

    release(crts, count);
    release(usual, usual_count);
    return good;
}

static void ask_next(struct acme_download *download);

/* A chain that cannot be had is no reason to do without a certificate. */
static void on_alternate(void *arg, const struct acme_answer *answer)
{
    struct acme_download *download = arg;

    download->request = NULL;
    if (!answer->error && is_preferred(answer->body.data, download->ca->config->preferred_chain) &&
        can_replace(answer->body.data, download->chain))
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
           "the authority has no chain up to \"%s\" that is whole: the default one is used",
           download->ca->config->preferred_chain);
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
    if (preferred && !is_preferred(answer->body.data, preferred))
        download->chain = strndup(answer->body.data, answer->body.size);
    if (!download->chain) {
        download->downloaded(download->arg, NULL, answer->body.data);
        return;
    }
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
    gnutls_x509_crt_t crts[CHAIN_MAX];
    const unsigned count = import(chain, crts);

    release(crts, count);
    return count;
}

/* What a client can follow: the pair's chain, from which reading has left out what does not belong to it by name. */
static bool is_verified(const struct acme_pair *pair, const char *pem)
{
    const unsigned count = pair->certificate.chain_size;
    gnutls_x509_crt_t crts[CHAIN_MAX];
    unsigned exported = 0;
    bool whole = count > 1;

    if (!whole) { /* signed by a root that clients have: all that was given */
        exported = import(pem, crts);
        whole = exported == 1;
    }
    while (whole && exported < count &&
           gnutls_pcert_export_x509(&pair->certificate.chain[exported], &crts[exported]) >= 0)
        exported++;
    whole = whole && exported == count && is_whole(crts, count);
    release(crts, exported);
    return whole;
}

struct acme_pair *acme_download_check(struct hg_text pem, const char *const *names, size_t count, time_t now,
                                      bool *later, char *why, size_t why_size)
{
    struct acme_pair *pair = acme_pair_read(pem, why, why_size);

    *later = false;
    if (!pair)
        return NULL;
    if (!acme_pair_is_for(pair, names, count)) {
        snprintf(why, why_size, "is for other names than were ordered");
    } else if (pair->ends <= now) {
        snprintf(why, why_size, "has expired already: is the clock here right, %s?", acme_moment(now).text);
    } else if (pair->begins > now + SKEW_MAX) {
        *later = true;
        snprintf(why, why_size, "is not valid before tomorrow: is the clock here right, %s?", acme_moment(now).text);
    } else if (!is_verified(pair, pem.data)) {
        *later = true;
        snprintf(why, why_size, "does not verify: the certificates beside it have not signed it");
    } else {
        return pair;
    }
    acme_pair_unref(pair);
    return NULL;
}
