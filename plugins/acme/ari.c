/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/ari.h"

#include "plugins/acme/blocking.h"
#include "plugins/acme/client.h"
#include "plugins/acme/manager.h"
#include "plugins/acme/renewal_time.h"
#include "plugins/acme/schedule.h"

#include <stdio.h>
#include <stdlib.h>

#define ANSWER_MAX ((size_t)1 << 16)
#define TIMEOUT    (30 * HG_SECOND)
/* Seconds until the next query: without Retry-After (RFC 9773 section 4.3.2), and its limits (section 4.3.1). */
#define PAUSE     (6 * 3600)
#define MIN_PAUSE 60
#define MAX_PAUSE ACME_DAY

struct acme_ari {
    struct acme_certificate *certificate;
    struct acme_key_pair *pair; /* a reference */
    struct acme_authority *authority;
    struct task *task;
    bool found; /* a window: */
    time_t start, end;
    int64_t retry_after; /* seconds; 0: none */
};

/* ---- Reading ---- */

/* RFC 3339, without fractions of a second. */
static bool read_time(const json_t *json, time_t *when)
{
    const char *text = json_string_value(json), *rest;
    int hours = 0, minutes = 0;
    struct tm parts = {0};

    rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &parts) : NULL;
    if (!rest)
        return false;
    *when = timegm(&parts);
    if (*rest == '.')
        rest += 1 + strspn(rest + 1, "0123456789");
    if (!strcmp(rest, "Z") || !strcmp(rest, "z"))
        return true;
    if ((*rest != '+' && *rest != '-') || sscanf(rest + 1, "%2d:%2d", &hours, &minutes) != 2)
        return false;
    *when -= (*rest == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
    return true;
}

bool acme_ari_read(const json_t *json, time_t *start, time_t *end)
{
    const json_t *window = json_object_get(json, "suggestedWindow");

    /* RFC 9773 section 4.2: a window that ends before it starts is treated as missing. */
    return read_time(json_object_get(window, "start"), start) && read_time(json_object_get(window, "end"), end) &&
           *start < *end;
}

time_t acme_ari_time(time_t start, time_t end, time_t chosen, time_t begins, time_t ends, double chance)
{
    const time_t latest = ends - (ends - begins) / 10;

    if (chosen < start || chosen >= end)
        chosen = start + (time_t)(chance * (double)(end - start));
    return chosen < latest ? chosen : latest;
}

/* ---- Asking ---- */

static void get(struct acme_ari *ari, const char *url)
{
    const struct hg_worker *worker = task_worker(ari->task);
    const struct https_request request = {
        .method = "GET", .url = url, .accept = "application/json", .max_size = ANSWER_MAX, .timeout = TIMEOUT};
    const struct https_response *response = acme_blocking_https(ari->task, ari->certificate->manager->https, &request);
    const char *error = response->error;
    json_t *json = NULL;

    ari->retry_after = error ? 0 : response->retry_after;
    if (!error && response->status == 200)
        json = json_loadb(response->body.data, response->body.size, 0, NULL);
    ari->found = json && acme_ari_read(json, &ari->start, &ari->end);
    if (!ari->found)
        hg_log(worker->instance, json ? HG_LOG_WARNING : HG_LOG_DEBUG, "%s: no renewal information: %s",
               ari->pair->names[0],
               json    ? "the window is invalid"
               : error ? error
                       : "the authority has none");
    json_decref(json);
}

static void run(struct task *task, void *arg)
{
    struct acme_ari *ari = arg;
    const struct acme_authority *authority = ari->authority;
    struct acme_client client;
    char *url;

    if (!authority->renewal_info) { /* not read yet, or the authority may provide it by now */
        acme_client_init(&client, task, ari->certificate->manager->https, ari->authority);
        acme_client_read_directory(&client);
        acme_client_end(&client);
    }
    if (!authority->renewal_info || asprintf(&url, "%s/%s", authority->renewal_info, ari->pair->ari_id) < 0)
        return;
    get(ari, url);
    free(url);
}

/* ---- The result ---- */

/* If the authority suggests immediate renewal every time, renews once a day. */
static time_t restrain(struct acme_certificate *certificate, time_t when)
{
    const time_t now = acme_clock();

    if (when > now || !certificate->hurried) {
        certificate->hurried = when <= now;
        return when;
    }
    return certificate->last_try + ACME_DAY;
}

static void follow(struct acme_certificate *certificate, time_t start, time_t end)
{
    const struct acme_key_pair *pair = certificate->pair;
    time_t when = acme_ari_time(start, end, certificate->renew_at, pair->begins, pair->ends, acme_chance());

    if (when != certificate->renew_at)
        when = restrain(certificate, when);
    if (when == certificate->renew_at)
        return;
    certificate->renew_at = when;
    certificate->changed = true;
    acme_log(certificate, HG_LOG_INFO, "the authority suggests another time; will be renewed after %s",
             acme_moment(when).text);
}

static void ari_free(struct acme_ari *ari)
{
    ari->certificate->manager->ari = NULL;
    acme_key_pair_unref(ari->pair);
    free(ari);
}

static void on_end(void *arg)
{
    struct acme_ari *ari = arg;
    struct acme_certificate *certificate = ari->certificate;
    const int64_t after = ari->retry_after;
    const int64_t pause = after <= 0 ? PAUSE : after < MIN_PAUSE ? MIN_PAUSE : after > MAX_PAUSE ? MAX_PAUSE : after;

    if (certificate->pair == ari->pair) {
        certificate->ask_ari_at = acme_clock() + (time_t)pause;
        if (ari->found)
            follow(certificate, ari->start, ari->end);
    }
    ari_free(ari);
    acme_schedule(certificate->manager);
}

time_t acme_ari_due(const struct acme_certificate *certificate)
{
    const bool possible =
        certificate->loaded && certificate->pair && certificate->pair->ari_id && acme_certificate_issuer(certificate);

    /* A time beyond the longest pause was planned while the clock was ahead. */
    return !possible ? 0 : certificate->ask_ari_at > acme_clock() + MAX_PAUSE ? 1 : certificate->ask_ari_at;
}

void acme_ari_ask(struct acme_certificate *certificate)
{
    struct acme_manager *manager = certificate->manager;
    struct acme_ari *ari = manager->ari ? NULL : calloc(1, sizeof *ari);

    if (!ari)
        return;
    *ari = (struct acme_ari){.certificate = certificate,
                             .pair = acme_key_pair_ref(certificate->pair),
                             .authority = acme_certificate_issuer(certificate)};
    manager->ari = ari;
    ari->task = task_begin(manager->worker, run, on_end, ari);
    if (!ari->task)
        ari_free(ari);
}

void acme_ari_cancel(const struct acme_certificate *certificate)
{
    struct acme_ari *ari = certificate->manager->ari;

    if (!ari || ari->certificate != certificate)
        return;
    task_cancel(ari->task);
    ari_free(ari);
}
