/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "tests/unit/transport_cases.h"

#include <dirent.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* A ticket arrives after the handshake (RFC 8446 section 4.6.1): how long to wait for it, in milliseconds. */
#define TICKET_TIME 20

struct test_certificate ca, leaf;
struct test_pair pair, other;
static unsigned descriptors;

/* ---- Setup and teardown ---- */

static unsigned count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;

    ck_assert_ptr_nonnull(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static void set_up(void)
{
    descriptors = count_descriptors();
    ca = test_certificate_new("test authority", NULL, -3600, 3600);
    leaf = test_certificate_new("gate.test", &ca, -3600, 3600);
    test_pair_init(&pair, &ca, &leaf);
}

static void tear_down(void)
{
    stop_other();
    test_pair_free(&pair);
    test_certificate_free(&leaf);
    test_certificate_free(&ca);
    ck_assert_uint_eq(count_descriptors(), descriptors + fixture_port_count());
}

void start_other(bool gateway, bool client, uint16_t port)
{
    test_pair_init(&other, &ca, &leaf);
    test_pair_start(&other, gateway, client, port);
    pair.beside = &other;
}

void stop_other(void)
{
    if (!pair.beside)
        return;
    pair.beside = NULL;
    test_pair_free(&other);
}

TCase *new_case(const char *name, double seconds)
{
    TCase *tests = tcase_create(name);

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, seconds);
    return tests;
}

/* ---- Handshakes ---- */

void expect_refusal(const char *text)
{
    struct hg_link *link = test_connect(&pair);

    test_wait(&pair, link->down || link->up, 5000);
    ck_assert(link->down && !link->up);
    ck_assert_msg(strstr(link->reason, text), "\"%s\" is not in \"%s\"", text, link->reason);
}

START_TEST(the_gateway_closes)
{
    struct hg_link *client;

    test_pair_start(&pair, true, true, 0);
    client = test_connect_up(&pair);
    test_close(pair.accepted, true);
    test_wait(&pair, client->down, 1000);
    ck_assert_str_eq(client->reason, "closed by the peer");
}
END_TEST

START_TEST(the_core_closes_at_batch_end)
{
    struct hg_link *client, *gateway;

    test_pair_start(&pair, true, true, 0);
    client = test_connect_up(&pair);
    gateway = pair.accepted;
    client->close_at_batch_end = true;
    test_send(gateway, "x", 1);
    test_wait(&pair, gateway->down, 1000);
    ck_assert(client->down && gateway->down);
    client = test_connect_up(&pair);
    pair.accepted->close_at_batch_end = true;
    test_send(client, "x", 1);
    test_wait(&pair, client->down, 1000);
    ck_assert(client->down);
}
END_TEST

START_TEST(a_wrong_name_is_refused)
{
    pair.client_config.client.server_name = "other.test";
    test_pair_start(&pair, true, true, 0);
    expect_refusal("is for gate.test, not for \"other.test\" (option server_name)");
    test_run(&pair, 50);
    ck_assert_ptr_null(pair.accepted);
}
END_TEST

START_TEST(a_wrong_authority_is_refused)
{
    struct test_certificate stranger = test_certificate_new("another authority", NULL, -3600, 3600);
    struct test_certificate signed_by_it = test_certificate_new("gate.test", &stranger, -3600, 3600);

    hg_certificate_unref(pair.provider.certificate);
    pair.provider.certificate = test_certificate_offer(&signed_by_it);
    test_pair_start(&pair, true, true, 0);
    expect_refusal("is signed by \"CN=another authority\", which is not in /tmp/");
    test_certificate_free(&signed_by_it);
    test_certificate_free(&stranger);
}
END_TEST

START_TEST(a_certificate_outside_its_validity_is_refused)
{
    struct test_certificate old = test_certificate_new("gate.test", &ca, -7200, -3600);
    struct test_certificate young = test_certificate_new("gate.test", &ca, 3000, 3600);

    hg_certificate_unref(pair.provider.certificate);
    pair.provider.certificate = test_certificate_offer(&old);
    test_pair_start(&pair, true, true, 0);
    expect_refusal("has expired (20");
    hg_certificate_unref(pair.provider.certificate);
    pair.provider.certificate = test_certificate_offer(&young);
    expect_refusal("is the clock of this machine correct?");
    test_certificate_free(&old);
    test_certificate_free(&young);
}
END_TEST

START_TEST(a_missing_certificate_is_reported)
{
    hg_certificate_unref(pair.provider.certificate);
    pair.provider.certificate = NULL;
    test_pair_start(&pair, true, true, 0);
    expect_refusal("it has no certificate for that name");
}
END_TEST

