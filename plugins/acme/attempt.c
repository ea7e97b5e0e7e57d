/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Attempts to obtain a certificate: when, at which authority, and what follows from how they end.
 */
#include "plugins/acme/agent.h"
#include "plugins/acme/delegate.h"
#include "plugins/acme/key.h"
#include "plugins/acme/schedule.h"

#include <stdio.h>
#include <stdlib.h>

/* Orders that go on at once. */
#define RUNNING_MAX 4
/* Attempts at once after something at fault was forgotten. */
#define AGAIN_MAX 3
#define DAY       86400
/* An authority may say when to come back, but not send us away for ever. */
#define PAUSE_MAX DAY
/* Until names that the authority will not have are tried again. */
#define REJECTED_PAUSE     (DAY * 0.9)
#define REJECTED_PAUSE_MAX (DAY * 1.1)
/* How long to wait for a disk that is full. */
#define STORE_PAUSE 60
/* Between the questions for renewal information at the start, so that they do not come all at once. */
#define FOLLOW_PAUSE (50 * HG_MILLISECOND)
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

/* ---- When ---- */

static double seconds(hg_time span)
{
    return (double)span / (double)HG_SECOND;
}

/* The wall clock counts whole seconds; what chance has made shorter than one is one. */
static void plan(struct acme_job *job, double pause)
{
    job->due = acme_clock() + (pause < 1 ? 1 : (time_t)pause);
}

static void plan_retry(struct acme_job *job)
{
    const struct acme_config *config = job->agent->config;

    plan(job,
         acme_backoff(job->failures, seconds(config->retry_min), seconds(config->retry_max),
                      job->pair ? job->pair->begins : 0, job->pair ? job->pair->ends : 0, acme_clock(), acme_chance()));
}

static void on_timer(void *arg)
{
    acme_attempt_schedule(arg);
}

/* What was planned while the clock was far ahead, perhaps by the process before this one, is not waited for: no plan
 * reaches further than the longest pause. */
