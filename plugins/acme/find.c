/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The certificate for a handshake.
 */
#include "plugins/acme/agent.h"
#include "plugins/acme/delegate.h"

#include <stdlib.h>

/* How long what the store holds is waited for at the start, also where `wait` is 0: a moment, unless the disk hangs. */
#define READ_PATIENCE HG_SECOND

/* How long a handshake waits for what may come in the place of an expired certificate, and how old the attempt may be:
 * the usual one takes a second or two, after a time in which the gateway did not run. */
#define EXPIRED_PATIENCE (3 * HG_SECOND)
#define FRESH            (5 * HG_SECOND)

static bool is_being_read(const struct acme_job *job)
{
    return job->agent->unread && job->reading;
}

static bool is_being_replaced(const struct acme_job *job)
{
    const struct acme_agent *agent = job->agent;

    if (!agent->config->wait || job->on_demand || !job->pair || job->pair->ends > acme_clock())
        return false;
    return job->trying ? hg_now(agent->worker) - job->began < FRESH : !agent->settled && !agent->elsewhere;
}

/* Whether it pays to wait for a certificate: one is read from the store, or obtained, here or by another process. */
static bool is_coming(const struct acme_job *job)
{
    const struct acme_agent *agent = job->agent;

    if (acme_job_is_served(job))
        return is_being_replaced(job);
    if (is_being_read(job))
        return true;
    if (!agent->config->wait)
        return false;
    return (agent->leads && job->on_demand) || !agent->settled || agent->elsewhere || job->trying;
}

void acme_find_cancel(struct hg_certificate_lookup *lookup)
{
    *lookup->place = lookup->next;
    if (lookup->next)
        lookup->next->place = lookup->place;
    hg_timer_free(lookup->agent->worker->host, lookup->timer);
    free(lookup);
}

/* It took too long: what there is instead. */
static void on_timeout(void *arg)
{
    struct hg_certificate_lookup *lookup = arg;
    struct acme_job *job = lookup->job;
    const hg_certificate_done done = lookup->done;
    void *done_arg = lookup->arg;

    acme_find_cancel(lookup);
    done(done_arg, acme_agent_shown(job));
}

static struct hg_certificate_lookup *park(struct acme_job *job, hg_certificate_done done, void *arg)
{
    struct acme_agent *agent = job->agent;
    struct hg_certificate_lookup *lookup = calloc(1, sizeof *lookup);
    hg_time patience = agent->config->wait;

    if (!lookup)
        return NULL;
    *lookup = (struct hg_certificate_lookup){
        .agent = agent, .job = job, .next = job->lookups, .place = &job->lookups, .done = done, .arg = arg};
    lookup->timer = hg_timer_new(agent->worker, on_timeout, lookup);
    if (!lookup->timer) {
        free(lookup);
        return NULL;
    }
    if (is_being_read(job) && patience < READ_PATIENCE)
        patience = READ_PATIENCE;
    if (acme_job_is_served(job) && patience > EXPIRED_PATIENCE)
        patience = EXPIRED_PATIENCE;
    hg_timer_set(agent->worker->host, lookup->timer, patience);
    if (lookup->next)
        lookup->next->place = &lookup->next;
    job->lookups = lookup;
    return lookup;
}

static bool offers_validation(const struct hg_certificate_query *query)
{
    for (size_t i = 0; i < query->alpn_count; i++)
        if (hg_text_equal(query->alpn[i], HG_TEXT(HG_ALPN_ACME_TLS)))
            return true;
    return false;
}

struct hg_certificate *acme_find(struct acme_agent *agent, const struct hg_certificate_query *query,
                                 hg_certificate_done done, void *arg, struct hg_certificate_lookup **later)
{
    char name[ACME_NAME_MAX + 1] = "";
    bool begins = false;
    struct acme_job *job = agent->jobs; /* for who asks for no name, such as an address: the first of the config */

    *later = NULL;
    if (offers_validation(query))
        return acme_solvers_certificate(&agent->solvers, query);
    if (query->server_name.size)
        job = acme_name_canonical(query->server_name, name) ? acme_index_find(&agent->index, hg_text(name)) : NULL;
    if (query->server_name.size && agent->config->on_demand && *name &&
        (!job || (job->on_demand && !acme_job_is_served(job)))) {
        job = acme_demand_job(agent, job, name, query->peer);
        begins = job && !job->lookups && !job->asking;
    }
    if (!job)
        return NULL;
    if (job->on_demand)
        acme_demand_used(job);
    if (job->on_demand && acme_job_is_served(job))
        acme_delegate_renewal(job);
    if (is_coming(job)) {
        *later = park(job, done, arg);
        if (*later && begins)
            acme_attempt_wanted(job);
        if (*later)
            return NULL;
    }
    return acme_agent_shown(job);
}
