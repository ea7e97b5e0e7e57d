/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/attempt.h"
#include "plugins/acme/manager.h"
#include "plugins/acme/problem.h"
#include "plugins/acme/renewal_time.h"
#include "plugins/acme/schedule.h"

#include <stdio.h>
#include <stdlib.h>

/* Immediate attempts in a row. */
#define AGAIN_MAX 3
/* Pauses, in seconds, until the lease is tried again if another gateway has it: while handshakes wait, otherwise, and
 * at most. The watch reports how that gateway's attempt ends, unless the gateway dies. */
#define BUSY_PAUSE_SHORT 1
#define BUSY_PAUSE       5
#define BUSY_PAUSE_MAX   60
/* How often a finalized order is continued before the next authority is tried, unless the authority asks for a longer
 * pause than this. Usually this takes a quarter of an hour if the authority is down, and an hour if it neither issues
 * nor refuses. */
#define RESUMPTIONS_MAX 4
#define STAY_PAUSE      3600

/* ---- Before: what to order, and where ---- */

/* Skips authorities that have asked for a pause, but waits for one that was about to issue. */
static bool choose_authority(struct acme_certificate *certificate)
{
    const struct acme_manager *manager = certificate->manager;
    const time_t now = acme_clock();
    time_t first = 0;
    char error[128];

    for (size_t i = 0; i < manager->authority_count; i++) {
        const time_t until = acme_schedule_paused_until(certificate, certificate->authority);

        if (until <= now)
            return true;
        first = !first || until < first ? until : first;
        if (certificate->resumptions && first <= now + STAY_PAUSE)
            break;
        certificate->resumptions = 0;
        certificate->authority = (certificate->authority + 1) % (unsigned)manager->authority_count;
    }
    certificate->failures = certificate->failures ? certificate->failures : 1;
    certificate->due = first;
    snprintf(error, sizeof error, "the authority requested a pause until %s", acme_moment(first).text);
    if (!certificate->last_error)
        acme_certificate_set_error(certificate, error);
    return false;
}

void acme_issuance_prepare(void *arg)
{
    struct acme_attempt *attempt = arg;
    struct acme_certificate *certificate = attempt->certificate;
    struct acme_manager *manager = certificate->manager;
    time_t due;

    certificate->busy_until = 0;
    acme_stored_use(&attempt->stored, certificate); /* another gateway may have obtained it, or have just failed */
    certificate->changed = false;
    due = acme_schedule_due(certificate);
    if (!due || due > acme_clock() || (!certificate->unsaved && !choose_authority(certificate)) ||
        (certificate->on_demand && !acme_certificate_is_served(certificate) && !acme_on_demand_count(certificate)))
        return;
    attempt->client.authority = &manager->authorities[certificate->authority];
    attempt->must_order = true;
    if (certificate->unsaved)
        return;
    ++*manager->counters.attempts;
    certificate->last_try = acme_clock();
}

/* ---- Afterwards ---- */

static void run_hook(struct acme_certificate *certificate, const char *event)
{
    const char *hook = certificate->manager->config->hook;
    const struct acme_key_pair *pair = certificate->pair;
    char *names = NULL, *expires = NULL, *error = NULL;
    size_t size = 0;
    FILE *stream = hook ? open_memstream(&names, &size) : NULL;

    if (!stream)
        return;
    for (size_t i = 0; i < certificate->name_count; i++)
        fprintf(stream, "%s%s", i ? " " : "HOPGATE_NAMES=", certificate->names[i]);
    fclose(stream);
    if (asprintf(&expires, "HOPGATE_EXPIRES=%lld", pair ? (long long)pair->ends : 0LL) < 0)
        expires = NULL;
    if (asprintf(&error, "HOPGATE_ERROR=%s", certificate->last_error ? certificate->last_error : "") < 0)
        error = NULL;
    if (names && expires && error)
        hook_run(certificate->manager->worker,
                 &(struct hook_call){.program = hook,
                                     .arguments = (const char *[]){event, certificate->id, NULL},
                                     .variables = (const char *[]){names, expires, error, NULL},
                                     .timeout = ACME_HOOK_TIMEOUT,
                                     .list = &certificate->manager->hooks},
                 NULL, NULL);
    free(names);
    free(expires);
    free(error);
}

/* If a new certificate is already due, our clock and the authority's differ by weeks. Prevents one order after another.
 */
