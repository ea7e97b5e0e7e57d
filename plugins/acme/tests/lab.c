/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/tests/lab.h"

#include "plugins/acme/clock.h"

#include <hopgate/certificates.h>
#include <hopgate/challenges.h>
#include <hopgate/host.h>
#include <hopgate/routes.h>
#include <stdio.h>

/* Where the simulated clock begins: 2030-01-01. */
#define EPOCH 1893456000

struct lab *lab;

time_t acme_clock(void)
{
    return EPOCH + (time_t)(lab->host.now / HG_SECOND) + (time_t)lab->clock_error;
}

/* ---- Solvers ---- */

static int present(const char *type, const struct hg_challenge *challenge)
{
    char(*entry)[192];

    lab->presented = realloc(lab->presented, (lab->presented_count + 1) * sizeof *lab->presented);
    entry = lab->presented[lab->presented_count++];
    snprintf(entry[0], sizeof *entry, "%s", type);
    snprintf(entry[1], sizeof *entry, "%.*s", HG_PRINT(challenge->identifier));
    snprintf(entry[2], sizeof *entry, "%.*s", HG_PRINT(challenge->key_authorization));
    return 0;
}

static int present_http01(struct hg_worker *provider, const struct hg_challenge *challenge)
{
    (void)provider;
    return present("http-01", challenge);
}

static int present_tlsalpn01(struct hg_worker *provider, const struct hg_challenge *challenge)
{
    (void)provider;
    return present("tls-alpn-01", challenge);
}

/* A challenge is presented twice: by the attempt, and by the watch. This withdraws both. */
static void withdraw(struct hg_worker *provider, struct hg_text token)
{
    (void)provider;
    for (size_t i = lab->presented_count; i--;)
        if (!strncmp(lab->presented[i][2], token.data, token.size) && lab->presented[i][2][token.size] == '.')
            memmove(lab->presented[i], lab->presented[--lab->presented_count], sizeof *lab->presented);
}

static bool is_presented(const char *type, const char *name, const char *token, const char *key_authorization)
{
    (void)token;
    for (size_t i = 0; i < lab->presented_count; i++)
        if (!strcmp(lab->presented[i][0], type) && !strcmp(lab->presented[i][1], name) &&
            !strcmp(lab->presented[i][2], key_authorization))
            return true;
    return false;
}

static const struct hg_challenges_ops http01 = {.present = present_http01, .withdraw = withdraw};
static const struct hg_challenges_ops tlsalpn01 = {.present = present_tlsalpn01, .withdraw = withdraw};

/* ---- Routes ---- */

static bool ends_with(struct hg_text text, const char *end)
{
    const size_t size = strlen(end);

    return text.size > size && !memcmp(text.data + text.size - size, end, size);
}

static enum hg_served served(struct hg_worker *provider, struct hg_text host)
{
    (void)provider;
    return ends_with(host, ".named.test")  ? HG_SERVED_LIVE
           : ends_with(host, ".wild.test") ? HG_SERVED_WILDCARD
                                           : HG_SERVED_UNKNOWN;
}

static bool names_hosts(struct hg_worker *provider)
{
    (void)provider;
    return true;
}

static const struct hg_routes_ops routes = {.served = served, .names_hosts = names_hosts};

/* ---- The process ---- */

void lab_start(void)
{
    const hg_time now = lab->host.now;

    fake_host_init(&lab->host, hopgate_plugin(), &lab->config);
    lab->host.now = now;
    fake_host_offer(&lab->host, HG_STORE, &fake_store_ops, &lab->store);
    fake_host_offer(&lab->host, HG_CHALLENGE_HTTP01, &http01, NULL);
    fake_host_offer(&lab->host, HG_CHALLENGE_TLSALPN01, &tlsalpn01, NULL);
    if (lab->config.on_demand)
        fake_host_offer(&lab->host, HG_ROUTES, &routes, NULL);
    lab->world.dead = false;
    ck_assert_msg(!fake_host_start(&lab->host, hopgate_plugin()), "%s", lab->host.errors);
    lab->running = true;
}

static void end_process(void)
{
    fake_host_stop(&lab->host, hopgate_plugin());
    fake_store_restart(&lab->store);
    lab->presented_count = 0;
    lab->running = false;
    ck_assert_msg(!lab->host.timers, "a timer is left behind");
}

void lab_stop(void)
{
    fake_host_stop(&lab->host, hopgate_plugin());
    lab->host.worker.state = NULL;
    fake_host_run(&lab->host, HG_SECOND); /* until the store has written everything */
    end_process();
}

void lab_kill(void)
{
    lab->store.dead = lab->world.dead = true;
    end_process();
}

void lab_restart(void)
{
    lab_stop();
    lab_start();
}

void lab_run(hg_time time)
{
    fake_host_run(&lab->host, time);
    if (lab->world.dead)
        lab->store.dead = true;
    if (lab->store.dead)
        lab->world.dead = true;
}

