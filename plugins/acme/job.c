/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/job.h"

#include "plugins/acme/agent.h"
#include "plugins/acme/key.h"
#include "plugins/acme/schedule.h"

#include <stdlib.h>

struct acme_job *acme_job_new(struct acme_agent *agent, const char *const *names, size_t count, bool on_demand)
{
    struct acme_job *job = calloc(1, sizeof *job);

    if (!job)
        return NULL;
    job->agent = agent;
    job->on_demand = on_demand;
    job->worked = ACME_CHALLENGE_TYPES;
    job->names = calloc(count, sizeof *job->names);
    for (size_t i = 0; job->names && i < count; i++) {
        job->names[i] = strdup(names[i]);
        job->name_count += job->names[i] != NULL;
    }
    if (job->name_count != count) {
        acme_job_free(job);
        return NULL;
    }
    job->id = job->names[0];
    return job;
}

void acme_job_free(struct acme_job *job)
{
    acme_vault_cancel(&job->agent->vault, job->delegating);
    acme_attempt_cancel(job->attempt);
    json_decref(job->wishes);
    acme_ari_free(job->ari);
    acme_pair_unref(job->pair);
    acme_pair_unref(job->placeholder);
    acme_secret_free(job->unsaved);
    free(job->last_error);
    for (size_t i = 0; i < job->name_count; i++)
        free(job->names[i]);
    free(job->names);
    free(job);
}

void acme_job_set_error(struct acme_job *job, const char *error)
{
    free(job->last_error);
    job->last_error = error ? strdup(error) : NULL;
}

static json_t *pauses_of(const struct acme_job *job)
{
    json_t *pauses = json_object();

    for (size_t i = 0; i < job->agent->authority_count; i++)
        if (job->paused_until[i] > acme_clock())
            json_object_set_new(pauses, job->agent->authorities[i].url, json_integer(job->paused_until[i]));
    return pauses;
}

json_t *acme_job_state(const struct acme_job *job)
{
    json_t *names = json_array();

    for (size_t i = 0; i < job->name_count; i++)
        json_array_append_new(names, json_string(job->names[i]));
    return json_pack("{s:o, s:o, s:b, s:b, s:b, s:b, s:I, s:I, s:I, s:i, s:i, s:s*, s:I, s:s*, s:s, s:O*, s:s*}",
                     "names", names, "pauses", pauses_of(job), "renew_now", job->renew_now, "revoked", job->revoked,
                     "hurried", job->hurried, "on_demand", job->on_demand, "renew_at", (json_int_t)job->renew_at, "due",
                     (json_int_t)job->due, "last_try", (json_int_t)job->last_try, "failures", (int)job->failures,
                     "resumptions", (int)job->resumptions, "last_error", job->last_error, "expires",
                     (json_int_t)(job->pair ? job->pair->ends : 0), "serial", job->pair ? job->pair->serial : NULL,
                     "directory", job->agent->authorities[job->authority].url, "wishes", job->wishes, "challenge",
                     job->worked < ACME_CHALLENGE_TYPES ? acme_challenge_names[job->worked] : NULL);
}

/* The authority with that directory by its number; how many there are: it is not in the config any more. */
static unsigned authority_of(const struct acme_job *job, const char *directory)
{
    unsigned i = 0;

    while (i < job->agent->authority_count && strcmp(job->agent->authorities[i].url, directory) != 0)
        i++;
    return i;
}

struct acme_authority *acme_job_issuer(const struct acme_job *job)
{
    const char *directory = json_string_value(json_object_get(job->wishes, "directory"));
    const unsigned i = directory ? authority_of(job, directory) : 0;

    return i < job->agent->authority_count ? &job->agent->authorities[i] : NULL;
}

/* The config may want another certificate than there is. Earlier versions remembered no more than its `issuer`. */
static void recall_wishes(struct acme_job *job, const json_t *state)
{
    const json_t *wishes = json_object_get(state, "wishes");
    const char *changed;

    json_decref(job->wishes);
    job->wishes = wishes ? json_deep_copy(wishes)
                         : json_pack("{s:s*}", "directory", json_string_value(json_object_get(state, "issuer")));
    changed = acme_options_changed(job->agent->config, job->wishes);
    if (!changed)
        return;
    job->renew_now = true;
    hg_log(job->agent->worker->instance, HG_LOG_INFO,
           "%s: a new certificate is ordered, since %s was changed; until it is there the one of %s is served", job->id,
           changed, json_string_value(json_object_get(job->wishes, "directory")));
}

