/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/on_demand.h"

#include "plugins/acme/manager.h"
#include "plugins/acme/schedule.h"

#include <stdio.h>
#include <stdlib.h>

/* Names without a certificate. If there are more, the oldest one is removed. */
#define NAMES_MAX 4096
/* How long a refusal lasts, in seconds. */
#define REFUSAL_PAUSE 60
#define ASK_TIMEOUT   (5 * HG_SECOND)
#define ASK_MAX       65536
/* Concurrent queries to `ask` for one address. */
#define ASKS_PER_SOURCE 16
/* How long a renewal is put off if it is not permitted, in seconds. */
#define LATER_PAUSE 3600
/* How long after its expiry a certificate is removed from memory and from the store, in seconds, and how often the
 * store is searched. The store keeps it longer in case the clock is ahead. */
#define FORGET_AGE        ACME_DAY
#define REMOVE_AGE        (7 * ACME_DAY)
#define STORE_SWEEP_PAUSE (ACME_DAY * HG_SECOND)
/* How often refusals are logged: strangers choose the names. */
#define SWEEP_PAUSE (60 * HG_SECOND)
/* The key of the quota in the store. */
#define QUOTA "on-demand"

enum refusal { REFUSED_NAME, REFUSED_BY_QUOTA };

/* ---- Permission ---- */

/* Routes for wildcards do not count: anyone can make up names that match. */
static bool is_served(const struct acme_manager *manager, const char *name)
{
    const struct acme_on_demand *on_demand = &manager->on_demand;

    return on_demand->routes && on_demand->routes->served(on_demand->provider, hg_text(name)) == HG_SERVED_LIVE;
}

static void refuse(struct acme_certificate *certificate, enum refusal kind, const char *error)
{
    struct acme_manager *manager = certificate->manager;
    struct acme_refusals *refusals = &manager->on_demand.refusals[kind];
    const enum hg_level level = kind == REFUSED_BY_QUOTA ? HG_LOG_WARNING : HG_LOG_INFO;

    ++*manager->counters.on_demand_refused;
    acme_log(certificate, refusals->since ? HG_LOG_DEBUG : level, "not ordered on demand: %s", error);
    refusals->count += refusals->since != 0;
    refusals->since = refusals->since ? refusals->since : hg_now(manager->worker);
    acme_certificate_set_error(certificate, error);
    certificate->failures++;
    certificate->due = acme_clock() + REFUSAL_PAUSE;
    acme_lookup_wake(certificate);
}

/* A certificate that is in use stays in use. */
static void deny(struct acme_certificate *certificate, const char *why)
{
    if (!acme_certificate_is_served(certificate)) {
        refuse(certificate, REFUSED_NAME, why);
        return;
    }
    certificate->due = acme_clock() + LATER_PAUSE;
    acme_log(certificate, HG_LOG_INFO, "not renewed now: %s", why);
}

/* ---- `ask` ---- */

static void on_asked(void *arg, const struct https_response *response)
{
    struct acme_certificate *certificate = arg;
    struct acme_on_demand *on_demand = &certificate->manager->on_demand;
    const char *url = certificate->manager->config->ask;
    char error[512];
    size_t i = 0;

    certificate->asking = NULL;
    while (on_demand->asking[i] != certificate)
        i++;
    on_demand->asking[i] = on_demand->asking[--on_demand->asking_count];
    certificate->permitted = !response->error && response->status == 200;
    if (response->error)
        snprintf(error, sizeof error, "%s: %s", url, response->error);
    else
        snprintf(error, sizeof error, "%s refused it (status %d)", url, response->status);
    if (certificate->permitted)
        acme_schedule_soon(certificate->manager);
    else
        deny(certificate, error);
}

/* Limits the queries to a slow server, in total and for one address. */
static bool is_too_much(const struct acme_certificate *certificate)
{
    const struct acme_on_demand *on_demand = &certificate->manager->on_demand;
    size_t same = 0;

    for (size_t i = 0; i < on_demand->asking_count; i++)
        same += !strcmp(on_demand->asking[i]->source.text, certificate->source.text);
    return on_demand->asking_count == ACME_ASKS_MAX || same >= ASKS_PER_SOURCE;
}

