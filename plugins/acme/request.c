/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/request.h"

#include "plugins/acme/agent.h"
#include "plugins/acme/base64url.h"
#include "plugins/acme/delegate.h"

#include <stdlib.h>

/* A certificate that is revoked (RFC 8555 section 7.6). */
struct acme_revocation {
    struct acme_agent *agent;
    struct acme_job *job;
    struct acme_revocation *next, **place; /* in agent->revocations */
    struct acme_account_waiter waiter;
    struct acme_request *request;
    struct acme_ca *ca; /* that has issued it */
    struct acme_pair *pair;
};

static void ignore(void *arg, const struct hg_store_answer *answer)
{
    (void)arg;
    (void)answer;
}

static void order_now(struct acme_job *job)
{
    job->renew_now = true;
    job->failures = 0;
    job->due = 0;
    acme_job_remember(job);
    job->agent->authorities[job->authority]->paused_until = 0; /* whoever wants it now has a reason */
    acme_attempt_schedule(job->agent);
}

/* ---- Revoking ---- */

static void revocation_free(struct acme_revocation *revocation)
{
    acme_account_forsake(&revocation->waiter);
    acme_request_cancel(revocation->request);
    acme_pair_unref(revocation->pair);
    *revocation->place = revocation->next;
    if (revocation->next)
        revocation->next->place = revocation->place;
    free(revocation);
}

static void end_revocation(struct acme_revocation *revocation, const char *error)
{
    struct hg_instance *instance = revocation->agent->worker->instance;
    struct acme_job *job = revocation->job;

    if (error)
        hg_log(instance, HG_LOG_ERROR, "%s: certificate %s cannot be revoked: %s", job->id, revocation->pair->serial,
               error);
    else
        hg_log(instance, HG_LOG_WARNING, "%s: certificate %s is revoked; a new one is ordered", job->id,
               revocation->pair->serial);
    revocation_free(revocation);
    if (error)
        return;
    job->revoked = true;
    order_now(job);
}

static void on_revoked(void *arg, const struct acme_answer *answer)
{
    struct acme_revocation *revocation = arg;

    revocation->request = NULL;
    end_revocation(revocation, strcmp(answer->type, "alreadyRevoked") ? answer->error : NULL);
}

static void account_ready(void *arg, const struct acme_answer *failure)
{
    struct acme_revocation *revocation = arg;
    const gnutls_pcert_st *leaf = &revocation->pair->certificate.chain[0];
    char *der, *payload = NULL;

    if (failure) {
        end_revocation(revocation, failure->error);
        return;
    }
    der = acme_base64url(leaf->cert.data, leaf->cert.size);
    if (der && asprintf(&payload, "{\"certificate\":\"%s\"}", der) >= 0)
        revocation->request = acme_ca_ask(
            revocation->ca, &(struct acme_query){.resource = "revokeCert", .payload = payload}, on_revoked, revocation);
    free(der);
    free(payload);
    if (!revocation->request)
        end_revocation(revocation, "out of memory");
}

static void revoke(struct acme_job *job)
{
    struct acme_agent *agent = job->agent;
    struct acme_revocation *revocation = calloc(1, sizeof *revocation);

    if (!revocation)
        return;
    revocation->agent = agent;
    revocation->job = job;
    revocation->ca = agent->authorities[job->issuer];
    revocation->pair = acme_pair_ref(job->pair);
    revocation->next = agent->revocations;
    revocation->place = &agent->revocations;
    if (revocation->next)
        revocation->next->place = &revocation->next;
    agent->revocations = revocation;
    acme_account_await(revocation->ca->account, &revocation->waiter, account_ready, revocation);
}

/* ---- What is wanted ---- */

/* The request stays until all new keys are stored, so it outlives this process. */
static void on_new_key(void *arg)
{
    struct acme_agent *agent = arg;

    if (agent->rolling_over && !--agent->rolling_over)
        acme_vault_remove(&agent->vault, ACME_REQUESTS, ACME_ROLL_OVER "@" ACME_ALL_ACCOUNTS, ignore, NULL);
}

static void roll_over(struct acme_agent *agent)
{
    if (agent->rolling_over)
        return;
    agent->rolling_over = agent->authority_count;
    for (size_t i = 0; i < agent->authority_count; i++)
        acme_account_roll_over(agent->authorities[i]->account, on_new_key, agent);
}

/* The request stays until all accounts are done, so it outlives this process. */
static void on_deactivated(void *arg, const char *error)
{
    struct acme_agent *agent = arg;

    agent->deactivation_failed |= error != NULL;
    if (error)
        hg_log(agent->worker->instance, HG_LOG_ERROR,
               "an account cannot be deactivated: %s; tried again at the next start or when it is wanted again", error);
    if (!--agent->deactivating && !agent->deactivation_failed)
        acme_vault_remove(&agent->vault, ACME_REQUESTS, ACME_DEACTIVATE "@" ACME_ALL_ACCOUNTS, ignore, NULL);
}

