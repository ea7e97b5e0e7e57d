/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/lib/tlscommon/peer_check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifdef __aarch64__
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

/* ---- Trusted authorities ---- */

enum {
    CA_MAX = 16 << 20, /* bytes of the file */
};

int tlscommon_trust(struct hg_instance *instance, gnutls_certificate_credentials_t credentials, const char *ca)
{
    struct stat state;
    int count;

    if (!ca) {
        count = gnutls_certificate_set_x509_system_trust(credentials);
        if (count > 0)
            return 0;
        return hg_config_error(
            instance, "ca",
            "the system's trust store is empty; install its certificates (package ca-certificates), or "
            "give a file with the gateway's authority");
    }
    hg_reads_file(instance, "ca", ca, false);
    if (stat(ca, &state) || access(ca, R_OK))
        return hg_config_error(instance, "ca", "cannot read %s: %s", ca, strerror(errno));
    if (!S_ISREG(state.st_mode) || state.st_size > CA_MAX)
        return hg_config_error(instance, "ca", "%s: not a regular file of up to 16 MiB", ca);
    count = gnutls_certificate_set_x509_trust_file(credentials, ca, GNUTLS_X509_FMT_PEM);
    if (count > 0)
        return 0;
    return hg_config_error(instance, "ca", "%s contains no PEM certificate (\"-----BEGIN CERTIFICATE-----\")%s%s", ca,
                           count < 0 ? ": " : "", count < 0 ? gnutls_strerror(count) : "");
}

/* ---- Verification ---- */

void tlscommon_ask_for(gnutls_session_t session, const char *name)
{
    struct in6_addr address;

    if (inet_pton(AF_INET, name, &address) != 1 && inet_pton(AF_INET6, name, &address) != 1)
        gnutls_server_name_set(session, GNUTLS_NAME_DNS, name, strlen(name));
}

/* The names in a certificate: "gate.test, 192.0.2.1". */
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

static void explain(gnutls_x509_crt_t leaf, unsigned status, const char *expected, const char *ca, char *reason,
                    size_t capacity)
{
    size_t text_size;
    char text[160] = "";

    if (status & GNUTLS_CERT_EXPIRED) {
        print_date(gnutls_x509_crt_get_expiration_time(leaf), text, sizeof text);
        snprintf(reason, capacity, "the gateway's certificate, or one of its issuers, has expired (%s)", text);
    } else if (status & GNUTLS_CERT_NOT_ACTIVATED) {
        print_date(gnutls_x509_crt_get_activation_time(leaf), text, sizeof text);
        snprintf(reason, capacity,
                 "the gateway's certificate is not valid before %s; is the clock of this machine correct?", text);
    } else if (status & GNUTLS_CERT_SIGNER_NOT_FOUND) {
        text_size = sizeof text;
        if (gnutls_x509_crt_get_issuer_dn(leaf, text, &text_size) < 0)
            snprintf(text, sizeof text, "an issuer with a long name");
        snprintf(reason, capacity, "the gateway's certificate is signed by \"%s\", which is not in %s (option ca)",
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

int tlscommon_verify(gnutls_session_t session, const char *expected, const char *ca, char *reason, size_t size)
{
    unsigned count = 0, status = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
    gnutls_x509_crt_t leaf;

    if (gnutls_certificate_verify_peers3(session, expected, &status) == 0 && status == 0)
        return 0;
    if (count == 0 || gnutls_x509_crt_init(&leaf) < 0)
        return GNUTLS_E_CERTIFICATE_ERROR;
    if (gnutls_x509_crt_import(leaf, &chain[0], GNUTLS_X509_FMT_DER) == 0)
        explain(leaf, status, expected, ca, reason, size);
    gnutls_x509_crt_deinit(leaf);
    return GNUTLS_E_CERTIFICATE_ERROR;
}

/* ---- Texts for humans ---- */

void tlscommon_print_security(gnutls_session_t session, char *text, size_t size)
{
    gnutls_group_t group = gnutls_group_get(session);

    snprintf(text, size, "%s%s%s %s%s", gnutls_protocol_get_name(gnutls_protocol_get_version(session)),
             group ? " ECDHE-" : "", group ? gnutls_group_get_name(group) : "",
             gnutls_cipher_get_name(gnutls_cipher_get(session)), gnutls_session_is_resumed(session) ? ", resumed" : "");
}

static bool is_about_certificate(gnutls_alert_description_t alert)
{
    return alert == GNUTLS_A_BAD_CERTIFICATE || alert == GNUTLS_A_UNSUPPORTED_CERTIFICATE ||
           alert == GNUTLS_A_CERTIFICATE_REVOKED || alert == GNUTLS_A_CERTIFICATE_EXPIRED ||
           alert == GNUTLS_A_CERTIFICATE_UNKNOWN || alert == GNUTLS_A_UNKNOWN_CA;
}

void tlscommon_print_failure(gnutls_session_t session, int error, const char *protocol, char *text, size_t size)
{
    gnutls_alert_description_t alert = gnutls_alert_get(session);

    if (error == GNUTLS_E_UNEXPECTED_PACKET || error == GNUTLS_E_UNEXPECTED_PACKET_LENGTH)
        snprintf(text, size, "the peer does not speak TLS; is this the right port? (%s)", gnutls_strerror(error));
    else if (error != GNUTLS_E_FATAL_ALERT_RECEIVED && error != GNUTLS_E_WARNING_ALERT_RECEIVED)
        snprintf(text, size, "%s", gnutls_strerror(error));
    else if (alert == GNUTLS_A_UNRECOGNIZED_NAME)
        snprintf(text, size, "the peer sent the alert \"%s\"; it has no certificate for that name (option server_name)",
                 gnutls_alert_get_name(alert));
    else if (alert == GNUTLS_A_NO_APPLICATION_PROTOCOL)
        snprintf(text, size, "the peer sent the alert \"%s\"; it does not support %s", gnutls_alert_get_name(alert),
                 protocol);
    else
        snprintf(text, size, "the peer sent the alert \"%s\"%s", gnutls_alert_get_name(alert),
                 is_about_certificate(alert) ? "; it rejected the certificate (its options ca and server_name)" : "");
}

/* ---- The machine ---- */

bool tlscommon_has_aes(void)
{
#if defined(__x86_64__) || defined(__i386__)
    return __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
#elif defined(__aarch64__)
    return (getauxval(AT_HWCAP) & (HWCAP_AES | HWCAP_PMULL)) == (HWCAP_AES | HWCAP_PMULL);
#else
    return false;
#endif
}