/* The id is a host name, so it needs no escaping in a URL. */
static bool ask(struct acme_certificate *certificate)
{
    struct acme_manager *manager = certificate->manager;
    const char *base = manager->config->ask;
    char *url = NULL;

    if (is_too_much(certificate) ||
        asprintf(&url, "%s%cdomain=%s", base, strchr(base, '?') ? '&' : '?', certificate->id) < 0)
        return false;
    certificate->asking =
        https_send(manager->https,
                   &(struct https_request){
                       .method = "GET", .url = url, .plain = true, .max_size = ASK_MAX, .timeout = ASK_TIMEOUT},
                   on_asked, certificate);
    free(url);
    if (certificate->asking)
        manager->on_demand.asking[manager->on_demand.asking_count++] = certificate;
    return certificate->asking;
}

bool acme_on_demand_may_begin(struct acme_certificate *certificate)
{
    const struct acme_manager *manager = certificate->manager;

    if (certificate->permitted || certificate->unsaved ||
        (!manager->config->ask && is_served(manager, certificate->id)))
        return true;
    if (!manager->config->ask)
        deny(certificate, "no client serves that name at the moment");
    else if (!ask(certificate))
        deny(certificate, "too many queries in progress");
    return false;
}

/* ---- Names ---- */

static bool is_idle(const struct acme_certificate *certificate)
{
    return !certificate->attempt && !certificate->asking && !certificate->lookups && !certificate->reading;
}

/* Removes the oldest name without a certificate, unless its order has just failed. */
static bool make_room(struct acme_manager *manager)
{
    const time_t now = acme_clock();

    for (struct acme_certificate *each = manager->certificates; each; each = each->next)
        if (each->on_demand && !each->pair && is_idle(each) && (each->due <= now || !each->last_try)) {
            if (each->last_try)
                store_remove(&manager->store, ACME_STATES, each->id, HG_STORE_ANY);
            acme_manager_remove(each);
            return true;
        }
    return false;
}

struct acme_certificate *acme_on_demand_add(struct acme_manager *manager, const char *name)
{
    struct acme_certificate *certificate;

    if (manager->on_demand.names >= NAMES_MAX && !make_room(manager))
        return NULL;
    certificate = acme_manager_add(manager, &name, 1, true);
    manager->on_demand.names += certificate != NULL;
    return certificate;
}

/* Only certificates that are used are renewed. */
static void use(struct acme_certificate *certificate)
{
    if (certificate->used)
        return;
    certificate->used = true;
    if (acme_schedule_is_due(certificate))
        acme_schedule_soon(certificate->manager);
}

struct acme_certificate *acme_on_demand_certificate(struct acme_manager *manager, struct acme_certificate *known,
                                                    const char *name, struct hg_text peer)
{
    struct acme_certificate *certificate = known;

    if (known && acme_certificate_is_served(known)) {
        use(known);
        return known;
    }
    if (known && (known->attempt || known->asking || !known->loaded))
        return known;
    if (known && known->failures && known->due > acme_clock())
        return NULL; /* it has just failed */
    if (acme_name_kind(hg_text(name)) != ACME_NAME_HOST || (!manager->config->ask && !is_served(manager, name))) {
        ++*manager->counters.on_demand_refused;
        return NULL;
    }
    if (!known)
        certificate = acme_on_demand_add(manager, name);
    if (!certificate || certificate->lookups)
        return certificate;
    certificate->source = acme_source_of(peer);
    certificate->used = true;
    certificate->due = 0;
    if (!certificate->loaded)
        acme_watch_load(certificate, true);
    return certificate;
}

/* ---- The quota ---- */

bool acme_on_demand_count(struct acme_certificate *certificate)
{
    struct acme_manager *manager = certificate->manager;
    struct acme_quota *quota = &manager->on_demand.quota;
    const char *refusal =
        acme_quota_count(quota, manager->config->on_demand_per_hour, &certificate->source, acme_clock());

    if (refusal) {
        refuse(certificate, REFUSED_BY_QUOTA, refusal);
        return false;
    }
    store_put_json(&manager->store, ACME_QUOTAS, QUOTA, acme_quota_state(quota), HG_STORE_ANY);
    return true;
}

