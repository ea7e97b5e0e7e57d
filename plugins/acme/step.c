/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The wall clock, by which certificates live, is set now and then, and sometimes wrongly: what it has skipped is
 * noticed by the monotonic clock, which stands still while the machine sleeps and is never set.
 */
#include "plugins/acme/agent.h"
#include "plugins/acme/clock.h"
#include "plugins/acme/schedule.h"

/* What corrections in small steps amount to between two looks, at most. */
#define TOLERANCE 300
/* Within how long what became due at once is renewed, one after the other: time enough for somebody to set the clock
 * right again. Of a certificate that has no longer to live it is the half of that, of an expired one only a little. */
#define SPREAD         3600
#define SPREAD_EXPIRED 300

static void spread(struct acme_job *job, time_t skipped)
{
    const time_t now = acme_clock();
    time_t most = SPREAD;

    if (!job->pair || job->renew_now || job->renew_at > now || job->renew_at <= now - skipped)
        return;
    if (job->pair->ends <= now)
        most = SPREAD_EXPIRED;
    else if ((job->pair->ends - now) / 2 < most)
        most = (job->pair->ends - now) / 2;
    job->renew_at = now + (time_t)((double)most * acme_chance());
}

/* What was chosen by a clock that was ahead. */
static void choose_again(struct acme_job *job)
{
    if (job->pair && job->renew_at > acme_renewal_time(job->pair->begins, job->pair->ends, 0))
        job->renew_at = acme_renewal_time(job->pair->begins, job->pair->ends, acme_chance());
}

void acme_step_notice(struct acme_agent *agent)
{
    const time_t offset = acme_clock() - (time_t)(acme_steady_clock() / HG_SECOND);
    const time_t skipped = agent->looked ? offset - agent->clock_offset : 0;

    agent->looked = true;
    agent->clock_offset = offset;
    if (skipped > -TOLERANCE && skipped < TOLERANCE)
        return;
    hg_log(agent->worker->instance, HG_LOG_WARNING,
           "the clock has gone %s by %lld s: somebody has set it, or the machine has slept; certificates that are due "
           "by that are renewed one after the other",
           skipped > 0 ? "ahead" : "back", (long long)(skipped > 0 ? skipped : -skipped));
    for (struct acme_job *job = agent->jobs; job; job = job->next)
        if (skipped > 0)
            spread(job, skipped);
        else
            choose_again(job);
}
