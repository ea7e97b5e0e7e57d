/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/dtls/certificate.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- The gateway's own ---- */

static int retrieve(gnutls_session_t session, const struct gnutls_cert_retr_st *info, gnutls_pcert_st **chain,
                    unsigned *chain_size, gnutls_ocsp_data_st **ocsp, unsigned *ocsp_size, gnutls_privkey_t *key,
                    unsigned *flags)
{
    const struct dtls_association *association = gnutls_session_get_ptr(session);
    const struct hg_certificate *certificate = association->certificate;

    (void)info;
    if (!certificate)
        return -1;
    *chain = certificate->chain;
    *chain_size = certificate->chain_size;
    *ocsp = certificate->ocsp;
    *ocsp_size = certificate->ocsp_size;
    *key = certificate->key;
    *flags = 0; /* all of it stays ours */
    return 0;
}

void dtls_certificate_serve(gnutls_certificate_credentials_t credentials)
{
    gnutls_certificate_set_retrieve_function3(credentials, retrieve);
}

/* The answer to a lookup that was not known at once. */
static void found_later(void *arg, struct hg_certificate *certificate)
{
    struct dtls_association *association = arg;
    struct dtls_worker *dtls = association->dtls;

    association->lookup = NULL;
    association->certificate = certificate;
    association->certificate_refused = certificate == NULL;
    dtls_association_enter(association);
    if (association->certificate_refused) {
        gnutls_alert_send(association->session, GNUTLS_AL_FATAL, GNUTLS_A_UNRECOGNIZED_NAME);
        dtls_socket_flush(association->socket);
        association->owner->down(association, "no certificate for the name that the peer asked for");
    } else {
        association->state = DTLS_HANDSHAKE;
        if (dtls_association_handshake(association))
            dtls_socket_flush(association->socket);
    }
    dtls_association_leave(association);
    dtls_association_batch_end(dtls);
}

/* The server name of the ClientHello, in lower case; empty if there is none. */
static struct hg_text server_name(gnutls_session_t session, char *name, size_t capacity)
{
    size_t size = capacity;
    unsigned type;

    if (gnutls_server_name_get(session, name, &size, &type, 0) < 0 || type != GNUTLS_NAME_DNS)
        return (struct hg_text){name, 0};
    size = strnlen(name, size);
    for (size_t i = 0; i < size; i++)
        name[i] = (char)tolower((unsigned char)name[i]);
    return (struct hg_text){name, size};
}

/* Called by GnuTLS in the handshake, when it has read the ClientHello. */
static int find_certificate(gnutls_session_t session)
{
    struct dtls_association *association = gnutls_session_get_ptr(session);
    struct hg_worker *worker = association->dtls->worker;
    const struct hg_text alpn = HG_TEXT(DTLS_ALPN);
    char name[256], peer[DTLS_PATH_TEXT];
    struct hg_certificate_query query = {.alpn = &alpn, .alpn_count = 1};
    struct hg_capability certificates;
    const struct hg_certificates_ops *ops;

    if (!hg_capability(worker->instance, HG_CERTIFICATES, HG_CERTIFICATES_VERSION, &certificates))
        return GNUTLS_E_UNRECOGNIZED_NAME;
    ops = certificates.ops;
    query.server_name = server_name(session, name, sizeof name);
    query.peer = hg_text(dtls_path_print(&association->path, peer));
    association->certificate =
        ops->find(hg_capability_worker(worker, &certificates), &query, found_later, association, &association->lookup);
    if (association->certificate)
        return 0;
    if (association->lookup) {
        association->state = DTLS_PARKED;
        return GNUTLS_E_AGAIN; /* GnuTLS lets the next gnutls_handshake() go on behind this call */
    }
    snprintf(association->reason, sizeof association->reason, "no certificate for \"%.*s\"",
             HG_PRINT(query.server_name));
    return GNUTLS_E_UNRECOGNIZED_NAME;
}

void dtls_certificate_ask(struct dtls_association *association)
{
    gnutls_handshake_set_post_client_hello_function(association->session, find_certificate);
}

