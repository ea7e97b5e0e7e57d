/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/session/dialer.h"

#include "core/base/backoff.h"
#include "core/base/log.h"
#include "core/base/reason.h"
#include "core/loop/network_change.h"
#include "core/session/client.h"
#include "core/session/link.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

/* How long a handshake may take. */
#define CONNECT_TIMEOUT (10 * HG_SECOND)

/* How long the first link that is up may wait for the answer to `open` when a second one is up as well. */
#define OPEN_PATIENCE (2 * HG_SECOND)
/* A session that has moved back and lost that link so soon makes the next probes rarer: by half, as often as that. */
#define RETURN_STABLE   (60 * HG_SECOND)
#define RETURN_BACKOFFS 4

struct connector {
    struct sessions *sessions;
    struct connector *next;
    const struct gateway *gateway;
    char label[320]; /* begins its lines in the log, where there are several connectors; else empty */
    struct backoff backoff;
    struct hg_timer *timer; /* the beginning of a round, or the end of a head start in it */
    bool waits;             /* for the beginning of a round */
    bool helps_drained;     /* the last round that was planned is for a session that the gateway drains */
    size_t next_way;        /* of this round, in the gateway's order */
    size_t attempts;        /* links with is_attempt */
    hg_time not_before;
    hg_time round_began; /* the last one, in which no link was good so far; 0: there is none */

    struct hg_timer *probe_timer;
    struct hg_link *probe; /* a link with is_probe */
    size_t probes;         /* ever */
    hg_time returned_at;   /* when a session last moved back; 0: never */
    unsigned returns_in_vain;
};

static struct hg_worker *core_of(const struct sessions *sessions)
{
    return sessions->worker;
}

/* Its newest session, or the next older one after `session`. */
static struct session *next_session(const struct connector *connector, const struct session *session)
{
    struct session *next = session ? session->next : connector->sessions->sessions;

    while (next && next->connector != connector)
        next = next->next;
    return next;
}

/* The session of it that needs a link most, or NULL. */
static struct session *session_in_need(const struct connector *connector)
{
    struct session *session = NULL;

    while ((session = next_session(connector, session)))
        if ((!session->link || session->suspect || session->link->is_old) &&
            !(session->draining && session_is_idle(session)))
            return session;
    return NULL;
}

/* The session of it that takes new exchanges, or NULL. */
static struct session *current_session(const struct connector *connector)
{
    struct session *session = NULL;

    while ((session = next_session(connector, session)))
        if (!session->draining)
            return session;
    return NULL;
}

static bool needs_link(const struct connector *connector)
{
    if (connector->sessions->stopping)
        return false;
    if (session_in_need(connector))
        return true;
    return !connector->sessions->drained_at && !current_session(connector);
}

static uint64_t random_number(void)
{
    uint64_t number = 0;

    /* Without random numbers all that is lost is the spread of the clients. */
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        number = 0;
    return number;
}

/* A gateway that drains refuses new sessions and takes back those that it has: how often it did the one is no reason
 * to wait before the other. */
static void note_purpose(struct connector *connector)
{
    const struct session *session = session_in_need(connector);
    bool helps_drained = session && session->draining;

    if (helps_drained && !connector->helps_drained) {
        connector->waits = false;
        connector->not_before = 0;
        backoff_resumed(&connector->backoff);
    }
    connector->helps_drained = helps_drained;
}

/* A round that took long has waited enough: tries are that far apart, not what lies between them. */
static hg_time next_wait(struct connector *connector)
{
    hg_time wait = backoff_next(&connector->backoff, random_number()), least = wait / 8, took = 0;

    if (connector->round_began)
        took = hg_now(core_of(connector->sessions)) - connector->round_began;
    return wait > took + least ? wait - took : least;
}

void connector_want(struct connector *connector)
{
    struct hg_worker *core = core_of(connector->sessions);
    hg_time now = hg_now(core), delay;

    if (connector->attempts || !needs_link(connector))
        return;
    note_purpose(connector);
    if (connector->waits)
        return;
    delay = next_wait(connector);
    if (connector->not_before > now + delay)
        delay = connector->not_before - now;
    if (delay)
        hg_log(core->instance, HG_LOG_INFO, "%sconnecting again in %.1f s", connector->label,
               (double)delay / (double)HG_SECOND);
    connector->waits = true;
    connector->next_way = 0;
    hg_timer_set(core->host, connector->timer, delay);
}

/* Tries to open a link in one way. NULL when that cannot even be tried. */
static struct hg_link *connect_by(struct connector *connector, const struct gateway_way *way)
{
    struct sessions *sessions = connector->sessions;
    const struct hg_transport_ops *ops = &way->transport->plugin->transport;
    struct hg_worker *worker = sessions_worker_of(sessions, way->transport);
    struct hg_link *link = link_new(sessions, worker, hg_now(core_of(sessions)) + CONNECT_TIMEOUT);

    if (!link)
        return NULL;
    if (ops->connect(worker, link, way->number)) {
        link_free(link);
        return NULL;
    }
    link->connector = connector;
    link->is_connecting = true;
    return link;
}

