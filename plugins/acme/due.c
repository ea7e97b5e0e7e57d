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

    if (!agent->leads || agent->unread || agent->cleanup)
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

/* ---- One attempt ---- */

static struct acme_pair *ref(struct acme_pair *pair)
{
    return pair ? acme_pair_ref(pair) : NULL;
}

/* Whether a pair in the store is worth having in the place of what is served. */
static bool is_better(const struct acme_job *job, const struct acme_pair *pair)
{
    if (!pair)
        return false;
    if (job->unsaved)
        return acme_job_is_outdated(job, pair);
    return acme_pair_is_for(pair, (const char *const *)job->names, job->name_count) && pair->ends > acme_clock() &&
           (!job->pair || pair->ends > job->pair->ends);
}

/* What is remembered of one on demand is read when it is wanted first. */
static void recall(struct acme_job *job, const json_t *state)
{
    if (job->on_demand && !job->recalled && state)
        acme_job_recall(job, state);
    job->recalled = true;
}

/* Takes what the store has. True: a certificate is to be ordered, or saved, all the same. */
static bool look_at_store(struct acme_job *job, const struct acme_stored *stored)
{
    job->loaded = true;
    if (is_better(job, stored->pair)) {
        job->failures = 0;
        job->renew_now = false;
        acme_agent_serve(job, acme_pair_ref(stored->pair));
        recall(job, stored->state);
        return false;
    }
    if (stored->pair && acme_demand_keep_expired(job, stored->pair))
        acme_pair_ref(stored->pair);
    if (job->unsaved)
        return true;
    recall(job, stored->state);
    if (job->on_demand && !acme_job_is_served(job) && job->failures && job->due > acme_clock())
        return false; /* it was tried a moment ago, by the process before this one */
    if (!job->pair && stored->previous)
        acme_agent_serve_previous(job, ref(stored->previous));
    return !job->on_demand || acme_job_is_served(job) || acme_demand_count(job);
}

static bool ready(void *arg, const struct acme_stored *stored, struct acme_wanted *wanted)
{
    struct acme_job *job = arg;
    struct acme_agent *agent = job->agent;

    if (!look_at_store(job, stored))
        return false;
    *wanted = (struct acme_wanted){.authority = &agent->authorities[job->authority],
                                   .names = (const char *const *)job->names,
                                   .name_count = job->name_count,
                                   .preference = job->preference,
                                   .worked = job->worked,
                                   .not_before = job->pair && !job->renew_now ? job->renew_at : 0,
                                   .replaced = job->pair,
                                   .replaces = job->pair && job->failures < REPLACES_MAX &&
                                               &agent->authorities[job->authority] == acme_job_issuer(job),
                                   .unsaved = job->unsaved};
    if (job->unsaved)
        return true;
    ++*agent->counters.attempts;
    job->last_try = acme_clock();
    return true;
}

static bool is_revoked(void *arg)
{
    return ((struct acme_job *)arg)->revoked;
}

static void ended(void *arg)
{
    struct acme_job *job = arg;
    struct acme_agent *agent = job->agent;

    job->attempt = NULL;
    job->trying = false;
    agent->running--;
    acme_attempt_schedule(agent);
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
    static const struct acme_attempt_ops ops = {
        .ready = ready, .is_revoked = is_revoked, .outcome = acme_outcome, .ended = ended};
    struct acme_agent *agent = job->agent;

    if (!job->unsaved && !choose_authority(job))
        return;
    if (job->on_demand && !acme_demand_may_begin(job))
        return;
    job->attempt = acme_attempt_begin(&agent->attempts, job->id, &ops, job);
    if (!job->attempt) {
        acme_plan(job, ACME_STORE_PAUSE);
        return;
    }
    job->trying = true;
    job->began = hg_now(agent->worker);
    agent->running++;
}

void acme_attempt_drop(struct acme_job *job)
{
    job->requested = false; /* whoever orders next finds the request in the store */
    if (!job->trying)
        return;
    acme_attempt_cancel(job->attempt);
    job->attempt = NULL;
    job->trying = false;
    job->agent->running--;
}