/* ---- The one that a client is shown ---- */

/* The names that a certificate is for: "gate.test, 192.0.2.1". */
static void print_names(gnutls_x509_crt_t certificate, char *text, size_t capacity)
{
    size_t used = 0;

    snprintf(text, capacity, "no name");
    for (unsigned i = 0; used < capacity; i++) {
        char name[256];
        size_t size = sizeof name;
        int type = gnutls_x509_crt_get_subject_alt_name(certificate, i, name, &size, NULL);

        if (type == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
            return;
        if (type == GNUTLS_SAN_IPADDRESS) {
            char address[INET6_ADDRSTRLEN] = "?";

            inet_ntop(size == 4 ? AF_INET : AF_INET6, name, address, sizeof address);
            used += (size_t)snprintf(text + used, capacity - used, "%s%s", used ? ", " : "", address);
        } else if (type == GNUTLS_SAN_DNSNAME) {
            used += (size_t)snprintf(text + used, capacity - used, "%s%.*s", used ? ", " : "", (int)size, name);
        }
    }
}

static void print_date(time_t moment, char *text, size_t capacity)
{
    struct tm parts;

    if (moment == (time_t)-1 || !gmtime_r(&moment, &parts) ||
        strftime(text, capacity, "%Y-%m-%d %H:%M UTC", &parts) == 0)
        snprintf(text, capacity, "an unknown time");
}

static void explain(struct dtls_association *association, gnutls_x509_crt_t leaf, unsigned status, const char *expected)
{
    const char *ca = association->dtls->config->ca;
    char *reason = association->reason;
    size_t capacity = sizeof association->reason, text_size;
    char text[160] = "";

    if (status & GNUTLS_CERT_EXPIRED) {
        print_date(gnutls_x509_crt_get_expiration_time(leaf), text, sizeof text);
        snprintf(reason, capacity, "the gateway's certificate, or one that signs it, has expired (%s)", text);
    } else if (status & GNUTLS_CERT_NOT_ACTIVATED) {
        print_date(gnutls_x509_crt_get_activation_time(leaf), text, sizeof text);
        snprintf(reason, capacity, "the gateway's certificate is valid only from %s: is this machine's clock right?",
                 text);
    } else if (status & GNUTLS_CERT_SIGNER_NOT_FOUND) {
        text_size = sizeof text;
        if (gnutls_x509_crt_get_issuer_dn(leaf, text, &text_size) < 0)
            snprintf(text, sizeof text, "an issuer with a long name");
        snprintf(reason, capacity, "the gateway's certificate is signed by \"%s\", which %s does not hold (option ca)",
                 text, ca ? ca : "the system's trust store");
    } else if (status & GNUTLS_CERT_UNEXPECTED_OWNER) {
        print_names(leaf, text, sizeof text);
        snprintf(reason, capacity, "the gateway's certificate is for %s, not for \"%s\" (option server_name)", text,
                 expected);
    } else {
        gnutls_datum_t printed = {NULL, 0};

        gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &printed, 0);
        snprintf(reason, capacity, "%s",
                 printed.data ? (char *)printed.data : "the gateway's certificate is not valid");
        gnutls_free(printed.data);
    }
}

int dtls_certificate_verify(gnutls_session_t session)
{
    struct dtls_association *association = gnutls_session_get_ptr(session);
    const char *expected = association->dtls->instance->expected_name;
    unsigned count = 0, status = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
    gnutls_x509_crt_t leaf;

    if (gnutls_certificate_verify_peers3(session, expected, &status) == 0 && status == 0)
        return 0;
    if (count == 0 || gnutls_x509_crt_init(&leaf) < 0)
        return GNUTLS_E_CERTIFICATE_ERROR;
    if (gnutls_x509_crt_import(leaf, &chain[0], GNUTLS_X509_FMT_DER) == 0)
        explain(association, leaf, status, expected);
    gnutls_x509_crt_deinit(leaf);
    return GNUTLS_E_CERTIFICATE_ERROR;
}
