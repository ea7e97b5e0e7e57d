/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/demand.h"

#include "plugins/acme/agent.h"
#include "plugins/acme/client.h"
#include "plugins/acme/request.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

/* Names kept without a certificate. Beyond them the oldest that has had its turn makes room. */
#define NAMES_MAX 4096

/* How long it counts that a name is served at another node. */
#define VOUCH_TIME (3600 * HG_SECOND)
/* How long a refusal by `ask` holds, and how long it may take. */
#define REFUSAL_PAUSE 60
#define ASK_TIMEOUT   (5 * HG_SECOND)
#define ASK_MAX       65536
/* Of the questions that go on at once, those for one address. */
#define ASKS_PER_SOURCE 16
/* How long a renewal is put off that is not allowed at the moment. */
#define LATER_PAUSE 3600
/* How long after its end a certificate goes from memory and from the store, and how often one is looked for. The store
 * keeps it longer, since the clock may be ahead. */
#define FORGET_AGE        86400
#define REMOVE_AGE        (7 * 86400)
#define SWEEP_PAUSE       (600 * HG_SECOND)
#define STORE_SWEEP_PAUSE (86400 * HG_SECOND)
/* Strangers choose the names that are refused: a line in the log each minute is enough. */
#define LOG_PAUSE (60 * HG_SECOND)
/* Where the store counts the orders. */
#define QUOTAS_NAME "on-demand"

enum refusal { REFUSED_NAME, REFUSED_BY_QUOTA };

void acme_demand_begin(struct acme_agent *agent)
{
    struct hg_capability routes;

    if (!agent->config->on_demand || !hg_capability(agent->worker->instance, HG_ROUTES, HG_ROUTES_VERSION, &routes))
        return;
    agent->demand.routes = routes.ops;
    agent->demand.provider = hg_capability_worker(agent->worker, &routes);
    if (!agent->config->ask && !agent->demand.routes->names_hosts(agent->demand.provider))
        hg_log(agent->worker->instance, HG_LOG_WARNING, "on_demand: " ACME_NO_PERMISSION);
}

void acme_demand_end(struct acme_agent *agent)
{
    free(agent->demand.quotas.orders);
    agent->demand.quotas.orders = NULL;
}

static void ignore(void *arg, const struct hg_store_answer *answer)
{
    (void)arg;
    (void)answer;
}

/* ---- Permission ---- */

/* A wildcard's route is no permission: whoever makes up names below it would have them ordered. */
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

static void refuse(struct acme_job *job, enum refusal kind, const char *error)
{
    struct acme_agent *agent = job->agent;
    struct acme_demand_refusals *refusals = &agent->demand.refusals[kind];
    const enum hg_level level = kind == REFUSED_BY_QUOTA ? HG_LOG_WARNING : HG_LOG_INFO;

    ++*agent->counters.on_demand_refused;
    hg_log(agent->worker->instance, refusals->since ? HG_LOG_DEBUG : level, "%s: nothing is ordered on demand: %s",
           job->id, error);
    refusals->count += refusals->since != 0;
    refusals->since = refusals->since ? refusals->since : hg_now(agent->worker);
    acme_job_set_error(job, error);
    job->failures++;
    job->due = acme_clock() + REFUSAL_PAUSE;
    acme_agent_wake(job);
}

void acme_demand_refuse(struct acme_job *job, const char *error)
{
    refuse(job, REFUSED_NAME, error);
}

