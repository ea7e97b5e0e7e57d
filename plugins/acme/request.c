/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/request.h"

#include "plugins/acme/agent.h"
#include "plugins/acme/delegate.h"

#include <stdio.h>

static void ignore(void *arg, const struct hg_store_answer *answer)
{
    (void)arg;
    (void)answer;
}

void acme_request_order(struct acme_job *job)
{
    job->renew_now = true;
    job->failures = 0;
    job->due = 0;
    acme_job_remember(job);
    job->agent->authorities[job->authority]->paused_until = 0; /* whoever wants it now has a reason */
    job->paused_until[job->authority] = 0;
    acme_attempt_schedule(job->agent);
}

/* ---- A certificate ---- */

struct acme_job *acme_request_load(struct acme_agent *agent, const char *name, const struct hg_store_answer *answer)
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

/* Once the state of the job says so, the request is needed no longer, also after a restart. */
static void forget_renewal(struct acme_agent *agent, const char *id)
{
    char name[HG_STORE_SEGMENT_MAX + 1];

    snprintf(name, sizeof name, ACME_RENEW "@%s", id);
    acme_vault_remove(&agent->vault, ACME_REQUESTS, name, ignore, NULL);
}

static void renew_loaded(struct acme_agent *agent, const char *id, const struct hg_store_answer *answer)
{
    struct acme_job *job = acme_request_load(agent, id, answer);

    if (!agent->leads)
        return;
    if (job)
        acme_request_order(job);
    forget_renewal(agent, id);
}

/* On demand, no handshake may have come for it since this process began. */
static void renew(struct acme_agent *agent, const char *id)
{
    struct acme_job *job = acme_index_find(&agent->index, hg_text(id));

    if (!job) {
        acme_mirror_read(agent, ACME_CERTIFICATES, hg_text(id), renew_loaded);
        return;
    }
    acme_request_order(job);
    forget_renewal(agent, id);
}

/* ---- Each of them ---- */

/* Of a request's name, VERB@SUBJECT, the latter; NULL: it is for something else. */
static const char *subject_of(const char *request, const char *verb)
{
    const size_t size = strlen(verb);

    return !strncmp(request, verb, size) && request[size] == '@' ? request + size + 1 : NULL;
}

/* True: the request is needed no longer. What takes its time, or what the process may die of first, stays until it is
 * done. */
static bool fulfil(struct acme_agent *agent, const char *request)
{
    const char *id;

    if (subject_of(request, ACME_ORDER))
        acme_delegate_changed(agent, hg_text(request));
    else if ((id = subject_of(request, ACME_RENEW)))
        renew(agent, id);
    else if ((id = subject_of(request, ACME_REVOKE)))
        acme_revoke(agent, id);
    else
        return true;
    return false;
}

static void on_listed(void *arg, const struct hg_store_answer *answer)
{
    struct acme_agent *agent = arg;

    agent->listing = NULL;
    for (size_t i = 0; i < answer->count && agent->leads; i++) {
        const struct hg_text name = acme_vault_name(answer->entries[i].key);
        char text[HG_STORE_SEGMENT_MAX + 1];

        memcpy(text, name.data, name.size);
        text[name.size] = 0;
        if (fulfil(agent, text))
            acme_vault_remove(&agent->vault, ACME_REQUESTS, text, ignore, NULL);
    }
    if (agent->look_again)
        acme_requests_look(agent);
}

/* What has come since a list was begun may not be in it. */
void acme_requests_look(struct acme_agent *agent)
{
    agent->look_again = agent->listing;
    if (agent->leads && !agent->listing)
        agent->listing = acme_vault_list(&agent->vault, ACME_REQUESTS, on_listed, agent);
}

bool acme_requests_concern(const struct acme_job *job)
{
    return acme_revocations_concern(job);
}

void acme_requests_end(struct acme_agent *agent)
{
    acme_vault_cancel(&agent->vault, agent->listing);
    agent->listing = NULL;
    agent->look_again = false;
    acme_revocations_end(agent);
}