START_TEST(a_handshake_is_parked_for_its_certificate)
{
    struct hg_link *link;

    pair.provider.later = true;
    test_pair_start(&pair, true, true, 0);
    link = test_connect(&pair);
    test_wait(&pair, pair.provider.done, 1000);
    test_run(&pair, 1000); /* in the meantime, the client sends its hello again */
    ck_assert_uint_eq(pair.provider.asked, 1);
    test_pair_answer(&pair, hg_certificate_ref(pair.provider.certificate));
    test_wait(&pair, link->up && pair.accepted && pair.accepted->up, 2000);
    ck_assert(link->up && pair.accepted->up);

    link = test_connect(&pair);
    test_ops()->cancel(pair.client, link);
    link->down = true;
}
END_TEST

START_TEST(a_parked_handshake_is_refused_or_abandoned)
{
    struct hg_link *link;

    pair.provider.later = true;
    pair.gateway_config.handshake_timeout = 300 * HG_MILLISECOND;
    test_pair_start(&pair, true, true, 0);
    link = test_connect(&pair);
    test_wait(&pair, pair.provider.done, 1000);
    test_pair_answer(&pair, NULL);
    test_wait(&pair, link->down, 1000);
    ck_assert_ptr_nonnull(strstr(link->reason, "it has no certificate for that name"));
    link = test_connect(&pair);
    test_wait(&pair, pair.provider.done, 1000);
    ck_assert(pair.provider.done != NULL);
    test_wait(&pair, pair.provider.cancelled == 1, 1000);
    ck_assert_uint_eq(pair.provider.cancelled, 1);
}
END_TEST

START_TEST(a_ticket_resumes)
{
    struct hg_link *link;

    test_pair_start(&pair, true, true, 0);
    test_connect_up(&pair);
    test_run(&pair, TICKET_TIME);
    link = test_connect_up(&pair);
    test_send(pair.accepted, "x", 1);
    test_wait(&pair, link->packets == 1, 1000);
    ck_assert_uint_eq(link->packets, 1);
    ck_assert_str_eq(link->security, TEST_SECURITY ", resumed");
    ck_assert_uint_eq(COUNTER(pair.gateway, resumed), 1);
    ck_assert_uint_eq(COUNTER(pair.client, resumed), 1);
    ck_assert_uint_eq(COUNTER(pair.client, handshakes), 2);
}
END_TEST

START_TEST(a_ticket_of_a_vanished_gateway_does_no_harm)
{
    struct hg_link *link;
    uint16_t port;

    start_other(true, false, 0);
    port = other.port;
    test_pair_start(&pair, false, true, port);
    link = test_connect_up(&pair);
    test_run(&pair, TICKET_TIME);
    test_close(link, true);
    test_run(&pair, TICKET_TIME);
    stop_other();
    start_other(true, false, port);
    link = test_connect_up(&pair);
    ck_assert_str_eq(link->security, TEST_SECURITY);
    ck_assert_uint_eq(COUNTER(pair.client, handshakes_failed), 0);
}
END_TEST

/* The certificate has expired since the ticket was issued. */
START_TEST(a_resumed_session_is_verified_again)
{
    struct test_certificate brief = test_certificate_new("gate.test", &ca, -10, 2);
    struct hg_link *link;

    hg_certificate_unref(pair.provider.certificate);
    pair.provider.certificate = test_certificate_offer(&brief);
    test_pair_start(&pair, true, true, 0);
    test_connect_up(&pair);
    test_run(&pair, 3100);
    link = test_connect(&pair);
    test_wait(&pair, link->down || link->up, 2000);
    ck_assert(link->down && !link->up);
    ck_assert_msg(strstr(link->reason, "has expired"), "%s", link->reason);
    ck_assert_uint_eq(COUNTER(pair.client, resumed), 1);
    test_certificate_free(&brief);
}
END_TEST

