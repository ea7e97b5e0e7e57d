/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/lib/tlscommon/handshake_certificate.h"

static int retrieve(gnutls_session_t session, const struct gnutls_cert_retr_st *info, gnutls_pcert_st **chain,
                    unsigned *chain_size, gnutls_ocsp_data_st **ocsp, unsigned *ocsp_size, gnutls_privkey_t *key,
                    unsigned *flags)
{
    const struct tlscommon_certificate *certificate = gnutls_session_get_ptr(session);
    const struct hg_certificate *found = certificate->found;

    (void)info;
    if (!found)
        return GNUTLS_E_UNRECOGNIZED_NAME;
    *chain = found->chain;
    *chain_size = found->chain_size;
    *ocsp = NULL;
    *ocsp_size = 0;
    *key = found->key;
    *flags = 0; /* everything still belongs to us */
    return 0;
}

void tlscommon_certificate_serve(gnutls_certificate_credentials_t credentials)
{
    gnutls_certificate_set_retrieve_function3(credentials, retrieve);
}

/* Unlike in retrieve(), an error here leads to the right alert. */
static int on_client_hello(gnutls_session_t session)
{
    const struct tlscommon_certificate *certificate = gnutls_session_get_ptr(session);

    return certificate->found ? 0 : GNUTLS_E_UNRECOGNIZED_NAME;
}

void tlscommon_certificate_require(gnutls_session_t session)
{
    gnutls_handshake_set_post_client_hello_function(session, on_client_hello);
}

static const struct hg_certificates_ops *find_provider(struct hg_worker *worker, struct hg_worker **provider)
{
    struct hg_capability capability;

    if (!hg_capability(worker->instance, HG_CERTIFICATES, HG_CERTIFICATES_VERSION, &capability))
        return NULL;
    *provider = hg_capability_worker(worker, &capability);
    return capability.ops;
}

static void found_later(void *arg, struct hg_certificate *found)
{
    struct tlscommon_certificate *certificate = arg;

    certificate->lookup = NULL;
    certificate->found = found;
    certificate->done(certificate->arg);
}

bool tlscommon_certificate_find(struct tlscommon_certificate *certificate, struct hg_worker *worker,
                                const struct hg_certificate_query *query, hg_callback done, void *arg)
{
    struct hg_worker *provider;
    const struct hg_certificates_ops *ops = find_provider(worker, &provider);

    certificate->worker = worker;
    certificate->done = done;
    certificate->arg = arg;
    if (ops)
        certificate->found = ops->find(provider, query, found_later, certificate, &certificate->lookup);
    return !certificate->lookup;
}

void tlscommon_certificate_release(struct tlscommon_certificate *certificate)
{
    struct hg_worker *provider;
    const struct hg_certificates_ops *ops;

    if (certificate->lookup) {
        ops = find_provider(certificate->worker, &provider);
        if (ops && ops->cancel)
            ops->cancel(provider, certificate->lookup);
        certificate->lookup = NULL;
    }
    hg_certificate_unref(certificate->found);
    certificate->found = NULL;
}
