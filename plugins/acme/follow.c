/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * When the authority would like a certificate to be renewed (RFC 9773).
 */
#include "plugins/acme/plan.h"
#include "plugins/acme/schedule.h"

/* Between the questions at the start, so that they do not come all at once. */
#define FOLLOW_PAUSE (50 * HG_MILLISECOND)

/* An authority that wants every certificate to be renewed at once is followed once a day. */
static time_t restrain(struct acme_job *job, time_t when)
{
    const time_t now = acme_clock();

    if (when > now || !job->hurried) {
        job->hurried = when <= now;
        return when;
    }
    return job->last_try + ACME_DAY;
}

static void on_suggested(void *arg, time_t start, time_t end)
{
    struct acme_job *job = arg;
    time_t when;

    if (!job->agent->leads || !job->pair)
        return;
    when = acme_ari_time(start, end, job->renew_at, job->pair->begins, job->pair->ends, acme_chance());
    if (when != job->renew_at)
        when = restrain(job, when);
    if (when == job->renew_at)
        return;
    job->renew_at = when;
    hg_log(job->agent->worker->instance, HG_LOG_INFO, "%s: the authority suggests another time: renewed from %s on",
           job->id, acme_moment(job->renew_at).text);
    acme_job_remember(job);
    acme_attempt_wanted(job);
}

void acme_follow(struct acme_job *job)
{
    struct acme_agent *agent = job->agent;
    struct acme_authority *authority = acme_job_issuer(job);

    if (!job->pair || !authority)
        return;
    if (!job->ari)
        job->ari = acme_ari_new(agent->worker, agent->https, on_suggested, job);
    if (job->ari)
        acme_ari_begin(job->ari, job->pair, authority, authority->known ? 0 : agent->followed++ * FOLLOW_PAUSE);
}