static void deactivate(struct acme_agent *agent)
{
    if (agent->deactivating)
        return;
    agent->deactivation_failed = false;
    agent->deactivating = agent->authority_count;
    for (size_t i = 0; i < agent->authority_count; i++)
        acme_account_deactivate(agent->authorities[i]->account, on_deactivated, agent);
}

/* What had failed for want of an account is ordered at once. */
static void allow_accounts(struct acme_agent *agent)
{
    for (size_t i = 0; i < agent->authority_count; i++)
        acme_account_allow(agent->authorities[i]->account);
    for (struct acme_job *job = agent->jobs; job; job = job->next)
        if (job->failures && !job->trying)
            job->due = 0;
    acme_attempt_schedule(agent);
}

/* ---- On demand, and no handshake has come for it since this process began ---- */

/* The job for what was read of the store; NULL after it was told that there is none. */
static struct acme_job *load(struct acme_agent *agent, const char *name, const struct hg_store_answer *answer)
{
    struct acme_job *job = acme_index_find(&agent->index, hg_text(name));

    if (!job && agent->leads && agent->config->on_demand && answer->status == HG_STORE_OK)
        job = acme_demand_keep(agent, name);
    if (job)
        acme_mirror_take(agent, name, answer);
    if (job && job->pair)
        return job;
    hg_log(agent->worker->instance, HG_LOG_WARNING,
           "%s: somebody wants it to be renewed or revoked, but there is no certificate of that name", name);
    return NULL;
}

static void renew_loaded(struct acme_agent *agent, const char *name, const struct hg_store_answer *answer)
{
    struct acme_job *job = load(agent, name, answer);

    if (job && agent->leads)
        order_now(job);
}

/* Its state tells which authority it is of. */
static void revoke_recalled(struct acme_agent *agent, const char *name, const struct hg_store_answer *answer)
{
    struct acme_job *job = acme_index_find(&agent->index, hg_text(name));
    json_t *state = acme_vault_json(answer);

    if (job && state && !job->trying)
        acme_job_recall(job, state);
    if (job && job->pair && agent->leads)
        revoke(job);
    json_decref(state);
}

static void revoke_loaded(struct acme_agent *agent, const char *name, const struct hg_store_answer *answer)
{
    if (load(agent, name, answer))
        acme_mirror_read(agent, ACME_STATES, hg_text(name), revoke_recalled);
}

/* ---- Each of them ---- */

static void fulfil(struct acme_agent *agent, const char *verb, const char *name)
{
    struct acme_job *job = acme_index_find(&agent->index, hg_text(name));

    if (!strcmp(verb, ACME_NEW_ACCOUNT))
        allow_accounts(agent);
    else if (!job && (!strcmp(verb, ACME_RENEW) || !strcmp(verb, ACME_REVOKE)))
        acme_mirror_read(agent, ACME_CERTIFICATES, hg_text(name),
                         strcmp(verb, ACME_RENEW) ? revoke_loaded : renew_loaded);
    else if (!job)
        hg_log(agent->worker->instance, HG_LOG_WARNING, "%s: somebody wants to %s it, but there is none of that name",
               name, verb);
    else if (!strcmp(verb, ACME_RENEW))
        order_now(job);
    else if (!strcmp(verb, ACME_REVOKE) && job->pair)
        revoke(job);
}

static void on_listed(void *arg, const struct hg_store_answer *answer)
{
    struct acme_agent *agent = arg;

    agent->listing = NULL;
    for (size_t i = 0; i < answer->count && agent->leads; i++) {
        const struct hg_text name = acme_vault_name(answer->entries[i].key);
        char text[HG_STORE_SEGMENT_MAX + 1];
        char *at;

        memcpy(text, name.data, name.size);
        text[name.size] = 0;
        at = strchr(text, '@');
        if (at && !strncmp(text, ACME_ORDER "@", sizeof ACME_ORDER)) {
            acme_delegate_changed(agent, name); /* it stays until it has been ordered */
            continue;
        }
        if (!strcmp(text, ACME_DEACTIVATE "@" ACME_ALL_ACCOUNTS)) {
            deactivate(agent);
            continue;
        }
        if (!strcmp(text, ACME_ROLL_OVER "@" ACME_ALL_ACCOUNTS)) {
            roll_over(agent);
            continue;
        }
        acme_vault_remove(&agent->vault, ACME_REQUESTS, text, ignore, NULL);
        if (!at)
            continue;
        *at = 0;
        fulfil(agent, text, at + 1);
    }
}

void acme_requests_look(struct acme_agent *agent)
{
    if (agent->leads && !agent->listing)
        agent->listing = acme_vault_list(&agent->vault, ACME_REQUESTS, on_listed, agent);
}

bool acme_requests_concern(const struct acme_job *job)
{
    for (const struct acme_revocation *revocation = job->agent->revocations; revocation; revocation = revocation->next)
        if (revocation->job == job)
            return true;
    return false;
}

void acme_requests_end(struct acme_agent *agent)
{
    acme_vault_cancel(&agent->vault, agent->listing);
    agent->listing = NULL;
    agent->deactivating = agent->rolling_over = 0;
    while (agent->revocations)
        revocation_free(agent->revocations);
}
