/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/demand.h"

#include "plugins/acme/agent.h"

#include <stdio.h>
#include <stdlib.h>

/* Names kept without a certificate. Beyond them the oldest that has had its turn makes room. */
#define NAMES_MAX 4096
#define HOUR      (3600 * HG_SECOND)
/* How long it counts that a name is served at another node. */
#define VOUCH_TIME HOUR
/* How long a refusal by `ask` holds, and how long it may take. */
#define REFUSAL_PAUSE 60
#define ASK_TIMEOUT   (5 * HG_SECOND)
#define ASK_MAX       65536

void acme_demand_begin(struct acme_agent *agent)
{
    struct hg_capability routes;

    if (!agent->config->on_demand || !hg_capability(agent->worker->instance, HG_ROUTES, HG_ROUTES_VERSION, &routes))
        return;
    agent->demand.routes = routes.ops;
    agent->demand.provider = hg_capability_worker(agent->worker, &routes);
}

void acme_demand_end(struct acme_agent *agent)
{
    free(agent->demand.sources);
    agent->demand.sources = NULL;
}

/* ---- Permission ---- */

static bool is_served(const struct acme_agent *agent, const char *name)
{
    const struct acme_demand *demand = &agent->demand;

    return demand->routes && demand->routes->served(demand->provider, hg_text(name)) == HG_SERVED_LIVE;
}

bool acme_demand_is_alive(const struct acme_agent *agent, const struct acme_job *job)
{
    const bool vouched = job->vouched && hg_now(agent->worker) - job->vouched < VOUCH_TIME;

    return agent->config->ask || vouched || is_served(agent, job->id);
}

void acme_demand_refuse(struct acme_job *job, const char *error)
{
    ++*job->agent->counters.on_demand_refused;
    hg_log(job->agent->worker->instance, HG_LOG_INFO, "%s: nothing is ordered on demand: %s", job->id, error);
    acme_job_set_error(job, error);
    job->failures++;
    job->due = acme_clock() + REFUSAL_PAUSE;
    acme_agent_wake(job);
}

static void on_asked(void *arg, const struct https_response *response)
{
    struct acme_job *job = arg;
    char error[512];

    job->asking = NULL;
    if (!response->error && response->status == 200) {
        job->due = acme_clock();
        acme_attempt_wanted(job);
        return;
    }
    if (response->error)
        snprintf(error, sizeof error, "%s: %s", job->agent->config->ask, response->error);
    else
        snprintf(error, sizeof error, "%s says no (status %d)", job->agent->config->ask, response->status);
    acme_demand_refuse(job, error);
}

/* Only host names come here, which need no escaping in a URL. */
static bool ask(struct acme_job *job)
{
    const char *base = job->agent->config->ask;
    char *url = NULL;

    if (asprintf(&url, "%s%cdomain=%s", base, strchr(base, '?') ? '&' : '?', job->id) < 0)
        return false;
    job->asking =
        https_send(job->agent->https,
                   &(struct https_request){
                       .method = "GET", .url = url, .plain = true, .max_size = ASK_MAX, .timeout = ASK_TIMEOUT},
                   on_asked, job);
    free(url);
    return job->asking;
}

/* ---- Names ---- */

/* The oldest whose refusal has run out. */
static bool make_room(struct acme_agent *agent)
{
    const time_t now = acme_clock();

    for (struct acme_job *job = agent->jobs; job; job = job->next)
        if (job->on_demand && !job->pair && !job->trying && !job->asking && !job->lookups && !job->requested &&
            !job->delegating && job->due <= now) {
            acme_agent_forget(job);
            return true;
        }
    return false;
}

struct acme_job *acme_demand_keep(struct acme_agent *agent, const char *name)
{
    struct acme_job *job;

    if (agent->demand.names >= NAMES_MAX && !make_room(agent))
        return NULL;
    job = acme_job_new(agent, &name, 1, true);
    if (!job || !acme_agent_keep(agent, job))
        return NULL;
    agent->demand.names++;
    return job;
}

static void take_source(struct acme_job *job, struct hg_text peer)
{
    const char *colon = peer.size ? memrchr(peer.data, ':', peer.size) : NULL;
    const size_t size = colon ? (size_t)(colon - peer.data) : peer.size;

    snprintf(job->source, sizeof job->source, "%.*s", (int)size, peer.data);
}

struct acme_job *acme_demand_job(struct acme_agent *agent, struct acme_job *known, const char *name,
                                 struct hg_text peer)
{
    struct acme_job *job = known;
    bool first;

    if (known && (known->trying || known->asking))
        return known;
    first = !known || !known->lookups;
    if (known && known->failures && known->due > acme_clock())
        return NULL; /* it was tried a moment ago */
    if (acme_name_kind(hg_text(name)) != ACME_NAME_HOST || (!agent->config->ask && !is_served(agent, name))) {
        ++*agent->counters.on_demand_refused;
        return NULL;
    }
    if (!job)
        job = acme_demand_keep(agent, name);
    if (!job || !first)
        return job;
    take_source(job, peer);
    job->due = 0;
    if (agent->config->ask && !ask(job))
        return NULL;
    return job;
}

/* ---- Quotas ---- */

static struct acme_demand_source *source_of(struct acme_demand *demand, const char *address)
{
    struct acme_demand_source *sources;

    for (size_t i = 0; i < demand->source_count; i++)
        if (!strcmp(demand->sources[i].address, address))
            return &demand->sources[i];
    sources = realloc(demand->sources, (demand->source_count + 1) * sizeof *sources);
    if (!sources)
        return NULL;
    demand->sources = sources;
    sources[demand->source_count] = (struct acme_demand_source){0};
    snprintf(sources[demand->source_count].address, sizeof sources->address, "%s", address);
    return &sources[demand->source_count++];
}

bool acme_demand_count(struct acme_agent *agent, const struct acme_job *job, const char **why)
{
    struct acme_demand *demand = &agent->demand;
    const hg_time now = hg_now(agent->worker);
    struct acme_demand_source *source;

    if (now - demand->hour_began >= HOUR) {
        demand->hour_began = now;
        demand->orders = 0;
        demand->source_count = 0;
    }
    *why = "more certificates are wanted in this hour than on_demand_per_hour allows";
    if (demand->orders >= agent->config->on_demand_per_hour)
        return false;
    source = source_of(demand, job->source);
    *why = "this address wants more certificates in this hour than on_demand_per_source allows";
    if (!source || source->orders >= agent->config->on_demand_per_source)
        return false;
    source->orders++;
    demand->orders++;
    return true;
}
