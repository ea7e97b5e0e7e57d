/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A certificate that somebody wants to be revoked (RFC 8555 section 7.6). The request stays in the store until the
 * authority has revoked it or never will, so neither an authority that is down nor the end of this process loses it.
 */
#include "plugins/acme/agent.h"
#include "plugins/acme/base64url.h"
#include "plugins/acme/order_parts.h"
#include "plugins/acme/plan.h"
#include "plugins/acme/request.h"
#include "plugins/acme/schedule.h"

#include <gnutls/abstract.h>
#include <stdio.h>
#include <stdlib.h>

/* How often it is looked whether a pause of the authority is over, in seconds. */
#define LOOK_PAUSE 60

struct acme_revocation {
    struct acme_agent *agent;
    struct acme_revocation *next, **place; /* in agent->revocations */
    char name[HG_STORE_SEGMENT_MAX + 1];   /* of the request in the store … */
    uint64_t revision;                     /* … and its revision */
    char serial[2 * 20 + 3];               /* of the certificate that is meant; "": the one that is served */
    struct hg_store_request *reading;
    struct acme_job *job;   /* once it is known */
    struct acme_pair *pair; /* once it is found */
    struct acme_account_waiter waiter;
    struct acme_request *request;
    gnutls_x509_privkey_t key; /* the certificate's own; NULL: the account asks */
    struct hg_timer *timer;
    unsigned failures;
};

static void attempt(void *arg);

static struct acme_ca *ca_of(const struct acme_revocation *revocation)
{
    struct acme_ca *issuer = acme_job_issuer(revocation->job);

    return issuer ? issuer : revocation->agent->authorities[0];
}

static struct hg_instance *instance_of(const struct acme_revocation *revocation)
{
    return revocation->agent->worker->instance;
}

static const char *id_of(const struct acme_revocation *revocation)
{
    return revocation->name + sizeof ACME_REVOKE;
}

static void ignore(void *arg, const struct hg_store_answer *answer)
{
    (void)arg;
    (void)answer;
}

/* ---- Its end ---- */

static void revocation_free(struct acme_revocation *revocation)
{
    acme_vault_cancel(&revocation->agent->vault, revocation->reading);
    acme_account_forsake(&revocation->waiter);
    acme_request_cancel(revocation->request);
    hg_timer_free(revocation->agent->worker->host, revocation->timer);
    acme_key_free(revocation->key);
    acme_pair_unref(revocation->pair);
    *revocation->place = revocation->next;
    if (revocation->next)
        revocation->next->place = revocation->place;
    free(revocation);
}

/* Another certificate of that name is to be revoked as well. */
static void on_removed(void *arg, const struct hg_store_answer *answer)
{
    if (answer->status == HG_STORE_CONFLICT)
        acme_requests_look(arg);
}

static void end(struct acme_revocation *revocation)
{
    struct acme_agent *agent = revocation->agent;

    acme_vault_remove_if(&agent->vault, ACME_REQUESTS, revocation->name, revocation->revision, on_removed, agent);
    revocation_free(revocation);
}

static bool is_served(const struct acme_revocation *revocation)
{
    const struct acme_pair *pair = revocation->job->pair;

    return pair && !strcmp(pair->serial, revocation->pair->serial);
}

/* First the state says so, then the request goes: whoever dies between them finds that nothing is left to be done. */
static void revoked(struct acme_revocation *revocation)
{
    struct acme_job *job = revocation->job;

    acme_job_set_error(job, NULL);
    if (is_served(revocation)) {
        hg_log(instance_of(revocation), HG_LOG_WARNING, "%s: certificate %s is revoked; a new one is ordered", job->id,
               revocation->pair->serial);
        job->revoked = true;
        acme_request_order(job);
    } else {
        hg_log(instance_of(revocation), HG_LOG_WARNING, "%s: certificate %s, which was replaced, is revoked", job->id,
               revocation->pair->serial);
        acme_job_remember(job);
        acme_vault_remove(&revocation->agent->vault, ACME_PREVIOUS, job->id, ignore, NULL);
    }
    end(revocation);
}

/* Tells it to the log, and to `hopgate acme status`. */
static void tell(struct acme_revocation *revocation, enum hg_level level, const char *error, const char *then)
{
    char text[1536];

    snprintf(text, sizeof text, "certificate %s cannot be revoked: %s%s", revocation->pair->serial, error, then);
    hg_log(instance_of(revocation), level, "%s: %s", revocation->job->id, text);
    acme_job_set_error(revocation->job, text);
    acme_job_remember(revocation->job);
}

