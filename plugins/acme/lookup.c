/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The certificate for a handshake.
 */
#include "plugins/acme/manager.h"
#include "plugins/acme/schedule.h"
#include "plugins/lib/x509/x509.h"

#include <stdlib.h>

/* How long handshakes wait for the store at the start, even if `wait` is 0. */
#define READ_PATIENCE HG_SECOND
/* How long they wait for the renewal of an expired certificate, and how long the attempt may have taken already. After
 * a long downtime, a renewal usually takes a second or two. */
#define EXPIRED_PATIENCE (3 * HG_SECOND)
#define FRESH            (5 * HG_SECOND)

/* Whether the certificate is being obtained, here or by another gateway, or will be in a moment. */
static bool is_under_way(const struct acme_certificate *certificate)
{
    return certificate->attempt || certificate->asking || certificate->busy_until > acme_clock() ||
           acme_schedule_is_due(certificate) || !certificate->manager->is_loaded;
}

static bool is_being_replaced(const struct acme_certificate *certificate)
{
    if (certificate->on_demand || certificate->pair->ends > acme_clock())
        return false;
    return certificate->attempt ? hg_now(certificate->manager->worker) - certificate->began < FRESH
                                : is_under_way(certificate);
}

/* Whether a better certificate is worth waiting for. */
static bool is_coming(const struct acme_certificate *certificate)
{
    if (!certificate->loaded)
        return true;
    if (!certificate->manager->config->wait)
        return false;
    return acme_certificate_is_served(certificate) ? is_being_replaced(certificate) : is_under_way(certificate);
}

/* The certificate, or a self-signed one for names in `domains`. A reference, or NULL. */
static struct hg_certificate *shown(struct acme_certificate *certificate)
{
    if (acme_certificate_is_served(certificate))
        return hg_certificate_ref(&certificate->pair->certificate);
    if (certificate->on_demand)
        return NULL;
    if (!certificate->placeholder) {
        certificate->placeholder = x509_self_signed(&(struct x509_self_signed){.subject = "hopgate, no certificate yet",
                                                                               .names = certificate->names,
                                                                               .name_count = certificate->name_count,
                                                                               .now = acme_clock()});
        if (certificate->placeholder)
            acme_log(certificate, HG_LOG_WARNING, "no certificate yet; using a self-signed one");
    }
    return certificate->placeholder ? hg_certificate_ref(certificate->placeholder) : NULL;
}

void acme_lookup_cancel(struct hg_certificate_lookup *lookup)
{
    *lookup->place = lookup->next;
    if (lookup->next)
        lookup->next->place = lookup->place;
    hg_timer_free(lookup->certificate->manager->worker->host, lookup->timer);
    free(lookup);
}

static void answer(void *arg)
{
    struct hg_certificate_lookup *lookup = arg;
    struct acme_certificate *certificate = lookup->certificate;
    const hg_certificate_done done = lookup->done;
    void *done_arg = lookup->arg;

    acme_lookup_cancel(lookup);
    done(done_arg, shown(certificate));
}

void acme_lookup_wake(struct acme_certificate *certificate)
{
    while (certificate->lookups)
        answer(certificate->lookups);
}

void acme_lookup_settle(struct acme_certificate *certificate)
{
    if (!is_coming(certificate))
        acme_lookup_wake(certificate);
}

static struct hg_certificate_lookup *park(struct acme_certificate *certificate, hg_certificate_done done, void *arg)
{
    struct acme_manager *manager = certificate->manager;
    struct hg_certificate_lookup *lookup = calloc(1, sizeof *lookup);
    hg_time patience = manager->config->wait;

    if (!lookup)
        return NULL;
    *lookup = (struct hg_certificate_lookup){.certificate = certificate,
                                             .next = certificate->lookups,
                                             .place = &certificate->lookups,
                                             .done = done,
                                             .arg = arg};
    lookup->timer = hg_timer_new(manager->worker, answer, lookup);
    if (!lookup->timer) {
        free(lookup);
        return NULL;
    }
    if (!certificate->loaded && patience < READ_PATIENCE)
        patience = READ_PATIENCE;
    if (acme_certificate_is_served(certificate) && patience > EXPIRED_PATIENCE)
        patience = EXPIRED_PATIENCE;
    hg_timer_set(manager->worker->host, lookup->timer, patience);
    if (!certificate->loaded && !certificate->lookups)
        acme_watch_load(certificate, true);
    if (lookup->next)
        lookup->next->place = &lookup->next;
    certificate->lookups = lookup;
    return lookup;
}

static bool offers_validation(const struct hg_certificate_query *query)
{
    for (size_t i = 0; i < query->alpn_count; i++)
        if (hg_text_equal(query->alpn[i], HG_TEXT(HG_ALPN_ACME_TLS)))
            return true;
    return false;
}

/* A client that sends no name, such as one that connects to an address, gets the first certificate in the config. */
static struct acme_certificate *certificate_for(struct acme_manager *manager, const struct hg_certificate_query *query)
{
    char name[ACME_NAME_MAX + 1];
    struct acme_certificate *certificate;

    if (!query->server_name.size)
        return manager->certificates;
    if (!acme_name_canonical(query->server_name, name))
        return NULL;
    certificate = acme_name_index_find(&manager->index, hg_text(name));
    if (!manager->config->on_demand || (certificate && !certificate->on_demand))
        return certificate;
    return acme_on_demand_certificate(manager, certificate, name, query->peer);
}

struct hg_certificate *acme_lookup(struct acme_manager *manager, const struct hg_certificate_query *query,
                                   hg_certificate_done done, void *arg, struct hg_certificate_lookup **later)
{
    struct acme_certificate *certificate;

    *later = NULL;
    if (offers_validation(query))
        return acme_solvers_certificate(&manager->solvers, query);
    certificate = certificate_for(manager, query);
    if (!certificate)
        return NULL;
    /* A waiting handshake makes a certificate on demand due. */
    if (is_coming(certificate) || (certificate->on_demand && !acme_certificate_is_served(certificate))) {
        *later = park(certificate, done, arg);
        if (*later && acme_schedule_is_due(certificate))
            acme_schedule_soon(manager);
        if (*later)
            return NULL;
    }
    return shown(certificate);
}
