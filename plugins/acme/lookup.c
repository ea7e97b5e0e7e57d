/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The certificate for a handshake.
 */
#include "plugins/acme/manager.h"
#include "plugins/acme/schedule.h"
#include "plugins/lib/x509/x509.h"

#include <stdlib.h>

/* How long what the store holds is waited for at the start, also where `wait` is 0: a moment, unless the disk hangs. */
#define READ_PATIENCE HG_SECOND

/* How long a handshake waits for what may come in the place of an expired certificate, and how old the attempt may be:
 * the usual one takes a second or two, after a time in which the gateway did not run. */
#define EXPIRED_PATIENCE (3 * HG_SECOND)
#define FRESH            (5 * HG_SECOND)

/* Whether it is obtained, here or by another gateway, or will be in a moment. */
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

/* Whether it pays to wait for one. */
static bool is_coming(const struct acme_certificate *certificate)
{
    if (!certificate->loaded)
        return true;
    if (!certificate->manager->config->wait)
        return false;
    return acme_certificate_is_served(certificate) ? is_being_replaced(certificate) : is_under_way(certificate);
}

/* What a handshake is shown: the certificate, or a self-signed one where the config promises one. A reference, or NULL.
 */
static struct hg_certificate *shown(struct acme_certificate *certificate)
{
    if (acme_certificate_is_served(certificate))
        return hg_certificate_ref(&certificate->pair->certificate);
    if (certificate->on_demand)
        return NULL;
    if (!certificate->placeholder) {
        certificate->placeholder =
            x509_self_signed(&(struct x509_self_signed){.subject = "hopgate, no certificate yet",
                                                        .names = (const char *const *)certificate->names,
                                                        .name_count = certificate->name_count,
                                                        .now = acme_clock()});
        if (certificate->placeholder)
            hg_log(certificate->manager->worker->instance, HG_LOG_WARNING,
                   "%s: no certificate yet; using a self-signed one", certificate->id);
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

/* What there is is the answer. */
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

/* The certificate that is kept for the name; for who asks for none, such as an address, the first one of the config. */
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
    /* Who waits makes it due. */
    if (is_coming(certificate) || (certificate->on_demand && !acme_certificate_is_served(certificate))) {
        *later = park(certificate, done, arg);
        if (*later && acme_schedule_is_due(certificate))
            acme_schedule_soon(manager);
        if (*later)
            return NULL;
    }
    return shown(certificate);
}