/* Where an attempt went on; what has failed by another config is tried at once. */
static void recall_attempt(struct acme_job *job, const json_t *state)
{
    const char *directory = json_string_value(json_object_get(state, "directory"));

    job->failures = (unsigned)json_integer_value(json_object_get(state, "failures"));
    job->due = (time_t)json_integer_value(json_object_get(state, "due"));
    job->authority = job->failures && directory ? authority_of(job, directory) : 0;
    if (job->authority < job->agent->authority_count)
        return;
    job->authority = job->failures = 0;
    job->due = 0;
}

void acme_job_recall(struct acme_job *job, const json_t *state)
{
    const char *serial = json_string_value(json_object_get(state, "serial"));

    if (job->unsaved) {
        job->due = 0; /* saved at once; the state is that of the pair before */
        return;
    }
    /* Of another certificate than the one that is there, this means nothing. */
    if (job->pair && serial && !strcmp(serial, job->pair->serial)) {
        job->renew_at = (time_t)json_integer_value(json_object_get(state, "renew_at"));
        job->renew_now |= json_is_true(json_object_get(state, "renew_now"));
        job->revoked = json_is_true(json_object_get(state, "revoked"));
        recall_wishes(job, state);
    }
    recall_attempt(job, state);
    job->worked = acme_challenge_type_of(json_object_get(state, "challenge"));
    job->resumptions = (unsigned)json_integer_value(json_object_get(state, "resumptions"));
    job->hurried = json_is_true(json_object_get(state, "hurried"));
    job->last_try = (time_t)json_integer_value(json_object_get(state, "last_try"));
    for (size_t i = 0; i < job->agent->authority_count; i++)
        job->paused_until[i] = (time_t)json_integer_value(
            json_object_get(json_object_get(state, "pauses"), job->agent->authorities[i].url));
    acme_job_set_error(job, json_string_value(json_object_get(state, "last_error")));
}

static void ignore(void *arg, const struct hg_store_answer *answer)
{
    (void)arg;
    (void)answer; /* what is remembered here is a convenience */
}

void acme_job_remember(struct acme_job *job)
{
    acme_vault_put_json(&job->agent->vault, ACME_STATES, job->id, acme_job_state(job), ignore, NULL);
}

void acme_job_take(struct acme_job *job, struct acme_pair *pair)
{
    acme_pair_unref(job->pair);
    acme_secret_free(job->unsaved);
    job->pair = pair;
    job->unsaved = NULL;
    job->resumptions = 0;
    job->renew_at = acme_renewal_time(pair->begins, pair->ends, acme_chance());
}

bool acme_job_is_served(const struct acme_job *job)
{
    const struct acme_authority *issuer = job->on_demand && job->pair ? acme_job_issuer(job) : NULL;

    return job->pair && (!job->on_demand || job->pair->ends > acme_clock() - (issuer ? issuer->ahead : 0));
}

bool acme_job_is_outdated(const struct acme_job *job, const struct acme_pair *found)
{
    const struct acme_pair *pair = job->pair;

    return acme_pair_is_for(found, (const char *const *)job->names, job->name_count) && found->ends > acme_clock() &&
           (found->begins > pair->begins || (found->begins == pair->begins && found->ends > pair->ends));
}

time_t acme_job_paused_until(const struct acme_job *job, unsigned authority)
{
    const time_t all = job->agent->authorities[authority].paused_until, own = job->paused_until[authority];

    return all > own ? all : own;
}

time_t acme_job_due(const struct acme_job *job)
{
    if (job->asking)
        return 0;
    if (job->on_demand && !acme_job_is_served(job) && !job->lookups && !job->requested)
        return 0; /* until somebody wants it again */
    if (job->on_demand && job->pair && !acme_job_is_served(job))
        return job->due ? job->due : 1;
    if (job->on_demand && job->pair && !job->used && !job->renew_now && !job->unsaved)
        return 0; /* until somebody uses it */
    if (job->failures || job->renew_now || job->unsaved)
        return job->due ? job->due : 1;
    if (job->pair)
        return job->renew_at > job->due ? job->renew_at : job->due;
    return job->due ? job->due : 1;
}