void acme_on_demand_recall(struct acme_manager *manager, const struct acme_value *value)
{
    if (value->json)
        acme_quota_recall(&manager->on_demand.quota, value->json);
}

/* ---- Removing ---- */

static void forget_expired(struct acme_manager *manager)
{
    const time_t now = acme_clock();

    for (struct acme_certificate *each = manager->certificates, *next; each; each = next) {
        next = each->next;
        if (!each->on_demand || !each->pair || each->pair->ends + FORGET_AGE > now || each->due > now || !is_idle(each))
            continue;
        acme_log(each, HG_LOG_INFO, "expired and unused; dropped");
        acme_manager_remove(each);
    }
}

/* Names that are neither in the config nor in use. */
static void on_state(struct acme_manager *manager, const struct acme_value *value)
{
    static const char *const kinds[] = {ACME_CERTIFICATES, ACME_PREVIOUS, ACME_ORDERS, ACME_STATES};
    const time_t expires = (time_t)json_integer_value(json_object_get(value->json, "expires"));
    const time_t last_try = (time_t)json_integer_value(json_object_get(value->json, "last_try"));
    const time_t last = expires > last_try ? expires : last_try;

    if (!value->json || acme_manager_find(manager, hg_text(value->name)) || last + REMOVE_AGE > acme_clock())
        return;
    hg_log(manager->worker->instance, HG_LOG_INFO, "%s: expired and unused; removed from the store", value->name);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        store_remove(&manager->store, kinds[i], value->name, HG_STORE_ANY);
}

static void summarize_refusals(struct acme_manager *manager)
{
    for (int kind = REFUSED_NAME; kind <= REFUSED_BY_QUOTA; kind++) {
        struct acme_refusals *refusals = &manager->on_demand.refusals[kind];

        if (refusals->count)
            hg_log(manager->worker->instance, kind == REFUSED_BY_QUOTA ? HG_LOG_WARNING : HG_LOG_INFO,
                   "%u more names were not ordered on demand: %s", refusals->count,
                   kind == REFUSED_BY_QUOTA ? "on_demand_per_hour or the limit for one address is used up"
                                            : "not permitted");
        refusals->since = refusals->count ? hg_now(manager->worker) : 0;
        refusals->count = 0;
    }
}

static void sweep(void *arg)
{
    struct acme_manager *manager = arg;
    struct acme_on_demand *on_demand = &manager->on_demand;
    const hg_time now = hg_now(manager->worker);

    summarize_refusals(manager);
    forget_expired(manager);
    if (!on_demand->store_swept || now - on_demand->store_swept >= STORE_SWEEP_PAUSE) {
        on_demand->store_swept = now;
        acme_watch_read(manager, ACME_STATES, HG_TEXT(""), on_state);
    }
    hg_timer_set(manager->worker->host, on_demand->timer, SWEEP_PAUSE);
}

/* ---- Life ---- */

bool acme_on_demand_begin(struct acme_manager *manager)
{
    struct acme_on_demand *on_demand = &manager->on_demand;
    struct hg_capability routes;

    on_demand->timer = hg_timer_new(manager->worker, sweep, manager);
    if (!on_demand->timer)
        return false;
    hg_timer_set(manager->worker->host, on_demand->timer, SWEEP_PAUSE);
    if (!manager->config->on_demand || !hg_capability(manager->worker->instance, HG_ROUTES, HG_ROUTES_VERSION, &routes))
        return true;
    on_demand->routes = routes.ops;
    on_demand->provider = hg_capability_worker(manager->worker, &routes);
    if (!manager->config->ask && !on_demand->routes->names_hosts(on_demand->provider))
        hg_log(manager->worker->instance, HG_LOG_WARNING, "on_demand: " ACME_NO_PERMISSION);
    return true;
}

void acme_on_demand_end(struct acme_manager *manager)
{
    hg_timer_free(manager->worker->host, manager->on_demand.timer);
    free(manager->on_demand.quota.orders);
}
