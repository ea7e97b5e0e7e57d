/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * OCSP questions and answers (RFC 6960).
 */
#include "plugins/acme/staple.h"

#include <gnutls/ocsp.h>
#include <gnutls/x509.h>

/* What the clocks of a responder and of this machine may differ by. */
#define SKEW 300
/* How long an answer holds that does not say until when (RFC 6960 section 4.2.2.1). */
#define DEFAULT_LIFE 3600
/* Bounds of the pause between two questions. */
#define MIN_PAUSE 60
#define MAX_PAUSE 86400

/* The leaf and who has signed it. 0, to be followed by leave(), or an error of GnuTLS. */
static int enter(const struct acme_pair *pair, gnutls_x509_crt_t *leaf, gnutls_x509_crt_t *issuer)
{
    int result = GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;

    *leaf = *issuer = NULL;
    if (pair->certificate.chain_size > 1)
        result = gnutls_pcert_export_x509(&pair->certificate.chain[0], leaf);
    return result ? result : gnutls_pcert_export_x509(&pair->certificate.chain[1], issuer);
}

static void leave(gnutls_x509_crt_t leaf, gnutls_x509_crt_t issuer)
{
    if (leaf)
        gnutls_x509_crt_deinit(leaf);
    if (issuer)
        gnutls_x509_crt_deinit(issuer);
}

char *acme_ocsp_url(const struct acme_pair *pair)
{
    gnutls_x509_crt_t leaf, issuer;
    int result = enter(pair, &leaf, &issuer);
    char *url = NULL;

    for (unsigned i = 0; !result && !url; i++) {
        gnutls_datum_t text;

        result = gnutls_x509_crt_get_authority_info_access(leaf, i, GNUTLS_IA_OCSP_URI, &text, NULL);
        if (result == GNUTLS_E_UNKNOWN_ALGORITHM) /* of another kind */
            result = 0;
        else if (result >= 0) {
            url = strndup((const char *)text.data, text.size);
            gnutls_free(text.data);
            break;
        }
    }
    leave(leaf, issuer);
    return url;
}

int acme_ocsp_question(const struct acme_pair *pair, gnutls_datum_t *question)
{
    gnutls_x509_crt_t leaf, issuer;
    gnutls_ocsp_req_t request = NULL;
    int result = enter(pair, &leaf, &issuer);

    if (!result)
        result = gnutls_ocsp_req_init(&request);
    /* SHA-1 here is no matter of security, and what every responder knows (RFC 5019 section 2.1.1). */
    if (!result)
        result = gnutls_ocsp_req_add_cert(request, GNUTLS_DIG_SHA1, issuer, leaf);
    if (!result)
        result = gnutls_ocsp_req_export(request, question);
    if (request)
        gnutls_ocsp_req_deinit(request);
    leave(leaf, issuer);
    return result;
}

/* NULL, or what is wrong. */
static const char *verify(gnutls_ocsp_resp_const_t response, gnutls_x509_crt_t leaf, gnutls_x509_crt_t issuer)
{
    unsigned faults = 0;

    if (gnutls_ocsp_resp_get_status(response) != GNUTLS_OCSP_RESP_SUCCESSFUL)
        return "the responder has no answer";
    if (gnutls_ocsp_resp_check_crt(response, 0, leaf))
        return "the answer is for another certificate";
    if (gnutls_ocsp_resp_verify_direct(response, issuer, &faults, 0) || faults)
        return "the answer is not signed by the authority";
    return NULL;
}

static const char *read_single(gnutls_ocsp_resp_const_t response, time_t now, struct acme_ocsp *ocsp)
{
    unsigned status;

    if (gnutls_ocsp_resp_get_single(response, 0, NULL, NULL, NULL, NULL, &status, &ocsp->begins, &ocsp->ends, NULL,
                                    NULL))
        return "not an OCSP answer";
    if (ocsp->ends == (time_t)-1)
        ocsp->ends = ocsp->begins + DEFAULT_LIFE;
    if (ocsp->begins > now + SKEW || ocsp->ends <= now)
        return "the answer is not of this time";
    ocsp->revoked = status == GNUTLS_OCSP_CERT_REVOKED;
    return ocsp->revoked || status == GNUTLS_OCSP_CERT_GOOD ? NULL : "the responder does not know the certificate";
}

const char *acme_ocsp_read(const struct acme_pair *pair, struct hg_text answer, time_t now, struct acme_ocsp *ocsp)
{
    const gnutls_datum_t bytes = {(unsigned char *)(uintptr_t)answer.data, (unsigned)answer.size};
    gnutls_x509_crt_t leaf, issuer;
    gnutls_ocsp_resp_t response = NULL;
    const char *wrong = NULL;

    if (enter(pair, &leaf, &issuer) || gnutls_ocsp_resp_init(&response))
        wrong = "out of memory";
    else if (gnutls_ocsp_resp_import(response, &bytes))
        wrong = "not an OCSP answer";
    if (!wrong)
        wrong = verify(response, leaf, issuer);
    if (!wrong)
        wrong = read_single(response, now, ocsp);
    if (response)
        gnutls_ocsp_resp_deinit(response);
    leave(leaf, issuer);
    return wrong;
}

/* In the middle of what is left: there is as much time for trying again as the answer was good for. */
time_t acme_ocsp_pause(const struct acme_ocsp *ocsp, time_t now)
{
    time_t pause = (ocsp->ends - now) / 2;

    return pause < MIN_PAUSE ? MIN_PAUSE : pause > MAX_PAUSE ? MAX_PAUSE : pause;
}
