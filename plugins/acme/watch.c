/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What other workers, gateways and commands put into the store: certificates that they obtained are served here, too,
 * pending challenges are answered here, too, and what an operator wants to be renewed is.
 */
#include "plugins/acme/manager.h"
#include "plugins/acme/schedule.h"

#include <stdio.h>
#include <stdlib.h>

/* A value that is read. */
struct acme_reading {
    struct acme_manager *manager;
    struct acme_reading *next, **place;
    struct hg_store_request *request;
    acme_read done;
    const char *kind;
    char name[HG_STORE_SEGMENT_MAX + 1]; /* "": a list of all of that kind */
};

static void reading_free(struct acme_reading *reading)
{
    *reading->place = reading->next;
    if (reading->next)
        reading->next->place = reading->place;
    free(reading);
}

static void on_read(void *arg, const struct hg_store_answer *answer)
{
    struct acme_reading *reading = arg;

    if (*reading->name)
        reading->done(reading->manager, reading->name, answer);
    for (size_t i = 0; i < answer->count; i++)
        acme_watch_read(reading->manager, reading->kind, acme_store_name(answer->entries[i].key), reading->done);
    reading_free(reading);
}

bool acme_watch_read(struct acme_manager *manager, const char *kind, struct hg_text name, acme_read done)
{
    struct acme_reading *reading = name.size <= HG_STORE_SEGMENT_MAX ? calloc(1, sizeof *reading) : NULL;

    if (!reading)
        return false;
    memcpy(reading->name, name.data, name.size);
    reading->manager = manager;
    reading->done = done;
    reading->kind = kind;
    reading->next = manager->readings;
    reading->place = &manager->readings;
    if (reading->next)
        reading->next->place = &reading->next;
    manager->readings = reading;
    reading->request = *reading->name ? acme_store_get(&manager->store, kind, reading->name, on_read, reading)
                                      : acme_store_list(&manager->store, kind, on_read, reading);
    if (reading->request)
        return true;
    reading_free(reading);
    return false;
}

void acme_watch_read_all(struct acme_manager *manager, const char *kind, acme_read done)
{
    acme_watch_read(manager, kind, HG_TEXT(""), done);
}

/* ---- Challenges ---- */

