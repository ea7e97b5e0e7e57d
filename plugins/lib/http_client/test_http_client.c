/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Unit tests of requests to HTTPS servers: which servers are trusted, and that verifying them costs nothing per
 * connection. The loop is real, the server runs in a thread, and the system's trust store is replaced.
 */
#include "plugins/lib/http_client/http_client.h"
#include "plugins/lib/http_client/trusted_cas.h"
#include "tests/unit/run_suite.h"
#include "tests/unit/worker_fixture.h"

#include <arpa/inet.h>
#include <check.h>
#include <curl/curl.h>
#include <gnutls/x509.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define DAY 86400

struct authority {
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t root;
};

static struct authority of_system, of_file, of_nobody;

/* ---- Counters ---- */

static unsigned system_reads, reads_by_libcurl;

/* Replaces GnuTLS's function, for http_client.c … */
int gnutls_x509_trust_list_add_system_trust(gnutls_x509_trust_list_t list, unsigned flags, unsigned more)
{
    gnutls_x509_crt_t copy;
    gnutls_datum_t der;

    (void)flags;
    (void)more;
    system_reads++;
    ck_assert_int_eq(gnutls_x509_crt_export2(of_system.root, GNUTLS_X509_FMT_DER, &der), 0);
    gnutls_x509_crt_init(&copy);
    ck_assert_int_eq(gnutls_x509_crt_import(copy, &der, GNUTLS_X509_FMT_DER), 0);
    gnutls_free(der.data);
    return gnutls_x509_trust_list_add_cas(list, &copy, 1, 0);
}

/* … and this one for libcurl. */
int gnutls_certificate_set_x509_trust_file(gnutls_certificate_credentials_t credentials, const char *path,
                                           gnutls_x509_crt_fmt_t type)
{
    (void)credentials;
    (void)path;
    (void)type;
    reads_by_libcurl++;
    return 0;
}

int gnutls_certificate_set_x509_trust_dir(gnutls_certificate_credentials_t credentials, const char *path,
                                          gnutls_x509_crt_fmt_t type)
{
    return gnutls_certificate_set_x509_trust_file(credentials, path, type);
}

/* ---- Certificates ---- */

static gnutls_x509_privkey_t key_new(void)
{
    gnutls_x509_privkey_t key;

    gnutls_x509_privkey_init(&key);
    ck_assert_int_eq(
        gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0), 0);
    return key;
}

static gnutls_x509_crt_t crt_new(const char *name, gnutls_x509_privkey_t key, time_t end)
{
    static uint8_t serial = 1;
    gnutls_x509_crt_t crt;

    gnutls_x509_crt_init(&crt);
    gnutls_x509_crt_set_version(crt, 3);
    gnutls_x509_crt_set_serial(crt, &serial, 1);
    serial++;
    gnutls_x509_crt_set_dn(crt, name, NULL);
    gnutls_x509_crt_set_activation_time(crt, time(NULL) - 2 * DAY);
    gnutls_x509_crt_set_expiration_time(crt, end);
    gnutls_x509_crt_set_key(crt, key);
    return crt;
}

static struct authority authority_new(const char *name)
{
    struct authority authority = {.key = key_new()};

    authority.root = crt_new(name, authority.key, time(NULL) + DAY);
    gnutls_x509_crt_set_basic_constraints(authority.root, 1, -1);
    ck_assert_int_eq(gnutls_x509_crt_sign2(authority.root, authority.root, authority.key, GNUTLS_DIG_SHA256, 0), 0);
    return authority;
}

static void authority_free(struct authority *authority)
{
    gnutls_x509_crt_deinit(authority->root);
    gnutls_x509_privkey_deinit(authority->key);
}

/* What is wrong with the server's certificate. */
enum fault { NO_FAULT, OTHER_NAME, EXPIRED, OTHER_PURPOSE };

static gnutls_certificate_credentials_t credentials_new(const struct authority *authority, enum fault fault)
{
    const uint8_t address[] = {127, 0, 0, fault == OTHER_NAME ? 2 : 1};
    gnutls_x509_privkey_t key = key_new();
    gnutls_x509_crt_t leaf = crt_new("CN=server", key, time(NULL) + (fault == EXPIRED ? -DAY : DAY));
    gnutls_certificate_credentials_t credentials;

    gnutls_x509_crt_set_subject_alt_name(leaf, GNUTLS_SAN_IPADDRESS, address, sizeof address, GNUTLS_FSAN_SET);
    gnutls_x509_crt_set_key_purpose_oid(
        leaf, fault == OTHER_PURPOSE ? GNUTLS_KP_TLS_WWW_CLIENT : GNUTLS_KP_TLS_WWW_SERVER, 0);
    ck_assert_int_eq(gnutls_x509_crt_sign2(leaf, authority->root, authority->key, GNUTLS_DIG_SHA256, 0), 0);
    gnutls_certificate_allocate_credentials(&credentials);
    ck_assert_int_ge(gnutls_certificate_set_x509_key(credentials, &leaf, 1, key), 0);
    gnutls_x509_crt_deinit(leaf);
    gnutls_x509_privkey_deinit(key);
    return credentials;
}

