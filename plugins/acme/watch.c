/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Reads the store at the start and when other workers, gateways or commands change it: certificates and challenges,
 * which are used here as well, pauses, quotas and operators' requests.
 */
#include "plugins/acme/load.h"
#include "plugins/acme/manager.h"
#include "plugins/acme/schedule.h"

#include <stdio.h>
#include <stdlib.h>

/* A key to read. */
struct acme_reading {
    struct acme_reading *next;
    struct acme_manager *manager;
    const char *kind;
    acme_read_done done;                 /* NULL: load the certificate */
    char name[HG_STORE_SEGMENT_MAX + 1]; /* "": all of that kind */
    struct acme_value value;
};

/* ---- Reading, in a task ---- */

static void deliver(void *arg)
{
    const struct acme_reading *reading = arg;

    reading->done(reading->manager, &reading->value);
}

static void read_one(struct task *task, struct acme_manager *manager, struct acme_reading *reading)
{
    const struct hg_store_answer *answer;

    if (!reading->done) {
        acme_load(task, manager, reading->name);
        return;
    }
    answer = *reading->name ? task_store_get(task, &manager->store, reading->kind, reading->name)
                            : task_store_list(task, &manager->store, reading->kind);
    for (size_t i = 0; i < answer->count; i++)
        acme_watch_read(manager, reading->kind, store_name(answer->entries[i].key), reading->done);
    if (!*reading->name || answer->status == HG_STORE_UNAVAILABLE)
        return;
    reading->value =
        (struct acme_value){.name = reading->name, .json = store_json(answer), .revision = answer->revision};
    task_do(task, deliver, reading);
    json_decref(reading->value.json);
}

static void run(struct task *task, void *arg)
{
    struct acme_manager *manager = arg;
    struct acme_reading *reading;

    while ((reading = manager->readings) && !task_is_cancelled(task)) {
        manager->readings = reading->next;
        read_one(task, manager, reading);
        free(reading);
    }
}

static void on_end(void *arg)
{
    struct acme_manager *manager = arg;

    manager->reader = NULL;
    if (manager->is_loaded)
        return;
    manager->is_loaded = true;
    acme_cleanup_begin(manager);
    acme_schedule(manager);
}

static bool queue(struct acme_manager *manager, const char *kind, struct hg_text name, acme_read_done done,
                  bool is_first)
{
    struct acme_reading **place = &manager->readings;
    struct acme_reading *reading = name.size <= HG_STORE_SEGMENT_MAX ? calloc(1, sizeof *reading) : NULL;

    if (!reading)
        return false;
    *reading = (struct acme_reading){.manager = manager, .kind = kind, .done = done};
    memcpy(reading->name, name.data, name.size);
    if (manager->readings && !is_first)
        place = &manager->last_reading->next;
    reading->next = *place;
    *place = reading;
    if (!reading->next)
        manager->last_reading = reading;
    if (!manager->reader)
        manager->reader = task_begin(manager->worker, run, on_end, manager);
    return manager->reader;
}

bool acme_watch_read(struct acme_manager *manager, const char *kind, struct hg_text name, acme_read_done done)
{
    return queue(manager, kind, name, done, false);
}

/* If it was queued before, that reading will find nothing left to do. */
void acme_watch_load(struct acme_certificate *certificate, bool is_first)
{
    if (!certificate->is_queued || is_first)
        certificate->is_queued =
            queue(certificate->manager, ACME_CERTIFICATES, hg_text(certificate->id), NULL, is_first);
}

/* ---- Values ---- */

static void on_challenge(struct acme_manager *manager, const struct acme_value *value)
{
    const enum acme_challenge_type type = acme_challenge_type_of(json_object_get(value->json, "type"));
    const char *identifier = json_string_value(json_object_get(value->json, "identifier"));
    const char *authorization = json_string_value(json_object_get(value->json, "key_authorization"));

    if (!value->json) {
        for (int each = 0; each < ACME_DNS01; each++)
            acme_solvers_withdraw(&manager->solvers, (enum acme_challenge_type)each, hg_text(value->name));
    } else if (type < ACME_DNS01 && identifier && authorization) {
        acme_solvers_present(&manager->solvers, type,
                             &(struct hg_challenge){.identifier = hg_text(identifier),
                                                    .token = hg_text(value->name),
                                                    .key_authorization = hg_text(authorization)});
    }
}

static void on_pause(struct acme_manager *manager, const struct acme_value *value)
{
    for (size_t i = 0; value->json && i < manager->authority_count; i++)
        if (!strcmp(manager->authorities[i].id, value->name))
            manager->authorities[i].paused_until = (time_t)json_integer_value(json_object_get(value->json, "until"));
}

/* ---- Operators' requests ---- */

/* Adds the certificate if it is on demand. NULL: it is not in the config. */
static struct acme_certificate *certificate_for(struct acme_manager *manager, const char *id)
{
    struct acme_certificate *certificate = acme_manager_find(manager, hg_text(id));

