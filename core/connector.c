/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/connector.h"

#include "core/backoff.h"
#include "core/client.h"
#include "core/link.h"

#include <stdlib.h>
#include <sys/random.h>

/* How long a handshake may take. */
#define CONNECT_TIMEOUT (10 * HG_SECOND)

struct connector {
    struct sessions *sessions;
    struct backoff backoff;
    struct hg_timer *timer; /* the beginning of a round, or its next transport */
    bool waits;             /* for the beginning of a round */
    size_t
        next_transport; /* of this round, in the pipeline's order; their number: none is left, or there is no round */
    struct hg_link *attempt; /* the link that is being opened */
    hg_time not_before;
};

static struct hg_worker *core_of(const struct sessions *sessions)
{
    return &sessions->worker->core;
}

struct session *connector_session_in_need(const struct sessions *sessions)
{
    for (struct session *session = sessions->sessions; session; session = session->next)
        if ((!session->link || session->suspect) && !(session->draining && session_is_idle(session)))
            return session;
    return NULL;
}

static bool needs_link(const struct sessions *sessions)
{
    if (sessions->stopping)
        return false;
    if (connector_session_in_need(sessions))
        return true;
    if (sessions->drained_at)
        return false;
    for (const struct session *session = sessions->sessions; session; session = session->next)
        if (!session->draining)
            return false;
    return true;
}

static uint64_t random_number(void)
{
    uint64_t number = 0;

    /* Without random numbers all that is lost is the spread of the clients. */
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        number = 0;
    return number;
}

void connector_want(struct sessions *sessions)
{
    struct connector *connector = sessions->connector;
    hg_time now = hg_now(core_of(sessions)), delay;

    if (connector->attempt || connector->waits || !needs_link(sessions))
        return;
    delay = backoff_next(&connector->backoff, random_number());
    if (connector->not_before > now + delay)
        delay = connector->not_before - now;
    if (delay)
        hg_log(core_of(sessions)->instance, HG_LOG_INFO, "connecting again in %.1f s",
               (double)delay / (double)HG_SECOND);
    connector->waits = true;
    connector->next_transport = 0;
    hg_timer_set(core_of(sessions)->host, connector->timer, delay);
}

/* Tries to open a link over one transport. False when that cannot even be tried. */
static bool connect_over(struct connector *connector, const struct instance *transport)
{
    struct sessions *sessions = connector->sessions;
    struct hg_worker *worker = &sessions->worker->instances[transport->index];
    struct hg_link *link = link_new(sessions, worker, hg_now(core_of(sessions)) + CONNECT_TIMEOUT);

    if (!link)
        return false;
    if (transport->plugin->transport.connect(worker, link)) {
        link_free(link);
        return false;
    }
    link->is_connecting = true;
    connector->attempt = link;
    return true;
}

static void connect_next(struct connector *connector)
{
    const struct pipeline *pipeline = connector->sessions->worker->pipeline;

    while (connector->next_transport < pipeline->transport_count)
        if (connect_over(connector, pipeline->transports[connector->next_transport++]))
            return;
    connector_want(connector->sessions);
}

static void on_timer(void *arg)
{
    struct connector *connector = arg;

    connector->waits = false;
    if (needs_link(connector->sessions))
        connect_next(connector);
}

int connector_start(struct sessions *sessions)
{
    struct connector *connector = calloc(1, sizeof *connector);

    if (!connector)
        return -1;
    connector->sessions = sessions;
    connector->timer = hg_timer_new(core_of(sessions), on_timer, connector);
    sessions->connector = connector;
    if (!connector->timer)
        return -1;
    connector_want(sessions);
    return 0;
}

void connector_stop(struct sessions *sessions)
{
    struct connector *connector = sessions->connector;

    if (!connector)
        return;
    if (connector->timer)
        hg_timer_free(core_of(sessions)->host, connector->timer);
    free(connector);
    sessions->connector = NULL;
}

void connector_review(struct sessions *sessions)
{
    struct hg_link *attempt = sessions->connector->attempt;

    if (attempt && !needs_link(sessions))
        link_close(attempt, TN_NO_ERROR, "it is not needed any more");
}

void connector_not_before(struct sessions *sessions, hg_time when)
{
    sessions->connector->not_before = when;
}

void connector_accepted(struct hg_link *link, bool resumed)
{
    struct connector *connector = link->sessions->connector;

    if (connector->attempt == link)
        connector->attempt = NULL;
    if (resumed)
        backoff_resumed(&connector->backoff);
    connector_want(link->sessions);
}

void connector_link_ended(struct hg_link *link)
{
    struct sessions *sessions = link->sessions;
    struct connector *connector = sessions->connector;

    if (link != connector->attempt) {
        if (link->was_active)
            backoff_link_ended(&connector->backoff, hg_now(core_of(sessions)) - link->up_at);
        connector_want(sessions);
        return;
    }
    connector->attempt = NULL;
    if (!needs_link(sessions))
        return;
    hg_log(core_of(sessions)->instance, HG_LOG_WARNING, "no session over %s: %s", link->transport->instance->name,
           link->reason);
    connect_next(connector);
}
