/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/download.h"

#include "plugins/acme/clock.h"

#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>

/* How many alternate chains are tried. */
#define ALTERNATES_MAX 8
#define CHAIN_MAX      16
/* How much later than now a leaf may begin: our clock may be behind. */
#define SKEW_MAX (24 * 3600)

struct chain {
    gnutls_x509_crt_t crts[CHAIN_MAX];
    unsigned count; /* 0: not a chain */
};

static struct chain import(const char *pem)
{
    const gnutls_datum_t datum = {(unsigned char *)(uintptr_t)pem, (unsigned)strlen(pem)};
    struct chain chain = {.count = CHAIN_MAX};

    if (gnutls_x509_crt_list_import(chain.crts, &chain.count, &datum, GNUTLS_X509_FMT_PEM,
                                    GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED) < 0)
        chain.count = 0;
    return chain;
}

static void release(struct chain *chain)
{
    while (chain->count)
        gnutls_x509_crt_deinit(chain->crts[--chain->count]);
}

/* Whether the last certificate was issued by this common name. */
static bool leads_to(const struct chain *chain, const char *issuer)
{
    char name[256];
    size_t size = sizeof name;

    return chain->count &&
           gnutls_x509_crt_get_issuer_dn_by_oid(chain->crts[chain->count - 1], GNUTLS_OID_X520_COMMON_NAME, 0, 0, name,
                                                &size) >= 0 &&
           !strcmp(name, issuer);
}

/* Whether each certificate is signed by the next one. */
static bool is_whole(const struct chain *chain)
{
    for (unsigned i = 0; i + 1 < chain->count; i++) {
        unsigned status;

        if (gnutls_x509_crt_verify(chain->crts[i], &chain->crts[i + 1], 1, GNUTLS_VERIFY_DISABLE_TIME_CHECKS, &status) <
                0 ||
            status)
            return false;
    }
    return true;
}

static bool ask(struct acme_client *client, const char *url)
{
    return acme_client_ask(client, &(struct acme_query){.url = url, .pem = true});
}

/* NULL: not a complete chain from the same leaf to the preferred issuer. */
static char *ask_alternate(struct acme_client *client, const char *url, const struct chain *usual)
{
    char *text = ask(client, url) ? strdup(client->answer.body) : NULL;
    struct chain chain = import(text ? text : "");

    if (!leads_to(&chain, client->config->preferred_chain) || !gnutls_x509_crt_equals(chain.crts[0], usual->crts[0]) ||
        !is_whole(&chain)) {
        free(text);
        text = NULL;
    }
    release(&chain);
    return text;
}

/* Falls back to the default chain: without the preferred one, a certificate is still better than none. */
static char *prefer(struct acme_client *client, char *usual, const struct chain *chain)
{
    char *urls[ALTERNATES_MAX], *preferred = NULL;
    size_t count = 0;

    while (count < ALTERNATES_MAX && (urls[count] = acme_client_link(client, "alternate", (unsigned)count)))
        count++;
    for (size_t i = 0; i < count; i++) {
        preferred = preferred ? preferred : ask_alternate(client, urls[i], chain);
        free(urls[i]);
    }
    if (!preferred)
        hg_log(client->instance, HG_LOG_WARNING,
               "the authority has no complete chain up to \"%s\"; using the default one",
               client->config->preferred_chain);
    if (preferred)
        free(usual);
    return preferred ? preferred : usual;
}

char *acme_download(struct acme_client *client, const char *url)
{
    const char *preferred = client->config->preferred_chain;
    char *text = ask(client, url) ? strdup(client->answer.body) : NULL;
    struct chain chain = {.count = 0};

    if (text)
        chain = import(text);
    if (text && !chain.count) { /* a broken transfer, perhaps */
        acme_client_fail(client, ACME_LOCAL, "", "no PEM certificates; the order is kept and will be checked again");
        free(text);
        text = NULL;
    }
    if (text && preferred && !leads_to(&chain, preferred))
        text = prefer(client, text, &chain);
    release(&chain);
    return text;
}

/* Checks the pair's chain, without certificates whose names do not match. */
static bool is_verified(const struct acme_key_pair *pair, const char *pem)
{
    const struct hg_certificate *certificate = &pair->certificate;
    struct chain given = import(pem), chain = {.count = 0};
    bool whole = certificate->chain_size > 1 || given.count == 1; /* a leaf signed by a root has no intermediates */

    for (; whole && chain.count < certificate->chain_size; chain.count++)
        if (gnutls_pcert_export_x509(&certificate->chain[chain.count], &chain.crts[chain.count]) < 0)
            break;
    whole = whole && chain.count == certificate->chain_size && is_whole(&chain);
    release(&given);
    release(&chain);
    return whole;
}

struct acme_key_pair *acme_download_check(struct hg_text pem, const char *const *names, size_t count, time_t now,
                                          bool *later, char *why, size_t why_size)
{
    struct acme_key_pair *pair = acme_key_pair_read(pem, why, why_size);

    *later = false;
    if (!pair)
        return NULL;
    if (!acme_key_pair_is_for(pair, names, count)) {
        snprintf(why, why_size, "is for other names than ordered");
    } else if (pair->ends <= now) {
        snprintf(why, why_size, "has already expired; is the local clock correct, %s?", acme_moment(now).text);
    } else if (pair->begins > now + SKEW_MAX) {
        *later = true;
        snprintf(why, why_size, "is not valid before tomorrow; is the local clock correct, %s?", acme_moment(now).text);
    } else if (!is_verified(pair, pem.data)) {
        *later = true;
        snprintf(why, why_size,
                 "does not verify: it was not signed by the intermediate certificates that came with it");
    } else {
        return pair;
    }
    acme_key_pair_unref(pair);
    return NULL;
}
