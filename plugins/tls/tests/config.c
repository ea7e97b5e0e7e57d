/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Config errors and their messages.
 */
#include "plugins/tls/tests/cases.h"

#include <hopgate/connections.h>
#include <string.h>

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
    ck_assert_ptr_null(connections->protocols(&instance)); /* no edge is needed */
    certificates_offered = false;
    ck_assert_has(faults(&config),
                  "listen: on a gateway it requires certificates, which no plugin in the pipeline offers");
    config.listen.count = 0;
    ck_assert_has(faults(&config), "-: on a gateway it requires certificates, which no plugin in the pipeline offers");
    config.client.ca = "/tmp/ca.pem";
    ck_assert_has(faults(&config), "ca: only applies to a client, with `connect: HOST:PORT`");
    ck_assert(((const struct hg_transport_ops *)hopgate_plugin()->ops)->listens(&instance));
    ck_assert_ptr_null(connections->protocols(&(struct hg_instance){.cfg = &pair.client_config}));
}
END_TEST

START_TEST(wrong_values_are_reported)
{
    struct tls_config config = pair.client_config;

    config.listen = (struct hg_list){1, &pair.listen};
    config.priority = "NORMAL:+NONSENSE";
    config.client.connect = (struct hg_list){1, &anywhere};
    ck_assert_has(faults(&config), "listen: a block cannot have both");
    ck_assert_has(errors, "priority: not a GnuTLS priority string, at \"+NONSENSE\"");
    ck_assert_has(errors, "connect: cannot connect to \"*\"");
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

    add_config_tests(tests);
    tcase_add_test(tests, a_gateway_needs_certificates);
    tcase_add_test(tests, wrong_values_are_reported);
    tcase_add_test(tests, a_priority_is_used);
    return tests;
}
