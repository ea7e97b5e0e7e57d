/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * How `hopgate check` checks the options.
 */
#include "plugins/acme/options.h"
#include "plugins/acme/tests/cases.h"
#include "tests/unit/fake_host.h"

#include <hopgate/routes.h>
#include <stdio.h>
#include <stdlib.h>

static struct fake_host fake;
static struct hg_host host;
static struct acme_config config;
static size_t finished;

__attribute__((format(printf, 3, 0))) static void warning(const struct hg_instance *instance, const char *option,
                                                          const char *format, va_list arguments)
{
    char text[512];

    (void)instance;
    vsnprintf(text, sizeof text, format, arguments);
    snprintf(fake.errors + strlen(fake.errors), sizeof fake.errors - strlen(fake.errors), "%s: %s\n", option, text);
}

static void finish(struct hg_worker *worker, int exit_code)
{
    (void)worker;
    ck_assert_int_eq(exit_code, 0);
    finished++;
}

/* Otherwise this would only be noticed with the first order. */
START_TEST(test_ca)
{
    static const char *const wrong[] = {"/nowhere/ca.pem", "/dev/null"};

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char expected[64];

        config = (struct acme_config){.ca = wrong[i]};
        fake_host_init(&fake, hopgate_plugin(), &config);
        ck_assert_int_eq(hopgate_plugin()->configure(&fake.instance), -1);
        snprintf(expected, sizeof expected, "ca: cannot use %s: ", wrong[i]);
        ck_assert_msg(strstr(fake.errors, expected) != NULL, "%s", fake.errors);
    }
    config = (struct acme_config){0};
}
END_TEST

/* Otherwise no handshake would wait, and nothing would be ordered. */
START_TEST(test_wait)
{
    config = (struct acme_config){.on_demand = true, .ask = "http://127.0.0.1/"};
    fake_host_init(&fake, hopgate_plugin(), &config);
    hopgate_plugin()->configure(&fake.instance);
    ck_assert_msg(strstr(fake.errors, "wait: must not be 0 with on_demand") != NULL, "%s", fake.errors);
    config.wait = HG_SECOND;
    fake_host_init(&fake, hopgate_plugin(), &config);
    hopgate_plugin()->configure(&fake.instance);
    ck_assert_msg(!strstr(fake.errors, "wait:"), "%s", fake.errors);
    config = (struct acme_config){.wait = 0};
    fake_host_init(&fake, hopgate_plugin(), &config);
    hopgate_plugin()->configure(&fake.instance);
    ck_assert_msg(!strstr(fake.errors, "wait:"), "%s", fake.errors);
}
END_TEST

/* Otherwise the account would be created without its binding, or refused. */
START_TEST(test_binding)
{
    static const struct {
        const char *key;
        bool good;
    } cases[] = {{"AAECAwQFBgcICQoLDA0ODw", true},
                 {"AAECAwQFBgcICQoLDA0ODw==", true},
                 {" +/8= \r", true},
                 {"AAEC AwQF", false},
                 {"", false},
                 {"key: AAEC", false}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        config = (struct acme_config){.eab_kid = "kid", .eab_key = cases[i].key};
        fake_host_init(&fake, hopgate_plugin(), &config);
        hopgate_plugin()->configure(&fake.instance);
        ck_assert_msg(!strstr(fake.errors, "eab_key: the file must contain only") == cases[i].good, "\"%s\": %s",
                      cases[i].key, fake.errors);
    }
    config = (struct acme_config){0};
}
END_TEST

static bool is_named;

static bool names_hosts(struct hg_worker *provider)
{
    (void)provider;
    return is_named;
}

/* Whether there is a warning that `on_demand` never permits an order. */
static bool is_warned_about(bool named, const char *ask)
{
    static const struct hg_routes_ops routes = {.names_hosts = names_hosts};

    is_named = named;
    config = (struct acme_config){.on_demand = true, .ask = ask, .wait = HG_SECOND};
    fake_host_init(&fake, hopgate_plugin(), &config);
    fake_host_offer(&fake, HG_ROUTES, &routes, NULL);
    host = *fake.worker.host;
    host.config_warning = warning;
    host.finish = finish;
    fake.instance.host = fake.worker.host = &host;
    hopgate_plugin()->examine(&fake.worker);
    return strstr(fake.errors, "on_demand: no route names a host");
}

START_TEST(test_permission)
{
    ck_assert(is_warned_about(false, NULL));
    ck_assert(!is_warned_about(true, NULL));
    ck_assert(!is_warned_about(false, "http://127.0.0.1/"));
}
END_TEST

TCase *cases_options(void)
{
    TCase *tests = tcase_create("options");

    tcase_add_test(tests, test_ca);
    tcase_add_test(tests, test_wait);
    tcase_add_test(tests, test_permission);
    tcase_add_test(tests, test_binding);
    return tests;
}
