/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What other workers and nodes put into the store: certificates that they obtained are served here, too, challenges
 * that are pending are answered here, too, and what they want to be ordered goes to those who do it (delegate.c).
 */
#include "plugins/acme/agent.h"
#include "plugins/acme/delegate.h"
#include "plugins/acme/request.h"

#include <stdlib.h>

/* A value that is read. */
struct acme_reading {
    struct acme_agent *agent;
    struct acme_reading *next, **place;
    struct hg_store_request *request;
    acme_read done;
    char name[HG_STORE_SEGMENT_MAX + 1];
};

static void reading_free(struct acme_reading *reading)
{
    *reading->place = reading->next;
    if (reading->next)
        reading->next->place = reading->place;
    free(reading);
}

/* ---- Certificates ---- */

void acme_mirror_take(struct acme_agent *agent, const char *name, const struct hg_store_answer *answer)
{
    struct acme_job *job = acme_index_find(&agent->index, hg_text(name));
    struct acme_pair *pair;
    char why[256];

    if (!job || strcmp(job->id, name) != 0 || job->trying || answer->status != HG_STORE_OK)
        return;
    pair = acme_pair_read(answer->value, why, sizeof why);
    if (!pair) {
        hg_log(agent->worker->instance, HG_LOG_ERROR,
               "%s: what the store holds as its certificate cannot be used: %s; the one before stays", name, why);
        return;
    }
    if ((job->pair && !strcmp(job->pair->serial, pair->serial)) || (job->unsaved && !acme_job_is_outdated(job, pair)) ||
        (job->on_demand && pair->ends <= acme_clock())) {
        acme_pair_unref(pair);
        return;
    }
    hg_log(agent->worker->instance, HG_LOG_INFO, "%s: certificate %s is used from now on", name, pair->serial);
    job->failures = 0;
    job->renew_now = !acme_pair_is_for(pair, (const char *const *)job->names, job->name_count);
    acme_agent_serve(job, pair);
    acme_attempt_schedule(agent);
}

/* ---- Challenges ---- */

static void on_challenge(struct acme_agent *agent, const char *token, const struct hg_store_answer *answer)
{
    json_t *record = acme_vault_json(answer);
    const enum acme_challenge_type type = acme_challenge_type_of(json_object_get(record, "type"));
    const char *identifier = json_string_value(json_object_get(record, "identifier"));
    const char *authorization = json_string_value(json_object_get(record, "key_authorization"));

    if (!record) {
        for (int each = 0; each < ACME_DNS01; each++)
            acme_solvers_withdraw(&agent->solvers, (enum acme_challenge_type)each, hg_text(token));
    } else if (type < ACME_DNS01 && identifier && authorization) {
        acme_solvers_present(&agent->solvers, type,
                             &(struct hg_challenge){.identifier = hg_text(identifier),
                                                    .token = hg_text(token),
                                                    .key_authorization = hg_text(authorization)});
    }
    json_decref(record);
}

/* ---- Reading what has changed ---- */

static void on_read(void *arg, const struct hg_store_answer *answer)
{
    struct acme_reading *reading = arg;

    reading->done(reading->agent, reading->name, answer);
    reading_free(reading);
}

void acme_mirror_read(struct acme_agent *agent, const char *kind, struct hg_text name, acme_read done)
{
    struct acme_reading *reading = name.size <= HG_STORE_SEGMENT_MAX ? calloc(1, sizeof *reading) : NULL;

    if (!reading)
        return;
    memcpy(reading->name, name.data, name.size);
    reading->agent = agent;
    reading->done = done;
    reading->next = agent->readings;
    reading->place = &agent->readings;
    if (reading->next)
        reading->next->place = &reading->next;
    agent->readings = reading;
    reading->request = acme_vault_get(&agent->vault, kind, reading->name, on_read, reading);
    if (!reading->request)
        reading_free(reading);
}

static bool begins_with(struct hg_text text, const char *prefix)
{
    const size_t size = strlen(prefix);

    return text.size > size && !memcmp(text.data, prefix, size);
}

void acme_mirror_look(struct acme_agent *agent)
{
    for (struct acme_job *job = agent->jobs; job; job = job->next)
        acme_mirror_read(agent, ACME_CERTIFICATES, hg_text(job->id), acme_mirror_take);
}

static void on_challenges(void *arg, const struct hg_store_answer *answer)
{
    struct acme_agent *agent = arg;

    agent->challenges = NULL;
    for (size_t i = 0; i < answer->count; i++)
        acme_mirror_read(agent, ACME_CHALLENGES, acme_vault_name(answer->entries[i].key), on_challenge);
}

/* Those that are pending: the authority may ask this node about them any moment. */
static void look_at_challenges(struct acme_agent *agent)
{
    acme_vault_cancel(&agent->vault, agent->challenges); /* it may have passed what is new */
    agent->challenges = acme_vault_list(&agent->vault, ACME_CHALLENGES, on_challenges, agent);
}

/* An empty key: anything may have changed. */
static void on_changed(void *arg, struct hg_text key)
{
    struct acme_agent *agent = arg;

    if (begins_with(key, "acme/" ACME_CHALLENGES "/"))
        acme_mirror_read(agent, ACME_CHALLENGES, acme_vault_name(key), on_challenge);
    else if (begins_with(key, "acme/" ACME_CERTIFICATES "/"))
        acme_mirror_read(agent, ACME_CERTIFICATES, acme_vault_name(key), acme_mirror_take);
    else if (begins_with(key, "acme/" ACME_REQUESTS "/" ACME_ORDER "@"))
        acme_delegate_changed(agent, acme_vault_name(key));
    else if (begins_with(key, "acme/" ACME_REQUESTS "/"))
        acme_requests_look(agent);
    if (key.size)
        return;
    acme_requests_look(agent);
    acme_mirror_look(agent);
    look_at_challenges(agent);
}

bool acme_mirror_begin(struct acme_agent *agent)
{
    agent->watch = agent->vault.ops->watch(agent->vault.provider, HG_TEXT("acme"), on_changed, agent);
    if (agent->watch)
        look_at_challenges(agent);
    return agent->watch;
}

static void ignore(void *arg, const struct hg_store_answer *answer)
{
    (void)arg;
    (void)answer;
}

/* A store that has stopped before us has ended the watch, and tells by taking no request any more. */
void acme_mirror_end(struct acme_agent *agent)
{
    struct hg_store_request *request = acme_vault_get(&agent->vault, ACME_STATES, "-", ignore, NULL);

    acme_vault_cancel(&agent->vault, request);
    if (request && agent->watch)
        agent->vault.ops->unwatch(agent->vault.provider, agent->watch);
    if (request)
        acme_vault_cancel(&agent->vault, agent->challenges);
    agent->watch = NULL;
    agent->challenges = NULL;
    while (agent->readings) {
        if (request)
            acme_vault_cancel(&agent->vault, agent->readings->request);
        reading_free(agent->readings);
    }
}
