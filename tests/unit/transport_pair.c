/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "tests/unit/transport_pair.h"

#include <check.h>
#include <gnutls/crypto.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const struct hg_transport_ops *test_ops(void)
{
    return hopgate_plugin()->ops;
}

hg_time test_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (hg_time)now.tv_sec * HG_SECOND + (hg_time)now.tv_nsec;
}

/* ---- Certificates ---- */

struct test_certificate test_certificate_new(const char *name, const struct test_certificate *ca, long from, long to)
{
    struct test_certificate made;
    unsigned char serial[8];
    time_t now = time(NULL);

    ck_assert_int_ge(gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof serial), 0);
    serial[0] &= 0x7f;
    ck_assert_int_ge(gnutls_x509_privkey_init(&made.key), 0);
    ck_assert_int_ge(
        gnutls_x509_privkey_generate(made.key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
        0);
    ck_assert_int_ge(gnutls_x509_crt_init(&made.certificate), 0);
    ck_assert_int_ge(gnutls_x509_crt_set_version(made.certificate, 3), 0);
    ck_assert_int_ge(gnutls_x509_crt_set_serial(made.certificate, serial, sizeof serial), 0);
    ck_assert_int_ge(gnutls_x509_crt_set_key(made.certificate, made.key), 0);
    ck_assert_int_ge(gnutls_x509_crt_set_activation_time(made.certificate, now + from), 0);
    ck_assert_int_ge(gnutls_x509_crt_set_expiration_time(made.certificate, now + to), 0);
    ck_assert_int_ge(
        gnutls_x509_crt_set_dn_by_oid(made.certificate, GNUTLS_OID_X520_COMMON_NAME, 0, name, (unsigned)strlen(name)),
        0);
    ck_assert_int_ge(gnutls_x509_crt_set_basic_constraints(made.certificate, ca ? 0 : 1, -1), 0);
    if (ca)
        ck_assert_int_ge(gnutls_x509_crt_set_subject_alt_name(made.certificate, GNUTLS_SAN_DNSNAME, name,
                                                              (unsigned)strlen(name), GNUTLS_FSAN_SET),
                         0);
    ck_assert_int_ge(gnutls_x509_crt_sign2(made.certificate, ca ? ca->certificate : made.certificate,
                                           ca ? ca->key : made.key, GNUTLS_DIG_SHA256, 0),
                     0);
    return made;
}

void test_certificate_free(struct test_certificate *certificate)
{
    gnutls_x509_crt_deinit(certificate->certificate);
    gnutls_x509_privkey_deinit(certificate->key);
}

static void release(struct hg_certificate *certificate)
{
    gnutls_pcert_deinit(certificate->chain);
    gnutls_privkey_deinit(certificate->key);
    free(certificate->chain);
    free(certificate);
}

struct hg_certificate *test_certificate_offer(const struct test_certificate *leaf)
{
    struct hg_certificate *certificate = calloc(1, sizeof *certificate);

    atomic_init(&certificate->refs, 1);
    certificate->release = release;
    certificate->chain = calloc(1, sizeof *certificate->chain);
    certificate->chain_size = 1;
    ck_assert_int_ge(gnutls_pcert_import_x509(certificate->chain, leaf->certificate, 0), 0);
    ck_assert_int_ge(gnutls_privkey_init(&certificate->key), 0);
    ck_assert_int_ge(gnutls_privkey_import_x509(certificate->key, leaf->key, GNUTLS_PRIVKEY_IMPORT_COPY), 0);
    return certificate;
}

/* ---- The provider, as a plugin of its own ---- */

static struct hg_certificate *provider_find(struct hg_worker *worker, const struct hg_certificate_query *query,
                                            hg_certificate_done done, void *arg, struct hg_certificate_lookup **later)
{
    struct test_provider *provider = (struct test_provider *)(uintptr_t)worker->cfg;

    provider->asked++;
    snprintf(provider->server_name, sizeof provider->server_name, "%.*s", HG_PRINT(query->server_name));
    *later = NULL;
    if (provider->later) {
        provider->done = done;
        provider->arg = arg;
        *later = (struct hg_certificate_lookup *)provider;
        return NULL;
    }
    return provider->certificate ? hg_certificate_ref(provider->certificate) : NULL;
}

