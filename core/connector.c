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

/* How long the first link that is up may wait for the answer to `open` when a second one is up as well. */
#define OPEN_PATIENCE (2 * HG_SECOND)
/* A session that has moved back and lost that link so soon makes the next probes rarer: by half, as often as that. */
#define RETURN_STABLE   (60 * HG_SECOND)
#define RETURN_BACKOFFS 4

struct connector {
    struct sessions *sessions;
    struct backoff backoff;
    struct hg_timer *timer; /* the beginning of a round, or the end of a head start in it */
    bool waits;             /* for the beginning of a round */
    size_t next_transport;  /* of this round, in the pipeline's order */
    size_t attempts;        /* links with is_attempt */
    hg_time not_before;

    struct hg_timer *probe_timer;
    struct hg_link *probe; /* a link with is_probe */
    size_t probes;         /* ever */
    hg_time returned_at;   /* when a session last moved back; 0: never */
    unsigned returns_in_vain;
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

    if (connector->attempts || connector->waits || !needs_link(sessions))
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

/* Tries to open a link over one transport. NULL when that cannot even be tried. */
static struct hg_link *connect_over(struct sessions *sessions, const struct instance *transport)
{
    struct hg_worker *worker = &sessions->worker->instances[transport->index];
    struct hg_link *link = link_new(sessions, worker, hg_now(core_of(sessions)) + CONNECT_TIMEOUT);

    if (!link)
        return NULL;
    if (transport->plugin->transport.connect(worker, link)) {
        link_free(link);
        return NULL;
    }
    link->is_connecting = true;
    return link;
}

/* Lets the next transport take part in the race. */
static void connect_next(struct connector *connector)
{
    struct sessions *sessions = connector->sessions;
    const struct pipeline *pipeline = sessions->worker->pipeline;
    struct hg_link *link = NULL;

    while (!link && connector->next_transport < pipeline->transport_count)
        link = connect_over(sessions, pipeline->transports[connector->next_transport++]);
    if (link) {
        link->is_attempt = true;
        connector->attempts++;
    }
    if (connector->next_transport < pipeline->transport_count)
        hg_timer_set(core_of(sessions)->host, connector->timer, pipeline->settings.head_start);
    connector_want(sessions);
}

static void on_timer(void *arg)
{
    struct connector *connector = arg;

    connector->waits = false;
    if (needs_link(connector->sessions))
        connect_next(connector);
}

static void probe(void *arg);

int connector_start(struct sessions *sessions)
{
    struct connector *connector = calloc(1, sizeof *connector);

    if (!connector)
        return -1;
    connector->sessions = sessions;
    connector->timer = hg_timer_new(core_of(sessions), on_timer, connector);
    connector->probe_timer = hg_timer_new(core_of(sessions), probe, connector);
    sessions->connector = connector;
    if (!connector->timer || !connector->probe_timer)
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
    if (connector->probe_timer)
        hg_timer_free(core_of(sessions)->host, connector->probe_timer);
    free(connector);
    sessions->connector = NULL;
}

/* Ends the race. */
static void close_attempts(struct connector *connector, const char *why)
{
    struct sessions *sessions = connector->sessions;

    for (struct hg_link *link = sessions->links; link; link = link->next)
        if (link->is_attempt)
            link_close(link, TN_NO_ERROR, "%s", why);
    if (!connector->waits)
        hg_timer_stop(core_of(sessions)->host, connector->timer);
    connector->next_transport = sessions->worker->pipeline->transport_count;
}

void connector_review(struct sessions *sessions)
{
    if (sessions->connector->attempts && !needs_link(sessions))
        close_attempts(sessions->connector, "it is not needed any more");
}

void connector_not_before(struct sessions *sessions, hg_time when)
{
    sessions->connector->not_before = when;
}

/* ---- The race ---- */

static bool is_opening(const struct hg_link *link)
{
    return link->is_attempt && link->state == LINK_OPENING;
}

/* The link of the race that waits for the answer to its `open` (`said`), or that is up and waits for its turn. */
static struct hg_link *opening_link(const struct sessions *sessions, bool said)
{
    struct hg_link *link = sessions->links;