/* ---- Asking the authority ---- */

static double seconds(hg_time span)
{
    return (double)span / (double)HG_SECOND;
}

static void later(struct acme_revocation *revocation, const char *error)
{
    const struct acme_config *config = revocation->agent->config;
    const double pause = acme_backoff(++revocation->failures, seconds(config->retry), 360 * seconds(config->retry), 0,
                                      0, acme_clock(), acme_chance());
    char then[64];

    snprintf(then, sizeof then, "; tried again %s", acme_moment(acme_clock() + (time_t)pause).text);
    tell(revocation, HG_LOG_ERROR, error, then);
    hg_timer_set(revocation->agent->worker->host, revocation->timer, (hg_time)(pause * (double)HG_SECOND));
}

/* Whoever has the key may revoke, where the account may not: it is not the one that has ordered, or is no more.
 * Messages are signed by ES256 alone, so keys of other kinds are of no use. */
static bool take_own_key(struct acme_revocation *revocation)
{
    char *jwk = NULL;

    if (gnutls_privkey_export_x509(revocation->pair->certificate.key, &revocation->key) < 0)
        revocation->key = NULL;
    else
        jwk = acme_key_jwk(revocation->key);
    if (!jwk) {
        acme_key_free(revocation->key);
        revocation->key = NULL;
    }
    free(jwk);
    return revocation->key;
}

static void failed(struct acme_revocation *revocation, const struct acme_answer *answer)
{
    if (answer->status == 429 || answer->status == 503 || !strcmp(answer->type, "rateLimited")) {
        if (answer->retry_after && answer->of_account)
            acme_plan_pause_account(revocation->agent, ca_of(revocation), answer->retry_after);
        later(revocation, answer->error);
    } else if (!acme_order_is_refusal(answer) || !strcmp(answer->type, "badNonce")) {
        later(revocation, answer->error);
    } else if (!revocation->key && take_own_key(revocation)) {
        hg_log(instance_of(revocation), HG_LOG_WARNING,
               "%s: certificate %s cannot be revoked by the account: %s; asked for with its own key",
               revocation->job->id, revocation->pair->serial, answer->error);
        attempt(revocation);
    } else {
        tell(revocation, HG_LOG_ERROR, answer->error, "; given up");
        end(revocation);
    }
}

static void on_answer(void *arg, const struct acme_answer *answer)
{
    struct acme_revocation *revocation = arg;

    revocation->request = NULL;
    if (!answer->error || !strcmp(answer->type, "alreadyRevoked"))
        revoked(revocation);
    else
        failed(revocation, answer);
}

static void ask(struct acme_revocation *revocation)
{
    const gnutls_pcert_st *leaf = &revocation->pair->certificate.chain[0];
    char *der = acme_base64url(leaf->cert.data, leaf->cert.size), *payload = NULL;

    if (der && asprintf(&payload, "{\"certificate\":\"%s\"}", der) >= 0)
        revocation->request =
            acme_ca_ask(ca_of(revocation),
                        &(struct acme_query){.resource = "revokeCert", .payload = payload, .key = revocation->key},
                        on_answer, revocation);
    free(der);
    free(payload);
    if (!revocation->request)
        later(revocation, "out of memory");
}

static void account_ready(void *arg, const struct acme_answer *failure)
{
    struct acme_revocation *revocation = arg;

    if (failure)
        failed(revocation, failure);
    else
        ask(revocation);
}

static void attempt(void *arg)
{
    struct acme_revocation *revocation = arg;
    const struct acme_ca *ca = ca_of(revocation);

    if (ca->paused_until > acme_clock())
        hg_timer_set(revocation->agent->worker->host, revocation->timer, LOOK_PAUSE * HG_SECOND);
    else if (revocation->key)
        ask(revocation);
    else
        acme_account_await(ca->account, &revocation->waiter, account_ready, revocation);
}

/* ---- Which certificate ---- */

static bool is_meant(const struct acme_revocation *revocation, const struct acme_pair *pair)
{
    return pair && (!*revocation->serial || !strcmp(pair->serial, revocation->serial));
}