static void provider_cancel(struct hg_worker *worker, struct hg_certificate_lookup *lookup)
{
    (void)worker;
    ((struct test_provider *)lookup)->cancelled++;
    ((struct test_provider *)lookup)->done = NULL;
}

static const struct hg_plugin *provider_plugin(void)
{
    static const struct hg_certificates_ops ops = {.find = provider_find, .cancel = provider_cancel};
    static const struct hg_offer offers[] = {{.name = HG_CERTIFICATES, .version = HG_CERTIFICATES_VERSION, .ops = &ops},
                                             {0}};
    static const struct hg_plugin plugin = {
        .abi = HG_ABI, .role = HG_ROLE_PROVIDER, .name = "test_provider", .offers = offers};

    return &plugin;
}

void test_pair_answer(struct test_pair *pair, struct hg_certificate *certificate)
{
    hg_certificate_done done = pair->provider.done;

    ck_assert(done != NULL);
    pair->provider.done = NULL;
    done(pair->provider.arg, certificate);
}

/* ---- Links ---- */

static struct hg_link *link_new(struct hg_worker *transport)
{
    struct test_pair *pair = (struct test_pair *)(uintptr_t)transport->host;
    struct hg_link *link = calloc(1, sizeof *link);

    link->pair = pair;
    link->transport = transport;
    link->begun = test_clock();
    link->next = pair->links;
    pair->links = link;
    return link;
}

static struct hg_link *link_accept(struct hg_worker *transport)
{
    struct test_pair *pair = (struct test_pair *)(uintptr_t)transport->host;

    if (pair->refuse_links)
        return NULL;
    pair->accepted = link_new(transport);
    pair->accepted->accepted = true;
    return pair->accepted;
}

static void link_up(struct hg_link *link, void *handle, const struct hg_link_info *info)
{
    ck_assert(!link->up && !link->down);
    link->up = true;
    link->handle = handle;
    link->max_packet = info->max_packet;
    if (test_ops()->probe) {
        link->probe_max = info->probe_max;
        link->overhead = info->overhead;
    }
    snprintf(link->peer, sizeof link->peer, "%.*s", HG_PRINT(info->peer));
    snprintf(link->security, sizeof link->security, "%.*s", HG_PRINT(info->security));
}

static void link_down(struct hg_link *link, const char *reason)
{
    ck_assert(!link->down);
    link->down = true;
    link->handle = NULL;
    snprintf(link->reason, sizeof link->reason, "%s", reason);
}

static void link_packet(struct hg_link *link, uint64_t number, const uint8_t *packet, size_t size)
{
    /* Check's assertions cost a system call each, which the benchmark would measure. */
    if (!link->up || link->down || size == 0)
        ck_abort_msg("a packet of %zu bytes for a link that is not up", size);
    if (link->checks_numbers && number != link->packets)
        ck_abort_msg("packet %llu has number %llu", (unsigned long long)link->packets, (unsigned long long)number);
    link->packets++;
    link->bytes += size;
    link->last_number = number;
    link->last_size = size;
    memcpy(link->last, packet, size);
}

static void link_batch_end(struct hg_link *link)
{
    if (!link->up || link->down)
        ck_abort_msg("the end of a batch for a link that is not up");
    link->batches++;
    if (link->close_at_batch_end)
        test_close(link, true);
}

static void link_writable(struct hg_link *link)
{
    link->writable++;
}

static void link_set_max_packet(struct hg_link *link, size_t max_packet)
{
    link->max_packet = max_packet;
    link->limit_changes++;
}

static void link_set_probe_max(struct hg_link *link, size_t probe_max)
{
    link->probe_max = probe_max;
    link->probe_changes++;
}

