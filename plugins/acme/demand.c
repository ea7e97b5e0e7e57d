/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/demand.h"

#include "plugins/acme/agent.h"
#include "plugins/acme/request.h"

#include <arpa/inet.h>
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
/* Of the questions that go on at once, those for one address. */
#define ASKS_PER_SOURCE 16
/* How long a renewal is put off that is not allowed at the moment. */
#define LATER_PAUSE 3600
/* How long after its end a certificate is forgotten, and how often one is looked for. */
#define SWEEP_AGE   86400
#define SWEEP_PAUSE (600 * HG_SECOND)

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
    free(agent->demand.quotas.sources);
    agent->demand.quotas.sources = NULL;
}

static void ignore(void *arg, const struct hg_store_answer *answer)
{
    (void)arg;
    (void)answer;
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

static void tell(struct acme_job *job, enum hg_level level, const char *error)
{
    ++*job->agent->counters.on_demand_refused;
    hg_log(job->agent->worker->instance, level, "%s: nothing is ordered on demand: %s", job->id, error);
    acme_job_set_error(job, error);
}

static void put_off(struct acme_job *job)
{
    job->failures++;
    job->due = acme_clock() + REFUSAL_PAUSE;
    acme_agent_wake(job);
}

void acme_demand_refuse(struct acme_job *job, const char *error)
{
    tell(job, HG_LOG_INFO, error);
    put_off(job);
}

/* The certificate that there is serves on. */
static void renew_later(struct acme_job *job, const char *why)
{
    job->renew_at = job->due = acme_clock() + LATER_PAUSE;
    hg_log(job->agent->worker->instance, HG_LOG_INFO, "%s: not renewed now: %s", job->id, why);
}

/* ---- `ask` ---- */

static void forget_question(struct acme_job *job)
{
    struct acme_demand *demand = &job->agent->demand;
    size_t i = 0;

    job->asking = NULL;
    while (demand->asking[i] != job)
        i++;
    demand->asking[i] = demand->asking[--demand->asking_count];
}

static void on_asked(void *arg, const struct https_response *response)
{
    struct acme_job *job = arg;
    char error[512];

    forget_question(job);
    if (!response->error && response->status == 200) {
        job->permitted = true;
        job->due = acme_clock();
        acme_attempt_wanted(job);
        return;
    }
    if (response->error)
        snprintf(error, sizeof error, "%s: %s", job->agent->config->ask, response->error);
    else
        snprintf(error, sizeof error, "%s says no (status %d)", job->agent->config->ask, response->status);
    if (acme_job_is_served(job))
        renew_later(job, error);
    else
        acme_demand_refuse(job, error);
}

/* Whoever is slow to answer is not asked for ever more names, nor by one address alone. */
static bool is_too_much(const struct acme_demand *demand, const struct acme_job *job)
{
    size_t same = 0;

    for (size_t i = 0; i < demand->asking_count; i++)
        same += !strcmp(demand->asking[i]->source.text, job->source.text);
    return demand->asking_count == ACME_ASKS_MAX || same >= ASKS_PER_SOURCE;
}

/* Only host names come here, which need no escaping in a URL. */
static bool ask(struct acme_job *job)
{
    struct acme_demand *demand = &job->agent->demand;
    const char *base = job->agent->config->ask;
    char *url = NULL;

    if (is_too_much(demand, job) || asprintf(&url, "%s%cdomain=%s", base, strchr(base, '?') ? '&' : '?', job->id) < 0)
        return false;
    job->asking =
        https_send(job->agent->https,
                   &(struct https_request){
                       .method = "GET", .url = url, .plain = true, .max_size = ASK_MAX, .timeout = ASK_TIMEOUT},
                   on_asked, job);
    free(url);
    if (job->asking)
        demand->asking[demand->asking_count++] = job;
    return job->asking;
}

static bool may_renew(struct acme_job *job)
{
    if (!acme_demand_is_alive(job->agent, job)) {
        renew_later(job, "nobody serves that name at the moment");
        return false;
    }
    if (!job->agent->config->ask || job->permitted) {
        job->permitted = false;
        return true;
    }
    if (!ask(job))
        renew_later(job, "too much is being asked for");
    return false;
}

bool acme_demand_may_begin(struct acme_job *job)
{
    if (acme_job_is_served(job))
        return may_renew(job);
    job->permitted = false;
    if (acme_demand_is_alive(job->agent, job))
        return true;
    acme_demand_refuse(job, "nobody serves that name any more");
    return false;
}

/* ---- Names ---- */

static bool is_idle(const struct acme_job *job)
{
    return !job->trying && !job->asking && !job->lookups && !job->requested && !job->delegating && !job->reading;
}

/* The oldest that has no certificate, and was not ordered in vain a moment ago. */
static bool make_room(struct acme_agent *agent)
{
    const time_t now = acme_clock();

    for (struct acme_job *job = agent->jobs; job; job = job->next)
        if (job->on_demand && !job->pair && is_idle(job) && (job->due <= now || !job->last_try)) {
            if (agent->leads && job->last_try)
                acme_vault_remove(&agent->vault, ACME_STATES, job->id, ignore, NULL);
            acme_agent_forget(job);
            return true;
        }
    return false;
}

static bool is_forgotten(const struct acme_job *job)
{
    const time_t now = acme_clock();

    return job->on_demand && job->pair && job->pair->ends + SWEEP_AGE <= now && job->due <= now && is_idle(job) &&
           !acme_requests_concern(job);
}

void acme_demand_sweep(struct acme_agent *agent)
{
    const hg_time now = hg_now(agent->worker);

    if (now - agent->demand.swept < SWEEP_PAUSE)
        return;
    agent->demand.swept = now;
    for (struct acme_job *job = agent->jobs, *next; job; job = next) {
        next = job->next;
        if (!is_forgotten(job))
            continue;
        hg_log(agent->worker->instance, HG_LOG_INFO, "%s: expired, and nobody wants another: kept no longer", job->id);
        acme_agent_forget(job);
    }
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

struct acme_source acme_demand_source(struct hg_text peer)
{
    const char *colon = peer.size ? memrchr(peer.data, ':', peer.size) : NULL;
    const size_t size = colon ? (size_t)(colon - peer.data) : peer.size;
    struct acme_source source;
    struct in6_addr address;

    snprintf(source.text, sizeof source.text, "%.*s", (int)size, peer.data);
    if (source.text[0] != '[' || !strchr(source.text, ']'))
        return source;
    *strchr(source.text, ']') = 0;
    if (inet_pton(AF_INET6, source.text + 1, &address) == 1) {
        memset(address.s6_addr + 8, 0, 8);
        inet_ntop(AF_INET6, &address, source.text, sizeof source.text);
    }
    return source;
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
    job->source = acme_demand_source(peer);
    job->due = 0;
    if (!agent->config->ask || ask(job))
        return job;
    ++*agent->counters.on_demand_refused;
    return NULL;
}

/* ---- Quotas ---- */

static uint64_t sum(const uint32_t orders[ACME_QUOTA_PARTS])
{
    uint64_t all = 0;

    for (size_t i = 0; i < ACME_QUOTA_PARTS; i++)
        all += orders[i];
    return all;
}

/* Begins the parts of the hour until now, and forgets what is past. */
static void move_on(struct acme_quotas *quotas, hg_time now)
{
    const uint64_t part = now / (HOUR / (ACME_QUOTA_PARTS - 1));

    for (int i = 0; quotas->part < part && i < ACME_QUOTA_PARTS; i++) {
        const size_t oldest = ++quotas->part % ACME_QUOTA_PARTS;

        quotas->orders[oldest] = 0;
        for (size_t j = 0; j < quotas->source_count; j++)
            quotas->sources[j].orders[oldest] = 0;
    }
    quotas->part = part; /* after a long time all of them are empty, whatever their numbers */
    for (size_t i = quotas->source_count; i--;)
        if (!sum(quotas->sources[i].orders))
            quotas->sources[i] = quotas->sources[--quotas->source_count];
}

static struct acme_quota_source *source_of(struct acme_quotas *quotas, const struct acme_source *address)
{
    struct acme_quota_source *sources;

    for (size_t i = 0; i < quotas->source_count; i++)
        if (!strcmp(quotas->sources[i].address.text, address->text))
            return &quotas->sources[i];
    sources = realloc(quotas->sources, (quotas->source_count + 1) * sizeof *sources);
    if (!sources)
        return NULL;
    quotas->sources = sources;
    sources[quotas->source_count] = (struct acme_quota_source){.address = *address};
    return &sources[quotas->source_count++];
}

const char *acme_quotas_count(struct acme_quotas *quotas, const struct acme_config *config,
                              const struct acme_source *address, hg_time now)
{
    struct acme_quota_source *source;

    move_on(quotas, now);
    if (sum(quotas->orders) >= (uint64_t)config->on_demand_per_hour)
        return "more certificates are wanted in an hour than on_demand_per_hour allows";
    source = source_of(quotas, address);
    if (!source || sum(source->orders) >= (uint64_t)config->on_demand_per_source)
        return "an address wants more certificates in an hour than on_demand_per_source allows";
    source->orders[quotas->part % ACME_QUOTA_PARTS]++;
    quotas->orders[quotas->part % ACME_QUOTA_PARTS]++;
    return NULL;
}

/* Strangers choose the names, and shall not fill the log: one warning an hour. */
bool acme_demand_count(struct acme_job *job)
{
    struct acme_agent *agent = job->agent;
    struct acme_demand *demand = &agent->demand;
    const hg_time now = hg_now(agent->worker);
    const char *refusal = acme_quotas_count(&demand->quotas, agent->config, &job->source, now);
    const bool told = demand->told && now - demand->told < HOUR;

    if (!refusal)
        return true;
    tell(job, told ? HG_LOG_DEBUG : HG_LOG_WARNING, refusal);
    demand->told = told ? demand->told : now;
    put_off(job);
    return false;
}