/* A ticket of one gateway is not presented to the other, which would not know it. */
START_TEST(each_gateway_has_its_address_and_its_ticket)
{
    struct hg_address gateways[3] = {
        {.host = "127.0.0.1"}, {.host = "localhost"}, {.host = "no-such-name.invalid", .port = 1}};
    struct hg_link *links[4];
    const struct hg_address *reported;
    size_t count;

    pair.client_config.client.connect = (struct hg_list){3, gateways};
    test_pair_start(&pair, true, true, 0);
    gateways[0].port = gateways[1].port = pair.port;
    reported = test_ops()->gateways(pair.client->instance, &count);
    ck_assert_uint_eq(count, 3);
    ck_assert_ptr_eq(reported, gateways);
    for (size_t i = 0; i < 4; i++) {
        links[i] = test_connect_to(&pair, i % 2);
        test_wait(&pair, links[i]->up || links[i]->down, 5000);
        ck_assert_msg(links[i]->up, "%s", links[i]->reason);
        test_run(&pair, 20);
        ck_assert_int_eq(strstr(links[i]->security, "resumed") != NULL, i >= 2);
    }
    links[0] = test_connect_to(&pair, 2);
    test_wait(&pair, links[0]->down, 15000);
    ck_assert_ptr_nonnull(strstr(links[0]->reason, "cannot look up no-such-name.invalid"));
}
END_TEST

START_TEST(the_core_refuses_a_link)
{
    struct hg_link *link;

    pair.refuse_links = true;
    test_pair_start(&pair, true, true, 0);
    link = test_connect(&pair);
    test_wait(&pair, link->down, 1000);
    ck_assert_msg(link->up && link->down, "%s", link->reason);
    ck_assert_ptr_nonnull(strstr(link->reason, "Internal error"));
}
END_TEST

START_TEST(a_connect_is_cancelled_at_any_moment)
{
    test_pair_start(&pair, true, true, 0);
    for (unsigned turns = 0; turns < 8; turns++) {
        struct hg_link *link = test_connect(&pair);

        for (unsigned i = 0; i < turns; i++)
            test_turn(&pair);
        if (!link->up) {
            test_ops()->cancel(pair.client, link);
            link->down = true;
        }
    }
    test_connect_up(&pair);
}
END_TEST

/* The name's only address from now on: 127.0.0.`last`. */
static void set_address(uint8_t last, uint16_t port)
{
    struct sockaddr_in *address = (struct sockaddr_in *)&pair.resolve[0].address;

    *address = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + last), .sin_port = htons(port)};
    pair.resolve[0].size = sizeof *address;
    pair.resolve_count = 1;
}

START_TEST(a_failed_lookup_keeps_the_good_addresses)
{
    struct hg_link *link;

    test_pair_start(&pair, true, true, 0);
    set_address(1, pair.port);
    pair.resolve_error = "no server";
    link = test_connect(&pair);
    test_wait(&pair, link->down, 1000);
    ck_assert_str_eq(link->reason, "cannot look up 127.0.0.1: no server");
    pair.resolve_error = NULL;
    test_connect_up(&pair);
    pair.resolve_error = "no server";
    test_connect_up(&pair);
    pair.resolve_error = NULL;
    pair.resolve_later = true;
    test_connect_up(&pair);
    ck_assert(!pair.resolved);
}
END_TEST

/* The failure of the address that worked before is not final while the lookup is pending. */
START_TEST(a_late_lookup_adds_addresses)
{
    struct hg_link *link;

    start_other(true, false, 0);
    pair.listen.host = "127.0.0.2";
    test_pair_start(&pair, true, true, 0);
    set_address(1, other.port);
    link = test_connect(&pair);
    test_wait(&pair, link->up || link->down, 5000);
    ck_assert_msg(link->up, "%s", link->reason);
    test_close(link, true);
    stop_other();
    pair.resolve_later = true;
    link = test_connect(&pair);
    test_wait(&pair, COUNTER(pair.client, handshakes_failed) == 1, 5000);
    ck_assert_uint_eq(COUNTER(pair.client, handshakes_failed), 1);
    test_run(&pair, 20);
    ck_assert(!link->down && pair.resolved);
    set_address(2, pair.port);
    pair.resolved(pair.resolved_arg, pair.resolve, 1, NULL);
    pair.resolved = NULL;
    test_wait(&pair, link->up || link->down, 5000);
    ck_assert_msg(link->up, "%s", link->reason);
}
END_TEST