static void on_challenge(struct acme_manager *manager, const char *token, const struct hg_store_answer *answer)
{
    json_t *record = acme_store_json(answer);
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

void acme_watch_pause(struct acme_manager *manager, const char *name, const struct hg_store_answer *answer)
{
    json_t *record = acme_store_json(answer);

    for (size_t i = 0; record && i < manager->authority_count; i++)
        if (!strcmp(manager->authorities[i].id, name))
            manager->authorities[i].paused_until = (time_t)json_integer_value(json_object_get(record, "until"));
    json_decref(record);
}

/* ---- Requests of operators ---- */

/* The certificate of exactly that name, which is kept from now on if it is one on demand; NULL: it is none of ours. */
static struct acme_certificate *certificate_for(struct acme_manager *manager, const char *id)
{
    struct acme_certificate *certificate = acme_name_index_find(&manager->index, hg_text(id));

    if (certificate)
        return strcmp(certificate->id, id) ? NULL : certificate;
    return manager->config->on_demand && acme_name_kind(hg_text(id)) == ACME_NAME_HOST
               ? acme_on_demand_keep(manager, id)
               : NULL;
}

/* Whoever wants it now has a reason: no pause is waited for. */
static void renew(struct acme_certificate *certificate, const json_t *record, bool anew)
{
    struct acme_manager *manager = certificate->manager;

    certificate->renew_now = certificate->pair;
    if (certificate->pair && json_is_true(json_object_get(record, "revoked")) && !certificate->revoked) {
        certificate->revoked = true;
        hg_log(manager->worker->instance, HG_LOG_WARNING, "%s: certificate %s is revoked; ordering a new one",
               certificate->id, certificate->pair->serial);
    }
    if (!anew || certificate->last_try > (time_t)json_integer_value(json_object_get(record, "at")))
        return; /* it was tried since then */
    certificate->failures = 0;
    certificate->due = 0;
    certificate->paused_until[certificate->authority] = 0;
    manager->authorities[certificate->authority].paused_until = 0;
}

/* It stands until the certificate that it names was replaced, so it outlives this process. */
static void on_request(struct acme_manager *manager, const char *name, const struct hg_store_answer *answer)
{
    json_t *record = acme_store_json(answer);
    const char *serial = json_string_value(json_object_get(record, "serial"));
    struct acme_certificate *certificate = record && !strncmp(name, ACME_RENEW "@", sizeof ACME_RENEW)
                                               ? certificate_for(manager, name + sizeof ACME_RENEW)
                                               : NULL;

    if (certificate && !certificate->loaded) {
        acme_certificate_load(certificate); /* then it is read again */
    } else if (certificate) {
        const bool anew = certificate->request != answer->revision;

        certificate->request = answer->revision;
        if (certificate->pair ? serial && !strcmp(serial, certificate->pair->serial) : !serial)
            renew(certificate, record, anew);
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
        acme_store_remove_if(&certificate->manager->store, ACME_REQUESTS, name, certificate->request,
                             acme_manager_ignore, NULL);
    certificate->request = 0;
}

/* ---- What has changed ---- */

/* Whether `key` is below "acme/KIND"; `name` is its rest. */
static bool is_below(struct hg_text key, const char *kind, struct hg_text *name)
{
    const struct acme_store_path prefix = acme_store_key(kind, "");
    const size_t size = strlen(prefix.text);

    *name = acme_store_name(key);
    return key.size > size && !memcmp(key.data, prefix.text, size) && key.data[size] == '/';
}

static void look_at_all(struct acme_manager *manager)
{
    acme_watch_read_all(manager, ACME_CHALLENGES, on_challenge); /* the authority may ask this gateway any moment */
    acme_watch_read_all(manager, ACME_REQUESTS, on_request);
}

/* An empty key: anything may have changed. */
static void on_changed(void *arg, struct hg_text key)
{
    struct acme_manager *manager = arg;
    struct acme_certificate *certificate;
    struct hg_text name;

    if (is_below(key, ACME_CHALLENGES, &name))
        acme_watch_read(manager, ACME_CHALLENGES, name, on_challenge);
    else if (is_below(key, ACME_REQUESTS, &name))
        acme_watch_read(manager, ACME_REQUESTS, name, on_request);
    else if (is_below(key, ACME_PAUSES, &name))
        acme_watch_read(manager, ACME_PAUSES, name, acme_watch_pause);
    else if (is_below(key, ACME_QUOTAS, &name))
        acme_watch_read(manager, ACME_QUOTAS, name, acme_on_demand_recall);
    else if (is_below(key, ACME_CERTIFICATES, &name) || is_below(key, ACME_STATES, &name)) {
        certificate = acme_name_index_find(&manager->index, name);
        if (certificate && hg_text_equal(hg_text(certificate->id), name))
            acme_certificate_load(certificate);
    }
    if (key.size)
        return;
    look_at_all(manager);
    for (certificate = manager->certificates; certificate; certificate = certificate->next)
        acme_certificate_load(certificate);
}

bool acme_watch_begin(struct acme_manager *manager)
{
    manager->watch = manager->store.ops->watch(manager->store.provider, HG_TEXT("acme"), on_changed, manager);
    if (manager->watch)
        look_at_all(manager);
    return manager->watch;
}

/* A store that has stopped before us has ended the watch, and tells by taking no request any more. */
void acme_watch_end(struct acme_manager *manager)
{
    struct hg_store_request *request = acme_store_get(&manager->store, ACME_STATES, "-", acme_manager_ignore, NULL);

    acme_store_cancel(&manager->store, request);
    if (request && manager->watch)
        manager->store.ops->unwatch(manager->store.provider, manager->watch);
    while (manager->readings) {
        if (request)
            acme_store_cancel(&manager->store, manager->readings->request);
        reading_free(manager->readings);
    }
}