/* Lets the next transport take part in the race. */
static void connect_next(struct connector *connector)
{
    const struct pipeline *pipeline = connector->sessions->pipeline;
    const struct gateway *gateway = connector->gateway;
    struct hg_link *link = NULL;

    while (!link && connector->next_way < gateway->way_count)
        link = connect_by(connector, &gateway->ways[connector->next_way++]);
    if (link) {
        link->is_attempt = true;
        connector->attempts++;
    }
    if (connector->next_way < gateway->way_count)
        hg_timer_set(core_of(connector->sessions)->host, connector->timer, pipeline->settings.head_start);
    connector_want(connector);
}

static void on_timer(void *arg)
{
    struct connector *connector = arg;

    connector->waits = false;
    if (!needs_link(connector))
        return;
    connector->round_began = hg_now(core_of(connector->sessions));
    connect_next(connector);
}

static void probe(void *arg);

/* What its lines in the log begin with. */
static void set_label(struct connector *connector, unsigned number)
{
    const struct sessions *sessions = connector->sessions;
    int64_t links = sessions->pipeline->settings.links;
    char name[280];

    gateway_print(name, sizeof name, connector->gateway);
    if (links > 1)
        snprintf(connector->label, sizeof connector->label, "%s, link %u: ", name, number);
    else if (sessions->gateways.count > 1)
        snprintf(connector->label, sizeof connector->label, "%s: ", name);
}

static int add_connector(struct sessions *sessions, const struct gateway *gateway, unsigned number)
{
    struct connector *connector = calloc(1, sizeof *connector), **place = &sessions->connectors;

    if (!connector)
        return -1;
    while (*place)
        place = &(*place)->next;
    *place = connector;
    connector->sessions = sessions;
    connector->gateway = gateway;
    set_label(connector, number);
    connector->timer = hg_timer_new(core_of(sessions), on_timer, connector);
    connector->probe_timer = hg_timer_new(core_of(sessions), probe, connector);
    return connector->timer && connector->probe_timer ? 0 : -1;
}

/* For the gateway no more than random; its log shows people by it which process is meant. */
static int name_process(char process[static CONTROL_NAME_SIZE + 1])
{
    char random[CONTROL_SESSION_NAME_SIZE + 1], host[256] = "", shown[25];

    if (session_random_name(random))
        return -1;
    gethostname(host, sizeof host - 1);
    reason_printable(shown, sizeof shown, host);
    snprintf(process, CONTROL_NAME_SIZE + 1, "%s:%ld:%s", shown, (long)getpid(), random);
    return 0;
}

int connectors_start(struct sessions *sessions)
{
    const struct pipeline *pipeline = sessions->pipeline;

    if (name_process(sessions->process) || gateways_find(&sessions->gateways, pipeline))
        return -1;
    for (size_t i = 0; i < sessions->gateways.count; i++)
        for (unsigned number = 1; number <= pipeline->settings.links; number++)
            if (add_connector(sessions, &sessions->gateways.list[i], number))
                return -1;
    sessions->changes = changes_watch(core_of(sessions), connectors_changed, sessions);
    if (!sessions->changes)
        return -1;
    for (struct connector *connector = sessions->connectors; connector; connector = connector->next)
        connector_want(connector);
    return 0;
}

void connectors_stop(struct sessions *sessions)
{
    changes_unwatch(sessions->changes);
    sessions->changes = NULL;
    while (sessions->connectors) {
        struct connector *connector = sessions->connectors;

        sessions->connectors = connector->next;
        hg_timer_free(core_of(sessions)->host, connector->timer);
        hg_timer_free(core_of(sessions)->host, connector->probe_timer);
        free(connector);
    }
    gateways_free(&sessions->gateways);
}

/* Ends the race. */
static void close_attempts(struct connector *connector, const char *why)
{
    struct sessions *sessions = connector->sessions;

    for (struct hg_link *link = sessions->links; link; link = link->next)
        if (link->is_attempt && link->connector == connector)
            link_close(link, TN_NO_ERROR, "%s", why);
    if (!connector->waits)
        hg_timer_stop(core_of(sessions)->host, connector->timer);
    connector->next_way = connector->gateway->way_count;
}

void connector_review(struct connector *connector)
{
    if (connector->attempts && !needs_link(connector))
        close_attempts(connector, "it is not needed any more");
}

void connectors_review(struct sessions *sessions)
{
    for (struct connector *connector = sessions->connectors; connector; connector = connector->next)
        connector_review(connector);
}

void connector_refused(struct connector *connector, hg_time not_before, bool drains)
{
    connector->not_before = not_before;
    if (!drains)
        backoff_refused(&connector->backoff);
}

/* ---- The race ---- */

/* The link of the race that waits for the answer to its `open` (`said`), or that is up and waits for its turn. */
static struct hg_link *opening_link(const struct connector *connector, bool said)
{
    struct hg_link *link = connector->sessions->links;

    while (link && !(link->connector == connector && link->is_attempt && link->state == LINK_OPENING &&
                     link->said_open == said))
        link = link->next;
    return link;
}