static void link_check(struct hg_link *link)
{
    link->checks++;
}

static void link_renew(struct hg_link *link)
{
    link->renewals++;
}

/* ---- Lookups ---- */

static void answer_resolved(void *arg)
{
    struct test_pair *pair = arg;
    hg_resolved resolved = pair->resolved;

    pair->resolved = NULL;
    if (resolved)
        resolved(pair->resolved_arg, pair->resolve, pair->resolve_error ? 0 : pair->resolve_count, pair->resolve_error);
}

/* Overridden lookups are distinguished from real ones by their address. */
static struct test_pair *last_overridden;

static void resolve_cancel(struct hg_resolution *resolution)
{
    if ((void *)resolution == (void *)last_overridden)
        last_overridden->resolved = NULL;
    else
        worker_host.resolve_cancel(resolution);
}

static struct hg_resolution *resolve(struct hg_worker *worker, const char *host, uint16_t port, hg_resolved callback,
                                     void *arg)
{
    struct test_pair *pair = (struct test_pair *)(uintptr_t)worker->host;

    if (pair->resolve_count == 0)
        return worker_host.resolve(worker, host, port, callback, arg);
    pair->resolved = callback;
    pair->resolved_arg = arg;
    last_overridden = pair;
    pair->resolving = (struct hg_call){.callback = answer_resolved, .arg = pair};
    if (!pair->resolve_later)
        hg_post(worker, &pair->resolving);
    return (struct hg_resolution *)pair;
}

/* ---- The pair ---- */

