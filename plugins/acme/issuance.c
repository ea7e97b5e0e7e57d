/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/issuance.h"

#include "plugins/acme/key.h"
#include "plugins/acme/manager.h"
#include "plugins/acme/renewal_time.h"
#include "plugins/acme/schedule.h"

#include <stdio.h>
#include <stdlib.h>

/* Attempts that tell the authority what is renewed; perhaps it is that which fails. */
#define REPLACES_MAX 3
/* Attempts at once after something at fault was forgotten. */
#define AGAIN_MAX 3
/* Until the clock is looked at again where the authority's says that nothing is due, in seconds. */
#define EARLY_PAUSE 3600
/* Until the lease of a certificate that another gateway orders is looked at again: while handshakes wait, otherwise,
 * and at most, since the watch tells how that ends, unless the gateway dies. */
#define BUSY_PAUSE_SHORT 1
#define BUSY_PAUSE       5
#define BUSY_PAUSE_MAX   60
/* How often an order that was finalized is taken up again before the next authority is tried, which it is only after
 * this pause at the most. With the usual pauses this is after a quarter of an hour if the authority is down, and after
 * an hour if it neither issues nor refuses. */
#define RESUMPTIONS_MAX 4
#define STAY_PAUSE      3600

static struct hg_instance *instance_of(const struct acme_certificate *certificate)
{
    return certificate->manager->worker->instance;
}

/* ---- Before: what is ordered, and where ---- */

/* An authority that does not pause. One that was about to issue is waited for. */
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
    snprintf(error, sizeof error, "the authority asked for no requests before %s", acme_moment(first).text);
    if (!certificate->last_error)
        acme_certificate_set_error(certificate, error);
    return false;
}

static struct acme_key_pair *ref(struct acme_key_pair *pair)
{
    return pair ? acme_key_pair_ref(pair) : NULL;
}

/* Another gateway may have been faster, or has failed a moment ago. True: something is to be done all the same. */
static bool look_at_store(struct acme_certificate *certificate, const struct acme_stored *stored)
{
    if (stored->pair)
        acme_certificate_take(certificate, ref(stored->pair));
    else if (!certificate->pair)
        acme_certificate_take_previous(certificate, ref(stored->previous));
    if (stored->state)
        acme_certificate_recall(certificate, stored->state);
    certificate->changed = false;
    return acme_schedule_due(certificate) && acme_schedule_due(certificate) <= acme_clock();
}

static bool ready(void *arg, const struct acme_stored *stored, struct acme_wanted *wanted)
{
    struct acme_certificate *certificate = arg;
    struct acme_manager *manager = certificate->manager;
    struct acme_authority *authority;

    certificate->busy_until = 0;
    if (!look_at_store(certificate, stored) || (!certificate->unsaved && !choose_authority(certificate)))
        return false;
    if (certificate->on_demand && !acme_certificate_is_served(certificate) && !acme_on_demand_count(certificate))
        return false;
    authority = &manager->authorities[certificate->authority];
    *wanted =
        (struct acme_wanted){.authority = authority,
                             .names = (const char *const *)certificate->names,
                             .name_count = certificate->name_count,
                             .preference = certificate->preference,
                             .worked = certificate->worked,
                             .not_before = certificate->pair && !certificate->renew_now ? certificate->renew_at : 0,
                             .replaced = certificate->pair,
                             .replaces = certificate->pair && certificate->failures < REPLACES_MAX &&
                                         authority == acme_certificate_issuer(certificate),
                             .unsaved = certificate->unsaved};
    if (certificate->unsaved)
        return true;
    ++*manager->counters.attempts;
    certificate->last_try = acme_clock();
    return true;
}

static bool is_revoked(void *arg)
{
    return ((const struct acme_certificate *)arg)->revoked;
}

/* ---- Afterwards ---- */

/* Tells the operator's program. */
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
        acme_program_run(&certificate->manager->programs, hook, (const char *[]){event, certificate->id, NULL},
                         (const char *[]){names, expires, error, NULL});
    free(names);
    free(expires);
    free(error);
}

/* One that is due while it is new shows that this clock and the authority's differ by weeks: no order after the other.
 */
static void postpone_renewal(struct acme_certificate *certificate)
{
    const time_t now = acme_clock(), soonest = now + (certificate->pair->ends - now) / 3;

    if (certificate->renew_at >= soonest)
        return;
    certificate->renew_at = soonest;
    hg_log(instance_of(certificate), HG_LOG_WARNING,
           "%s: this new certificate is already due for renewal; is the clock correct?", certificate->id);
}

