/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/delegate.h"

#include "plugins/acme/agent.h"
#include "plugins/acme/request.h"
#include "plugins/acme/schedule.h"

#include <stdio.h>

/* No handshake waits longer: what is older was left by a node that has died. */
#define STALE 300
/* How often the other node is told that a certificate should be renewed. */
#define RENEWAL_PAUSE (60 * HG_SECOND)

/* "order@NAME". False: it is too long for a key of the store. */
static bool request_name(char text[HG_STORE_SEGMENT_MAX + 1], const char *name)
{
    return snprintf(text, HG_STORE_SEGMENT_MAX + 1, ACME_ORDER "@%s", name) <= HG_STORE_SEGMENT_MAX;
}

/* The job of exactly that name, kept on demand; NULL: there is none. */
static struct acme_job *find(const struct acme_agent *agent, const char *name)
{
    struct acme_job *job = acme_index_find(&agent->index, hg_text(name));

    return job && job->on_demand && !strcmp(job->id, name) ? job : NULL;
}

static void ignore(void *arg, const struct hg_store_answer *answer)
{
    (void)arg;
    (void)answer; /* a request that stays is looked at again, and is stale some time */
}

/* ---- The node that wants it ---- */

static void on_left(void *arg, const struct hg_store_answer *answer)
{
    struct acme_job *job = arg;

    job->delegating = NULL;
    job->delegated = answer->status == HG_STORE_OK;
    if (!job->delegated && !acme_job_is_served(job))
        acme_demand_refuse(job, answer->error);
}

static void leave_request(struct acme_job *job)
{
    struct acme_agent *agent = job->agent;
    char name[HG_STORE_SEGMENT_MAX + 1];

    if (!request_name(name, job->id)) {
        acme_demand_refuse(job, "its name is too long");
        return;
    }
    if (!acme_job_is_served(job) && !acme_demand_count(job))
        return;
    job->delegating = acme_vault_put_json(
        &agent->vault, ACME_REQUESTS, name,
        json_pack("{s:s, s:s, s:I}", "node", agent->owner, "source", job->source.text, "at", (json_int_t)acme_clock()),
        on_left, job);
}

/* Somebody may have obtained it before. */
static void on_first_look(struct acme_agent *agent, const char *name, const struct hg_store_answer *answer)
{
    struct acme_job *job = find(agent, name);

    if (!job)
        return;
    acme_mirror_take(agent, name, answer);
    if (agent->leads)
        acme_attempt_wanted(job);
    else if (!job->delegating && (job->lookups || acme_job_is_served(job)) &&
             (!acme_job_is_served(job) || job->renew_at <= acme_clock()))
        leave_request(job);
}

void acme_delegate_want(struct acme_job *job)
{
    struct acme_agent *agent = job->agent;
    const hg_time now = hg_now(agent->worker);

    if (!job->on_demand || job->delegating ||
        (job->delegated && !acme_job_is_served(job) && now - job->delegated_at < STALE * HG_SECOND))
        return;
    job->delegated = job->permitted = false;
    job->delegated_at = now;
    acme_mirror_read(agent, ACME_CERTIFICATES, hg_text(job->id), on_first_look);
}

void acme_delegate_all(struct acme_agent *agent)
{
    for (struct acme_job *job = agent->jobs; job; job = job->next) {
        job->delegated = false;
        if (job->lookups && !job->asking && !acme_job_is_served(job))
            acme_delegate_want(job);
    }
}

void acme_delegate_renewal(struct acme_job *job)
{
    const struct acme_agent *agent = job->agent;
    const hg_time now = hg_now(agent->worker);

    if (!job->on_demand || agent->leads || !agent->elsewhere || acme_clock() < job->renew_at)
        return;
    if (job->delegated_at && now - job->delegated_at < RENEWAL_PAUSE)
        return;
    if (acme_demand_is_alive(agent, job))
        acme_delegate_want(job);
}

