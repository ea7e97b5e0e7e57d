/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The lease: of all processes that share a store one orders certificates.
 */
#include "plugins/acme/agent.h"
#include "plugins/acme/delegate.h"
#include "plugins/acme/request.h"
#include "plugins/acme/schedule.h"

#include <stdio.h>

/* How long the lease outlives a process that has died, at most. */
#define TIME_TO_LIVE (30 * HG_SECOND)
#define RENEW_PAUSE  (TIME_TO_LIVE / 3)
#define RETRY_PAUSE  (5 * HG_SECOND)

static void take(void *arg);

static void again_in(struct acme_agent *agent, hg_time pause)
{
    hg_timer_set(agent->worker->host, agent->lease_timer, pause);
}

/* ---- What is remembered ---- */

static void recalled(struct acme_agent *agent)
{
    if (--agent->unread)
        return;
    acme_attempt_schedule(agent);
    acme_requests_look(agent);
}

static void on_pause(void *arg, const struct hg_store_answer *answer)
{
    struct acme_recalled_pause *pause = arg;
    json_t *record = acme_vault_json(answer);

    pause->reading = NULL;
    if (record)
        pause->authority->paused_until = (time_t)json_integer_value(json_object_get(record, "until"));
    json_decref(record);
    recalled(pause->agent);
}

/* What has failed before the start says so again: whoever starts anew looks at the log. */
static void tell_failing(const struct acme_job *job)
{
    if (job->failures && job->last_error && !job->on_demand)
        hg_log(job->agent->worker->instance, HG_LOG_ERROR,
               "%s: %s; failed attempts before this start: %u, the last one: %s; tried again %s", job->id,
               !job->pair                        ? "there is no certificate yet"
               : job->pair->ends <= acme_clock() ? "the certificate has expired"
                                                 : "the certificate is not renewed",
               job->failures, job->last_error, acme_moment(job->due).text);
}

static void on_state(void *arg, const struct hg_store_answer *answer)
{
    struct acme_job *job = arg;
    json_t *state = acme_vault_json(answer);

    job->reading = NULL;
    job->recalled = true;
    if (state) {
        acme_job_recall(job, state);
        tell_failing(job);
    } else if (answer->status == HG_STORE_NOT_FOUND && !job->on_demand) {
        acme_job_remember(job); /* so that "status" tells of it before an attempt has ended */
    }
    json_decref(state);
    acme_follow(job);
    recalled(job->agent);
}

/* Nothing begins before all of it is there. */
static void recall(struct acme_agent *agent)
{
    agent->unread = 1;
    for (size_t i = 0; i < agent->authority_count; i++) {
        struct acme_recalled_pause *pause = &agent->pauses[i];

        *pause = (struct acme_recalled_pause){.agent = agent, .authority = &agent->authorities[i]};
        pause->reading = acme_vault_get(&agent->vault, ACME_PAUSES, pause->authority->id, on_pause, pause);
        agent->unread += pause->reading != NULL;
    }
    for (struct acme_job *job = agent->jobs; job; job = job->next) {
        job->reading = acme_vault_get(&agent->vault, ACME_STATES, job->id, on_state, job);
        agent->unread += job->reading != NULL;
    }
    agent->unread += acme_demand_recall(agent, recalled);
    recalled(agent);
}

static void forget_recalling(struct acme_agent *agent)
{
    acme_cleanup_cancel(agent->cleanup);
    agent->cleanup = NULL;
    acme_demand_forsake(agent);
    for (size_t i = 0; i < agent->authority_count; i++) {
        acme_vault_cancel(&agent->vault, agent->pauses[i].reading);
        agent->pauses[i].reading = NULL;
    }
    for (struct acme_job *job = agent->jobs; job; job = job->next) {
        acme_vault_cancel(&agent->vault, job->reading);
        job->reading = NULL;
    }
    agent->unread = 0;
}

static void ignore(void *arg, const struct hg_store_answer *answer)
{
    (void)arg;
    (void)answer;
}

static void on_cleaned_up(void *arg)
{
    struct acme_agent *agent = arg;

    agent->cleanup = NULL;
    recall(agent);
}

/* An attempt that is taken up again presents its challenges anew, so what is left over goes first. */
static void begin_to_lead(struct acme_agent *agent)
{
    agent->leads = true;
    agent->elsewhere = false;
    agent->cleanup = acme_cleanup_begin(&agent->attempts, on_cleaned_up, agent);
    if (!agent->cleanup)
        recall(agent);
}