static void postpone_renewal(struct acme_certificate *certificate)
{
    const time_t now = acme_clock(), soonest = now + (certificate->pair->ends - now) / 3;

    if (certificate->renew_at >= soonest)
        return;
    certificate->renew_at = soonest;
    acme_log(certificate, HG_LOG_WARNING, "this new certificate is already due for renewal; is the clock correct?");
}

static void save_later(struct acme_certificate *certificate)
{
    certificate->failures = 1;
    acme_schedule_in(certificate, ACME_STORE_PAUSE);
}

static void issued(struct acme_attempt *attempt)
{
    struct acme_certificate *certificate = attempt->certificate;
    struct acme_manager *manager = certificate->manager;
    const bool is_renewal = certificate->pair, is_revoked = certificate->revoked;

    ++*manager->counters.issued;
    certificate->failures = certificate->again = certificate->preference = 0;
    json_decref(certificate->options);
    certificate->options = acme_options_wanted(manager->config, manager->authorities[certificate->authority].url);
    certificate->authority = 0;
    certificate->due = 0;
    certificate->used = false;
    acme_certificate_set_error(certificate, NULL);
    acme_certificate_serve(certificate, attempt->pair);
    attempt->pair = NULL;
    if (!attempt->saved) {
        certificate->unsaved = attempt->pem;
        attempt->pem = NULL;
        certificate->revoked = is_revoked; /* the one that is still in the store */
    }
    postpone_renewal(certificate);
    acme_log(certificate, HG_LOG_INFO, "certificate %s %s; expires %s, will be renewed after %s",
             certificate->pair->serial, is_renewal ? "renewed" : "issued", acme_moment(certificate->pair->ends).text,
             acme_moment(certificate->renew_at).text);
    run_hook(certificate, is_renewal ? "renewed" : "issued");
    if (attempt->saved) {
        acme_watch_fulfilled(certificate);
        return;
    }
    save_later(certificate);
    acme_log(certificate, HG_LOG_ERROR, "%s; using it from memory and storing it later", attempt->client.failure.error);
}

/* After a certificate could not be stored when it was issued. */
static void saved(struct acme_attempt *attempt)
{
    struct acme_certificate *certificate = attempt->certificate;

    if (!attempt->saved) {
        save_later(certificate);
        return;
    }
    acme_log(certificate, HG_LOG_INFO, "the certificate has been stored");
    store_text_free(certificate->unsaved);
    certificate->unsaved = NULL;
    certificate->revoked = false;
    certificate->failures = 0;
    acme_watch_fulfilled(certificate);
}

/* Returns false after the last one: then there is a pause before the first one is tried again, with another challenge
 * if one has failed. */
static bool next_authority(struct acme_certificate *certificate)
{
    certificate->authority = (certificate->authority + 1) % (unsigned)certificate->manager->authority_count;
    if (certificate->authority)
        return true;
    certificate->preference += certificate->challenge_failed;
    certificate->challenge_failed = false;
    return false;
}

/* Whether to stay with this authority: another order would replace this one, which may be issued yet, in the store. */
static bool stays(struct acme_attempt *attempt)
{
    struct acme_certificate *certificate = attempt->certificate;

    if (attempt->order.finalized && certificate->resumptions < RESUMPTIONS_MAX &&
        acme_schedule_paused_until(certificate, certificate->authority) <= acme_clock() + STAY_PAUSE) {
        certificate->resumptions++;
        return true;
    }
    certificate->resumptions = 0;
    return false;
}

static void try_at_once(struct acme_certificate *certificate)
{
    certificate->due = acme_clock();
    certificate->failures = certificate->failures ? certificate->failures : 1;
}

static void plan_retry(struct acme_attempt *attempt)
{
    struct acme_certificate *certificate = attempt->certificate;
    time_t paused_until;

    certificate->failures++;
    acme_schedule_retry(certificate);
    if (attempt->order.outcome == ACME_REJECTED)
        acme_schedule_rejected(certificate);
    paused_until = acme_schedule_paused_until(certificate, certificate->authority);
    if ((certificate->manager->authority_count == 1 || certificate->resumptions) && certificate->due < paused_until)
        certificate->due = paused_until;
}

