/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- Jobs ---- */

bool acme_agent_keep(struct acme_agent *agent, struct acme_job *job)
{
    struct acme_job **last = &agent->jobs;
    bool good = true;

    while (*last)
        last = &(*last)->next;
    for (size_t i = 0; i < job->name_count; i++)
        good = acme_index_add(&agent->index, job->names[i], job) && good;
    if (good) {
        *last = job;
        acme_expiry_add(job);
        return true;
    }
    for (size_t i = 0; i < job->name_count; i++)
        acme_index_remove(&agent->index, job->names[i], job);
    acme_job_free(job);
    return false;
}

void acme_agent_forget(struct acme_job *job)
{
    struct acme_agent *agent = job->agent;
    struct acme_job **place = &agent->jobs;

    while (*place != job)
        place = &(*place)->next;
    *place = job->next;
    for (size_t i = 0; i < job->name_count; i++)
        acme_index_remove(&agent->index, job->names[i], job);
    if (job->on_demand && !job->pair)
        agent->demand.names--;
    acme_job_free(job);
}

/* The certificate, or a self-signed one where the config promises one. */
struct hg_certificate *acme_agent_shown(struct acme_job *job)
{
    if (acme_job_is_served(job))
        return hg_certificate_ref(&job->pair->certificate);
    if (job->on_demand)
        return NULL;
    if (!job->placeholder) {
        job->placeholder = acme_pair_self_signed((const char *const *)job->names, job->name_count, acme_clock());
        if (job->placeholder)
            hg_log(job->agent->worker->instance, HG_LOG_WARNING,
                   "%s: there is no certificate yet: a self-signed one is shown", job->id);
    }
    return job->placeholder ? hg_certificate_ref(&job->placeholder->certificate) : NULL;
}

void acme_agent_wake(struct acme_job *job)
{
    while (job->lookups) {
        struct hg_certificate_lookup *lookup = job->lookups;
        const hg_certificate_done done = lookup->done;
        void *arg = lookup->arg;

        acme_find_cancel(lookup);
        done(arg, acme_agent_shown(job));
    }
}

void acme_agent_serve(struct acme_job *job, struct acme_pair *pair)
{
    struct acme_agent *agent = job->agent;

    if (job->on_demand && !job->pair)
        agent->demand.names--;
    acme_job_take(job, pair);
    if (agent->leads && !agent->unread)
        acme_follow(job);
    acme_pair_unref(job->placeholder);
    job->placeholder = NULL;
    job->warned = 0;
    job->delegated_at = 0; /* nobody was asked to renew this one yet */
    acme_expiry_show(job);
    acme_agent_wake(job);
}

void acme_agent_serve_previous(struct acme_job *job, struct acme_pair *pair)
{
    struct hg_instance *instance = job->agent->worker->instance;

    if (!pair || pair->ends <= acme_clock()) {
        acme_pair_unref(pair);
        return;
    }
    hg_log(instance, HG_LOG_WARNING, "%s: the certificate before, %s, is served until there is a new one", job->id,
           pair->serial);
    job->renew_now = true;
    acme_agent_serve(job, pair);
}

/* ---- What the store holds at the start ---- */

static void has_read(struct acme_job *job)
{
    struct acme_agent *agent = job->agent;

    if (!agent->config->wait)
        acme_agent_wake(job); /* nothing but the store is waited for */
    if (!--agent->unread && !acme_lead_begin(agent))
        hg_log(agent->worker->instance, HG_LOG_ERROR, "out of memory: no certificate is ordered");
}

static void on_previous(void *arg, const struct hg_store_answer *answer)
{
    struct acme_job *job = arg;

    char why[256];

    job->reading = NULL;
    acme_agent_serve_previous(job,
                              answer->status == HG_STORE_OK ? acme_pair_read(answer->value, why, sizeof why) : NULL);
    has_read(job);
}

