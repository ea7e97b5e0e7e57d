/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/ari.h"

#include <stdio.h>
#include <stdlib.h>

#define ANSWER_MAX ((size_t)1 << 16)
#define TIMEOUT    (30 * HG_SECOND)
/* The pause where the authority tells none (RFC 9773 section 4.3.2), and what is taken of one that it tells
 * (section 4.3.1). */
#define PAUSE     (6 * 3600)
#define MIN_PAUSE 60
#define MAX_PAUSE 86400

struct acme_ari {
    struct hg_worker *worker;
    struct https *https;
    acme_suggested suggested;
    void *arg;
    struct acme_pair *pair; /* NULL: none */
    char *directory;        /* the URL of it */
    char *url;              /* where to ask for the pair; NULL: the directory has not told yet */
    struct https_call *call;
    struct hg_timer *timer;
};

/* ---- Reading ---- */

/* A time of RFC 3339, fractions of a second left out. */
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

    /* RFC 9773 section 4.2: one that does not end after its start is treated as if there were none. */
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

static void ask_in(struct acme_ari *ari, int64_t seconds)
{
    hg_timer_set(ari->worker->host, ari->timer, (hg_time)seconds * HG_SECOND);
}

static void next_question(struct acme_ari *ari, int64_t pause)
{
    ask_in(ari, pause <= 0 ? PAUSE : pause < MIN_PAUSE ? MIN_PAUSE : pause > MAX_PAUSE ? MAX_PAUSE : pause);
}

static json_t *read_json(const struct https_response *response)
{
    return response->error || response->status != 200 ? NULL
                                                      : json_loadb(response->body.data, response->body.size, 0, NULL);
}

static void on_window(void *arg, const struct https_response *response)
{
    struct acme_ari *ari = arg;
    json_t *json = read_json(response);
    time_t start, end;

    ari->call = NULL;
    next_question(ari, response->error ? 0 : response->retry_after);
    if (json && acme_ari_read(json, &start, &end))
        ari->suggested(ari->arg, start, end);
    else
        hg_log(ari->worker->instance, json ? HG_LOG_WARNING : HG_LOG_DEBUG, "%s: no renewal information: %s",
               ari->pair->names[0],
               json              ? "the window makes no sense"
               : response->error ? response->error
                                 : "the authority has none");
    json_decref(json);
}

static void ask(struct acme_ari *ari, const char *url, https_done done)
{
    const struct https_request request = {
        .method = "GET", .url = url, .accept = "application/json", .max_size = ANSWER_MAX, .timeout = TIMEOUT};

    ari->call = https_send(ari->https, &request, done, ari);
    if (!ari->call)
        next_question(ari, 0);
}

static void set_resource(struct acme_ari *ari, const char *resource)
{
    if (resource && *resource && asprintf(&ari->url, "%s/%s", resource, ari->pair->ari_id) < 0)
        ari->url = NULL;
}

/* An authority without the resource has no renewal information; it may have some another time. */
static void on_directory(void *arg, const struct https_response *response)
{
    struct acme_ari *ari = arg;
    json_t *json = read_json(response);

    ari->call = NULL;
    set_resource(ari, json_string_value(json_object_get(json, "renewalInfo")));
    json_decref(json);
    if (ari->url)
        ask(ari, ari->url, on_window);
    else
        next_question(ari, 0);
}

static void on_timer(void *arg)
{
    struct acme_ari *ari = arg;

    if (ari->url)
        ask(ari, ari->url, on_window);
    else
        ask(ari, ari->directory, on_directory);
}

/* ---- Life ---- */

static void stop(struct acme_ari *ari)
{
    if (ari->call)
        https_cancel(ari->call);
    ari->call = NULL;
    hg_timer_stop(ari->worker->host, ari->timer);
    acme_pair_unref(ari->pair);
    ari->pair = NULL;
    free(ari->directory);
    free(ari->url);
    ari->directory = ari->url = NULL;
}

void acme_ari_begin(struct acme_ari *ari, struct acme_pair *pair, const char *directory, const char *resource,
                    hg_time delay)
{
    stop(ari);
    ari->directory = pair->ari_id ? strdup(directory) : NULL;
    if (!ari->directory)
        return;
    ari->pair = acme_pair_ref(pair);
    set_resource(ari, resource);
    if (resource && !ari->url)
        next_question(ari, 0);
    else
        hg_timer_set(ari->worker->host, ari->timer, delay);
}

struct acme_ari *acme_ari_new(struct hg_worker *worker, struct https *https, acme_suggested suggested, void *arg)
{
    struct acme_ari *ari = calloc(1, sizeof *ari);

    if (!ari)
        return NULL;
    *ari = (struct acme_ari){.worker = worker, .https = https, .suggested = suggested, .arg = arg};
    ari->timer = hg_timer_new(worker, on_timer, ari);
    if (ari->timer)
        return ari;
    free(ari);
    return NULL;
}

void acme_ari_free(struct acme_ari *ari)
{
    if (!ari)
        return;
    stop(ari);
    hg_timer_free(ari->worker->host, ari->timer);
    free(ari);
}