static void sum_up(struct acme_agent *agent)
{
    const hg_time now = hg_now(agent->worker);

    for (int kind = REFUSED_NAME; kind <= REFUSED_BY_QUOTA; kind++) {
        struct acme_demand_refusals *refusals = &agent->demand.refusals[kind];

        if (!refusals->since || now - refusals->since < LOG_PAUSE)
            continue;
        if (refusals->count)
            hg_log(agent->worker->instance, kind == REFUSED_BY_QUOTA ? HG_LOG_WARNING : HG_LOG_INFO,
                   "nothing was ordered on demand for %u more names: %s", refusals->count,
                   kind == REFUSED_BY_QUOTA ? "on_demand_per_hour, or what one address may want, is used up"
                                            : "they are not permitted");
        refusals->since = refusals->count ? now : 0;
        refusals->count = 0;
    }
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

bool acme_demand_keep_expired(struct acme_job *job, struct acme_pair *pair)
{
    if (!job->on_demand || job->pair || !acme_pair_is_for(pair, (const char *const *)job->names, job->name_count))
        return false;
    job->agent->demand.names--;
    acme_job_take(job, pair);
    return true;
}

/* What became due while nobody used it is renewed now. */
void acme_demand_used(struct acme_job *job)
{
    if (job->used)
        return;
    job->used = true;
    if (acme_job_is_served(job) && job->renew_at <= acme_clock())
        acme_attempt_wanted(job);
}

/* ---- Names ---- */

/* The job whose first name that is, rather than one for a wildcard that covers it. */
static struct acme_job *find_exact(const struct acme_agent *agent, struct hg_text name)
{
    struct acme_job *job = acme_index_find(&agent->index, name);

    return job && hg_text_equal(hg_text(job->id), name) ? job : NULL;
}

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

bool acme_demand_count(struct acme_job *job)
{
    struct acme_agent *agent = job->agent;
    struct acme_quotas *quotas = &agent->demand.quotas;
    const char *refusal = acme_quotas_count(quotas, agent->config, &job->source, acme_clock());

    if (refusal) {
        refuse(job, REFUSED_BY_QUOTA, refusal);
        return false;
    }
    if (agent->leads)
        acme_vault_put_json(&agent->vault, ACME_QUOTAS, QUOTAS_NAME, acme_quotas_state(quotas), ignore, NULL);
    return true;
}

static void on_recalled(void *arg, const struct hg_store_answer *answer)
{
    struct acme_agent *agent = arg;
    json_t *state = acme_vault_json(answer);

    agent->demand.recalling = NULL;
    if (state)
        acme_quotas_recall(&agent->demand.quotas, state);
    json_decref(state);
    agent->demand.recalled(agent);
}

bool acme_demand_recall(struct acme_agent *agent, void (*recalled)(struct acme_agent *agent))
{
    agent->demand.recalled = recalled;
    agent->demand.recalling = acme_vault_get(&agent->vault, ACME_QUOTAS, QUOTAS_NAME, on_recalled, agent);
    return agent->demand.recalling;
}

void acme_demand_forsake(struct acme_agent *agent)
{
    acme_vault_cancel(&agent->vault, agent->demand.recalling);
    acme_vault_cancel(&agent->vault, agent->demand.sweeping);
    if (agent->demand.timing)
        acme_task_cancel(agent->demand.timing);
    agent->demand.recalling = agent->demand.sweeping = NULL;
    agent->demand.timing = NULL;
}

/* ---- What nobody uses ---- */

static bool is_forgotten(const struct acme_job *job)
{
    const time_t now = acme_clock();

    return job->on_demand && job->pair && job->pair->ends + FORGET_AGE <= now && job->due <= now && is_idle(job);
}

static void forget_expired(struct acme_agent *agent)
{
    for (struct acme_job *job = agent->jobs, *next; job; job = next) {
        next = job->next;
        if (!is_forgotten(job))
            continue;
        hg_log(agent->worker->instance, HG_LOG_INFO, "%s: expired, and nobody wants another: kept no longer", job->id);
        acme_agent_forget(job);
    }
}

/* What the store remembers of a name that is neither in the config nor in use. */
static void on_unused(struct acme_agent *agent, const char *name, const struct hg_store_answer *answer)
{
    static const char *const kinds[] = {ACME_CERTIFICATES, ACME_PREVIOUS, ACME_ORDERS, ACME_STATES};
    json_t *state = acme_vault_json(answer);
    const time_t expires = (time_t)json_integer_value(json_object_get(state, "expires"));
    const time_t last_try = (time_t)json_integer_value(json_object_get(state, "last_try"));
    const time_t last = expires > last_try ? expires : last_try;
    const time_t now = acme_clock() - agent->authorities[0].ahead;

    json_decref(state);
    if (!state || !agent->leads || find_exact(agent, hg_text(name)) || last + REMOVE_AGE > now)
        return;
    hg_log(agent->worker->instance, HG_LOG_INFO, "%s: expired, and nobody wants another: removed from the store", name);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        acme_vault_remove(&agent->vault, kinds[i], name, ignore, NULL);
}

static void list_states(struct acme_agent *agent);

/* Nothing is removed by a clock that is ahead, which the authority tells with its directory. */
static void read_time(struct acme_task *task, void *arg)
{
    struct acme_agent *agent = arg;
    struct acme_client client;

    acme_client_init(&client, task, agent->https, &agent->authorities[0]);
    agent->demand.timed = acme_client_read_directory(&client);
    acme_client_end(&client);
}

static void on_time(void *arg)
{
    struct acme_agent *agent = arg;

    agent->demand.timing = NULL;
    if (agent->demand.timed)
        list_states(agent);
}

static void ask_time(struct acme_agent *agent)
{
    if (agent->authorities[0].paused_until <= acme_clock())
        agent->demand.timing = acme_task_begin(agent->worker, read_time, on_time, agent);
}

static void on_listed(void *arg, const struct hg_store_answer *answer)
{
    struct acme_agent *agent = arg;
    const bool timed = agent->demand.timed;

    agent->demand.sweeping = NULL;
    agent->demand.timed = false;
    for (size_t i = 0; i < answer->count; i++) {
        const struct hg_text name = acme_vault_name(answer->entries[i].key);

        if (find_exact(agent, name))
            continue;
        if (!timed) {
            ask_time(agent);
            return;
        }
        acme_mirror_read(agent, ACME_STATES, name, on_unused);
    }
}

static void list_states(struct acme_agent *agent)
{
    agent->demand.sweeping = acme_vault_list(&agent->vault, ACME_STATES, on_listed, agent);
}

void acme_demand_sweep(struct acme_agent *agent)
{
    struct acme_demand *demand = &agent->demand;
    const hg_time now = hg_now(agent->worker);

    sum_up(agent);
    if (now - demand->swept < SWEEP_PAUSE)
        return;
    demand->swept = now;
    forget_expired(agent);
    if (!agent->leads || demand->timing || demand->sweeping ||
        (demand->store_swept && now - demand->store_swept < STORE_SWEEP_PAUSE))
        return;
    demand->store_swept = now;
    list_states(agent);
}