/* The request has gone: the certificate is there, or none comes. */
static void on_last_look(struct acme_agent *agent, const char *name, const struct hg_store_answer *answer)
{
    struct acme_job *job = find(agent, name);

    if (!job || agent->leads)
        return;
    acme_mirror_take(agent, name, answer);
    if (job->lookups && !acme_job_is_served(job))
        acme_demand_refuse(job, "the gateway that orders certificates has not obtained one");
}

static void on_waited(struct acme_agent *agent, const char *request, const struct hg_store_answer *answer)
{
    struct acme_job *job = find(agent, strchr(request, '@') + 1);

    if (!job || agent->leads || !job->delegated || answer->status != HG_STORE_NOT_FOUND)
        return;
    job->delegated = false;
    if (job->lookups)
        acme_mirror_read(agent, ACME_CERTIFICATES, hg_text(job->id), on_last_look);
}

/* ---- The node that orders ---- */

void acme_delegate_ended(struct acme_job *job)
{
    char name[HG_STORE_SEGMENT_MAX + 1];

    if (!job->requested)
        return;
    job->requested = false;
    if (request_name(name, job->id))
        acme_vault_remove(&job->agent->vault, ACME_REQUESTS, name, ignore, NULL);
}

/* What the request says against itself; NULL: nothing. */
static const char *fault_of(const struct acme_agent *agent, const char *name, const json_t *record)
{
    const time_t now = acme_clock(), at = (time_t)json_integer_value(json_object_get(record, "at"));
    char canonical[ACME_NAME_MAX + 1];

    if (!agent->config->on_demand)
        return "on_demand is off here";
    if (!acme_name_canonical(hg_text(name), canonical) || strcmp(canonical, name) != 0 ||
        acme_name_kind(hg_text(name)) != ACME_NAME_HOST)
        return "that is no host name";
    if (at < now - STALE || at > now + STALE)
        return "the request is not of this time; if it is, then the clocks of the gateways differ";
    return NULL;
}

/* The job that is to be ordered; NULL: nothing is to be done. */
static struct acme_job *take_up(struct acme_agent *agent, const char *name, const json_t *record)
{
    struct acme_job *job = acme_index_find(&agent->index, hg_text(name));
    const char *source = json_string_value(json_object_get(record, "source"));

    if (job && !find(agent, name))
        return NULL; /* the config has a certificate for it */
    if (!job)
        job = acme_demand_keep(agent, name);
    if (!job)
        return NULL;
    job->vouched = hg_now(agent->worker);
    job->used = true;
    if (job->trying || job->asking)
        return job;
    if (acme_job_is_served(job)) {
        if (acme_renewal_time(job->pair->begins, job->pair->ends, 1) > acme_clock())
            return NULL;
        if (job->renew_at > acme_clock())
            job->renew_at = acme_clock();
        return job;
    }
    if (job->failures && job->due > acme_clock())
        return NULL; /* it was tried a moment ago */
    job->due = 0;
    if (!job->lookups)
        snprintf(job->source.text, sizeof job->source.text, "%s", source ? source : "");
    return job;
}

static void on_request(struct acme_agent *agent, const char *request, const struct hg_store_answer *answer)
{
    const char *name = strchr(request, '@') + 1;
    json_t *record = acme_vault_json(answer);
    const char *fault = record ? fault_of(agent, name, record) : NULL;
    struct acme_job *job = NULL;

    if (!agent->leads || answer->status == HG_STORE_NOT_FOUND) {
        json_decref(record);
        return;
    }
    if (fault)
        hg_log(agent->worker->instance, HG_LOG_WARNING, "%s: a request by another node is not followed: %s", name,
               fault);
    else if (record)
        job = take_up(agent, name, record);
    json_decref(record);
    if (!job) {
        acme_vault_remove(&agent->vault, ACME_REQUESTS, request, ignore, NULL);
        return;
    }
    job->requested = true;
    acme_attempt_schedule(agent);
}

void acme_delegate_changed(struct acme_agent *agent, struct hg_text name)
{
    acme_mirror_read(agent, ACME_REQUESTS, name, agent->leads ? on_request : on_waited);
}
