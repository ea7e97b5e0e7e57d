/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/on_demand.h"

#include "plugins/acme/manager.h"
#include "plugins/acme/schedule.h"

#include <stdio.h>
#include <stdlib.h>

/* Names kept without a certificate. Beyond them the oldest that has had its turn makes room. */
#define NAMES_MAX 4096

/* How long a refusal holds, and how long `ask` may take. */
#define REFUSAL_PAUSE 60
#define ASK_TIMEOUT   (5 * HG_SECOND)
#define ASK_MAX       65536
/* Of the questions that go on at once, those for one address. */
#define ASKS_PER_SOURCE 16
/* How long a renewal is put off that is not allowed at the moment. */
#define LATER_PAUSE 3600
/* How long after its end a certificate goes from memory and from the store, and how often one is looked for. The store
 * keeps it longer, since the clock may be ahead. */
#define FORGET_AGE        86400
#define REMOVE_AGE        (7 * 86400)
#define STORE_SWEEP_PAUSE (86400 * HG_SECOND)
/* Strangers choose the names that are refused: a line in the log each minute is enough. */
#define SWEEP_PAUSE (60 * HG_SECOND)

enum refusal { REFUSED_NAME, REFUSED_BY_QUOTA };

/* ---- Permission ---- */

/* A wildcard's route is no permission: whoever makes up names below it would have them ordered. */
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
    hg_log(manager->worker->instance, refusals->since ? HG_LOG_DEBUG : level, "%s: nothing is ordered on demand: %s",
           certificate->id, error);
    refusals->count += refusals->since != 0;
    refusals->since = refusals->since ? refusals->since : hg_now(manager->worker);
    acme_certificate_set_error(certificate, error);
    certificate->failures++;
    certificate->due = acme_clock() + REFUSAL_PAUSE;
    acme_lookup_wake(certificate);
}

/* The certificate that there is serves on. */
static void deny(struct acme_certificate *certificate, const char *why)
{
    if (!acme_certificate_is_served(certificate)) {
        refuse(certificate, REFUSED_NAME, why);
        return;
    }
    certificate->due = acme_clock() + LATER_PAUSE;
    hg_log(certificate->manager->worker->instance, HG_LOG_INFO, "%s: not renewed now: %s", certificate->id, why);
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
        snprintf(error, sizeof error, "%s says no (status %d)", url, response->status);
    if (certificate->permitted)
        acme_schedule_soon(certificate->manager);
    else
        deny(certificate, error);
}

/* Whoever is slow to answer is not asked for ever more names, nor by one address alone. */
static bool is_too_much(const struct acme_certificate *certificate)
{
    const struct acme_on_demand *on_demand = &certificate->manager->on_demand;
    size_t same = 0;

    for (size_t i = 0; i < on_demand->asking_count; i++)
        same += !strcmp(on_demand->asking[i]->source.text, certificate->source.text);
    return on_demand->asking_count == ACME_ASKS_MAX || same >= ASKS_PER_SOURCE;
}

/* Only host names come here, which need no escaping in a URL. */
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

/* The oldest that has no certificate, and was not ordered in vain a moment ago. */
static bool make_room(struct acme_manager *manager)
{
    const time_t now = acme_clock();

    for (struct acme_certificate *each = manager->certificates; each; each = each->next)
        if (each->on_demand && !each->pair && is_idle(each) && (each->due <= now || !each->last_try)) {
            if (each->last_try)
                store_remove(&manager->store, ACME_STATES, each->id, HG_STORE_ANY);
            acme_manager_forget(each);
            return true;
        }
    return false;
}

struct acme_certificate *acme_on_demand_keep(struct acme_manager *manager, const char *name)
{
    struct acme_certificate *certificate;

    if (manager->on_demand.names >= NAMES_MAX && !make_room(manager))
        return NULL;
    certificate = acme_certificate_new(manager, &name, 1, true);
    if (!certificate || !acme_manager_keep(manager, certificate))
        return NULL;
    manager->on_demand.names++;
    return certificate;
}

/* One that handshakes use is renewed when that is due. */
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
        return NULL; /* it was tried a moment ago */
    if (acme_name_kind(hg_text(name)) != ACME_NAME_HOST || (!manager->config->ask && !is_served(manager, name))) {
        ++*manager->counters.on_demand_refused;
        return NULL;
    }
    if (!known)
        certificate = acme_on_demand_keep(manager, name);
    if (!certificate || certificate->lookups)
        return certificate;
    certificate->source = acme_source_of(peer);
    certificate->used = true;
    certificate->due = 0;
    if (!certificate->loaded)
        acme_watch_load(certificate);
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
    store_put_json(&manager->store, ACME_QUOTAS, ACME_ON_DEMAND_QUOTA, acme_quota_state(quota), HG_STORE_ANY);
    return true;
}

void acme_on_demand_recall(struct acme_manager *manager, const char *name, const struct hg_store_answer *answer)
{
    json_t *state = store_json(answer);

    (void)name;
    if (state)
        acme_quota_recall(&manager->on_demand.quota, state);
    json_decref(state);
}

/* ---- What nobody uses ---- */

static void forget_expired(struct acme_manager *manager)
{
    const time_t now = acme_clock();

    for (struct acme_certificate *each = manager->certificates, *next; each; each = next) {
        next = each->next;
        if (!each->on_demand || !each->pair || each->pair->ends + FORGET_AGE > now || each->due > now || !is_idle(each))
            continue;
        hg_log(manager->worker->instance, HG_LOG_INFO, "%s: expired and unused; dropped", each->id);
        acme_manager_forget(each);
    }
}

/* What the store remembers of a name that is neither in the config nor in use. */
static void on_unused(struct acme_manager *manager, const char *name, const struct hg_store_answer *answer)
{
    static const char *const kinds[] = {ACME_CERTIFICATES, ACME_PREVIOUS, ACME_ORDERS, ACME_STATES};
    json_t *state = store_json(answer);
    const time_t expires = (time_t)json_integer_value(json_object_get(state, "expires"));
    const time_t last_try = (time_t)json_integer_value(json_object_get(state, "last_try"));
    const struct acme_certificate *kept = acme_name_index_find(&manager->index, hg_text(name));
    const time_t last = expires > last_try ? expires : last_try;

    json_decref(state);
    if (!state || (kept && !strcmp(kept->id, name)) || last + REMOVE_AGE > acme_clock())
        return;
    hg_log(manager->worker->instance, HG_LOG_INFO, "%s: expired and unused; removed from the store", name);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        store_remove(&manager->store, kinds[i], name, HG_STORE_ANY);
}

static void sum_up(struct acme_manager *manager)
{
    for (int kind = REFUSED_NAME; kind <= REFUSED_BY_QUOTA; kind++) {
        struct acme_refusals *refusals = &manager->on_demand.refusals[kind];

        if (refusals->count)
            hg_log(manager->worker->instance, kind == REFUSED_BY_QUOTA ? HG_LOG_WARNING : HG_LOG_INFO,
                   "nothing was ordered on demand for %u more names: %s", refusals->count,
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

    sum_up(manager);
    forget_expired(manager);
    if (!on_demand->store_swept || now - on_demand->store_swept >= STORE_SWEEP_PAUSE) {
        on_demand->store_swept = now;
        acme_watch_read(manager, ACME_STATES, HG_TEXT(""), on_unused);
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