void add_handshake_tests(TCase *tests)
{
    tcase_add_test(tests, a_failed_lookup_keeps_the_good_addresses);
    tcase_add_test(tests, a_late_lookup_adds_addresses);
    tcase_add_test(tests, the_gateway_closes);
    tcase_add_test(tests, the_core_closes_at_batch_end);
    tcase_add_test(tests, a_wrong_name_is_refused);
    tcase_add_test(tests, a_wrong_authority_is_refused);
    tcase_add_test(tests, a_certificate_outside_its_validity_is_refused);
    tcase_add_test(tests, a_missing_certificate_is_reported);
    tcase_add_test(tests, a_handshake_is_parked_for_its_certificate);
    tcase_add_test(tests, a_parked_handshake_is_refused_or_abandoned);
    tcase_add_test(tests, a_ticket_resumes);
    tcase_add_test(tests, a_ticket_of_a_vanished_gateway_does_no_harm);
    tcase_add_test(tests, a_resumed_session_is_verified_again);
    tcase_add_test(tests, each_gateway_has_its_address_and_its_ticket);
    tcase_add_test(tests, the_core_refuses_a_link);
    tcase_add_test(tests, a_connect_is_cancelled_at_any_moment);
}

/* ---- Config errors, each with its message ---- */

char errors[1024];
bool certificates_offered;
struct hg_address anywhere = {.host = "*", .port = 443};

static void config_error(const struct hg_instance *instance, const char *option, const char *format, va_list arguments)
{
    size_t used = strlen(errors);

    (void)instance;
    used += (size_t)snprintf(errors + used, sizeof errors - used, "%s: ", option ? option : "-");
    used += (size_t)vsnprintf(errors + used, sizeof errors - used, format, arguments);
    snprintf(errors + used, sizeof errors - used, "\n");
}

static bool capability(struct hg_instance *instance, const char *name, uint32_t version, struct hg_capability *found)
{
    (void)instance;
    (void)found;
    return certificates_offered && strcmp(name, HG_CERTIFICATES) == 0 && version == HG_CERTIFICATES_VERSION;
}

/* The core's function needs a pipeline, and there is none here. */
static void reads_file(const struct hg_instance *instance, const char *option, const char *path, bool again)
{
    (void)instance;
    (void)option;
    (void)path;
    (void)again;
}

const char *faults(TEST_CONFIG *config)
{
    const struct hg_plugin *plugin = hopgate_plugin();
    struct hg_host host = worker_host;
    struct hg_instance instance = {.host = &host, .cfg = config, .name = TEST_NAME};
    int result;

    host.reads_file = reads_file;
    host.config_error = config_error;
    host.capability = capability;
    errors[0] = '\0';
    result = plugin->configure(&instance);
    plugin->unconfigure(&instance);
    ck_assert_int_eq(result, errors[0] ? -1 : 0);
    return errors;
}

START_TEST(a_client_needs_trust)
{
    TEST_CONFIG config = pair.client_config;
    FILE *file;

    ck_assert_str_eq(faults(&config), "");
    ck_assert(
        !((const struct hg_transport_ops *)hopgate_plugin()->ops)->listens(&(struct hg_instance){.cfg = &config}));
    config.client.ca = "/nonexistent/ca.pem";
    ck_assert_has(faults(&config), "ca: cannot read /nonexistent/ca.pem: No such file or directory");
    config.client.ca = "/dev/zero";
    ck_assert_has(faults(&config), "ca: /dev/zero: not a regular file of up to 16 MiB");
    config.client.ca = pair.ca_path;
    file = fopen(pair.ca_path, "w");
    fputs("no certificate\n", file);
    fclose(file);
    ck_assert_has(faults(&config), "contains no PEM certificate");
}
END_TEST

START_TEST(each_gateway_is_named_once)
{
    TEST_CONFIG config = pair.client_config;
    struct hg_address gateways[17] = {{.host = "a.test", .port = 443}, {.host = "b.test", .port = 443}};
    char names[17][16];

    config.client.connect = (struct hg_list){2, gateways};
    ck_assert_str_eq(faults(&config), "");
    gateways[1] = (struct hg_address){.host = "a.test", .port = 8443};
    ck_assert_str_eq(faults(&config), "");
    gateways[1] = (struct hg_address){.host = "A.test", .port = 443};
    ck_assert_has(faults(&config), "connect[1]: duplicate gateway A.test:443");
    gateways[1] = anywhere;
    ck_assert_has(faults(&config), "connect[1]: cannot connect to \"*\"");
    for (size_t i = 0; i < 17; i++) {
        snprintf(names[i], sizeof names[i], "%zu.test", i);
        gateways[i] = (struct hg_address){.host = names[i], .port = 443};
    }
    config.client.connect.count = 17;
    ck_assert_has(faults(&config), "connect: too many gateways: 17, the maximum is 16");
    config.client.connect.count = 16;
    ck_assert_str_eq(faults(&config), "");
}
END_TEST

void add_config_tests(TCase *tests)
{
    tcase_add_test(tests, a_client_needs_trust);
    tcase_add_test(tests, each_gateway_is_named_once);
}
