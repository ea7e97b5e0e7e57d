/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Config errors and their messages.
 */
#include "plugins/dtls/tests/cases.h"

#include <string.h>

START_TEST(a_gateway_needs_certificates_alone)
{
    struct dtls_config config = pair.gateway_config;

    config.listen = (struct hg_list){1, &pair.listen};
    certificates_offered = true;
    ck_assert_str_eq(faults(&config), "");
    certificates_offered = false;
    ck_assert_has(faults(&config),
                  "listen: on a gateway it requires certificates, which no plugin in the pipeline offers");
    config.client.ca = "/tmp/ca.pem";
    ck_assert_has(faults(&config), "ca: only applies to a client");
    ck_assert_has(errors, "no plugin in the pipeline offers"); /* all errors, not just the first */
    ck_assert(((const struct hg_transport_ops *)hopgate_plugin()->ops)->listens(&(struct hg_instance){.cfg = &config}));
}
END_TEST

START_TEST(either_listen_or_connect)
{
    struct dtls_config config = pair.client_config;

    config.listen = (struct hg_list){1, &pair.listen};
    ck_assert_has(faults(&config), "listen: a block cannot have both");
    config.listen.count = 0;
    config.client.connect.count = 0;
    ck_assert_has(faults(&config), "-: give `listen: ADDRESS` on a gateway or `connect: HOST:PORT` on a client");
}
END_TEST

START_TEST(wrong_values_are_reported)
{
    struct dtls_config config = pair.client_config;

    config.mtu = 575;
    config.priority = "NORMAL:+NONSENSE";
    config.bind.host = "localhost";
    config.client.connect = (struct hg_list){1, &anywhere};
    ck_assert_has(faults(&config), "mtu: 575 is too small; use at least 576, or 0");
    ck_assert_has(errors, "priority: not a GnuTLS priority string, at \"+NONSENSE\"");
    ck_assert_has(errors, "bind: \"localhost\" is not an IP address and port");
    ck_assert_has(errors, "connect: cannot connect to \"*\"");
}
END_TEST

/* GnuTLS would send it unchanged, and the gateway's answer, "Illegal parameter", does not help. */
START_TEST(server_name_is_a_name)
{
    static const char *const good[] = {"gate.test", "gate", "192.0.2.1", "2001:db8::1"}, *const bad[] = {
                                                                                             "https://gate.test",
                                                                                             "gate.test:443", "[::1]",
                                                                                             "gate test", ""};
    struct dtls_config config = pair.client_config;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        config.client.server_name = bad[i];
        ck_assert_has(faults(&config), "expected only a name or IP address");
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        config.client.server_name = good[i];
        ck_assert_str_eq(faults(&config), "");
    }
}
END_TEST

START_TEST(several_gateways_take_no_fixed_port)
{
    struct dtls_config config = pair.client_config;
    struct hg_address gateways[2] = {{.host = "a.test", .port = 443}, {.host = "b.test", .port = 443}};

    config.client.connect = (struct hg_list){2, gateways};
    config.bind = (struct hg_address){.host = "127.0.0.1", .port = 7};
    ck_assert_has(faults(&config), "bind: with several gateways the port must be 0");
    config.bind.port = 0;
    ck_assert_str_eq(faults(&config), "");
}
END_TEST

START_TEST(a_priority_is_used)
{
    struct hg_link *link;

    pair.client_config.priority = "NORMAL:-VERS-ALL:+VERS-DTLS1.2:-CIPHER-ALL:+CHACHA20-POLY1305";
    test_pair_start(&pair, true, true, 0);
    link = test_connect_up(&pair);
    ck_assert_ptr_nonnull(strstr(link->security, "CHACHA20-POLY1305"));
    ck_assert_uint_eq(link->max_packet, 1200 - 29);
    ck_assert_uint_eq(link->probe_max, 16384 - 29);
    test_send(link, "x", 1);
    test_wait(&pair, pair.accepted->packets == 1, 1000);
    ck_assert_uint_eq(pair.accepted->packets, 1);
}
END_TEST

TCase *config_tests(void)
{
    TCase *tests = dtls_case("config", 30);

    add_config_tests(tests);
    tcase_add_test(tests, a_gateway_needs_certificates_alone);
    tcase_add_test(tests, either_listen_or_connect);
    tcase_add_test(tests, wrong_values_are_reported);
    tcase_add_test(tests, server_name_is_a_name);
    tcase_add_test(tests, several_gateways_take_no_fixed_port);
    tcase_add_test(tests, a_priority_is_used);
    return tests;
}
