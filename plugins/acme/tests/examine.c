/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What `hopgate check` finds outside the config: whether the names of certificates lead to this machine, and whether
 * files are there.
 */
#include "plugins/acme/options.h"
#include "plugins/acme/tests/cases.h"
#include "tests/unit/fake_host.h"

#include <arpa/inet.h>
#include <hopgate/routes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

/* What the name servers say; neither: nothing. */
static const struct {
    const char *name, *addresses[3], *error;
} names[] = {
    {"here.test", {"127.0.0.1"}, NULL},
    {"gone.test", {NULL}, "no such host"},
    {"away.test", {"198.51.100.1", "198.51.100.2"}, NULL},
    {"one-of-us.test", {"198.51.100.1", "127.0.0.1"}, NULL},
    {"stale.test", {"127.0.0.1", "2001:db8::1"}, NULL},
    {"silent.test", {NULL}, NULL},
};

struct hg_resolution {
    struct hg_timer *timer; /* NULL: silence */
    hg_resolved callback;
    void *arg;
    size_t name;
};

static struct fake_host fake;
static struct hg_host host;
static struct acme_config config;
static struct acme_group groups[2];
static size_t resolutions, finished;

static void add(struct hg_sockaddr *to, const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        memcpy(&to->address, &v4, sizeof v4);
        to->size = sizeof v4;
    } else if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1) {
        memcpy(&to->address, &v6, sizeof v6);
        to->size = sizeof v6;
    }
}

static void answer(void *arg)
{
    struct hg_resolution what = *(struct hg_resolution *)arg;
    struct hg_sockaddr addresses[3] = {0};
    size_t count = 0;

    free(arg);
    resolutions--;
    hg_timer_free(&host, what.timer);
    for (; count < 3 && names[what.name].addresses[count]; count++)
        add(&addresses[count], names[what.name].addresses[count]);
    what.callback(what.arg, addresses, count, names[what.name].error);
}

static struct hg_resolution *resolve(struct hg_worker *worker, const char *name, uint16_t port, hg_resolved callback,
                                     void *arg)
{
    struct hg_resolution *resolution = calloc(1, sizeof *resolution);

    ck_assert_uint_eq(port, 443);
    resolution->callback = callback;
    resolution->arg = arg;
    while (strcmp(names[resolution->name].name, name) != 0)
        ck_assert_uint_lt(++resolution->name, sizeof names / sizeof *names);
    resolutions++;
    if (!names[resolution->name].error && !names[resolution->name].addresses[0])
        return resolution;
    resolution->timer = hg_timer_new(worker, answer, resolution);
    hg_timer_set(&host, resolution->timer, HG_MILLISECOND);
    return resolution;
}

static void resolve_cancel(struct hg_resolution *resolution)
{
    resolutions--;
    free(resolution);
}

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

/* What is warned of when these are the names of the second certificate. */
static const char *examine(const char *const *list, size_t count, hg_time time)
{
    fake_host_init(&fake, hopgate_plugin(), &config);
    host = *fake.worker.host;
    host.resolve = resolve;
    host.resolve_cancel = resolve_cancel;
    host.config_warning = warning;
    host.finish = finish;
    fake.instance.host = fake.worker.host = &host;
    groups[1].names = (struct hg_list){.items = (void *)(uintptr_t)list, .count = count};
    config.domains = (struct hg_list){.items = groups, .count = 2};
    finished = 0;
    hopgate_plugin()->examine(&fake.worker);
    fake_host_run(&fake, time);
    return fake.errors;
}

static const struct {
    const char *name, *warning; /* NULL: none */
} verdicts[] = {
    {"here.test", NULL},
    {"*.gone.test", NULL},
    {"gone.test", "\"gone.test\" does not lead here: no such host"},
    {"away.test", "\"away.test\" does not lead to this machine: 198.51.100.1 is another one's address"},
    {"one-of-us.test", NULL},
    {"stale.test", "\"stale.test\" does not lead to this machine: 2001:db8::1 is another one's address"},
};

START_TEST(test_verdicts)
{
    const char *const list[] = {"here.test", verdicts[_i].name};
    char expected[256];
    const char *told = examine(list, 2, HG_SECOND);

    snprintf(expected, sizeof expected, "domains[1].names[1]: %s",
             verdicts[_i].warning ? verdicts[_i].warning : "nothing");
    ck_assert_msg(verdicts[_i].warning ? !strncmp(told, expected, strlen(expected)) : !*told, "%s: %s",
                  verdicts[_i].name, told);
    ck_assert_uint_eq(finished, 1);
}
END_TEST

/* Name servers that are silent hold nobody up for long, and the other names are judged all the same. */
START_TEST(test_silence)
{
    static const char *const list[] = {"gone.test", "silent.test"};

    examine(list, 2, HG_SECOND);
    ck_assert_uint_eq(finished, 0);
    ck_assert_ptr_nonnull(strstr(fake.errors, "\"gone.test\" does not lead here"));
    fake_host_run(&fake, 4 * HG_SECOND);
    ck_assert_uint_eq(finished, 1);
    ck_assert_ptr_nonnull(strstr(fake.errors, "domains[1].names[1]: \"silent.test\": no name server answers in time"));
    ck_assert_uint_eq(resolutions, 0);
    ck_assert_ptr_null(fake.timers);
}
END_TEST

START_TEST(test_no_names)
{
    ck_assert_str_eq(examine(NULL, 0, 0), "");
    ck_assert_uint_eq(finished, 1);
    ck_assert_ptr_null(fake.timers);
}
END_TEST

/* Else it would be noticed when the first certificate is ordered. */
START_TEST(test_ca)
{
    static const char *const wrong[] = {"/nowhere/ca.pem", "/dev/null"};

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char expected[64];

        config = (struct acme_config){.ca = wrong[i]};
        fake_host_init(&fake, hopgate_plugin(), &config);
        ck_assert_int_eq(hopgate_plugin()->configure(&fake.instance), -1);
        snprintf(expected, sizeof expected, "ca: %s cannot be used: ", wrong[i]);
        ck_assert_msg(strstr(fake.errors, expected) != NULL, "%s", fake.errors);
    }
    config = (struct acme_config){0};
}
END_TEST

/* No handshake would ever wait, and so nothing be ordered. */
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

/* Else the account would be made without its binding, or refused for want of it. */
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
        ck_assert_msg(!strstr(fake.errors, "eab_key: the file must hold") == cases[i].good, "\"%s\": %s", cases[i].key,
                      fake.errors);
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

/* Whether `on_demand` is warned of, since nobody would ever permit an order. */
static bool is_warned_of(bool named, const char *ask)
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
    return strstr(fake.errors, "on_demand: no route names a host itself");
}

START_TEST(test_permission)
{
    ck_assert(is_warned_of(false, NULL));
    ck_assert(!is_warned_of(true, NULL));
    ck_assert(!is_warned_of(false, "http://127.0.0.1/"));
}
END_TEST

TCase *cases_examine(void)
{
    TCase *tests = tcase_create("examine");

    tcase_add_loop_test(tests, test_verdicts, 0, (int)(sizeof verdicts / sizeof *verdicts));
    tcase_add_test(tests, test_silence);
    tcase_add_test(tests, test_no_names);
    tcase_add_test(tests, test_ca);
    tcase_add_test(tests, test_wait);
    tcase_add_test(tests, test_permission);
    tcase_add_test(tests, test_binding);
    return tests;
}
