/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/session/dialer.h"

#include "core/base/backoff.h"
#include "core/base/log.h"
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

struct dialer {
    struct sessions *sessions;
    struct dialer *next;
    const struct gateway *gateway;
    char label[320]; /* begins its lines in the log, where there are several dialers; else empty */
    struct backoff backoff;
    struct hg_timer *timer; /* the beginning of a round, or the end of a head start in it */
    bool waits;             /* for the beginning of a round */
    bool helps_drained;     /* the last round that was planned is for a session that the gateway drains */
    size_t next_endpoint;   /* of this round, in the gateway's order */
    size_t attempts;        /* links with is_attempt */
    hg_time not_before;
    hg_time round_began; /* the last one, in which no link was good so far; 0: there is none */

    struct hg_timer *probe_timer;
    struct hg_link *probe; /* a link with is_probe */
    size_t probes;         /* ever */
    hg_time returned_at;   /* when a session last moved back; 0: never */
    unsigned returns_in_vain;
};

/* Its newest session, or the next older one after `session`. */
static struct session *next_session(const struct dialer *dialer, const struct session *session)
{
    struct session *next = session ? session->next : dialer->sessions->sessions;

    while (next && next->dialer != dialer)
        next = next->next;
    return next;
}

/* The session of it that needs a link most, or NULL. */
static struct session *session_in_need(const struct dialer *dialer)
{
    struct session *session = NULL;

    while ((session = next_session(dialer, session)))
        if ((!session->link || session->silent || session->link->is_old) &&
            !(session->draining && session_is_idle(session)))
            return session;
    return NULL;
}

/* The session of it that takes new exchanges, or NULL. */
static struct session *current_session(const struct dialer *dialer)
{
    struct session *session = NULL;

    while ((session = next_session(dialer, session)))
        if (!session->draining)
            return session;
    return NULL;
}

