/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/ari.h"

#include "plugins/acme/blocking.h"
#include "plugins/acme/client.h"

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
    struct acme_key_pair *pair; /* NULL: none */
    struct acme_authority *authority;
    struct hg_timer *timer;
    struct task *task; /* a question that goes on … */
    bool found;        /* … and its answer: */
    time_t start, end;
    int64_t retry_after;
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

static void ask(struct acme_ari *ari, const char *url)
{
    const struct https_request request = {
        .method = "GET", .url = url, .accept = "application/json", .max_size = ANSWER_MAX, .timeout = TIMEOUT};
    const struct https_response *response = acme_blocking_https(ari->task, ari->https, &request);
    const char *error = response->error;
    json_t *json = NULL;

    ari->retry_after = error ? 0 : response->retry_after;
    if (!error && response->status == 200)
        json = json_loadb(response->body.data, response->body.size, 0, NULL);
    ari->found = json && acme_ari_read(json, &ari->start, &ari->end);
    if (!ari->found)
        hg_log(ari->worker->instance, json ? HG_LOG_WARNING : HG_LOG_DEBUG, "%s: no renewal information: %s",
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

    ari->found = false;
    ari->retry_after = 0;
    if (!authority->renewal_info) { /* one without the resource may have it another time */
        acme_client_init(&client, task, ari->https, ari->authority);
        acme_client_read_directory(&client);
        acme_client_end(&client);
    }
    if (!authority->renewal_info || asprintf(&url, "%s/%s", authority->renewal_info, ari->pair->ari_id) < 0)
        return;
    ask(ari, url);
    free(url);
}

static void on_answer(void *arg)
{
    struct acme_ari *ari = arg;
    const int64_t told = ari->retry_after;
    const int64_t pause = told <= 0 ? PAUSE : told < MIN_PAUSE ? MIN_PAUSE : told > MAX_PAUSE ? MAX_PAUSE : told;

    ari->task = NULL;
    hg_timer_set(ari->worker->host, ari->timer, (hg_time)pause * HG_SECOND);
    if (ari->found)
        ari->suggested(ari->arg, ari->start, ari->end);
}

static void on_timer(void *arg)
{
    struct acme_ari *ari = arg;

    ari->task = task_begin(ari->worker, run, on_answer, ari);
    if (!ari->task)
        hg_timer_set(ari->worker->host, ari->timer, PAUSE * HG_SECOND);
}

/* ---- Life ---- */

static void stop(struct acme_ari *ari)
{
    if (ari->task)
        task_cancel(ari->task);
    ari->task = NULL;
    hg_timer_stop(ari->worker->host, ari->timer);
    acme_key_pair_unref(ari->pair);
    ari->pair = NULL;
}

void acme_ari_begin(struct acme_ari *ari, struct acme_key_pair *pair, struct acme_authority *authority, hg_time delay)
{
    stop(ari);
    if (!pair->ari_id)
        return;
    ari->pair = acme_key_pair_ref(pair);
    ari->authority = authority;
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