static void on_certificate(void *arg, const struct hg_store_answer *answer)
{
    struct acme_job *job = arg;
    struct acme_agent *agent = job->agent;
    struct acme_pair *pair = NULL;
    char why[256];

    job->reading = NULL;
    job->loaded = true;
    if (answer->status == HG_STORE_OK) {
        pair = acme_pair_read(answer->value, why, sizeof why);
        if (!pair)
            hg_log(agent->worker->instance, HG_LOG_ERROR,
                   "%s: what the store holds as its certificate cannot be used: %s; a new one is ordered", job->id,
                   why);
    } else if (answer->status != HG_STORE_NOT_FOUND) {
        hg_log(agent->worker->instance, HG_LOG_ERROR, "%s: its certificate cannot be read: %s", job->id, answer->error);
    }
    if (pair) {
        /* The config names others now: it serves until there is one for these. */
        job->renew_now = !acme_pair_is_for(pair, (const char *const *)job->names, job->name_count);
        if (job->renew_now)
            hg_log(agent->worker->instance, HG_LOG_INFO,
                   "%s: a new certificate is ordered, since its names in domains were changed", job->id);
        acme_agent_serve(job, pair);
    } else {
        job->reading = acme_vault_get(&agent->vault, ACME_PREVIOUS, job->id, on_previous, job);
    }
    if (!job->reading)
        has_read(job);
}

static bool read_all(struct acme_agent *agent)
{
    for (struct acme_job *job = agent->jobs; job; job = job->next) {
        job->reading = acme_vault_get(&agent->vault, ACME_CERTIFICATES, job->id, on_certificate, job);
        if (!job->reading)
            return false;
        agent->unread++;
    }
    return agent->unread || acme_lead_begin(agent);
}

/* ---- Life ---- */

static void make_authorities(struct acme_agent *agent)
{
    const char *const *words = agent->config->directory.items;

    for (size_t i = 0; i < agent->config->directory.count && i < ACME_AUTHORITIES_MAX; i++)
        acme_authority_init(&agent->authorities[agent->authority_count++], acme_options_directory(words[i]));
}

static bool set_up(struct acme_agent *agent, struct acme_job *(*jobs)(struct acme_agent *agent))
{
    char host[64] = "";

    gethostname(host, sizeof host - 1);
    snprintf(agent->owner, sizeof agent->owner, "%s/%ld", host, (long)getpid());
    agent->https = https_new(agent->worker, agent->config->ca);
    if (!agent->https)
        return false;
    make_authorities(agent);
    agent->attempts = (struct acme_attempts){.worker = agent->worker,
                                             .config = agent->config,
                                             .vault = &agent->vault,
                                             .solvers = &agent->solvers,
                                             .https = agent->https,
                                             .owner = agent->owner};
    for (struct acme_job *job = jobs(agent), *next; job; job = next) {
        next = job->next;
        job->next = NULL;
        if (!acme_agent_keep(agent, job))
            return false;
    }
    return acme_expiry_begin(agent) && acme_mirror_begin(agent) && read_all(agent);
}

struct acme_agent *acme_agent_new(struct hg_worker *worker, struct acme_job *(*jobs)(struct acme_agent *agent))
{
    struct acme_agent *agent = calloc(1, sizeof *agent);

    if (!agent)
        return NULL;
    agent->worker = worker;
    agent->config = worker->cfg;
    if (!acme_vault_open(&agent->vault, worker)) {
        free(agent);
        return NULL;
    }
    agent->programs = (struct acme_programs){.worker = worker, .timeout = ACME_HOOK_TIMEOUT};
    acme_solvers_find(&agent->solvers, worker);
    acme_demand_begin(agent);
    agent->counters.attempts = hg_counter(worker, "attempts", "Attempts to obtain or renew a certificate.");
    agent->counters.issued = hg_counter(worker, "issued", "Certificates obtained.");
    agent->counters.failed = hg_counter(worker, "failed", "Attempts that failed.");
    agent->counters.on_demand_refused =
        hg_counter(worker, "on_demand_refused", "Handshakes for names that nothing is ordered for.");
    if (set_up(agent, jobs))
        return agent;
    acme_agent_free(agent);
    return NULL;
}

/* Solvers and users of certificates may have stopped before. */
void acme_agent_free(struct acme_agent *agent)
{
    for (int type = 0; type < ACME_DNS01; type++)
        agent->solvers.by_type[type].ops = NULL;
    acme_lead_end(agent);
    acme_mirror_end(agent);
    while (agent->jobs) {
        struct acme_job *job = agent->jobs;

        agent->jobs = job->next;
        if (job->asking)
            https_cancel(job->asking);
        acme_agent_wake(job);
        acme_job_free(job);
    }
    acme_programs_end(&agent->programs);
    acme_index_free(&agent->index);
    acme_demand_end(agent);
    for (size_t i = 0; i < agent->authority_count; i++)
        acme_authority_end(&agent->authorities[i]);
    https_free(agent->https);
    hg_timer_free(agent->worker->host, agent->timer);
    hg_timer_free(agent->worker->host, agent->expiry_timer);
    free(agent);
}