void lab_run_until_issued(unsigned count, hg_time time)
{
    const hg_time end = lab->host.now + time;

    while (lab->ca->issued < count && lab->host.now < end && !lab->store.dead)
        lab_run(HG_SECOND);
    lab_run(5 * HG_SECOND);
}

void lab_begin(void)
{
    lab_start();
    lab_run_until_issued(1, LAB_MINUTE);
    ck_assert_uint_eq(lab->ca->issued, 1);
}

static json_t *lab_state_of(const char *name)
{
    char key[128];
    const char *text;

    snprintf(key, sizeof key, "acme/states/%s", name);
    text = fake_store_text(&lab->store, key);
    return text ? json_loads(text, 0, NULL) : NULL;
}

void lab_renew(const char *name)
{
    char key[128], value[128];
    json_t *state = lab_state_of(name);
    const char *serial = json_string_value(json_object_get(state, "serial"));

    snprintf(key, sizeof key, "acme/requests/renew@%s", name);
    if (serial)
        snprintf(value, sizeof value, "{\"serial\": \"%s\", \"at\": %lld}", serial, (long long)acme_clock());
    else
        snprintf(value, sizeof value, "{\"at\": %lld}", (long long)acme_clock());
    fake_store_set(&lab->store, key, value);
    json_decref(state);
}

int lab_command(const char *verb, const char *name, const char *argument)
{
    char acme[] = "acme",
         *words[] = {acme, (char *)(uintptr_t)verb, (char *)(uintptr_t)name, (char *)(uintptr_t)argument};

    lab->host.finished = false;
    hopgate_plugin()->command(&lab->host.worker, argument ? 4 : 3, words);
    for (int i = 0; i < 600 && !lab->host.finished; i++)
        lab_run(HG_SECOND / 10);
    ck_assert(lab->host.finished);
    return lab->host.exit_code;
}

/* ---- Set-up ---- */

static const char *first_name = "a.test";

void lab_set_up(void)
{
    lab = calloc(1, sizeof *lab);
    lab->host.now = 1000 * HG_SECOND;
    fake_world_begin(&lab->world, &lab->host);
    lab->world.is_presented = is_presented;
    lab->ca = &lab->world.cas[0];
    lab->directories[0] = "https://ca1.test/directory";
    lab->directories[1] = "https://ca2.test/directory";
    lab->groups[0].names = (struct hg_list){.items = &first_name, .count = 1};
    lab->config = (struct acme_config){.email = "ops@a.test",
                                       .domains = {.items = lab->groups, .count = 1},
                                       .agree_tos = true,
                                       .directory = {.items = lab->directories, .count = 1},
                                       .retry = LAB_MINUTE};
    fake_store_init(&lab->store, &lab->host);
}

void lab_tear_down(void)
{
    if (lab->running)
        lab_stop();
    fake_world_end(&lab->world);
    fake_store_free(&lab->store);
    for (size_t i = 1; i < lab->config.domains.count; i++)
        free((void *)(uintptr_t)lab->groups[i].names.items);
    free(lab->presented);
    free(lab);
    lab = NULL;
}

void lab_add(const char *name)
{
    const char **names = malloc(sizeof *names);

    ck_assert_uint_lt(lab->config.domains.count, LAB_JOBS_MAX);
    *names = name;
    lab->groups[lab->config.domains.count++].names = (struct hg_list){.items = names, .count = 1};
}

/* ---- Results ---- */

static void ignore(void *arg, struct hg_certificate *certificate)
{
    (void)arg;
    hg_certificate_unref(certificate);
}

int lab_served_by(struct fake_ca *ca, const char *name)
{
    const struct hg_certificates_ops *ops = hopgate_plugin()->offers[0].ops;
    const struct hg_certificate_query query = {.server_name = hg_text(name), .peer = hg_text(lab->peer)};
    struct hg_certificate_lookup *later;
    struct hg_certificate *found = ops->find(&lab->host.worker, &query, ignore, NULL, &later);
    int number = -1;

    if (!found)
        return -1;
    for (unsigned i = 0; i < ca->order_count; i++)
        if (ca->orders[i].der.size == found->chain[0].cert.size &&
            !memcmp(ca->orders[i].der.data, found->chain[0].cert.data, found->chain[0].cert.size))
            number = (int)i;
    hg_certificate_unref(found);
    return number;
}

int64_t lab_state(const char *name, const char *member)
{
    json_t *state = lab_state_of(name);
    const int64_t value = json_integer_value(json_object_get(state, member));

    json_decref(state);
    return value;
}

unsigned lab_logged(const char *text)
{
    unsigned count = 0;

    for (const char *at = lab->host.log; (at = strstr(at, text)); at++)
        count++;
    return count;
}

void lab_check_one(void)
{
    ck_assert_uint_eq(lab->ca->issued, 1);
    ck_assert_int_eq(lab_served_by(lab->ca, "a.test"), (int)lab->ca->order_count - 1);
}
