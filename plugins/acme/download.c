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

static size_t take_alternates(const struct acme_client *client, char *urls[ALTERNATES_MAX])
{
    size_t count = 0;

    while (count < ALTERNATES_MAX && (urls[count] = acme_client_link(client, "alternate", (unsigned)count)))
        count++;
    return count;
}

static bool ask(struct acme_client *client, const char *url)
{
    return acme_client_ask(client, &(struct acme_query){.url = url, .pem = true});
}

/* The alternate chain that leads where it is preferred, in the place of `chain`; that stays if there is none: it is no
 * reason to do without a certificate. */
static char *prefer(struct acme_client *client, char *chain, char *const *urls, size_t count)
{
    const char *preferred = client->config->preferred_chain;

    for (size_t i = 0; i < count; i++) {
        char *alternate = ask(client, urls[i]) ? strdup(client->answer.body) : NULL;

        if (alternate && is_preferred(alternate, preferred) && can_replace(alternate, chain)) {
            free(chain);
            return alternate;
        }
        free(alternate);
    }
    hg_log(client->instance, HG_LOG_WARNING,
           "the authority has no complete chain up to \"%s\": the default one is used", preferred);
    return chain;
}

static bool is_chain(const char *text)
{
    gnutls_x509_crt_t crts[CHAIN_MAX];
    const unsigned count = import(text, crts);

    release(crts, count);
    return count;
}

char *acme_download(struct acme_client *client, const char *url)
{
    const char *preferred = client->config->preferred_chain;
    char *chain = ask(client, url) ? strdup(client->answer.body) : NULL, *urls[ALTERNATES_MAX];
    size_t count;

    if (!chain)
        return NULL;
    if (!is_chain(chain)) { /* a broken transfer, perhaps */
        acme_client_fail(client, ACME_LOCAL, "", "no certificates in PEM; the order is kept and looked at again");
        free(chain);
        return NULL;
    }
    if (!preferred || is_preferred(chain, preferred))
        return chain;
    count = take_alternates(client, urls);
    chain = prefer(client, chain, urls, count);
    while (count)
        free(urls[--count]);
    return chain;
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