/* The disk is full, or whatever: it is tried again each minute. */
static void save_later(struct acme_certificate *certificate)
{
    certificate->failures = 1;
    acme_schedule_in(certificate, ACME_STORE_PAUSE);
}

static void issued(struct acme_certificate *certificate, const struct acme_result *result)
{
    struct acme_manager *manager = certificate->manager;
    const bool renewal = certificate->pair, revoked = certificate->revoked;

    ++*manager->counters.issued;
    certificate->failures = certificate->again = certificate->preference = 0;
    json_decref(certificate->wanted);
    certificate->wanted = acme_options_wanted(manager->config, manager->authorities[certificate->authority].url);
    certificate->authority = 0; /* the next time the first one is tried first again */
    certificate->due = 0;
    certificate->used = false;
    acme_certificate_set_error(certificate, NULL);
    acme_certificate_serve(certificate, result->pair);
    certificate->unsaved = result->pem;
    certificate->revoked = revoked && result->pem; /* what the store still has */
    postpone_renewal(certificate);
    hg_log(instance_of(certificate), HG_LOG_INFO, "%s: certificate %s %s; expires %s, to be renewed from %s on",
           certificate->id, certificate->pair->serial, renewal ? "renewed" : "issued",
           acme_moment(certificate->pair->ends).text, acme_moment(certificate->renew_at).text);
    run_hook(certificate, renewal ? "renewed" : "issued");
    if (!certificate->unsaved) {
        acme_watch_fulfilled(certificate);
        return;
    }
    save_later(certificate);
    hg_log(instance_of(certificate), HG_LOG_ERROR, "%s: %s; using it from memory and storing it later", certificate->id,
           result->error);
}

/* What could not be stored before. */
static void saved(struct acme_certificate *certificate, char *pem)
{
    acme_secret_free(pem);
    if (pem) {
        save_later(certificate);
        return;
    }
    hg_log(instance_of(certificate), HG_LOG_INFO, "%s: the certificate has been stored", certificate->id);
    acme_secret_free(certificate->unsaved);
    certificate->unsaved = NULL;
    certificate->revoked = false;
    certificate->failures = 0;
    acme_watch_fulfilled(certificate);
}

/* The next authority at once; after the last one a pause, then the first again, with the other challenge if one of them
 * was not satisfied. */
static bool next_authority(struct acme_certificate *certificate)
{
    certificate->authority = (certificate->authority + 1) % (unsigned)certificate->manager->authority_count;
    if (certificate->authority)
        return true;
    certificate->preference += certificate->unproved;
    certificate->unproved = false;
    return false;
}

/* Another order elsewhere would take the place of this one in the store, and it would be issued in vain. */
static bool stays(struct acme_certificate *certificate, const struct acme_result *result)
{
    if (result->resumable && certificate->resumptions < RESUMPTIONS_MAX &&
        acme_schedule_paused_until(certificate, certificate->authority) <= acme_clock() + STAY_PAUSE) {
        certificate->resumptions++;
        return true;
    }
    certificate->resumptions = 0;
    return false;
}

/* At once. */
static void try_again(struct acme_certificate *certificate)
{
    certificate->due = acme_clock();
    certificate->failures = certificate->failures ? certificate->failures : 1;
}

static void failed(struct acme_certificate *certificate, const struct acme_result *result)
{
    struct acme_manager *manager = certificate->manager;
    struct acme_authority *authority = &manager->authorities[certificate->authority];
    char left[64] = "";
    time_t paused;

    ++*manager->counters.failed;
    acme_certificate_set_error(certificate, result->error);
    certificate->unproved |= result->of_names;
    if (result->retry_after && result->of_account)
        acme_schedule_pause_account(manager, authority, result->retry_after);
    else if (result->retry_after)
        acme_schedule_pause(certificate, result->retry_after);
    if (!stays(certificate, result) && next_authority(certificate)) {
        hg_log(instance_of(certificate), HG_LOG_WARNING, "%s: %s: %s; trying the next authority", certificate->id,
               authority->url, result->error);
        try_again(certificate);
        return;
    }
    certificate->failures++;
    acme_schedule_retry(certificate);
    if (result->outcome == ACME_REJECTED)
        acme_schedule_rejected(certificate);
    paused = acme_schedule_paused_until(certificate, certificate->authority);
    if ((manager->authority_count == 1 || certificate->resumptions) && certificate->due < paused)
        certificate->due = paused;
    if (certificate->pair)
        snprintf(left, sizeof left, "; the certificate is valid for %.1f more days",
                 (double)(certificate->pair->ends - acme_clock()) / ACME_DAY);
    hg_log(instance_of(certificate), HG_LOG_ERROR, "%s: no certificate: %s; next attempt %s%s", certificate->id,
           result->error, acme_moment(certificate->due).text, left);
    run_hook(certificate, "failed");
}

