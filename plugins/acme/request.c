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

/* Once the state of the job says so, the request is needed no longer, also after a restart. */
static void order(struct acme_job *job)
{
    struct acme_agent *agent = job->agent;
    char name[HG_STORE_SEGMENT_MAX + 1];

    job->renew_now = true;
    job->failures = 0;
    job->due = 0;
    acme_job_remember(job);
    agent->authorities[job->authority].paused_until = 0; /* whoever wants it now has a reason */
    job->paused_until[job->authority] = 0;
    snprintf(name, sizeof name, ACME_RENEW "@%s", job->id);
    acme_vault_remove(&agent->vault, ACME_REQUESTS, name, ignore, NULL);
    acme_attempt_schedule(agent);
}

static void on_renewal(struct acme_agent *agent, const char *request, const struct hg_store_answer *answer);

/* On demand, no handshake may have come for it since this process began. */
static void on_certificate(struct acme_agent *agent, const char *name, const struct hg_store_answer *answer)
{
    struct acme_job *job = acme_index_find(&agent->index, hg_text(name));
    char request[HG_STORE_SEGMENT_MAX + 1];

    if (!agent->leads)
        return;
    if (!job && agent->config->on_demand && answer->status == HG_STORE_OK)
        job = acme_demand_keep(agent, name);
    if (job)
        acme_mirror_take(agent, name, answer);
    snprintf(request, sizeof request, ACME_RENEW "@%s", name);
    if (job && job->pair) {
        acme_mirror_read(agent, ACME_REQUESTS, hg_text(request), on_renewal);
        return;
    }
    hg_log(agent->worker->instance, HG_LOG_WARNING, "%s: it is to be renewed, but there is no certificate of that name",
           name);
    acme_vault_remove(&agent->vault, ACME_REQUESTS, request, ignore, NULL);
}

static void on_renewal(struct acme_agent *agent, const char *request, const struct hg_store_answer *answer)
{
    const char *id = request + sizeof ACME_RENEW;
    struct acme_job *job = acme_index_find(&agent->index, hg_text(id));
    json_t *record = acme_vault_json(answer);
    const char *revoked = json_string_value(json_object_get(record, "revoked"));

    if (job && revoked && job->pair && !strcmp(job->pair->serial, revoked)) {
        hg_log(agent->worker->instance, HG_LOG_WARNING, "%s: certificate %s is revoked; a new one is ordered", id,
               revoked);
        job->revoked = true;
    }
    json_decref(record);
    if (!job)
        acme_mirror_read(agent, ACME_CERTIFICATES, hg_text(id), on_certificate);
    else if (agent->leads && answer->status == HG_STORE_OK)
        order(job);
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
    if (subject_of(request, ACME_ORDER))
        acme_delegate_changed(agent, hg_text(request));
    else if (subject_of(request, ACME_RENEW))
        acme_mirror_read(agent, ACME_REQUESTS, hg_text(request), on_renewal);
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

void acme_requests_end(struct acme_agent *agent)
{
    acme_vault_cancel(&agent->vault, agent->listing);
    agent->listing = NULL;
    agent->look_again = false;
}