static void failed(struct acme_attempt *attempt)
{
    struct acme_certificate *certificate = attempt->certificate;
    const struct acme_failure *failure = &attempt->client.failure;
    char left[64] = "";

    ++*certificate->manager->counters.failed;
    acme_certificate_set_error(certificate, failure->error);
    certificate->challenge_failed |= failure->in_validation;
    if (attempt->order.outcome == ACME_LIMITED && failure->retry_after)
        acme_schedule_pause(certificate, failure->retry_after, failure->whole_account);
    if (!stays(attempt) && next_authority(certificate)) {
        acme_log(certificate, HG_LOG_WARNING, "%s: %s; trying the next authority", attempt->client.authority->url,
                 failure->error);
        try_at_once(certificate);
        return;
    }
    plan_retry(attempt);
    if (certificate->pair)
        snprintf(left, sizeof left, "; the certificate is valid for %.1f more days",
                 (double)(certificate->pair->ends - acme_clock()) / ACME_DAY);
    acme_log(certificate, HG_LOG_ERROR, "no certificate: %s; next attempt %s%s", failure->error,
             acme_moment(certificate->due).text, left);
    run_hook(certificate, "failed");
}

/* This is tried again each minute, but the hook is run only once for each error. */
static void not_stored(struct acme_attempt *attempt)
{
    struct acme_certificate *certificate = attempt->certificate;
    const char *error = attempt->client.failure.error;
    const bool known = certificate->failures && certificate->last_error && !strcmp(certificate->last_error, error);

    ++*certificate->manager->counters.failed;
    acme_certificate_set_error(certificate, error);
    certificate->failures = certificate->failures ? certificate->failures : 1;
    acme_schedule_in(certificate, ACME_STORE_PAUSE);
    certificate->changed = false;
    acme_log(certificate, HG_LOG_ERROR, "nothing was ordered: %s", error);
    if (!known)
        run_hook(certificate, "failed");
}

/* The account or order that caused the failure was dropped. */
static void again(struct acme_attempt *attempt)
{
    struct acme_certificate *certificate = attempt->certificate;

    acme_log(certificate, HG_LOG_WARNING, "%s; trying again", attempt->client.failure.error);
    certificate->resumptions = 0;
    if (certificate->again++ < AGAIN_MAX) {
        try_at_once(certificate);
        return;
    }
    certificate->again = 0;
    failed(attempt);
}

/* Another gateway has the lease; the watch reports what it obtains. */
static void busy(struct acme_attempt *attempt)
{
    struct acme_certificate *certificate = attempt->certificate;
    const time_t now = acme_clock(), least = certificate->lookups ? BUSY_PAUSE_SHORT : BUSY_PAUSE;
    time_t pause;

    if (!certificate->busy_until) {
        acme_log(certificate, HG_LOG_DEBUG, "%s", attempt->client.failure.error);
        certificate->busy_since = now;
    }
    pause = (now - certificate->busy_since) / 2;
    pause = pause < BUSY_PAUSE_MAX ? pause : BUSY_PAUSE_MAX;
    certificate->busy_until = now + 1 + (pause > least ? pause : least);
}

void acme_issuance_conclude(void *arg)
{
    struct acme_attempt *attempt = arg;
    struct acme_certificate *certificate = attempt->certificate;
    const enum acme_outcome outcome = attempt->order.outcome;
    const struct acme_failure *failure = &attempt->client.failure;

    if (attempt->order.worked != ACME_CHALLENGE_TYPES)
        certificate->worked = attempt->order.worked;
    if (outcome != ACME_BUSY)
        certificate->permitted = false;
    if (outcome == ACME_LOST && attempt->pair)
        issued(attempt);
    if (outcome == ACME_LOST || outcome == ACME_BUSY) {
        busy(attempt);
        return; /* the state is the other gateway's */
    }
    if (outcome == ACME_DECLINED && certificate->on_demand && !certificate->pair)
        return; /* strangers choose such names */
    if (outcome == ACME_ISSUED && attempt->pair)
        issued(attempt);
    else if (outcome == ACME_ISSUED)
        saved(attempt);
    else if (outcome != ACME_DECLINED) {
        acme_metrics_count(certificate->manager,
                           outcome == ACME_NOT_STORED ? "store" : acme_problem_kind(failure->type, failure->status));
        (outcome == ACME_NOT_STORED ? not_stored : outcome == ACME_AGAIN ? again : failed)(attempt);
    }
    attempt->state = acme_certificate_state(certificate);
}