/* It was replaced since somebody wanted it to be revoked. */
static void on_previous(void *arg, const struct hg_store_answer *answer)
{
    struct acme_revocation *revocation = arg;
    struct acme_pair *pair = NULL;
    char why[256];

    revocation->reading = NULL;
    if (answer->status == HG_STORE_OK)
        pair = acme_pair_read(answer->value, why, sizeof why);
    if (is_meant(revocation, pair)) {
        revocation->pair = pair;
        attempt(revocation);
        return;
    }
    acme_pair_unref(pair);
    hg_log(instance_of(revocation), HG_LOG_ERROR,
           "%s: certificate %s cannot be revoked: it is not in the store any more", id_of(revocation),
           revocation->serial);
    end(revocation);
}

static void read_next(struct acme_revocation *revocation, const char *kind, hg_store_done done)
{
    revocation->reading = acme_vault_get(&revocation->agent->vault, kind, id_of(revocation), done, revocation);
    if (!revocation->reading)
        revocation_free(revocation); /* it stays wanted */
}

static void choose(struct acme_revocation *revocation)
{
    struct acme_job *job = revocation->job;

    if (!is_meant(revocation, job->pair) && *revocation->serial) {
        read_next(revocation, ACME_PREVIOUS, on_previous);
    } else if (!job->pair || job->revoked) {
        hg_log(instance_of(revocation), HG_LOG_WARNING, "%s: %s", job->id,
               job->pair ? "the certificate is revoked already" : "there is no certificate to be revoked");
        end(revocation);
    } else {
        revocation->pair = acme_pair_ref(job->pair);
        attempt(revocation);
    }
}

/* On demand, its state tells which authority it is of. */
static void on_state(void *arg, const struct hg_store_answer *answer)
{
    struct acme_revocation *revocation = arg;
    json_t *state = acme_vault_json(answer);

    revocation->reading = NULL;
    if (state && !revocation->job->trying)
        acme_job_recall(revocation->job, state);
    json_decref(state);
    choose(revocation);
}

/* On demand, no handshake may have come for it since this process began. */
static void on_certificate(void *arg, const struct hg_store_answer *answer)
{
    struct acme_revocation *revocation = arg;

    revocation->reading = NULL;
    revocation->job = acme_request_load(revocation->agent, id_of(revocation), answer);
    if (revocation->job)
        read_next(revocation, ACME_STATES, on_state);
    else
        end(revocation);
}

static void on_wish(void *arg, const struct hg_store_answer *answer)
{
    struct acme_revocation *revocation = arg;
    json_t *wish = acme_vault_json(answer);
    const char *serial = json_string_value(json_object_get(wish, "serial"));

    revocation->reading = NULL;
    revocation->revision = answer->revision;
    snprintf(revocation->serial, sizeof revocation->serial, "%s", serial ? serial : "");
    json_decref(wish);
    revocation->job = acme_index_find(&revocation->agent->index, hg_text(id_of(revocation)));
    if (answer->status != HG_STORE_OK)
        revocation_free(revocation); /* done meanwhile, or not known now */
    else if (revocation->job)
        choose(revocation);
    else
        read_next(revocation, ACME_CERTIFICATES, on_certificate);
}

/* ---- Life ---- */

static struct acme_revocation *find(const struct acme_agent *agent, const char *id)
{
    struct acme_revocation *revocation = agent->revocations;

    while (revocation && strcmp(id_of(revocation), id) != 0)
        revocation = revocation->next;
    return revocation;
}

void acme_revoke(struct acme_agent *agent, const char *id)
{
    struct acme_revocation *revocation = find(agent, id) ? NULL : calloc(1, sizeof *revocation);

    if (!revocation)
        return;
    *revocation = (struct acme_revocation){.agent = agent, .next = agent->revocations, .place = &agent->revocations};
    snprintf(revocation->name, sizeof revocation->name, ACME_REVOKE "@%s", id);
    if (revocation->next)
        revocation->next->place = &revocation->next;
    agent->revocations = revocation;
    revocation->timer = hg_timer_new(agent->worker, attempt, revocation);
    if (revocation->timer)
        revocation->reading = acme_vault_get(&agent->vault, ACME_REQUESTS, revocation->name, on_wish, revocation);
    if (!revocation->reading)
        revocation_free(revocation);
}

bool acme_revocations_concern(const struct acme_job *job)
{
    for (const struct acme_revocation *each = job->agent->revocations; each; each = each->next)
        if (each->job == job)
            return true;
    return false;
}

void acme_revocations_end(struct acme_agent *agent)
{
    while (agent->revocations)
        revocation_free(agent->revocations);
}