    if (certificate || !manager->config->on_demand || acme_name_kind(hg_text(id)) != ACME_NAME_HOST ||
        acme_name_index_find(&manager->index, hg_text(id)))
        return certificate;
    return acme_on_demand_add(manager, id);
}

/* Renews at once and ignores pauses, as this is what the operator asked for. */
static void renew(struct acme_certificate *certificate, const json_t *request, bool is_new)
{
    struct acme_manager *manager = certificate->manager;

    certificate->renew_now = certificate->pair;
    if (certificate->pair && json_is_true(json_object_get(request, "revoked")) && !certificate->revoked) {
        certificate->revoked = true;
        acme_log(certificate, HG_LOG_WARNING, "certificate %s is revoked; ordering a new one",
                 certificate->pair->serial);
    }
    if (!is_new || certificate->last_try > (time_t)json_integer_value(json_object_get(request, "at")))
        return; /* tried since then */
    certificate->failures = 0;
    certificate->due = 0;
    certificate->paused_until[certificate->authority] = 0;
    manager->authorities[certificate->authority].paused_until = 0;
}

/* A request stays in the store until the certificate with its serial number has been replaced, across restarts. */
static void on_request(struct acme_manager *manager, const struct acme_value *value)
{
    const char *serial = json_string_value(json_object_get(value->json, "serial"));
    struct acme_certificate *certificate = value->json && !strncmp(value->name, ACME_RENEW "@", sizeof ACME_RENEW)
                                               ? certificate_for(manager, value->name + sizeof ACME_RENEW)
                                               : NULL;

    if (certificate && !certificate->loaded) {
        acme_watch_load(certificate, false);
        acme_watch_read(manager, ACME_REQUESTS, hg_text(value->name), on_request);
    } else if (certificate) {
        const bool is_new = certificate->request != value->revision;

        certificate->request = value->revision;
        if (certificate->pair ? serial && !strcmp(serial, certificate->pair->serial) : !serial)
            renew(certificate, value->json, is_new);
        else if (certificate->pair)
            acme_watch_fulfilled(certificate);
        acme_schedule_soon(manager);
    }
}

static bool request_name(char name[HG_STORE_SEGMENT_MAX + 1], const struct acme_certificate *certificate)
{
    return snprintf(name, HG_STORE_SEGMENT_MAX + 1, ACME_RENEW "@%s", certificate->id) <= HG_STORE_SEGMENT_MAX;
}

void acme_watch_request(struct acme_certificate *certificate)
{
    char name[HG_STORE_SEGMENT_MAX + 1];

    if (request_name(name, certificate))
        acme_watch_read(certificate->manager, ACME_REQUESTS, hg_text(name), on_request);
}

void acme_watch_fulfilled(struct acme_certificate *certificate)
{
    char name[HG_STORE_SEGMENT_MAX + 1];

    if (certificate->request && request_name(name, certificate))
        store_remove(&certificate->manager->store, ACME_REQUESTS, name, certificate->request);
    certificate->request = 0;
}

/* ---- Changes ---- */

/* Challenges first, as the authority may query this gateway any moment. */
static const struct {
    const char *kind;
    acme_read_done done;
} kinds[] = {{ACME_CHALLENGES, on_challenge},
             {ACME_PAUSES, on_pause},
             {ACME_QUOTAS, acme_on_demand_recall},
             {ACME_REQUESTS, on_request}};

/* Lists them first, so requests are read after the certificates. */
static bool read_all(struct acme_manager *manager)
{
    bool good = true;

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        good = acme_watch_read(manager, kinds[i].kind, HG_TEXT(""), kinds[i].done) && good;
    for (struct acme_certificate *certificate = manager->certificates; certificate; certificate = certificate->next)
        acme_watch_load(certificate, false);
    return good;
}

/* An empty key: anything may have changed. */
static void on_changed(void *arg, struct hg_text key)
{
    struct acme_manager *manager = arg;
    struct acme_certificate *certificate;
    const struct hg_text name = store_name(key);

    if (!key.size)
        read_all(manager);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (store_is_kind(&manager->store, key, kinds[i].kind))
            acme_watch_read(manager, kinds[i].kind, name, kinds[i].done);
    if (store_is_kind(&manager->store, key, ACME_CERTIFICATES) || store_is_kind(&manager->store, key, ACME_STATES)) {
        certificate = acme_manager_find(manager, name);
        if (certificate)
            acme_watch_load(certificate, false);
    }
}

bool acme_watch_begin(struct acme_manager *manager)
{
    manager->watch = manager->store.ops->watch(manager->store.provider, HG_TEXT("acme"), on_changed, manager);
    return manager->watch && read_all(manager);
}

void acme_watch_end(struct acme_manager *manager)
{
    if (manager->watch)
        manager->store.ops->unwatch(manager->store.provider, manager->watch);
    if (manager->reader)
        task_cancel(manager->reader);
    while (manager->readings) {
        struct acme_reading *reading = manager->readings;

        manager->readings = reading->next;
        free(reading);
    }
}