/* ---- The server ---- */

static struct {
    int listener;
    char url[64];
    pthread_t thread;
    gnutls_certificate_credentials_t credentials;
    atomic_uint connections, requests;
} server;

/* Answers all requests until the peer closes. */
static void serve(int fd)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    gnutls_session_t session;
    char text[4096];
    ssize_t size;

    gnutls_init(&session, GNUTLS_SERVER);
    gnutls_set_default_priority(session);
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, server.credentials);
    gnutls_transport_set_int(session, fd);
    server.connections++;
    if (!gnutls_handshake(session))
        while ((size = gnutls_record_recv(session, text, sizeof text - 1)) > 0) {
            server.requests++;
            gnutls_record_send(session, answer, sizeof answer - 1);
        }
    gnutls_deinit(session);
    close(fd);
}

static void *accept_all(void *arg)
{
    int fd;

    while ((fd = accept(server.listener, NULL, NULL)) >= 0)
        serve(fd);
    return arg;
}

static void server_start(const struct authority *authority, enum fault fault)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;

    server.credentials = credentials_new(authority, fault);
    server.connections = server.requests = 0;
    server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(server.listener, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(listen(server.listener, 64), 0);
    getsockname(server.listener, (struct sockaddr *)&address, &size);
    snprintf(server.url, sizeof server.url, "https://127.0.0.1:%u/", ntohs(address.sin_port));
    ck_assert_int_eq(pthread_create(&server.thread, NULL, accept_all, NULL), 0);
}

/* The client is closed, so the thread is not stuck in a connection. */
static void server_stop(void)
{
    shutdown(server.listener, SHUT_RDWR);
    pthread_join(server.thread, NULL);
    close(server.listener);
    gnutls_certificate_free_credentials(server.credentials);
}

/* ---- Calls ---- */

static const struct hg_plugin user_plugin = {.abi = HG_ABI, .role = HG_ROLE_PROVIDER, .name = "user"};

static struct fixture *fixture;
static char ca[] = "/tmp/hopgate-https-XXXXXX"; /* unique for each test */
static unsigned answers;
static char last_error[512]; /* "": there was none */

static void on_done(void *arg, const struct https_response *response)
{
    (void)arg;
    answers++;
    snprintf(last_error, sizeof last_error, "%s", response->error ? response->error : "");
    if (!response->error)
        ck_assert(response->status == 200 && hg_text_equal(response->body, HG_TEXT("hi")));
}

static bool is_answered(void *arg)
{
    return answers == *(unsigned *)arg;
}

static void call(struct https *https)
{
    const struct https_request request = {
        .method = "GET", .url = server.url, .max_size = 100, .timeout = 60 * HG_SECOND};
    unsigned wanted = answers + 1;

    ck_assert_ptr_nonnull(https_send(https, &request, on_done, NULL));
    ck_assert(fixture_run(fixture, is_answered, &wanted, 60000));
}

/* The error of a call to a server with that certificate. */
static const char *try(const struct authority *authority, enum fault fault, bool with_ca)
{
    struct https *https = https_new(fixture_worker(fixture, 0), with_ca ? ca : NULL);

    ck_assert_ptr_nonnull(https);
    server_start(authority, fault);
    call(https);
    https_free(https);
    server_stop();
    return last_error;
}

static void set_up(void)
{
    const struct fixture_part part = {&user_plugin, NULL};
    gnutls_datum_t pem;
    int fd;

    of_system = authority_new("CN=system");
    of_file = authority_new("CN=file");
    of_nobody = authority_new("CN=nobody");
    ck_assert_int_eq(gnutls_x509_crt_export2(of_file.root, GNUTLS_X509_FMT_PEM, &pem), 0);
    memcpy(ca + strlen(ca) - 6, "XXXXXX", 6); /* without forking, it still has the name of the previous test */
    fd = mkstemp(ca);
    ck_assert_int_eq(write(fd, pem.data, pem.size), (ssize_t)pem.size);
    close(fd);
    gnutls_free(pem.data);
    fixture = fixture_new(PIPELINE_GATEWAY, &part, 1);
    fixture_start(fixture);
    system_reads = reads_by_libcurl = 0;
}

static void tear_down(void)
{
    fixture_free(fixture);
    unlink(ca);
    authority_free(&of_system);
    authority_free(&of_file);
    authority_free(&of_nobody);
}

/* ---- Which servers are trusted ---- */

/* A private authority is trusted in addition to the public ones, not instead of them. */
START_TEST(the_file_is_trusted_in_addition_to_the_system)
{
    ck_assert_str_eq(try(&of_file, NO_FAULT, true), "");
    ck_assert_str_eq(try(&of_system, NO_FAULT, true), "");
    ck_assert_str_eq(try(&of_system, NO_FAULT, false), "");
}
END_TEST