static void probe_up(struct hg_link *link)
{
    struct session *session = current_session(link->connector);

    if (session && session->link)
        client_say_open(link, session);
    else
        link_close(link, TN_NO_ERROR, "there is nothing to move");
}

void connector_link_up(struct hg_link *link)
{
    struct connector *connector = link->connector;
    struct hg_link *first = opening_link(connector, true);
    hg_time now = hg_now(core_of(link->sessions)), patience_ends;

    if (link->is_probe) {
        probe_up(link);
    } else if (!needs_link(connector)) {
        link_close(link, TN_NO_ERROR, "it is not needed any more");
    } else if (first) {
        patience_ends = first->up_at + OPEN_PATIENCE;
        link_check_at(first, patience_ends > now ? patience_ends : now);
        link_check_at(link, now + CONNECT_TIMEOUT);
    } else {
        client_say_open(link, session_in_need(connector));
    }
}

/* One that took part is out. */
static void attempt_ended(struct connector *connector, const struct hg_link *link)
{
    struct hg_link *second;

    connector->attempts--;
    if (!needs_link(connector))
        return;
    hg_log(core_of(connector->sessions)->instance, HG_LOG_WARNING, "%sno session over %s: %s", connector->label,
           link->transport->instance->name, link->reason);
    second = opening_link(connector, false);
    if (second && !opening_link(connector, true))
        client_say_open(second, session_in_need(connector));
    connect_next(connector);
}

/* ---- Changes around ---- */

/* A handshake that goes on for so long when the network changes is hardly one over the path that there is now. */
#define STUCK HG_SECOND

static void try_again_soon(struct connector *connector)
{
    hg_time now = hg_now(core_of(connector->sessions));

    if (connector->attempts && now >= connector->round_began + STUCK && !opening_link(connector, true))
        close_attempts(connector, "the network has changed");
    if (!connector->waits)
        return;
    /* The gateway's word holds; a wait of our own was for a network that has gone. */
    connector->waits = false;
    backoff_resumed(&connector->backoff);
    connector_want(connector);
}

void connectors_changed(void *arg)
{
    struct sessions *sessions = arg;

    for (struct hg_link *link = sessions->links; link; link = link->next)
        client_ask(link);
    for (struct connector *connector = sessions->connectors; connector; connector = connector->next)
        try_again_soon(connector);
}

/* ---- Moving back ---- */

/* Where the transport of a link stands among the ways to its gateway. */
static size_t position_of(const struct hg_link *link)
{
    const struct gateway *gateway = link->connector->gateway;
    size_t position = 0;

    while (&gateway->ways[position].transport->public != link->transport->instance)
        position++;
    return position;
}

/* The link of the session that takes new exchanges. */
static const struct hg_link *current_link(const struct connector *connector)
{
    const struct session *session = current_session(connector);

    return session && !session->suspect ? session->link : NULL;
}

/* The next probe, a quarter sooner or later than the interval says. */
static void plan_probe(struct connector *connector)
{
    struct sessions *sessions = connector->sessions;
    hg_time interval = sessions->pipeline->settings.probe_interval << connector->returns_in_vain;

    hg_timer_set(core_of(sessions)->host, connector->probe_timer,
                 interval - interval / 4 + random_number() % (interval / 2));
}

static void probe(void *arg)
{
    struct connector *connector = arg;
    const struct hg_link *link = current_link(connector);
    size_t position = link ? position_of(link) : 0;

    if (connector->sessions->drained_at || connector->probe || (link && !position))
        return;
    if (position)
        connector->probe = connect_by(connector, &connector->gateway->ways[connector->probes++ % position]);
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
    hg_log(core_of(connector->sessions)->instance, HG_LOG_DEBUG, "%s%s still does not work: %s", connector->label,
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
    struct connector *connector = link->connector;
    bool returned = link->is_probe;

    link->is_attempt = link->is_probe = false;
    connector->round_began = 0;
    if (returned) {
        connector->probe = NULL;
    } else {
        connector->attempts--;
        close_attempts(connector, "another link was faster");
    }
    if (resumed)
        backoff_resumed(&connector->backoff);
    note_transport(connector, link, returned);
    connector_want(connector);
}

void connector_link_ended(struct hg_link *link)
{
    struct connector *connector = link->connector;

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
    connector_want(connector);
}

/* ---- Telling ---- */

static void report(const struct connector *connector)
{
    const struct session *session = current_session(connector);
    const char *transport = session && session->link ? session->link->transport->instance->name : "none";
    char gateway[280];

    gateway_print(gateway, sizeof gateway, connector->gateway);
    log_figures("session",
                (const struct log_member[]){
                    LOG_STRING("gateway", hg_text(gateway)),
                    LOG_NUMBER("session", session ? session->number : 0),
                    LOG_STRING("transport", hg_text(transport)),
                    LOG_NUMBER("failures", connector->backoff.failures),
                },
                4);
}

void connectors_report(const struct sessions *sessions)
{
    for (const struct connector *connector = sessions->connectors; connector; connector = connector->next)
        report(connector);
}
