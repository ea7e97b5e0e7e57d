/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/dtls/certificate.h"

#include "plugins/dtls/hello.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
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

/* Called by GnuTLS when it has read the ClientHello: the way to refuse it with the right alert. */
static int check_found(gnutls_session_t session)
{
    const struct dtls_association *association = gnutls_session_get_ptr(session);

    return association->certificate ? 0 : GNUTLS_E_UNRECOGNIZED_NAME;
}

/* The answer to a lookup that was not known at once. */
static void found_later(void *arg, struct hg_certificate *certificate)
{
    struct dtls_association *association = arg;
    struct dtls_worker *dtls = association->dtls;
    struct dtls_record client_hello = {
        .type = DTLS_RECORD_HANDSHAKE, .bytes = association->parked, .size = association->parked_size};

    association->lookup = NULL;
    association->certificate = certificate;
    association->state = DTLS_HANDSHAKE;
    dtls_association_enter(association);
    dtls_association_receive(association, &client_hello);
    if (association->state != DTLS_ENDED)
        dtls_socket_flush(association->socket);
    dtls_association_leave(association);
    dtls_association_batch_end(dtls);
}

/* Asks the provider. True: the handshake can begin, with a certificate or to be refused. */
static bool find(struct dtls_association *association, const struct dtls_hello *hello)
{
    struct hg_worker *worker = association->dtls->worker;
    char name[256], peer[DTLS_PATH_TEXT];
    struct hg_certificate_query query = {.alpn = hello->alpn, .alpn_count = hello->alpn_count};
    struct hg_capability certificates;
    const struct hg_certificates_ops *ops;

    if (hello->server_name.size >= sizeof name ||
        !hg_capability(worker->instance, HG_CERTIFICATES, HG_CERTIFICATES_VERSION, &certificates))
        return true;
    for (size_t i = 0; i < hello->server_name.size; i++)
        name[i] = (char)tolower((unsigned char)hello->server_name.data[i]);
    query.server_name = (struct hg_text){name, hello->server_name.size};
    query.peer = hg_text(dtls_path_print(&association->path, peer));
    ops = certificates.ops;
    association->certificate =
        ops->find(hg_capability_worker(worker, &certificates), &query, found_later, association, &association->lookup);
    return association->certificate || !association->lookup;
}

static bool park(struct dtls_association *association, const struct dtls_record *client_hello)
{
    association->parked = malloc(client_hello->size);
    if (!association->parked)
        return false;
    memcpy(association->parked, client_hello->bytes, client_hello->size);
    association->parked_size = client_hello->size;
    dtls_association_park(association);
    return true;
}

void dtls_certificate_begin(struct dtls_association *association, const struct dtls_record *client_hello)
{
    struct dtls_hello hello;

    association->answered = true;
    gnutls_handshake_set_post_client_hello_function(association->session, check_found);
    /* A malformed one gets from GnuTLS what it deserves. */
    if (dtls_hello_read(client_hello, &hello) && !find(association, &hello)) {
        if (park(association, client_hello))
            return;
        dtls_certificate_release(association);
    }
    if (!association->certificate)
        snprintf(association->reason, sizeof association->reason, "no certificate for \"%.*s\"",
                 HG_PRINT(hello.server_name));
    dtls_association_receive(association, client_hello);
}

void dtls_certificate_release(struct dtls_association *association)
{
    if (association->lookup) {
        struct hg_capability certificates;
        struct hg_worker *worker = association->dtls->worker;

        if (hg_capability(worker->instance, HG_CERTIFICATES, HG_CERTIFICATES_VERSION, &certificates)) {
            const struct hg_certificates_ops *ops = certificates.ops;

            ops->cancel(hg_capability_worker(worker, &certificates), association->lookup);
        }
        association->lookup = NULL;
    }
    hg_certificate_unref(association->certificate);
    association->certificate = NULL;
    free(association->parked);
    association->parked = NULL;
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