/* Another process leads, not the one that did before. */
static void begin_to_follow(struct acme_agent *agent, struct hg_text leader)
{
    hg_log(agent->worker->instance, HG_LOG_INFO, "certificates are ordered by %.*s", HG_PRINT(leader));
    snprintf(agent->leader, sizeof agent->leader, "%.*s", HG_PRINT(leader));
    agent->elsewhere = true;
    acme_delegate_all(agent);
}

/* ---- The lease ---- */

static void on_taken(void *arg, const struct hg_store_answer *answer)
{
    struct acme_agent *agent = arg;

    agent->lease_request = NULL;
    if (answer->status == HG_STORE_OK) {
        agent->vault.fence = answer->fence;
        agent->lease_until = hg_now(agent->worker) + TIME_TO_LIVE;
        again_in(agent, RENEW_PAUSE);
        hg_log(agent->worker->instance, HG_LOG_DEBUG, "certificates are ordered by this process");
        begin_to_lead(agent);
        return;
    }
    if (answer->status == HG_STORE_CONFLICT) {
        if (!agent->elsewhere || !hg_text_equal(hg_text(agent->leader), answer->owner))
            begin_to_follow(agent, answer->owner);
        again_in(agent, answer->remaining && answer->remaining < RETRY_PAUSE ? answer->remaining : RETRY_PAUSE);
        return;
    }
    if (!agent->told_unreadable)
        hg_log(agent->worker->instance, HG_LOG_ERROR, "nothing is ordered while the store cannot be written: %s",
               answer->error);
    agent->told_unreadable = true;
    agent->elsewhere = false;
    agent->settled = true;
    for (struct acme_job *job = agent->jobs; job; job = job->next)
        acme_agent_wake(job);
    again_in(agent, RETRY_PAUSE);
}

static void on_renewed(void *arg, const struct hg_store_answer *answer)
{
    struct acme_agent *agent = arg;

    agent->lease_request = NULL;
    if (answer->status == HG_STORE_OK) {
        agent->lease_until = hg_now(agent->worker) + TIME_TO_LIVE;
        again_in(agent, RENEW_PAUSE);
    } else if (answer->status == HG_STORE_CONFLICT || hg_now(agent->worker) >= agent->lease_until) {
        hg_log(agent->worker->instance, HG_LOG_WARNING, "the lease is lost: %s", answer->error);
        acme_lead_lost(agent);
    } else {
        again_in(agent, RETRY_PAUSE);
    }
}

static void take(void *arg)
{
    struct acme_agent *agent = arg;
    struct acme_vault *vault = &agent->vault;

    acme_demand_sweep(agent);
    if (agent->leads)
        agent->lease_request =
            vault->ops->renew(vault->provider, HG_TEXT(ACME_LEASE), vault->fence, TIME_TO_LIVE, on_renewed, agent);
    else
        agent->lease_request = vault->ops->acquire(vault->provider, HG_TEXT(ACME_LEASE), hg_text(agent->owner),
                                                   TIME_TO_LIVE, on_taken, agent);
    if (!agent->lease_request)
        again_in(agent, RETRY_PAUSE);
}

void acme_lead_lost(struct acme_agent *agent)
{
    if (!agent->leads)
        return;
    agent->leads = agent->elsewhere = agent->settled = false;
    agent->vault.fence = 0;
    for (struct acme_job *job = agent->jobs; job; job = job->next) {
        acme_attempt_drop(job);
        acme_ari_free(job->ari); /* who orders asks */
        job->ari = NULL;
    }
    forget_recalling(agent);
    acme_requests_end(agent);
    acme_vault_cancel(&agent->vault, agent->lease_request); /* where an order was told of the loss first */
    agent->lease_request = NULL;
    acme_mirror_look(agent); /* the new holder's news of what was ordered here has not been heard */
    again_in(agent, RETRY_PAUSE);
}

bool acme_lead_begin(struct acme_agent *agent)
{
    agent->lease_timer = hg_timer_new(agent->worker, take, agent);
    if (!agent->lease_timer)
        return false;
    take(agent);
    return true;
}

void acme_lead_end(struct acme_agent *agent)
{
    struct acme_vault *vault = &agent->vault;

    acme_vault_cancel(vault, agent->lease_request);
    for (struct acme_job *job = agent->jobs; job; job = job->next)
        acme_attempt_drop(job);
    forget_recalling(agent);
    acme_requests_end(agent);
    if (agent->leads)
        vault->ops->release(vault->provider, HG_TEXT(ACME_LEASE), vault->fence, ignore, NULL);
    hg_timer_free(agent->worker->host, agent->lease_timer);
    agent->lease_timer = NULL;
}
