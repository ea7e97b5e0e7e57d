/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/schedule.h"

#include "plugins/acme/attempt.h"
#include "plugins/acme/manager.h"
#include "plugins/acme/renewal_time.h"

/* Concurrent attempts. */
#define RUNNING_MAX 4
/* How often all certificates are checked, in seconds, because the wall clock may jump. */
#define CHECK_PAUSE 600
/* The longest Retry-After that is respected. */
#define PAUSE_MAX ACME_DAY
/* The longest pause between attempts, as a multiple of `retry`. */
#define RETRY_MAX 360
/* The pause after the authority has rejected the names. */
#define REJECTED_PAUSE     (ACME_DAY * 0.9)
#define REJECTED_PAUSE_MAX (ACME_DAY * 1.1)

static double retry_pause(const struct acme_manager *manager)
{
    return (double)manager->config->retry / (double)HG_SECOND;
}

/* ---- Plans ---- */

/* One second more, as a part of the current one is already over. */
static time_t moment_after(time_t pause)
{
    return acme_clock() + 1 + pause;
}

void acme_schedule_in(struct acme_certificate *certificate, double pause)
{
    certificate->due = moment_after(pause < 1 ? 1 : (time_t)pause);
}

void acme_schedule_retry(struct acme_certificate *certificate)
{
    const struct acme_key_pair *pair = certificate->pair;
    const double pause = retry_pause(certificate->manager);

    acme_schedule_in(certificate, acme_backoff(certificate->failures, pause, RETRY_MAX * pause, pair ? pair->begins : 0,
                                               pair ? pair->ends : 0, acme_clock(), acme_chance()));
}

void acme_schedule_rejected(struct acme_certificate *certificate)
{
    acme_schedule_in(certificate, REJECTED_PAUSE + (REJECTED_PAUSE_MAX - REJECTED_PAUSE) * acme_chance());
}

void acme_schedule_pause(struct acme_certificate *certificate, int64_t retry_after, bool whole_account)
{
    const time_t until = moment_after((time_t)(retry_after < PAUSE_MAX ? retry_after : PAUSE_MAX));
    struct acme_manager *manager = certificate->manager;
    struct acme_authority *authority = &manager->authorities[certificate->authority];

    if (!whole_account)
        certificate->paused_until[certificate->authority] = until;
    if (!whole_account || until <= authority->paused_until)
        return;
    authority->paused_until = until;
    store_put_json(&manager->store, ACME_PAUSES, authority->id,
                   json_pack("{s:s, s:I}", "directory", authority->url, "until", (json_int_t)until), HG_STORE_ANY);
}

/* A time further ahead than any pause was planned while the clock was wrong. */
static time_t valid(const struct acme_manager *manager, time_t when)
{
    const double retry_max = RETRY_MAX * retry_pause(manager);

    return when > moment_after((time_t)(retry_max > REJECTED_PAUSE_MAX ? retry_max : REJECTED_PAUSE_MAX)) ? 0 : when;
}

time_t acme_schedule_paused_until(const struct acme_certificate *certificate, unsigned authority)
{
    const struct acme_manager *manager = certificate->manager;
    const time_t all = manager->authorities[authority].paused_until, own = certificate->paused_until[authority];

    return valid(manager, all > own ? all : own);
}

/* ---- What is due ---- */

/* Whether a certificate on demand waits until a handshake requests or uses it. */
static bool is_dormant(const struct acme_certificate *certificate)
{
    if (!certificate->on_demand || certificate->unsaved)
        return false;
    return acme_certificate_is_served(certificate) ? !certificate->used && !certificate->renew_now
                                                   : !certificate->lookups;
}

time_t acme_schedule_due(const struct acme_certificate *certificate)
{
    const struct acme_key_pair *pair = certificate->pair;
    time_t due = valid(certificate->manager, certificate->due);

    if (!certificate->loaded || certificate->asking || is_dormant(certificate))
        return 0;
    if (certificate->changed)
        due = 1;
    else if (pair && !certificate->failures && !certificate->renew_now && !certificate->unsaved &&
             acme_certificate_is_served(certificate))
        due = certificate->renew_at > due ? certificate->renew_at : due;
    due = due > certificate->busy_until ? due : certificate->busy_until;
    return due ? due : 1;
}

bool acme_schedule_is_due(const struct acme_certificate *certificate)
{
    const time_t due = acme_schedule_due(certificate);

    return !certificate->attempt && due && due <= acme_clock();
}

static void on_timer(void *arg)
{
    acme_schedule(arg);
}

static bool make_timer(struct acme_manager *manager)
{
    if (!manager->timer)
        manager->timer = hg_timer_new(manager->worker, on_timer, manager);
    return manager->timer;
}

void acme_schedule_soon(struct acme_manager *manager)
{
    if (make_timer(manager))
        hg_timer_set(manager->worker->host, manager->timer, 0);
}

static void begin(struct acme_certificate *certificate)
{
    if (certificate->reading || (certificate->on_demand && !acme_on_demand_may_begin(certificate)))
        return;
    if (!acme_attempt_begin(certificate))
        acme_schedule_in(certificate, ACME_STORE_PAUSE);
}

void acme_schedule(struct acme_manager *manager)
{
    const time_t now = acme_clock();
    time_t next = now + CHECK_PAUSE;

    if (!make_timer(manager) || !manager->is_loaded || manager->cleanup)
        return;
    for (size_t i = 0; i < manager->authority_count; i++)
        manager->authorities[i].paused_until = valid(manager, manager->authorities[i].paused_until);
    for (struct acme_certificate *certificate = manager->certificates; certificate; certificate = certificate->next) {
        time_t due, ask_at;

        if (acme_schedule_is_due(certificate) && manager->running < RUNNING_MAX)
            begin(certificate);
        due = acme_schedule_due(certificate);
        if (!certificate->attempt && due > now && due < next)
            next = due;
        ask_at = acme_ari_due(certificate);
        if (ask_at && ask_at <= now)
            acme_ari_ask(certificate);
        else if (ask_at && ask_at < next)
            next = ask_at;
    }
    for (struct acme_certificate *certificate = manager->certificates; certificate; certificate = certificate->next)
        acme_lookup_settle(certificate);
    acme_metrics_show_all(manager);
    hg_timer_set(manager->worker->host, manager->timer, (hg_time)(next - now) * HG_SECOND);
}
