/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Before anything is ordered the store is read again, under the lease: another process may have been here before, or
 * this one before its start.
 */
#include "plugins/acme/agent.h"

static void on_record(void *arg, const struct hg_store_answer *answer)
{
    struct acme_job *job = arg;

    job->reading = NULL;
    job->record = acme_vault_json(answer);
    acme_attempt_order(job);
}

static void read_record(struct acme_job *job)
{
    job->reading = acme_vault_get(&job->agent->vault, ACME_ORDERS, job->id, on_record, job);
    if (!job->reading)
        acme_attempt_order(job);
}

/* Whether it is worth having in the place of what is served. */
static bool is_better(const struct acme_job *job, const struct acme_pair *pair)
{
    if (job->unsaved)
        return acme_job_is_outdated(job, pair);
    return acme_pair_is_for(pair, (const char *const *)job->names, job->name_count) && pair->ends > acme_clock() &&
           (!job->pair || pair->ends > job->pair->ends);
}

/* A certificate on demand that was damaged: the one before serves until there is a new one. */
static void on_previous(void *arg, const struct hg_store_answer *answer)
{
    struct acme_job *job = arg;

    job->reading = NULL;
    acme_agent_serve_previous(job, answer);
    read_record(job);
}

static void read_previous(struct acme_job *job)
{
    job->reading = acme_vault_get(&job->agent->vault, ACME_PREVIOUS, job->id, on_previous, job);
    if (!job->reading)
        read_record(job);
}

/* There is no better certificate in the store. */
static void go_on(struct acme_job *job)
{
    if (job->on_demand && !acme_job_is_served(job) && job->failures && job->due > acme_clock())
        acme_attempt_ended(job); /* it was tried a moment ago, by the process before this one */
    else if (!job->pair)
        read_previous(job);
    else
        read_record(job);
}

/* What is remembered of one on demand is read when it is wanted first. True: it was, or there is no memory for it. */
static bool is_recalled(struct acme_job *job, hg_store_done done)
{
    if (!job->on_demand || job->recalled)
        return true;
    job->recalled = true;
    job->reading = acme_vault_get(&job->agent->vault, ACME_STATES, job->id, done, job);
    return !job->reading;
}

static void recall(struct acme_job *job, const struct hg_store_answer *answer)
{
    json_t *state = acme_vault_json(answer);

    job->reading = NULL;
    if (state)
        acme_job_recall(job, state);
    json_decref(state);
}

static void on_state_of_found(void *arg, const struct hg_store_answer *answer)
{
    struct acme_job *job = arg;

    recall(job, answer);
    acme_attempt_ended(job);
}

static void on_state_of_missing(void *arg, const struct hg_store_answer *answer)
{
    struct acme_job *job = arg;

    recall(job, answer);
    go_on(job);
}

/* Under the lease the store is read again: another process may have been here before. */
static void on_certificate(void *arg, const struct hg_store_answer *answer)
{
    struct acme_job *job = arg;
    struct acme_pair *pair = NULL;
    char why[256];

    job->reading = NULL;
    job->loaded = true;
    if (answer->status == HG_STORE_OK)
        pair = acme_pair_read(answer->value, why, sizeof why);
    if (pair && !is_better(job, pair) && acme_demand_keep_expired(job, pair))
        pair = NULL;
    if (!pair || !is_better(job, pair)) {
        acme_pair_unref(pair);
        if (job->unsaved) {
            acme_attempt_save(job);
            return;
        }
        if (is_recalled(job, on_state_of_missing))
            go_on(job);
        return;
    }
    job->failures = 0;
    job->renew_now = false;
    acme_agent_serve(job, pair);
    if (is_recalled(job, on_state_of_found))
        acme_attempt_ended(job);
}

void acme_reread(struct acme_job *job)
{
    job->reading = acme_vault_get(&job->agent->vault, ACME_CERTIFICATES, job->id, on_certificate, job);
}