/* Tried each minute, so the operator's program is told once of each reason. */
static void not_stored(struct acme_certificate *certificate, const struct acme_result *result)
{
    const bool told =
        certificate->failures && certificate->last_error && !strcmp(certificate->last_error, result->error);

    ++*certificate->manager->counters.failed;
    acme_certificate_set_error(certificate, result->error);
    certificate->failures = certificate->failures ? certificate->failures : 1;
    acme_schedule_in(certificate, ACME_STORE_PAUSE);
    certificate->changed = false;
    hg_log(instance_of(certificate), HG_LOG_ERROR, "%s: nothing is ordered: %s", certificate->id, result->error);
    if (!told)
        run_hook(certificate, "failed");
}

/* What was at fault has been forgotten. */
static void again(struct acme_certificate *certificate, const struct acme_result *result)
{
    hg_log(instance_of(certificate), HG_LOG_WARNING, "%s: %s: tried anew", certificate->id, result->error);
    certificate->resumptions = 0;
    if (certificate->again++ < AGAIN_MAX) {
        try_again(certificate);
        return;
    }
    certificate->again = 0;
    failed(certificate, result);
}

/* Another gateway orders it, or has taken the lease over: what it obtains comes by the store. */
static json_t *busy(struct acme_certificate *certificate, const struct acme_result *result)
{
    const time_t now = acme_clock(), least = certificate->lookups ? BUSY_PAUSE_SHORT : BUSY_PAUSE;
    time_t pause;

    if (!certificate->busy_until) {
        hg_log(instance_of(certificate), HG_LOG_DEBUG, "%s: %s", certificate->id, result->error);
        certificate->busy_since = now;
    }
    pause = (now - certificate->busy_since) / 2;
    pause = pause < BUSY_PAUSE_MAX ? pause : BUSY_PAUSE_MAX;
    certificate->busy_until = now + 1 + (pause > least ? pause : least);
    return NULL;
}

static json_t *outcome(void *arg, const struct acme_result *result)
{
    struct acme_certificate *certificate = arg;

    if (result->worked != ACME_CHALLENGE_TYPES)
        certificate->worked = result->worked;
    if (result->outcome != ACME_BUSY)
        certificate->permitted = false;
    switch (result->outcome) {
    case ACME_ISSUED:
        if (result->pair)
            issued(certificate, result);
        else
            saved(certificate, result->pem);
        break;
    case ACME_LOST:
        if (result->pair)
            issued(certificate, result);
        return busy(certificate, result);
    case ACME_BUSY:
        return busy(certificate, result);
    case ACME_DECLINED:
        if (certificate->on_demand && !certificate->pair)
            return NULL; /* strangers choose such names */
        break;
    case ACME_EARLY:
        certificate->failures = 0;
        acme_certificate_set_error(certificate, NULL);
        acme_schedule_in(certificate, EARLY_PAUSE);
        break;
    case ACME_NOT_STORED:
        acme_metrics_count(certificate->manager, result);
        not_stored(certificate, result);
        break;
    case ACME_AGAIN:
        acme_metrics_count(certificate->manager, result);
        again(certificate, result);
        break;
    default:
        acme_metrics_count(certificate->manager, result);
        failed(certificate, result);
    }
    return acme_certificate_state(certificate);
}

static void ended(void *arg)
{
    struct acme_certificate *certificate = arg;

    certificate->attempt = NULL;
    certificate->manager->running--;
    if (certificate->read_again)
        acme_certificate_load(certificate);
    acme_schedule(certificate->manager);
}

void acme_issuance_begin(struct acme_certificate *certificate)
{
    static const struct acme_attempt_ops ops = {
        .ready = ready, .is_revoked = is_revoked, .outcome = outcome, .ended = ended};
    struct acme_manager *manager = certificate->manager;

    if (certificate->on_demand && !acme_on_demand_may_begin(certificate))
        return;
    certificate->attempt = acme_attempt_begin(&manager->attempts, certificate->id, &ops, certificate);
    if (!certificate->attempt) {
        acme_schedule_in(certificate, ACME_STORE_PAUSE);
        return;
    }
    certificate->began = hg_now(manager->worker);
    manager->running++;
}