    while (link && !(is_opening(link) && link->said_open == said))
        link = link->next;
    return link;
}

void connector_link_up(struct hg_link *link)
{
    struct sessions *sessions = link->sessions;
    struct hg_link *first = opening_link(sessions, true);
    hg_time now = hg_now(core_of(sessions)), patience_ends;

    if (link->is_probe) {
        const struct session *session = sessions->sessions;

        while (session && (session->draining || !session->link))
            session = session->next;
        if (session)
            client_say_open(link, session);
        else
            link_close(link, TN_NO_ERROR, "there is nothing to move");
    } else if (!needs_link(sessions)) {
        link_close(link, TN_NO_ERROR, "it is not needed any more");
    } else if (first) {
        patience_ends = first->up_at + OPEN_PATIENCE;
        link_check_at(first, patience_ends > now ? patience_ends : now);
        link_check_at(link, now + CONNECT_TIMEOUT);
    } else {
        client_say_open(link, connector_session_in_need(sessions));
    }
}

/* One that took part is out. */
static void attempt_ended(struct connector *connector, const struct hg_link *link)
{
    struct sessions *sessions = connector->sessions;
    struct hg_link *second;

    connector->attempts--;
    if (!needs_link(sessions))
        return;
    hg_log(core_of(sessions)->instance, HG_LOG_WARNING, "no session over %s: %s", link->transport->instance->name,
           link->reason);
    second = opening_link(sessions, false);
    if (second && !opening_link(sessions, true))
        client_say_open(second, connector_session_in_need(sessions));
    connect_next(connector);
}

/* ---- Moving back ---- */

/* Where the transport of a link stands in the pipeline. */
static size_t position_of(const struct hg_link *link)
{
    const struct pipeline *pipeline = link->sessions->worker->pipeline;
    size_t position = 0;

    while (&pipeline->transports[position]->public != link->transport->instance)
        position++;
    return position;
}

/* The link of the session that takes new exchanges. */
static const struct hg_link *current_link(const struct sessions *sessions)
{
    const struct session *session = sessions->sessions;

    while (session && session->draining)
        session = session->next;
    return session && !session->suspect ? session->link : NULL;
}

/* The next probe, a quarter sooner or later than the interval says. */
static void plan_probe(struct connector *connector)
{
    struct sessions *sessions = connector->sessions;
    hg_time interval = sessions->worker->pipeline->settings.probe_interval << connector->returns_in_vain;

    hg_timer_set(core_of(sessions)->host, connector->probe_timer,
                 interval - interval / 4 + random_number() % (interval / 2));
}

static void probe(void *arg)
{
    struct connector *connector = arg;
    struct sessions *sessions = connector->sessions;
    const struct hg_link *link = current_link(sessions);
    size_t position = link ? position_of(link) : 0;

    if (sessions->drained_at || connector->probe || (link && !position))
        return;
    if (position)
        connector->probe =
            connect_over(sessions, sessions->worker->pipeline->transports[connector->probes++ % position]);
    if (connector->probe)
        connector->probe->is_probe = true;
    else
        plan_probe(connector);
}

static void probe_ended(struct connector *connector, const struct hg_link *link)
{
    connector->probe = NULL;
    if (connector->sessions->stopping)
        return;
    hg_log(core_of(connector->sessions)->instance, HG_LOG_DEBUG, "%s still does not work: %s",
           link->transport->instance->name, link->reason);
    plan_probe(connector);
}

/* A session has moved to this link. */
static void note_transport(struct connector *connector, const struct hg_link *link, bool returned)
{
    hg_time now = hg_now(core_of(connector->sessions));

    if (returned) {
        ++*connector->sessions->returned;
        connector->returned_at = now;
    } else if (connector->returned_at && now < connector->returned_at + RETURN_STABLE) {
        connector->returns_in_vain += connector->returns_in_vain < RETURN_BACKOFFS;
    } else {
        connector->returns_in_vain = 0;
    }
    if (position_of(link))
        plan_probe(connector);
}

void connector_accepted(struct hg_link *link, bool resumed)
{
    struct connector *connector = link->sessions->connector;
    bool returned = link->is_probe;

    link->is_attempt = link->is_probe = false;
    if (returned) {
        connector->probe = NULL;
    } else {
        connector->attempts--;
        close_attempts(connector, "another link was faster");
    }
    if (resumed)
        backoff_resumed(&connector->backoff);
    note_transport(connector, link, returned);
    connector_want(link->sessions);
}

void connector_link_ended(struct hg_link *link)
{
    struct connector *connector = link->sessions->connector;

    if (link->is_attempt) {
        attempt_ended(connector, link);
        return;
    }
    if (link->is_probe) {
        probe_ended(connector, link);
        return;
    }
    if (link->was_active)
        backoff_link_ended(&connector->backoff, hg_now(core_of(link->sessions)) - link->up_at);
    connector_want(link->sessions);
}
