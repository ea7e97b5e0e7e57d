/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Gauges, and warnings before certificates expire. These have their own timer, in case the rest of acme hangs.
 */
#include "plugins/acme/manager.h"
#include "plugins/acme/renewal_time.h"
#include "plugins/acme/schedule.h"

#include <stdio.h>

/* Seconds between two checks. */
#define CHECK_PAUSE 600
/* The first one, when the store has been read. */
#define FIRST_CHECK (5 * HG_SECOND)
/* A warning each 32nd of the lifetime, but at least once a day. */
#define WARNINGS 32

/* ---- Gauges ---- */

/* Certificates on demand have none of their own, as strangers choose their names. */
void acme_metrics_add(struct acme_certificate *certificate)
{
    struct hg_worker *worker = certificate->manager->worker;

    if (certificate->on_demand)
        return;
    certificate->metrics.not_after = hg_gauge(worker, "not_after", HG_LABELS({"certificate", certificate->id}),
                                              "When the certificate expires, in seconds since 1970; 0: there is none.");
    certificate->metrics.next_try = hg_gauge(worker, "next_try", HG_LABELS({"certificate", certificate->id}),
                                             "When the next attempt is made; 0: none is planned.");
    certificate->metrics.failures = hg_gauge(worker, "failures", HG_LABELS({"certificate", certificate->id}),
                                             "Failed attempts since the last success.");
}

void acme_metrics_count(struct acme_manager *manager, const char *kind)
{
    ++*hg_gauge(manager->worker, "errors", HG_LABELS({"type", kind}),
                "Failed attempts, by the authority's error type.");
}

void acme_metrics_show(const struct acme_certificate *certificate)
{
    if (!certificate->metrics.not_after)
        return;
    *certificate->metrics.not_after = certificate->pair ? (uint64_t)certificate->pair->ends : 0;
    *certificate->metrics.next_try = (uint64_t)acme_schedule_due(certificate);
    *certificate->metrics.failures = certificate->failures;
}

void acme_metrics_show_all(struct acme_manager *manager)
{
    uint64_t first = 0, count = 0;

    for (const struct acme_certificate *certificate = manager->certificates; certificate;
         certificate = certificate->next) {
        acme_metrics_show(certificate);
        if (!certificate->pair)
            continue;
        count++;
        first = !first || (uint64_t)certificate->pair->ends < first ? (uint64_t)certificate->pair->ends : first;
    }
    *hg_gauge(manager->worker, "certificates", NULL, "Certificates, including those obtained on demand.") = count;
    *hg_gauge(manager->worker, "first_not_after", NULL, "When the first of them expires; 0: there is none.") = first;
}

/* ---- Warnings ---- */

static const char *reason_of(const struct acme_certificate *certificate)
{
    if (certificate->last_error)
        return certificate->last_error;
    return certificate->busy_until ? "another gateway is ordering it; see its log" : "no attempt is complete yet";
}

/* A failed attempt logs the days left, too, and a certificate on demand may no longer be in use. */
static bool was_reported(const struct acme_certificate *certificate, time_t now, time_t pause)
{
    if (certificate->on_demand && !certificate->failures)
        return true;
    if (certificate->failures && now - certificate->last_try < pause)
        return true;
    return certificate->warned && now - certificate->warned < pause;
}

/* This is always reported once. */
static bool has_just_expired(const struct acme_certificate *certificate, time_t now)
{
    return certificate->pair->ends <= now && certificate->warned < certificate->pair->ends &&
           (!certificate->on_demand || certificate->failures);
}

static void warn(struct acme_certificate *certificate, time_t now)
{
    const struct acme_key_pair *pair = certificate->pair;
    const time_t part = (pair->ends - pair->begins) / WARNINGS, pause = part < ACME_DAY ? part : ACME_DAY;
    const double days = (double)(pair->ends - now) / ACME_DAY;

    if (!has_just_expired(certificate, now) && (!acme_is_emergency(pair->begins, pair->ends, now) ||
                                                now < certificate->renew_at || was_reported(certificate, now, pause)))
        return;
    certificate->warned = now;
    if (days > 0)
        acme_log(certificate, HG_LOG_WARNING, "the certificate expires in %.1f days: %s", days, reason_of(certificate));
    else
        acme_log(certificate, HG_LOG_ERROR, "the certificate has expired, %s: %s", acme_moment(pair->ends).text,
                 reason_of(certificate));
}

static void check(void *arg)
{
    struct acme_manager *manager = arg;
    const time_t now = acme_clock();
    time_t pause = CHECK_PAUSE;

    acme_metrics_show_all(manager);
    for (struct acme_certificate *certificate = manager->certificates; certificate; certificate = certificate->next) {
        if (certificate->pair)
            warn(certificate, now);
        if (certificate->pair && certificate->pair->ends > now && certificate->pair->ends - now < pause)
            pause = certificate->pair->ends - now;
    }
    hg_timer_set(manager->worker->host, manager->metrics_timer, (hg_time)pause * HG_SECOND);
}

bool acme_metrics_begin(struct acme_manager *manager)
{
    manager->metrics_timer = hg_timer_new(manager->worker, check, manager);
    if (!manager->metrics_timer)
        return false;
    hg_timer_set(manager->worker->host, manager->metrics_timer, FIRST_CHECK);
    return true;
}