static bool needs_link(const struct dialer *dialer)
{
    if (dialer->sessions->stopping)
        return false;
    if (session_in_need(dialer))
        return true;
    return !dialer->sessions->drained_at && !current_session(dialer);
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
static void note_purpose(struct dialer *dialer)
{
    const struct session *session = session_in_need(dialer);
    bool helps_drained = session && session->draining;

    if (helps_drained && !dialer->helps_drained) {
        dialer->waits = false;
        dialer->not_before = 0;
        backoff_resumed(&dialer->backoff);
    }
    dialer->helps_drained = helps_drained;
}

/* A round that took long has waited enough: tries are that far apart, not what lies between them. */
static hg_time next_wait(struct dialer *dialer)
{
    hg_time wait = backoff_next(&dialer->backoff, random_number()), least = wait / 8, took = 0;

    if (dialer->round_began)
        took = hg_now(dialer->sessions->worker) - dialer->round_began;
    return wait > took + least ? wait - took : least;
}

void dialer_want(struct dialer *dialer)
{
    struct hg_worker *core = dialer->sessions->worker;
    hg_time now = hg_now(core), delay;

    if (dialer->attempts || !needs_link(dialer))
        return;
    note_purpose(dialer);
    if (dialer->waits)
        return;
    delay = next_wait(dialer);
    if (dialer->not_before > now + delay)
        delay = dialer->not_before - now;
    if (delay)
        hg_log(core->instance, HG_LOG_INFO, "%sreconnecting in %.1f s", dialer->label,
               (double)delay / (double)HG_SECOND);
    dialer->waits = true;
    dialer->next_endpoint = 0;
    hg_timer_set(core->host, dialer->timer, delay);
}

/* Begins to connect to an endpoint. NULL: not even that was possible. */
static struct hg_link *connect_by(struct dialer *dialer, const struct gateway_endpoint *endpoint)
{
    struct sessions *sessions = dialer->sessions;
    const struct hg_transport_ops *ops = &endpoint->transport->plugin->transport;
    struct hg_worker *worker = sessions_worker_of(sessions, endpoint->transport);
    struct hg_link *link = link_new(sessions, worker, hg_now(sessions->worker) + CONNECT_TIMEOUT);

    if (!link)
        return NULL;
    if (ops->connect(worker, link, endpoint->number)) {
        link_free(link);
        return NULL;
    }
    link->dialer = dialer;
    link->is_connecting = true;
    return link;
}

/* Lets the next transport take part in the race. */
static void connect_next(struct dialer *dialer)
{
    const struct pipeline *pipeline = dialer->sessions->pipeline;
    const struct gateway *gateway = dialer->gateway;
    struct hg_link *link = NULL;

    while (!link && dialer->next_endpoint < gateway->endpoint_count)
        link = connect_by(dialer, &gateway->endpoints[dialer->next_endpoint++]);
    if (link) {
        link->is_attempt = true;
        dialer->attempts++;
    }
    if (dialer->next_endpoint < gateway->endpoint_count)
        hg_timer_set(dialer->sessions->worker->host, dialer->timer, pipeline->settings.head_start);
    dialer_want(dialer);
}

static void on_timer(void *arg)
{
    struct dialer *dialer = arg;

    dialer->waits = false;
    if (!needs_link(dialer))
        return;
    dialer->round_began = hg_now(dialer->sessions->worker);
    connect_next(dialer);
}

static void probe(void *arg);

/* What its lines in the log begin with. */
static void set_label(struct dialer *dialer, unsigned number)
{
    const struct sessions *sessions = dialer->sessions;
    int64_t links = sessions->pipeline->settings.links;
    char name[280];

    gateway_print(name, sizeof name, dialer->gateway);
    if (links > 1)
        snprintf(dialer->label, sizeof dialer->label, "%s, link %u: ", name, number);
    else if (sessions->gateways.count > 1)
        snprintf(dialer->label, sizeof dialer->label, "%s: ", name);
}

static int add_dialer(struct sessions *sessions, const struct gateway *gateway, unsigned number)
{
    struct dialer *dialer = calloc(1, sizeof *dialer), **place = &sessions->dialers;

    if (!dialer)
        return -1;
    while (*place)
        place = &(*place)->next;
    *place = dialer;
    dialer->sessions = sessions;
    dialer->gateway = gateway;
    set_label(dialer, number);
    dialer->timer = hg_timer_new(sessions->worker, on_timer, dialer);
    dialer->probe_timer = hg_timer_new(sessions->worker, probe, dialer);
    return dialer->timer && dialer->probe_timer ? 0 : -1;
}

/* For the gateway no more than random; its log shows people by it which process is meant. */
static int name_process(char process[static CONTROL_NAME_SIZE + 1])
{
    char random[CONTROL_SESSION_NAME_SIZE + 1], host[256] = "", shown[25];

    if (session_random_name(random))
        return -1;
    gethostname(host, sizeof host - 1);
    log_printable(shown, sizeof shown, host);
    snprintf(process, CONTROL_NAME_SIZE + 1, "%s:%ld:%s", shown, (long)getpid(), random);
    return 0;
}

int dialers_start(struct sessions *sessions)
{
    const struct pipeline *pipeline = sessions->pipeline;

    if (name_process(sessions->process) || gateway_list_make(&sessions->gateways, pipeline))
        return -1;
    for (size_t i = 0; i < sessions->gateways.count; i++)
        for (unsigned number = 1; number <= pipeline->settings.links; number++)
            if (add_dialer(sessions, &sessions->gateways.list[i], number))
                return -1;
    sessions->changes = changes_watch(sessions->worker, dialers_changed, sessions);
    if (!sessions->changes)
        return -1;
    for (struct dialer *dialer = sessions->dialers; dialer; dialer = dialer->next)
        dialer_want(dialer);
    return 0;
}

void dialers_stop(struct sessions *sessions)
{
    changes_unwatch(sessions->changes);
    sessions->changes = NULL;
    while (sessions->dialers) {
        struct dialer *dialer = sessions->dialers;

        sessions->dialers = dialer->next;
        hg_timer_free(sessions->worker->host, dialer->timer);
        hg_timer_free(sessions->worker->host, dialer->probe_timer);
        free(dialer);
    }
    gateway_list_free(&sessions->gateways);
}

/* Ends the race. */
static void close_attempts(struct dialer *dialer, const char *why)
{
    struct sessions *sessions = dialer->sessions;

    for (struct hg_link *link = sessions->links; link; link = link->next)
        if (link->is_attempt && link->dialer == dialer)
            link_close(link, TN_NO_ERROR, "%s", why);
    if (!dialer->waits)
        hg_timer_stop(sessions->worker->host, dialer->timer);
    dialer->next_endpoint = dialer->gateway->endpoint_count;
}

void dialer_review(struct dialer *dialer)
{
    if (dialer->attempts && !needs_link(dialer))
        close_attempts(dialer, "no longer needed");
}

void dialers_review(struct sessions *sessions)
{
    for (struct dialer *dialer = sessions->dialers; dialer; dialer = dialer->next)
        dialer_review(dialer);
}

void dialer_refused(struct dialer *dialer, hg_time not_before, bool drains)
{
    dialer->not_before = not_before;
    if (!drains)
        backoff_refused(&dialer->backoff);
}

/* ---- The race ---- */

/* The link of the race that waits for the answer to its `open` (`said`), or that is up and waits for its turn. */
static struct hg_link *opening_link(const struct dialer *dialer, bool said)
{
    struct hg_link *link = dialer->sessions->links;

    while (link &&
           !(link->dialer == dialer && link->is_attempt && link->state == LINK_OPENING && link->open_sent == said))
        link = link->next;
    return link;
}

static void probe_up(struct hg_link *link)
{
    struct session *session = current_session(link->dialer);

    if (session && session->link)
        client_send_open(link, session);
    else
        link_close(link, TN_NO_ERROR, "nothing to move");
}

void dialer_link_up(struct hg_link *link)
{
    struct dialer *dialer = link->dialer;
    struct hg_link *first = opening_link(dialer, true);
    hg_time now = hg_now(link->sessions->worker), patience_ends;

    if (link->is_probe) {
        probe_up(link);
    } else if (!needs_link(dialer)) {
        link_close(link, TN_NO_ERROR, "no longer needed");
    } else if (first) {
        patience_ends = first->up_at + OPEN_PATIENCE;
        link_check_at(first, patience_ends > now ? patience_ends : now);
        link_check_at(link, now + CONNECT_TIMEOUT);
    } else {
        client_send_open(link, session_in_need(dialer));
    }
}

/* One that took part is out. */
static void attempt_ended(struct dialer *dialer, const struct hg_link *link)
{
    struct hg_link *second;

    dialer->attempts--;
    if (!needs_link(dialer))
        return;
    hg_log(dialer->sessions->worker->instance, HG_LOG_WARNING, "%scannot open a session over %s: %s", dialer->label,
           link->transport->instance->name, link->reason);
    second = opening_link(dialer, false);
    if (second && !opening_link(dialer, true))
        client_send_open(second, session_in_need(dialer));
    connect_next(dialer);
}

/* ---- Changes around ---- */

/* A handshake that goes on for so long when the network changes is hardly one over the path that there is now. */
#define STUCK HG_SECOND

static void try_again_soon(struct dialer *dialer)
{
    hg_time now = hg_now(dialer->sessions->worker);

    if (dialer->attempts && now >= dialer->round_began + STUCK && !opening_link(dialer, true))
        close_attempts(dialer, "the network has changed");
    if (!dialer->waits)
        return;
    /* The gateway's word holds; a wait of our own was for a network that has gone. */
    dialer->waits = false;
    backoff_resumed(&dialer->backoff);
    dialer_want(dialer);
}

void dialers_changed(void *arg)
{
    struct sessions *sessions = arg;

    for (struct hg_link *link = sessions->links; link; link = link->next)
        client_ask(link);
    for (struct dialer *dialer = sessions->dialers; dialer; dialer = dialer->next)
        try_again_soon(dialer);
}

/* ---- Moving back ---- */

/* Where the transport of a link stands among the endpoints of its gateway. */
static size_t position_of(const struct hg_link *link)
{
    const struct gateway *gateway = link->dialer->gateway;
    size_t position = 0;

    while (&gateway->endpoints[position].transport->public != link->transport->instance)
        position++;
    return position;
}

/* The link of the session that takes new exchanges. */
static const struct hg_link *current_link(const struct dialer *dialer)
{
    const struct session *session = current_session(dialer);

    return session && !session->silent ? session->link : NULL;
}

/* The next probe, a quarter sooner or later than the interval says. */
static void plan_probe(struct dialer *dialer)
{
    struct sessions *sessions = dialer->sessions;
    hg_time interval = sessions->pipeline->settings.probe_interval << dialer->returns_in_vain;

    hg_timer_set(sessions->worker->host, dialer->probe_timer,
                 interval - interval / 4 + random_number() % (interval / 2));
}

static void probe(void *arg)
{
    struct dialer *dialer = arg;
    const struct hg_link *link = current_link(dialer);
    size_t position = link ? position_of(link) : 0;

    if (dialer->sessions->drained_at || dialer->probe || (link && !position))
        return;
    if (position)
        dialer->probe = connect_by(dialer, &dialer->gateway->endpoints[dialer->probes++ % position]);
    if (dialer->probe)
        dialer->probe->is_probe = true;
    else
        plan_probe(dialer);
}

static void probe_ended(struct dialer *dialer, const struct hg_link *link)
{
    dialer->probe = NULL;
    if (dialer->sessions->stopping)
        return;
    hg_log(dialer->sessions->worker->instance, HG_LOG_DEBUG, "%s%s still does not work: %s", dialer->label,
           link->transport->instance->name, link->reason);
    plan_probe(dialer);
}

/* A session has moved to this link. */
static void note_transport(struct dialer *dialer, const struct hg_link *link, bool returned)
{
    hg_time now = hg_now(dialer->sessions->worker);

    if (returned) {
        ++*dialer->sessions->returned;
        dialer->returned_at = now;
    } else if (dialer->returned_at && now < dialer->returned_at + RETURN_STABLE) {
        dialer->returns_in_vain += dialer->returns_in_vain < RETURN_BACKOFFS;
    } else {
        dialer->returns_in_vain = 0;
    }
    if (position_of(link))
        plan_probe(dialer);
}

void dialer_accepted(struct hg_link *link, bool resumed)
{
    struct dialer *dialer = link->dialer;
    bool returned = link->is_probe;

    link->is_attempt = link->is_probe = false;
    dialer->round_began = 0;
    if (returned) {
        dialer->probe = NULL;
    } else {
        dialer->attempts--;
        close_attempts(dialer, "another link was faster");
    }
    if (resumed)
        backoff_resumed(&dialer->backoff);
    note_transport(dialer, link, returned);
    dialer_want(dialer);
}

void dialer_link_ended(struct hg_link *link)
{
    struct dialer *dialer = link->dialer;

    if (link->is_attempt) {
        attempt_ended(dialer, link);
        return;
    }
    if (link->is_probe) {
        probe_ended(dialer, link);
        return;
    }
    if (link->was_active)
        backoff_link_ended(&dialer->backoff, hg_now(link->sessions->worker) - link->up_at);
    dialer_want(dialer);
}

/* ---- Telling ---- */

static void report(const struct dialer *dialer)
{
    const struct session *session = current_session(dialer);
    const char *transport = session && session->link ? session->link->transport->instance->name : "none";
    char gateway[280];

    gateway_print(gateway, sizeof gateway, dialer->gateway);
    log_figures("session",
                (const struct log_member[]){
                    LOG_STRING("gateway", hg_text(gateway)),
                    LOG_NUMBER("session", session ? session->number : 0),
                    LOG_STRING("transport", hg_text(transport)),
                    LOG_NUMBER("failures", dialer->backoff.failures),
                },
                4);
}

void dialers_report(const struct sessions *sessions)
{
    for (const struct dialer *dialer = sessions->dialers; dialer; dialer = dialer->next)
        report(dialer);
}
