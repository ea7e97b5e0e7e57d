/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * How the certificates stand, for people: figures, and warnings of those that end soon. It looks at the clock by
 * itself, since what has stopped to work may be the rest: a lease that nobody gets, a process that orders and hangs.
 */
#include "plugins/acme/agent.h"
#include "plugins/acme/schedule.h"

#include <stdio.h>

#define DAY 86400
/* Between two looks, seconds. */
#define LOOK_PAUSE 600
/* When what the store holds has been read. */
#define FIRST_LOOK (5 * HG_SECOND)
/* Between two warnings: a part of the lifetime, a day at most. */
#define WARNINGS 32

/* ---- Figures ---- */

/* Strangers decide which certificates there are on demand, so these have no figures of their own. */
void acme_expiry_add(struct acme_job *job)
{
    struct hg_worker *worker = job->agent->worker;

    if (job->on_demand)
        return;
    job->figures.not_after = hg_gauge(worker, "not_after", job->id,
                                      "When the certificate expires, in seconds since 1970; 0: there is none.");
    job->figures.next_try =
        hg_gauge(worker, "next_try", job->id,
                 "When it is tried to obtain or renew it next; 0: not planned, or another process does.");
    job->figures.failures = hg_gauge(worker, "failures", job->id, "Attempts that have failed since the last success.");
}

void acme_expiry_count(struct acme_agent *agent, const struct acme_result *result)
{
    const char *kind = result->outcome == ACME_NOT_STORED ? "store" : result->kind;

    ++*hg_gauge(agent->worker, "errors", kind, "Attempts that failed, by the authority's type of error.");
}

void acme_expiry_show(const struct acme_job *job)
{
    if (!job->figures.not_after)
        return;
    *job->figures.not_after = job->pair ? (uint64_t)job->pair->ends : 0;
    *job->figures.next_try = job->agent->leads ? (uint64_t)acme_job_due(job) : 0;
    *job->figures.failures = job->failures;
}

void acme_expiry_show_all(struct acme_agent *agent)
{
    uint64_t first = 0, count = 0;

    for (const struct acme_job *job = agent->jobs; job; job = job->next) {
        acme_expiry_show(job);
        if (!job->pair)
            continue;
        count++;
        first = !first || (uint64_t)job->pair->ends < first ? (uint64_t)job->pair->ends : first;
    }
    *hg_gauge(agent->worker, "certificates", NULL, "Certificates that are served, those on demand as well.") = count;
    *hg_gauge(agent->worker, "first_not_after", NULL, "When the first of them expires; 0: there is none.") = first;
}

/* ---- Warnings ---- */

static const char *reason_of(const struct acme_job *job)
{
    const struct acme_agent *agent = job->agent;

    if (agent->leads)
        return job->last_error ? job->last_error : "no attempt has ended yet";
    return agent->elsewhere ? "another process orders certificates; its log tells more"
                            : "the store lets no process order certificates";
}

/* A failed attempt tells the days left, too, and the days of a certificate on demand may be over for good. */
static bool is_told(const struct acme_job *job, time_t now, time_t pause)
{
    if (job->on_demand && !job->failures)
        return true;
    if (job->agent->leads && job->failures && now - job->last_try < pause)
        return true;
    return job->warned && now - job->warned < pause;
}

/* That is told once at any rate. */
static bool has_just_expired(const struct acme_job *job, time_t now)
{
    return job->pair->ends <= now && job->warned < job->pair->ends && (!job->on_demand || job->failures);
}

static void warn(struct acme_job *job, time_t now)
{
    const struct acme_pair *pair = job->pair;
    const time_t part = (pair->ends - pair->begins) / WARNINGS, pause = part < DAY ? part : DAY;
    const double days = (double)(pair->ends - now) / DAY;

    if (!has_just_expired(job, now) &&
        (!acme_is_emergency(pair->begins, pair->ends, now) || now < job->renew_at || is_told(job, now, pause)))
        return;
    job->warned = now;
    if (days > 0)
        hg_log(job->agent->worker->instance, HG_LOG_WARNING, "%s: the certificate expires in %.1f days: %s", job->id,
               days, reason_of(job));
    else
        hg_log(job->agent->worker->instance, HG_LOG_ERROR, "%s: the certificate has expired, %s: %s", job->id,
               acme_moment(pair->ends).text, reason_of(job));
}

static void look(void *arg)
{
    struct acme_agent *agent = arg;
    const time_t now = acme_clock();
    time_t pause = LOOK_PAUSE;

    acme_expiry_show_all(agent);
    for (struct acme_job *job = agent->jobs; job; job = job->next) {
        if (job->pair)
            warn(job, now);
        if (job->pair && job->pair->ends > now && job->pair->ends - now < pause)
            pause = job->pair->ends - now;
    }
    hg_timer_set(agent->worker->host, agent->expiry_timer, (hg_time)pause * HG_SECOND);
}

bool acme_expiry_begin(struct acme_agent *agent)
{
    agent->expiry_timer = hg_timer_new(agent->worker, look, agent);
    if (!agent->expiry_timer)
        return false;
    hg_timer_set(agent->worker->host, agent->expiry_timer, FIRST_LOOK);
    return true;
}