static void correct_plans(struct acme_agent *agent)
{
    const time_t now = acme_clock();
    const double retry_max = seconds(agent->config->retry_max);
    const time_t longest = now + (time_t)(retry_max > REJECTED_PAUSE_MAX ? retry_max : REJECTED_PAUSE_MAX);

    for (size_t i = 0; i < agent->authority_count; i++)
        if (agent->authorities[i]->paused_until > now + PAUSE_MAX)
            agent->authorities[i]->paused_until = 0;
    for (struct acme_job *job = agent->jobs; job; job = job->next) {
        if (job->due > longest)
            plan_retry(job);
        if (job->pair && job->renew_at > longest && job->renew_at > job->pair->ends)
            job->renew_at = acme_renewal_time(job->pair->begins, job->pair->ends, acme_chance());
    }
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
    acme_step_notice(agent);
    correct_plans(agent);
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

/* ---- How it ended ---- */

void acme_attempt_ended(struct acme_job *job)
{
    struct acme_agent *agent = job->agent;

    job->trying = false;
    agent->running--;
    acme_job_remember(job);
    acme_attempt_schedule(agent);
}

static void print_time(time_t when, char text[32])
{
    struct tm parts;

    *text = 0;
    if (gmtime_r(&when, &parts))
        strftime(text, 32, "%Y-%m-%d %H:%M:%S UTC", &parts);
}

/* An authority that wants every certificate to be renewed at once is followed once a day. */
static time_t restrain(struct acme_job *job, time_t when)
{
    const time_t now = acme_clock();

    if (when > now || !job->hurried) {
        job->hurried = when <= now;
        return when;
    }
    return job->last_try + DAY;
}

static void on_suggested(void *arg, time_t start, time_t end)
{
    struct acme_job *job = arg;
    time_t when;
    char text[32];

    if (!job->agent->leads || !job->pair || job->trying)
        return;
    when = acme_ari_time(start, end, job->renew_at, job->pair->begins, job->pair->ends, acme_chance());
    if (when != job->renew_at)
        when = restrain(job, when);
    if (when == job->renew_at)
        return;
    job->renew_at = when;
    print_time(job->renew_at, text);
    hg_log(instance_of(job), HG_LOG_INFO, "%s: the authority suggests another time: renewed from %s on", job->id, text);
    acme_job_remember(job);
    acme_attempt_wanted(job);
}

void acme_attempt_follow(struct acme_job *job)
{
    struct acme_agent *agent = job->agent;
    const struct acme_ca *ca = agent->authorities[job->issuer];
    const char *resource = ca->directory ? acme_ca_resource(ca, "renewalInfo") : NULL;

    if (!job->pair)
        return;
    if (!job->ari)
        job->ari = acme_ari_new(agent->worker, agent->https, on_suggested, job);
    if (job->ari)
        acme_ari_begin(job->ari, job->pair, ca->url, ca->directory && !resource ? "" : resource,
                       ca->directory ? 0 : agent->followed++ * FOLLOW_PAUSE);
}

/* Tells the operator's program. */
static void tell_hook(struct acme_job *job, const char *event)
{
    const char *hook = job->agent->config->hook;
    char *names = NULL, *expires = NULL, *error = NULL;
    size_t size = 0;
    FILE *stream = hook ? open_memstream(&names, &size) : NULL;

    if (!stream)
        return;
    for (size_t i = 0; i < job->name_count; i++)
        fprintf(stream, "%s%s", i ? " " : "HOPGATE_NAMES=", job->names[i]);
    fclose(stream);
    if (asprintf(&expires, "HOPGATE_EXPIRES=%lld", job->pair ? (long long)job->pair->ends : 0LL) < 0)
        expires = NULL;
    if (asprintf(&error, "HOPGATE_ERROR=%s", job->last_error ? job->last_error : "") < 0)
        error = NULL;
    if (names && expires && error)
        acme_program_run(&job->agent->programs, hook, (const char *[]){event, job->id, NULL},
                         (const char *[]){names, expires, error, NULL});
    free(names);
    free(expires);
    free(error);
}

/* One that is due while it is new shows that this clock and the authority's differ by weeks: no order after the other.
 */
static void postpone_renewal(struct acme_job *job)
{
    const time_t now = acme_clock(), soonest = now + (job->pair->ends - now) / 3;

    if (job->renew_at >= soonest)
        return;
    job->renew_at = soonest;
    hg_log(instance_of(job), HG_LOG_WARNING, "%s: this new certificate should be renewed already: is the clock right?",
           job->id);
}

static void issued(struct acme_job *job, const struct acme_result *result)
{
    const bool renewal = job->pair;
    char expires[32], renews[32];

    ++*job->agent->counters.issued;
    acme_secret_free(job->unsaved);
    job->unsaved = result->pem;
    job->failures = job->again = job->preference = 0;
    job->issuer = job->authority;
    job->authority = 0; /* the next time the first one is tried first again */
    job->due = 0;
    job->renew_now = false;
    acme_job_set_error(job, NULL);
    acme_agent_serve(job, result->pair);
    postpone_renewal(job);
    print_time(job->pair->ends, expires);
    print_time(job->renew_at, renews);
    hg_log(instance_of(job), HG_LOG_INFO, "%s: certificate %s %s; expires %s, renewed from %s on", job->id,
           job->pair->serial, renewal ? "renewed" : "issued", expires, renews);
    tell_hook(job, renewal ? "renewed" : "issued");
    if (!job->unsaved) {
        job->revoked = false;
        return;
    }
    job->failures = 1;
    plan(job, STORE_PAUSE);
    hg_log(instance_of(job), HG_LOG_ERROR, "%s: %s; it is served from memory and stored later", job->id, result->error);
}

/* The next authority at once; after the last one a pause, then the first again, with the other challenge. */
static bool next_authority(struct acme_job *job)
{
    job->authority = (job->authority + 1) % (unsigned)job->agent->authority_count;
    job->preference += !job->authority;
    return job->authority != 0;
}

static void pause_authority(struct acme_ca *ca, struct acme_job *job, int64_t retry_after)
{
    const time_t until = acme_clock() + (time_t)(retry_after < PAUSE_MAX ? retry_after : PAUSE_MAX);

    if (until <= ca->paused_until)
        return;
    ca->paused_until = until;
    acme_vault_put_json(&job->agent->vault, ACME_PAUSES, ca->id,
                        json_pack("{s:s, s:I}", "directory", ca->url, "until", (json_int_t)until), ignore, NULL);
}

static void failed(struct acme_job *job, const struct acme_result *result, struct acme_ca *ca)
{
    char when[32], left[64] = "";

    ++*job->agent->counters.failed;
    acme_job_set_error(job, result->error);
    if (result->outcome == ACME_LIMITED && result->retry_after)
        pause_authority(ca, job, result->retry_after);
    if (next_authority(job)) {
        hg_log(instance_of(job), HG_LOG_WARNING, "%s: %s: %s; the next authority is tried", job->id, ca->url,
               result->error);
        job->due = acme_clock();
        job->failures = job->failures ? job->failures : 1;
        return;
    }
    job->failures++;
    plan_retry(job);
    if (result->outcome == ACME_REJECTED)
        plan(job, REJECTED_PAUSE + (REJECTED_PAUSE_MAX - REJECTED_PAUSE) * acme_chance());
    if (job->agent->authority_count == 1 && job->due < ca->paused_until)
        job->due = ca->paused_until;
    print_time(job->due, when);
    if (job->pair)
        snprintf(left, sizeof left, "; the certificate lasts %.1f days more",
                 (double)(job->pair->ends - acme_clock()) / DAY);
    hg_log(instance_of(job), HG_LOG_ERROR, "%s: no certificate: %s; tried again %s%s", job->id, result->error, when,
           left);
    tell_hook(job, "failed");
}

static void on_ended(void *arg, const struct acme_result *result)
{
    struct acme_job *job = arg;
    struct acme_order *order = job->order;
    struct acme_ca *ca = job->agent->authorities[job->authority];

    job->order = NULL;
    if (result->outcome != ACME_ISSUED && result->outcome != ACME_LOST)
        acme_expiry_count(job->agent, result);
    switch (result->outcome) {
    case ACME_ISSUED:
        issued(job, result);
        break;
    case ACME_LOST:
        acme_order_free(order);
        acme_lead_lost(job->agent);
        return;
    case ACME_NOT_STORED:
        acme_job_set_error(job, result->error);
        hg_log(instance_of(job), HG_LOG_ERROR, "%s: nothing is ordered: %s", job->id, result->error);
        job->failures = job->failures ? job->failures : 1;
        plan(job, STORE_PAUSE);
        break;
    case ACME_AGAIN:
        hg_log(instance_of(job), HG_LOG_WARNING, "%s: %s: tried anew", job->id, result->error);
        if (job->again++ < AGAIN_MAX) {
            job->due = acme_clock();
            job->failures = job->failures ? job->failures : 1;
            break;
        }
        job->again = 0;
        failed(job, result, ca);
        break;
    default:
        failed(job, result, ca);
    }
    acme_order_free(order);
    acme_attempt_ended(job);
}

/* ---- One attempt ---- */

void acme_attempt_order(struct acme_job *job)
{
    struct acme_agent *agent = job->agent;
    const struct acme_wish wish = {.id = job->id,
                                   .names = (const char *const *)job->names,
                                   .name_count = job->name_count,
                                   .preference = job->preference,
                                   .before = job->pair,
                                   .replaces = job->pair && job->authority == job->issuer,
                                   .discard = job->revoked};

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
                                  job->record, on_ended, job);
    json_decref(job->record);
    job->record = NULL;
    if (job->order)
        return;
    plan(job, STORE_PAUSE);
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
        plan(job, STORE_PAUSE);
        job->failures = 1;
    }
    acme_attempt_ended(job);
}

/* What can be had at once: an authority that does not pause. */
static bool choose_authority(struct acme_job *job)
{
    const struct acme_agent *agent = job->agent;
    const time_t now = acme_clock();
    time_t first = 0;

    for (size_t i = 0; i < agent->authority_count; i++) {
        const struct acme_ca *ca = agent->authorities[job->authority];

        if (ca->paused_until <= now)
            return true;
        first = !first || ca->paused_until < first ? ca->paused_until : first;
        job->authority = (job->authority + 1) % (unsigned)agent->authority_count;
    }
    job->failures = job->failures ? job->failures : 1;
    job->due = first;
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
    agent->running++;
    if (job->unsaved)
        job->installation = acme_install(&agent->vault, job->id, job->unsaved, job->revoked, on_saved, job);
    else
        acme_reread(job);
    if (job->installation || job->reading)
        return;
    job->trying = false; /* the store has stopped, so do we */
    agent->running--;
    plan(job, STORE_PAUSE);
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
