/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What follows from how an attempt ends.
 */
#include "plugins/acme/key.h"
#include "plugins/acme/plan.h"
#include "plugins/acme/schedule.h"

#include <stdio.h>
#include <stdlib.h>

/* Attempts at once after something at fault was forgotten. */
#define AGAIN_MAX 3
/* Until the clock is looked at again where the authority's says that nothing is due, in seconds. */
#define EARLY_PAUSE 3600
/* Until a certificate that another gateway orders is looked at again. */
#define BUSY_PAUSE 5
/* How often an order that was finalized is taken up again before the next authority is tried. With the usual pauses
 * this is after a quarter of an hour if the authority is down, and after an hour if it neither issues nor refuses. */
#define RESUMPTIONS_MAX 4

static struct hg_instance *instance_of(const struct acme_job *job)
{
    return job->agent->worker->instance;
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

    ++*job->agent->counters.issued;
    job->failures = job->again = job->preference = 0;
    json_decref(job->wishes);
    job->wishes = acme_options_wishes(job->agent->config, job->agent->authorities[job->authority].url);
    job->authority = 0; /* the next time the first one is tried first again */
    job->due = 0;
    job->renew_now = job->used = false;
    acme_job_set_error(job, NULL);
    acme_agent_serve(job, result->pair);
    job->unsaved = result->pem;
    postpone_renewal(job);
    hg_log(instance_of(job), HG_LOG_INFO, "%s: certificate %s %s; expires %s, renewed from %s on", job->id,
           job->pair->serial, renewal ? "renewed" : "issued", acme_moment(job->pair->ends).text,
           acme_moment(job->renew_at).text);
    tell_hook(job, renewal ? "renewed" : "issued");
    if (!job->unsaved) {
        job->revoked = false;
        return;
    }
    job->failures = 1;
    acme_plan(job, ACME_STORE_PAUSE);
    hg_log(instance_of(job), HG_LOG_ERROR, "%s: %s; it is served from memory and stored later", job->id, result->error);
}

/* The next authority at once; after the last one a pause, then the first again, with the other challenge if one of them
 * was not satisfied. */
static bool next_authority(struct acme_job *job)
{
    job->authority = (job->authority + 1) % (unsigned)job->agent->authority_count;
    if (job->authority)
        return true;
    job->preference += job->unproved;
    job->unproved = false;
    return false;
}

/* Another order elsewhere would take the place of this one in the store, and it would be issued in vain. */
static bool stays(struct acme_job *job, const struct acme_result *result)
{
    if (result->resumable && job->resumptions < RESUMPTIONS_MAX &&
        acme_job_paused_until(job, job->authority) <= acme_clock() + ACME_STAY_PAUSE) {
        job->resumptions++;
        return true;
    }
    job->resumptions = 0;
    return false;
}

static void failed(struct acme_job *job, const struct acme_result *result, struct acme_authority *authority)
{
    char left[64] = "";
    time_t paused;

    ++*job->agent->counters.failed;
    acme_job_set_error(job, result->error);
    job->unproved |= result->of_names;
    if (result->retry_after && result->of_account)
        acme_plan_pause_account(job->agent, authority, result->retry_after);
    else if (result->retry_after)
        acme_plan_pause(job, result->retry_after);
    if (!stays(job, result) && next_authority(job)) {
        hg_log(instance_of(job), HG_LOG_WARNING, "%s: %s: %s; the next authority is tried", job->id, authority->url,
               result->error);
        job->due = acme_clock();
        job->failures = job->failures ? job->failures : 1;
        return;
    }
    job->failures++;
    acme_plan_retry(job);
    if (result->outcome == ACME_REJECTED)
        acme_plan_rejected(job);
    paused = acme_job_paused_until(job, job->authority);
    if ((job->agent->authority_count == 1 || job->resumptions) && job->due < paused)
        job->due = paused;
    if (job->pair)
        snprintf(left, sizeof left, "; the certificate lasts %.1f days more",
                 (double)(job->pair->ends - acme_clock()) / ACME_DAY);
    hg_log(instance_of(job), HG_LOG_ERROR, "%s: no certificate: %s; tried again %s%s", job->id, result->error,
           acme_moment(job->due).text, left);
    tell_hook(job, "failed");
}

/* Tried each minute, so the operator's program is told once of each reason. */
static void not_stored(struct acme_job *job, const struct acme_result *result)
{
    const bool told = job->failures && job->last_error && !strcmp(job->last_error, result->error);

    ++*job->agent->counters.failed;
    acme_job_set_error(job, result->error);
    job->failures = job->failures ? job->failures : 1;
    acme_plan(job, ACME_STORE_PAUSE);
    hg_log(instance_of(job), HG_LOG_ERROR, "%s: nothing is ordered: %s", job->id, result->error);
    if (!told)
        tell_hook(job, "failed");
}

/* What could not be stored before. */
static void saved(struct acme_job *job, char *pem)
{
    acme_secret_free(pem);
    if (pem) {
        acme_plan(job, ACME_STORE_PAUSE);
        job->failures = 1;
        return;
    }
    hg_log(instance_of(job), HG_LOG_INFO, "%s: the certificate is stored now", job->id);
    acme_secret_free(job->unsaved);
    job->unsaved = NULL;
    job->failures = 0;
    job->revoked = false;
}

/* What was at fault has been forgotten. */
static void again(struct acme_job *job, const struct acme_result *result, struct acme_authority *authority)
{
    hg_log(instance_of(job), HG_LOG_WARNING, "%s: %s: tried anew", job->id, result->error);
    job->resumptions = 0;
    if (job->again++ < AGAIN_MAX) {
        job->due = acme_clock();
        job->failures = job->failures ? job->failures : 1;
        return;
    }
    job->again = 0;
    failed(job, result, authority);
}

json_t *acme_outcome(void *arg, const struct acme_result *result)
{
    struct acme_job *job = arg;
    struct acme_authority *authority = &job->agent->authorities[job->authority];

    if (result->worked != ACME_CHALLENGE_TYPES)
        job->worked = result->worked;
    switch (result->outcome) {
    case ACME_ISSUED:
        if (result->pair)
            issued(job, result);
        else
            saved(job, result->pem);
        break;
    case ACME_LOST:
        /* The new holder may obtain the same by what the store holds of the order, or one that is newer still; or there
         * is no new holder, since somebody has removed the lease. */
        if (result->pair)
            issued(job, result);
        else
            acme_plan(job, BUSY_PAUSE);
        return NULL;
    case ACME_BUSY:
        acme_plan(job, BUSY_PAUSE);
        return NULL;
    case ACME_DECLINED:
        if (job->on_demand && !job->pair)
            return NULL; /* strangers choose such names */
        break;
    case ACME_EARLY:
        job->failures = 0;
        acme_job_set_error(job, NULL);
        acme_plan(job, EARLY_PAUSE);
        break;
    case ACME_NOT_STORED:
        acme_expiry_count(job->agent, result);
        not_stored(job, result);
        break;
    case ACME_AGAIN:
        acme_expiry_count(job->agent, result);
        again(job, result, authority);
        break;
    default:
        acme_expiry_count(job->agent, result);
        failed(job, result, authority);
    }
    return acme_job_state(job);
}
