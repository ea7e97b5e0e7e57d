/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/plan.h"

#include "plugins/acme/schedule.h"

/* An authority may say when to come back, but not send us away for ever. */
#define PAUSE_MAX ACME_DAY
/* The longest pause between attempts, in pauses after the first failure. */
#define RETRY_MAX 360
/* Until names that the authority will not have are tried again. */
#define REJECTED_PAUSE     (ACME_DAY * 0.9)
#define REJECTED_PAUSE_MAX (ACME_DAY * 1.1)

static double seconds(hg_time span)
{
    return (double)span / (double)HG_SECOND;
}

/* The wall clock counts whole seconds, and of this one a part is over already: it does not count. */
static time_t moment_after(time_t pause)
{
    return acme_clock() + 1 + pause;
}

/* What chance has made shorter than a second is one. */
void acme_plan(struct acme_job *job, double pause)
{
    job->due = moment_after(pause < 1 ? 1 : (time_t)pause);
}

void acme_plan_retry(struct acme_job *job)
{
    const struct acme_config *config = job->agent->config;

    acme_plan(job, acme_backoff(job->failures, seconds(config->retry), RETRY_MAX * seconds(config->retry),
                                job->pair ? job->pair->begins : 0, job->pair ? job->pair->ends : 0, acme_clock(),
                                acme_chance()));
}

void acme_plan_rejected(struct acme_job *job)
{
    acme_plan(job, REJECTED_PAUSE + (REJECTED_PAUSE_MAX - REJECTED_PAUSE) * acme_chance());
}

static void ignore(void *arg, const struct hg_store_answer *answer)
{
    (void)arg;
    (void)answer; /* what is remembered here is a convenience */
}

static time_t end_of_pause(int64_t retry_after)
{
    return moment_after((time_t)(retry_after < PAUSE_MAX ? retry_after : PAUSE_MAX));
}

void acme_plan_pause(struct acme_job *job, int64_t retry_after)
{
    job->paused_until[job->authority] = end_of_pause(retry_after);
}

void acme_plan_pause_account(struct acme_agent *agent, struct acme_authority *authority, int64_t retry_after)
{
    const time_t until = end_of_pause(retry_after);

    if (until <= authority->paused_until)
        return;
    authority->paused_until = until;
    acme_vault_put_json(&agent->vault, ACME_PAUSES, authority->id,
                        json_pack("{s:s, s:I}", "directory", authority->url, "until", (json_int_t)until), ignore, NULL);
}

/* Perhaps it was planned by the process before this one: no plan reaches further than the longest pause. */
void acme_plan_correct(struct acme_agent *agent)
{
    const double retry_max = RETRY_MAX * seconds(agent->config->retry);
    const time_t longest = moment_after((time_t)(retry_max > REJECTED_PAUSE_MAX ? retry_max : REJECTED_PAUSE_MAX));

    for (size_t i = 0; i < agent->authority_count; i++)
        if (agent->authorities[i].paused_until > moment_after(PAUSE_MAX))
            agent->authorities[i].paused_until = 0;
    for (struct acme_job *job = agent->jobs; job; job = job->next) {
        for (size_t i = 0; i < agent->authority_count; i++)
            if (job->paused_until[i] > moment_after(PAUSE_MAX))
                job->paused_until[i] = 0;
        if (job->due > longest)
            acme_plan_retry(job);
        if (job->pair && job->renew_at > longest && job->renew_at > job->pair->ends)
            job->renew_at = acme_renewal_time(job->pair->begins, job->pair->ends, acme_chance());
    }
}
