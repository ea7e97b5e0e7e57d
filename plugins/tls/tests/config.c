/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Faults of the config, each with its message.
 */
#include "plugins/tls/tests/cases.h"

#include <hopgate/connections.h>
#include <stdio.h>
#include <string.h>

static char errors[1024];
static bool certificates_offered;
static struct hg_address anywhere = {.host = "*", .port = 443};

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

/* What configure() says of a config; "" when it takes it. */
static const char *faults(struct tls_config *config)
{
    const struct hg_plugin *plugin = hopgate_plugin();
    struct hg_host host = worker_host;
    struct hg_instance instance = {.host = &host, .cfg = config, .name = "tls"};
    int result;

    host.config_error = config_error;
    host.capability = capability;
    errors[0] = '\0';
    result = plugin->configure(&instance);
    plugin->unconfigure(&instance);
    ck_assert_int_eq(result, errors[0] ? -1 : 0);
    return errors;
}

#define ck_assert_has(text, part) ck_assert_msg(strstr(text, part), "\"%s\" is not in: %s", part, text)

START_TEST(a_gateway_needs_certificates)
{
    struct tls_config config = pair.gateway_config;
    const struct hg_connections_ops *connections = hopgate_plugin()->offers[0].ops;
    struct hg_instance instance = {.cfg = &config};

    certificates_offered = true;
    ck_assert_str_eq(faults(&config), "");
    ck_assert_ptr_nonnull(connections->protocols(&instance));
    config.listen = (struct hg_list){1, &pair.listen};
    ck_assert_str_eq(faults(&config), "");
    ck_assert_ptr_null(connections->protocols(&instance)); /* it needs no edge */
    certificates_offered = false;
    ck_assert_has(faults(&config), "listen: on a gateway it needs certificates, which nothing in the pipeline offers");
    config.listen.count = 0;
    ck_assert_has(faults(&config), "-: on a gateway it needs certificates, which nothing in the pipeline offers");
    config.client.ca = "/tmp/ca.pem";
    ck_assert_has(faults(&config), "ca: only has a meaning on a client, with `connect: HOST:PORT`");
    ck_assert(((const struct hg_transport_ops *)hopgate_plugin()->ops)->listens(&instance));
}
END_TEST

START_TEST(a_client_needs_trust)
{
    struct tls_config config = pair.client_config;
    const struct hg_connections_ops *connections = hopgate_plugin()->offers[0].ops;
    struct hg_instance instance = {.cfg = &config};
    FILE *file;

    ck_assert_str_eq(faults(&config), "");
    ck_assert(!((const struct hg_transport_ops *)hopgate_plugin()->ops)->listens(&instance));
    ck_assert_ptr_null(connections->protocols(&instance));
    config.client.ca = "/nonexistent/ca.pem";
    ck_assert_has(faults(&config), "ca: cannot read /nonexistent/ca.pem: No such file or directory");
    config.client.ca = pair.ca_path;
    file = fopen(pair.ca_path, "w");
    fputs("no certificate\n", file);
    fclose(file);
    ck_assert_has(faults(&config), "holds no certificate in PEM form");
}
END_TEST

START_TEST(wrong_values_are_told)
{
    struct tls_config config = pair.client_config;

    config.listen = (struct hg_list){1, &pair.listen};
    config.priority = "NORMAL:+NONSENSE";
    config.client.connect = (struct hg_list){1, &anywhere};
    ck_assert_has(faults(&config), "listen: a block either listens or connects");
    ck_assert_has(errors, "priority: not a GnuTLS priority string, at \"+NONSENSE\"");
    ck_assert_has(errors, "connect: \"*\" is no address to connect to");
}
END_TEST

START_TEST(each_gateway_is_named_once)
{
    struct tls_config config = pair.client_config;
    struct hg_address gateways[17] = {{.host = "a.test", .port = 443}, {.host = "b.test", .port = 443}};
    char names[17][16];

    config.client.connect = (struct hg_list){2, gateways};
    ck_assert_str_eq(faults(&config), "");
    gateways[1] = (struct hg_address){.host = "a.test", .port = 8443};
    ck_assert_str_eq(faults(&config), "");
    gateways[1] = (struct hg_address){.host = "A.test", .port = 443};
    ck_assert_has(faults(&config), "connect[1]: A.test:443 is there already");
    gateways[1] = anywhere;
    ck_assert_has(faults(&config), "connect[1]: \"*\" is no address to connect to");
    for (size_t i = 0; i < 17; i++) {
        snprintf(names[i], sizeof names[i], "%zu.test", i);
        gateways[i] = (struct hg_address){.host = names[i], .port = 443};
    }
    config.client.connect.count = 17;
    ck_assert_has(faults(&config), "connect: 17 gateways are too many: name at most 16");
    config.client.connect.count = 16;
    ck_assert_str_eq(faults(&config), "");
}
END_TEST

START_TEST(a_priority_is_used)
{
    struct hg_link *link;

    pair.client_config.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+CHACHA20-POLY1305";
    test_pair_start(&pair, true, true, 0);
    link = test_connect_up(&pair);
    ck_assert_ptr_nonnull(strstr(link->security, "CHACHA20-POLY1305"));
}
END_TEST

TCase *config_tests(void)
{
    TCase *tests = new_case("config", 10);

    tcase_add_test(tests, a_gateway_needs_certificates);
    tcase_add_test(tests, a_client_needs_trust);
    tcase_add_test(tests, wrong_values_are_told);
    tcase_add_test(tests, each_gateway_is_named_once);
    tcase_add_test(tests, a_priority_is_used);
    return tests;
}