/* Nothing of the request is sent, which might, for example, contain a name. */
START_TEST(others_are_refused_before_the_request)
{
    static const struct {
        const struct authority *authority;
        enum fault fault;
        bool with_ca;
        const char *error;
    } cases[] = {
        {&of_nobody, NO_FAULT, true, "NOT trusted"},    {&of_file, NO_FAULT, false, "NOT trusted"},
        {&of_system, EXPIRED, true, "expired"},         {&of_file, EXPIRED, true, "expired"},
        {&of_system, OTHER_PURPOSE, true, "purpose"},   {&of_system, OTHER_NAME, true, "does not match"},
        {&of_file, OTHER_NAME, true, "does not match"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *error = try(cases[i].authority, cases[i].fault, cases[i].with_ca);
        /* If libcurl verifies by itself, its wording differs. */
        const char *words = strstr(curl_version(), "GnuTLS") ? cases[i].error : "certificate";

        ck_assert_msg(strstr(error, words) != NULL, "%zu: \"%s\"", i, error);
        if (words == cases[i].error)
            ck_assert_msg(!strstr(error, "The local clock says 20") == (cases[i].fault != EXPIRED), "\"%s\"", error);
        ck_assert_uint_eq(server.requests, 0);
    }
}
END_TEST

/* A server that was refused is refused again in the next call. */
START_TEST(the_next_call_is_refused_as_well)
{
    struct https *https = https_new(fixture_worker(fixture, 0), ca);

    server_start(&of_nobody, NO_FAULT);
    for (int i = 0; i < 3; i++) {
        call(https);
        ck_assert_str_ne(last_error, "");
    }
    ck_assert_uint_eq(server.requests, 0);
    https_free(https);
    server_stop();
}
END_TEST

/* Each reading of the system's roots blocks the loop for 20 ms, longer if they are in a folder. */
START_TEST(roots_are_read_once)
{
    struct https *https = https_new(fixture_worker(fixture, 0), ca);

    server_start(&of_system, NO_FAULT);
    for (int i = 0; i < 5; i++) {
        call(https);
        ck_assert_str_eq(last_error, "");
    }
    ck_assert_uint_eq(server.requests, 5);
    https_free(https);
    server_stop();
    ck_assert_uint_eq(system_reads, 1);
    ck_assert_uint_eq(reads_by_libcurl, 0);
}
END_TEST

START_TEST(connections_are_used_again)
{
    struct https *https = https_new(fixture_worker(fixture, 0), NULL);

    server_start(&of_system, NO_FAULT);
    for (int i = 0; i < 5; i++)
        call(https);
    ck_assert_uint_eq(server.connections, 1);
    ck_assert_str_eq(last_error, "");
    https_free(https);
    server_stop();
}
END_TEST

/* For a libcurl with a TLS backend other than GnuTLS. */
START_TEST(all_roots_in_pem)
{
    char why[512];
    gnutls_x509_trust_list_t trust = https_trust_new(ca, why, sizeof why);
    gnutls_datum_t pem = https_trust_pem(trust);
    gnutls_x509_crt_t *roots;
    unsigned count;

    ck_assert_str_eq(why, "");
    ck_assert_ptr_nonnull(pem.data);
    ck_assert_int_eq(gnutls_x509_crt_list_import2(&roots, &count, &pem, GNUTLS_X509_FMT_PEM, 0), 0);
    ck_assert_uint_eq(count, 2);
    ck_assert(gnutls_x509_crt_equals(roots[0], of_system.root) || gnutls_x509_crt_equals(roots[1], of_system.root));
    ck_assert(gnutls_x509_crt_equals(roots[0], of_file.root) || gnutls_x509_crt_equals(roots[1], of_file.root));
    while (count)
        gnutls_x509_crt_deinit(roots[--count]);
    gnutls_free(roots);
    gnutls_free(pem.data);
    gnutls_x509_trust_list_deinit(trust, 1);
}
END_TEST

/* ---- The file ---- */

START_TEST(a_file_is_checked)
{
    FILE *file;

    ck_assert_ptr_null(https_check_roots(ca));
    ck_assert_ptr_nonnull(https_check_roots("/nowhere/ca.pem"));
    ck_assert_ptr_nonnull(https_check_roots("/"));
    ck_assert_ptr_nonnull(https_check_roots("/dev/zero")); /* would never end */
    file = fopen(ca, "w");
    fclose(file);
    ck_assert_ptr_nonnull(https_check_roots(ca));
    file = fopen(ca, "w");
    fputs("-----BEGIN CERTIFICATE-----\nbm9uc2Vuc2U=\n-----END CERTIFICATE-----\n", file);
    fclose(file);
    ck_assert_ptr_nonnull(https_check_roots(ca));
}
END_TEST

int main(void)
{
    static const char *const proxies[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
    Suite *suite = suite_create("https");
    TCase *tests = tcase_create("https");

    for (size_t i = 0; i < sizeof proxies / sizeof *proxies; i++)
        unsetenv(proxies[i]);
    tcase_add_test(tests, the_file_is_trusted_in_addition_to_the_system);
    tcase_add_test(tests, others_are_refused_before_the_request);
    tcase_add_test(tests, the_next_call_is_refused_as_well);
    tcase_add_test(tests, roots_are_read_once);
    tcase_add_test(tests, connections_are_used_again);
    tcase_add_test(tests, all_roots_in_pem);
    tcase_add_test(tests, a_file_is_checked);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 300);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