static void write_ca(struct test_pair *pair, const struct test_certificate *ca)
{
    gnutls_datum_t pem;
    int fd;

    snprintf(pair->ca_path, sizeof pair->ca_path, "%s", "/tmp/hopgate-" TEST_NAME "-ca-XXXXXX");
    fd = mkstemp(pair->ca_path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_ge(gnutls_x509_crt_export2(ca->certificate, GNUTLS_X509_FMT_PEM, &pem), 0);
    ck_assert_int_eq(write(fd, pem.data, pem.size), (ssize_t)pem.size);
    close(fd);
    gnutls_free(pem.data);
}

void test_pair_init(struct test_pair *pair, const struct test_certificate *ca, const struct test_certificate *leaf)
{
    memset(pair, 0, sizeof *pair);
    pair->host = worker_host;
    pair->host.link_accept = link_accept;
    pair->host.link_up = link_up;
    pair->host.link_down = link_down;
    pair->host.link_packet = link_packet;
    pair->host.link_batch_end = link_batch_end;
    pair->host.link_writable = link_writable;
    pair->host.link_set_max_packet = link_set_max_packet;
    pair->host.link_set_probe_max = link_set_probe_max;
    pair->host.link_check = link_check;
    pair->host.link_renew = link_renew;
    pair->host.resolve = resolve;
    pair->host.resolve_cancel = resolve_cancel;
    setenv("RUNTIME_DIRECTORY", "/dev/null/none", 0); /* nothing is kept unless a test wants that */
    write_ca(pair, ca);
    if (leaf)
        pair->provider.certificate = test_certificate_offer(leaf);
    pair->gateway_config =
        (TEST_CONFIG){.handshake_timeout = 15 * HG_SECOND, .max_handshakes = 1000, TEST_CONFIG_DEFAULTS};
    pair->client_config = pair->gateway_config;
    pair->client_config.client.ca = pair->ca_path;
    pair->client_config.client.server_name = "gate.test";
    pair->connect.host = "127.0.0.1";
    pair->client_config.client.connect = (struct hg_list){1, &pair->connect};
    pair->listen.host = "127.0.0.1";
}

static uint16_t bound_port(struct hg_worker *gateway)
{
    const TEST_INSTANCE *instance = gateway->instance->state;
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    int fds[2];

    ck_assert_uint_ge(hg_listener_fds(gateway, instance->setup.listeners[0], fds, 2), 1);
    ck_assert_int_eq(getsockname(fds[0], (struct sockaddr *)&address, &size), 0);
    return ntohs(address.ss_family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
                                              : ((struct sockaddr_in6 *)&address)->sin6_port);
}

void test_pair_start(struct test_pair *pair, bool gateway, bool client, uint16_t port)
{
    struct fixture_part parts[4];
    size_t count = 0, gateway_at, client_at;

    pair->listen.port = port;
    pair->port = pair->connect.port = port;
    if (pair->edge.plugin)
        parts[count++] = pair->edge;
    else
        pair->gateway_config.listen = (struct hg_list){1, &pair->listen};
    parts[count++] = (struct fixture_part){provider_plugin(), &pair->provider};
    gateway_at = count;
    if (gateway)
        parts[count++] = (struct fixture_part){hopgate_plugin(), &pair->gateway_config};
    client_at = count;
    if (client)
        parts[count++] = (struct fixture_part){hopgate_plugin(), &pair->client_config};
    pair->fixture = fixture_new(PIPELINE_CLIENT, parts, count);
    fixture_start(pair->fixture);
    pair->gateway = gateway ? fixture_worker(pair->fixture, gateway_at) : NULL;
    pair->client = client ? fixture_worker(pair->fixture, client_at) : NULL;
    if (gateway)
        pair->gateway->host = &pair->host;
    if (gateway && !pair->edge.plugin)
        pair->port = pair->connect.port = bound_port(pair->gateway);
    if (client)
        pair->client->host = &pair->host;
}

void test_pair_free(struct test_pair *pair)
{
    for (struct hg_link *link = pair->links; link; link = link->next) {
        if (link->handle)
            test_ops()->close(link->handle, false);
        else if (!link->down && !link->up && !link->accepted)
            test_ops()->cancel(link->transport, link);
    }
    if (pair->fixture)
        fixture_free(pair->fixture);
    while (pair->links) {
        struct hg_link *link = pair->links;

        pair->links = link->next;
        free(link);
    }
    hg_certificate_unref(pair->provider.certificate);
    unlink(pair->ca_path);
}

static bool is_second_call(void *arg)
{
    int *calls = arg;

    return ++*calls > 1;
}

void test_turn(struct test_pair *pair)
{
    int calls = 0;

    fixture_run(pair->fixture, is_second_call, &calls, 1);
    calls = 0;
    if (pair->beside)
        fixture_run(pair->beside->fixture, is_second_call, &calls, 1);
}

void test_run(struct test_pair *pair, unsigned milliseconds)
{
    hg_time end = test_clock() + milliseconds * HG_MILLISECOND;

    while (test_clock() < end)
        test_turn(pair);
}

struct hg_link *test_connect(struct test_pair *pair)
{
    struct hg_link *link = link_new(pair->client);

    ck_assert_int_eq(test_ops()->connect(pair->client, link, 0), 0);
    return link;
}

struct hg_link *test_connect_to(struct test_pair *pair, size_t gateway)
{
    struct hg_link *link = link_new(pair->client);

    ck_assert_int_eq(test_ops()->connect(pair->client, link, gateway), 0);
    return link;
}

struct hg_link *test_connect_up(struct test_pair *pair)
{
    struct hg_link *link = test_connect(pair);

    pair->accepted = NULL;
    test_wait(pair, link->down || (link->up && (!pair->gateway || (pair->accepted && pair->accepted->up))), 20000);
    ck_assert_msg(link->up && !link->down, "%s", link->reason);
    return link;
}

uint64_t test_send(struct hg_link *link, const void *packet, size_t size)
{
    uint64_t number = test_ops()->next_packet_number(link->handle);

    if (test_ops()->send(link->handle, packet, size) < 0)
        ck_abort_msg("a packet was refused");
    test_ops()->flush(link->handle);
    return number;
}

void test_close(struct hg_link *link, bool graceful)
{
    void *handle = link->handle;

    link->handle = NULL;
    link->down = true;
    test_ops()->close(handle, graceful);
}
