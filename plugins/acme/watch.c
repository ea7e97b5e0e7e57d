/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Reads what the store holds at the start, and what other workers, gateways and commands change: certificates, which
 * are used here, too; pending challenges, which are answered here, too; pauses, quotas and operators' requests.
 */
#include "plugins/acme/blocking.h"
#include "plugins/acme/load.h"
#include "plugins/acme/manager.h"
#include "plugins/acme/schedule.h"

#include <stdio.h>
#include <stdlib.h>

/* A key to be read. */
struct acme_reading {
    struct acme_reading *next;
    const char *kind;
    acme_read done;                      /* NULL: a certificate is loaded */
    char name[HG_STORE_SEGMENT_MAX + 1]; /* "": all of that kind */
};

/* ---- Reading, in a task ---- */

struct read_value {
    struct acme_manager *manager;
    const struct acme_reading *reading;
    const struct hg_store_answer *answer;
};

static void tell(void *arg)
{
    const struct read_value *value = arg;

    value->reading->done(value->manager, value->reading->name, value->answer);
}

static void read_one(struct task *task, struct acme_manager *manager, const struct acme_reading *reading)
{
    struct read_value value = {.manager = manager, .reading = reading};

    if (!reading->done) {
        acme_load(task, manager, reading->name);
        return;
    }
    value.answer = *reading->name ? task_store_get(task, &manager->store, reading->kind, reading->name)
                                  : task_store_list(task, &manager->store, reading->kind);
    if (*reading->name && value.answer->status != HG_STORE_UNAVAILABLE)
        task_do(task, tell, &value);
    for (size_t i = 0; i < value.answer->count; i++)
        acme_watch_read(manager, reading->kind, store_name(value.answer->entries[i].key), reading->done);
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
    if (!manager->is_loaded)
        acme_manager_loaded(manager);
}

bool acme_watch_read(struct acme_manager *manager, const char *kind, struct hg_text name, acme_read done)
{
    struct acme_reading **last = &manager->readings;
    struct acme_reading *reading = name.size <= HG_STORE_SEGMENT_MAX ? calloc(1, sizeof *reading) : NULL;

    if (!reading)
        return false;
    reading->kind = kind;
    reading->done = done;
    memcpy(reading->name, name.data, name.size);
    if (manager->readings)
        last = &manager->last_reading->next;
    *last = manager->last_reading = reading;
    if (!manager->reader)
        manager->reader = task_begin(manager->worker, run, on_end, manager);
    return manager->reader;
}

void acme_watch_load(struct acme_certificate *certificate)
{
    if (!certificate->is_queued)
        certificate->is_queued =
            acme_watch_read(certificate->manager, ACME_CERTIFICATES, hg_text(certificate->id), NULL);
}

/* ---- Challenges ---- */

static void on_challenge(struct acme_manager *manager, const char *token, const struct hg_store_answer *answer)
{
    json_t *record = store_json(answer);
    const enum acme_challenge_type type = acme_challenge_type_of(json_object_get(record, "type"));
    const char *identifier = json_string_value(json_object_get(record, "identifier"));
    const char *authorization = json_string_value(json_object_get(record, "key_authorization"));

    if (!record) {
        for (int each = 0; each < ACME_DNS01; each++)
            acme_solvers_withdraw(&manager->solvers, (enum acme_challenge_type)each, hg_text(token));
    } else if (type < ACME_DNS01 && identifier && authorization) {
        acme_solvers_present(&manager->solvers, type,
                             &(struct hg_challenge){.identifier = hg_text(identifier),
                                                    .token = hg_text(token),
                                                    .key_authorization = hg_text(authorization)});
    }
    json_decref(record);
}

/* ---- Pauses ---- */

static void on_pause(struct acme_manager *manager, const char *name, const struct hg_store_answer *answer)
{
    json_t *record = store_json(answer);

    for (size_t i = 0; record && i < manager->authority_count; i++)
        if (!strcmp(manager->authorities[i].id, name))
            manager->authorities[i].paused_until = (time_t)json_integer_value(json_object_get(record, "until"));
    json_decref(record);
}

/* ---- Operators' requests ---- */

/* One on demand is kept from now on. NULL: no such certificate here. */
static struct acme_certificate *certificate_for(struct acme_manager *manager, const char *id)
{
    struct acme_certificate *certificate = acme_manager_find(manager, hg_text(id));

    if (certificate || !manager->config->on_demand || acme_name_kind(hg_text(id)) != ACME_NAME_HOST ||
        acme_name_index_find(&manager->index, hg_text(id)))
        return certificate;
    return acme_on_demand_keep(manager, id);
}

/* At once: an operator who asks for it has a reason to disregard pauses. */
static void renew(struct acme_certificate *certificate, const json_t *record, bool is_new)
{
    struct acme_manager *manager = certificate->manager;

    certificate->renew_now = certificate->pair;
    if (certificate->pair && json_is_true(json_object_get(record, "revoked")) && !certificate->revoked) {
        certificate->revoked = true;
        hg_log(manager->worker->instance, HG_LOG_WARNING, "%s: certificate %s is revoked; ordering a new one",
               certificate->id, certificate->pair->serial);
    }
    if (!is_new || certificate->last_try > (time_t)json_integer_value(json_object_get(record, "at")))
        return; /* tried since then */
    certificate->failures = 0;
    certificate->due = 0;
    certificate->paused_until[certificate->authority] = 0;
    manager->authorities[certificate->authority].paused_until = 0;
}

/* A request stays in the store until the certificate that it names has been replaced, also over a restart. */
static void on_request(struct acme_manager *manager, const char *name, const struct hg_store_answer *answer)
{
    json_t *record = store_json(answer);
    const char *serial = json_string_value(json_object_get(record, "serial"));
    struct acme_certificate *certificate = record && !strncmp(name, ACME_RENEW "@", sizeof ACME_RENEW)
                                               ? certificate_for(manager, name + sizeof ACME_RENEW)
                                               : NULL;

    if (certificate && !certificate->loaded) {
        acme_watch_load(certificate);
        acme_watch_read(manager, ACME_REQUESTS, hg_text(name), on_request);
    } else if (certificate) {
        const bool is_new = certificate->request != answer->revision;

        certificate->request = answer->revision;
        if (certificate->pair ? serial && !strcmp(serial, certificate->pair->serial) : !serial)
            renew(certificate, record, is_new);
        else if (certificate->pair)
            acme_watch_fulfilled(certificate);
        acme_schedule_soon(manager);
    }
    json_decref(record);
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

/* ---- What has changed ---- */

/* Challenges first: the authority may ask this gateway any moment. */
static bool read_all(struct acme_manager *manager)
{
    bool good = acme_watch_read(manager, ACME_CHALLENGES, HG_TEXT(""), on_challenge) &&
                acme_watch_read(manager, ACME_PAUSES, HG_TEXT(""), on_pause) &&
                acme_watch_read(manager, ACME_QUOTAS, HG_TEXT(""), acme_on_demand_recall);

    for (struct acme_certificate *certificate = manager->certificates; certificate; certificate = certificate->next)
        acme_watch_load(certificate);
    return good && acme_watch_read(manager, ACME_REQUESTS, HG_TEXT(""), on_request);
}

/* An empty key: anything may have changed. */
static void on_changed(void *arg, struct hg_text key)
{
    static const struct {
        const char *kind;
        acme_read done;
    } kinds[] = {{ACME_CHALLENGES, on_challenge},
                 {ACME_REQUESTS, on_request},
                 {ACME_PAUSES, on_pause},
                 {ACME_QUOTAS, acme_on_demand_recall}};
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
            acme_watch_load(certificate);
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
