/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Attempts to obtain a certificate: the next one when it is due, and at which authority.
 */
#include "plugins/acme/agent.h"
#include "plugins/acme/delegate.h"
#include "plugins/acme/key.h"
#include "plugins/acme/plan.h"
#include "plugins/acme/schedule.h"

#include <stdio.h>

/* Orders that go on at once. */
#define RUNNING_MAX 4
/* Attempts that tell the authority what is renewed; perhaps it is that which fails. */
#define REPLACES_MAX 3
/* The wall clock may jump: so it is looked at now and then. */
#define LOOK_PAUSE 600

static void begin(struct acme_job *job);

static struct hg_instance *instance_of(const struct acme_job *job)
{
    return job->agent->worker->instance;
}

static void ignore(void *arg, const struct hg_store_answer *answer)
{
    (void)arg;
    (void)answer; /* what is remembered here is a convenience */
}

static void on_timer(void *arg)
{
    acme_attempt_schedule(arg);
}

static bool may_begin(const struct acme_job *job)
{
    const time_t due = acme_job_due(job);

    return !job->trying && due && due <= acme_clock();
}

void acme_attempt_schedule(struct acme_agent *agent)
{
    const time_t now = acme_clock();
    time_t next = now + LOOK_PAUSE;

    if (!agent->leads || agent->unread || agent->cleanups.done)
        return;
    if (!agent->timer)
        agent->timer = hg_timer_new(agent->worker, on_timer, agent);
    acme_plan_correct(agent);
    for (struct acme_job *job = agent->jobs; job; job = job->next) {
        time_t due;

        if (may_begin(job) && agent->running < RUNNING_MAX)
            begin(job);
        due = acme_job_due(job);
        if (!job->trying && due > now && due < next)
            next = due;
    }
    agent->settled = true;
    for (struct acme_job *job = agent->jobs; job; job = job->next)
        if (!job->trying && !job->asking && !may_begin(job)) {
            acme_agent_wake(job);
            acme_delegate_ended(job);
        }
    acme_expiry_show_all(agent);
    if (agent->timer)
        hg_timer_set(agent->worker->host, agent->timer, (hg_time)(next - now) * HG_SECOND);
}

void acme_attempt_wanted(struct acme_job *job)
{
    struct acme_agent *agent = job->agent;

    if (!agent->leads && agent->elsewhere)
        acme_delegate_want(job);
    else if (agent->leads && agent->timer)
        hg_timer_set(agent->worker->host, agent->timer, 0);
}

void acme_attempt_ended(struct acme_job *job)
{
    struct acme_agent *agent = job->agent;

    job->trying = false;
    agent->running--;
    acme_job_remember(job);
    acme_attempt_schedule(agent);
}

/* ---- One attempt ---- */

void acme_attempt_order(struct acme_job *job)
{
    struct acme_agent *agent = job->agent;
    const struct acme_wish wish = {.id = job->id,
                                   .names = (const char *const *)job->names,
                                   .name_count = job->name_count,
                                   .preference = job->preference,
                                   .worked = job->worked,
                                   .not_before = job->pair && !job->renew_now ? job->renew_at : 0,
                                   .before = job->pair,
                                   .replaces = job->pair && job->failures < REPLACES_MAX &&
                                               agent->authorities[job->authority] == acme_job_issuer(job),
                                   .discard = &job->revoked};

    if (job->on_demand && !acme_job_is_served(job) && !acme_demand_count(job)) {
        json_decref(job->record);
        job->record = NULL;
        job->trying = false; /* nor is it remembered: strangers choose such names */
        agent->running--;
        acme_attempt_schedule(agent);
        return;
    }
    ++*agent->counters.attempts;
    job->last_try = acme_clock();
    job->order = acme_order_begin(agent->authorities[job->authority], &agent->vault, &agent->solvers, &wish,
                                  job->record, acme_outcome, job);
    json_decref(job->record);
    job->record = NULL;
    if (job->order)
        return;
    acme_plan(job, ACME_STORE_PAUSE);
    acme_attempt_ended(job);
}

static void on_saved(void *arg, const struct hg_store_answer *answer)
{
    struct acme_job *job = arg;

    acme_installation_free(job->installation);
    job->installation = NULL;
    if (answer->status == HG_STORE_OK) {
        hg_log(instance_of(job), HG_LOG_INFO, "%s: the certificate is stored now", job->id);
        acme_secret_free(job->unsaved);
        job->unsaved = NULL;
        job->failures = 0;
        job->revoked = false;
        acme_vault_remove(&job->agent->vault, ACME_ORDERS, job->id, ignore, NULL);
    } else {
        acme_plan(job, ACME_STORE_PAUSE);
        job->failures = 1;
    }
    acme_attempt_ended(job);
}

void acme_attempt_save(struct acme_job *job)
{
    job->installation = acme_install(&job->agent->vault, job->id, job->unsaved, job->revoked, on_saved, job);
    if (job->installation)
        return;
    acme_plan(job, ACME_STORE_PAUSE);
    acme_attempt_ended(job);
}

/* What can be had at once: an authority that does not pause. One that was about to issue is waited for. */
static bool choose_authority(struct acme_job *job)
{
    const struct acme_agent *agent = job->agent;
    const time_t now = acme_clock();
    time_t first = 0;
    char error[128];

    for (size_t i = 0; i < agent->authority_count; i++) {
        const time_t until = acme_job_paused_until(job, job->authority);

        if (until <= now)
            return true;
        first = !first || until < first ? until : first;
        if (job->resumptions && first <= now + ACME_STAY_PAUSE)
            break;
        job->resumptions = 0;
        job->authority = (job->authority + 1) % (unsigned)agent->authority_count;
    }
    job->failures = job->failures ? job->failures : 1;
    job->due = first;
    snprintf(error, sizeof error, "the authority asked for no requests before %s", acme_moment(first).text);
    if (!job->last_error)
        acme_job_set_error(job, error);
    return false;
}

static void begin(struct acme_job *job)
{
    struct acme_agent *agent = job->agent;

    if (!job->unsaved && !choose_authority(job))
        return;
    if (job->on_demand && !acme_demand_may_begin(job))
        return;
    job->trying = true;
    job->began = hg_now(agent->worker);
    agent->running++;
    acme_reread(job);
    if (job->reading)
        return;
    job->trying = false; /* the store has stopped, so do we */
    agent->running--;
    acme_plan(job, ACME_STORE_PAUSE);
}

void acme_attempt_drop(struct acme_job *job)
{
    job->requested = false; /* whoever orders next finds the request in the store */
    if (!job->trying)
        return;
    acme_vault_cancel(&job->agent->vault, job->reading);
    acme_installation_free(job->installation);
    job->reading = NULL;
    job->installation = NULL;
    acme_order_free(job->order);
    job->order = NULL;
    json_decref(job->record);
    job->record = NULL;
    job->trying = false;
    job->agent->running--;
}
