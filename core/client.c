/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The client's end of the tunnel: it keeps one good session open to the gateway, and opens an exchange for each stream
 * that the gateway opens.
 *
 * A session whose link has gone silent is not given up, but a second one is opened beside it: whichever the path lets
 * live goes on, and new exchanges come over the newest.
 */
#include "core/client.h"

#include "core/backoff.h"
#include "core/carriage.h"
#include "core/link.h"
#include "core/reason.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

/* How long a handshake (where no other transport is left to try), and then the answer to `open`, may take. */
#define CONNECT_TIMEOUT (10 * HG_SECOND)
/* How long the handshake over one transport may take before the next one is tried; doubled with each failed round, so
 * that a slow path gets its time as well. */
#define HEAD_START HG_SECOND
/* While exchanges run: the silence after which the gateway is asked for life, and that after which it is doubted. */
#define ASK_AFTER   (3 * HG_SECOND)
#define DOUBT_AFTER (4 * HG_SECOND)
/* While none runs, the tunnel itself asks after `keep_alive`: how much longer an answer may take. */
#define IDLE_GRACE (2 * HG_SECOND)
/* How often a session that shall end is looked at. */
#define DRAIN_TICK (100 * HG_MILLISECOND)
/* How long a `drain` may stay unacknowledged before the link is closed all the same. */
#define DRAIN_TIMEOUT HG_SECOND

/* Who opens links. */
struct connector {
    struct sessions *sessions;
    struct backoff backoff;
    struct hg_timer *timer;
    bool waits;              /* the timer runs */
    size_t next_transport;   /* of this round, in the pipeline's order */
    struct hg_link *attempt; /* the link that is being opened */
    hg_time handshake_time;  /* how long its handshake may take */
    hg_time not_before;      /* what a gateway has asked for */
};

static struct hg_worker *core_of(const struct sessions *sessions)
{
    return &sessions->worker->core;
}

/* ---- Connecting ---- */

static bool has_good_session(const struct sessions *sessions)
{
    for (const struct session *session = sessions->sessions; session; session = session->next)
        if (session->open && !session->draining && !session->suspect)
            return true;
    return false;
}

static uint64_t random_number(void)
{
    uint64_t number = 0;

    /* Without random numbers all that is lost is the spread of the clients. */
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        number = 0;
    return number;
}

/* Sees to it that a link is being opened, or soon will be, unless there is a good session. */
static void want_session(struct connector *connector)
{
    struct sessions *sessions = connector->sessions;
    hg_time now = hg_now(core_of(sessions)), delay;

    if (sessions->drained_at || connector->attempt || connector->waits || has_good_session(sessions))
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

/* How long a handshake may take: a network that silently drops what it does not like, UDP for example, must not cost
 * more than a moment while there is another way. */
static hg_time handshake_time(const struct connector *connector)
{
    unsigned rounds = connector->backoff.failures;
    hg_time time = HEAD_START;

    if (connector->next_transport == connector->sessions->worker->pipeline->transport_count)
        return CONNECT_TIMEOUT;
    while (rounds-- > 1 && time < CONNECT_TIMEOUT)
        time *= 2;
    return time < CONNECT_TIMEOUT ? time : CONNECT_TIMEOUT;
}

/* Tries to open a link over one transport. False when that cannot even be tried. */
static bool connect_over(struct connector *connector, const struct instance *transport)
{
    struct sessions *sessions = connector->sessions;
    struct hg_worker *worker = &sessions->worker->instances[transport->index];
    struct hg_link *link;

    connector->handshake_time = handshake_time(connector);
    link = link_new(sessions, worker, hg_now(core_of(sessions)) + connector->handshake_time);
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
    want_session(connector);
}

static void on_timer(void *arg)
{
    struct connector *connector = arg;

    connector->waits = false;
    if (!connector->sessions->drained_at && !has_good_session(connector->sessions))
        connect_next(connector);
}

int client_start(struct sessions *sessions)
{
    struct connector *connector = calloc(1, sizeof *connector);

    if (!connector)
        return -1;
    connector->sessions = sessions;
    connector->timer = hg_timer_new(core_of(sessions), on_timer, connector);
    sessions->connector = connector;
    if (!connector->timer)
        return -1;
    want_session(connector);
    return 0;
}

void client_stop(struct sessions *sessions)
{
    if (!sessions->connector)
        return;
    hg_timer_free(core_of(sessions)->host, sessions->connector->timer);
    free(sessions->connector);
    sessions->connector = NULL;
}

static void client_link_ended(struct hg_link *link)
{
    struct connector *connector = link->sessions->connector;
    hg_time now = hg_now(core_of(link->sessions));

    if (link != connector->attempt) {
        if (link->was_active)
            backoff_link_ended(&connector->backoff, now - link->up_at);
        want_session(connector);
        return;
    }
    connector->attempt = NULL;
    if (connector->sessions->drained_at)
        return;
    hg_log(core_of(link->sessions)->instance, HG_LOG_WARNING, "no session over %s: %s", link->transport->instance->name,
           link->reason);
    connect_next(connector);
}

/* ---- Opening a session ---- */

static char *encode_open(struct sessions *sessions, const struct session *session, json_t *credentials)
{
    const struct pipeline *pipeline = sessions->worker->pipeline;
    const char *codecs[CONTROL_CODECS_MAX];
    struct control_offer offer = {.codecs = codecs, .credentials = credentials};

    for (size_t i = 0; i < pipeline->codec_count && i < CONTROL_CODECS_MAX; i++)
        codecs[offer.codec_count++] = pipeline->codecs[i]->plugin->codec.wire_name;
    session_local_parameters(session, &offer.parameters);
    return control_encode_open(&offer);
}

static void client_link_up(struct hg_link *link)
{
    struct sessions *sessions = link->sessions;
    json_t *credentials = sessions->identity->present(sessions->identity_worker);

    if (!credentials) {
        link_close(link, TN_NO_ERROR, "there are no credentials to present");
        return;
    }
    link->session = session_new(sessions);
    if (link->session) {
        link->session->link = link;
        link_say(link, encode_open(sessions, link->session, credentials));
        link_check_at(link, link->up_at + CONNECT_TIMEOUT);
    } else {
        link_close(link, TN_INTERNAL_ERROR, "out of memory");
    }
    json_decref(credentials);
}

/* Tells the gateway that this session shall get no new exchanges; it ends when the running ones have. */
static void retire(struct session *session, const char *reason)
{

    if (!session->open || session->draining)
        return;
    session->draining = true;
    link_say(session->link, control_encode_drain(reason, 0));
    link_check_at(session->link, hg_now(core_of(session->sessions)) + DRAIN_TICK);
}

static void retire_others(struct session *newest)
{
    for (struct session *session = newest->sessions->sessions; session; session = session->next)
        if (session != newest)
            retire(session, "replaced by a newer session");
}

static void receive_accept(struct hg_link *link, const struct control_message *accept)
{
    struct session *session = link->session;
    const struct instance *codec = session_find_codec(link->sessions, accept->codec);
    hg_time now = hg_now(core_of(link->sessions));

    if (!accept->speaks_version || !codec) {
        link_close(link, TN_CONTROL_ERROR, "`accept` names a version or a codec that was not offered");
        return;
    }
    snprintf(session->name, sizeof session->name, "%s", accept->session);
    session_set_codec(session, codec);
    session_set_peer_parameters(session, link, &accept->parameters);
    tn_link_attach(link->tn, session->tn, now);
    link->state = LINK_ACTIVE;
    link->was_active = true;
    link_check_at(link, now + ASK_AFTER);
    link->sessions->connector->attempt = NULL;
    session_opened(session);
    if (link->sessions->drained_at)
        retire(session, "the client is about to stop");
    else
        retire_others(session);
}

static void receive_refuse(struct hg_link *link, const struct control_message *refuse)
{
    struct connector *connector = link->sessions->connector;
    char code[REASON_DETAIL_SIZE], reason[REASON_DETAIL_SIZE];
    hg_time wait = refuse->retry_after * HG_SECOND;

    reason_printable(code, sizeof code, refuse->code);
    reason_printable(reason, sizeof reason, refuse->reason);
    if (wait > BACKOFF_CAP)
        wait = BACKOFF_CAP;
    connector->not_before = hg_now(core_of(link->sessions)) + wait;
    link_close(link, TN_NO_ERROR, "the gateway refuses a session (%s): %.150s", code, reason);
}

static void receive_drain(struct hg_link *link, const struct control_message *drain)
{
    struct session *session = link->session;
    char reason[REASON_DETAIL_SIZE];

    if (session->draining)
        return;
    session->draining = true;
    reason_printable(reason, sizeof reason, drain->reason);
    hg_log(core_of(link->sessions)->instance, HG_LOG_INFO, "the gateway ends session %" PRIu64 ": %s", session->number,
           reason);
    link_check_at(link, hg_now(core_of(link->sessions)) + DRAIN_TICK);
    want_session(link->sessions->connector);
}

static void client_message(struct hg_link *link, const struct control_message *message)
{
    if (message->type == CONTROL_ACCEPT && link->state == LINK_OPENING)
        receive_accept(link, message);
    else if (message->type == CONTROL_REFUSE && link->state == LINK_OPENING)
        receive_refuse(link, message);
    else if (message->type == CONTROL_DRAIN && link->state == LINK_ACTIVE)
        receive_drain(link, message);
    else
        link_close(link, TN_CONTROL_ERROR, "a control message that a client does not expect");
}

/* ---- Silence ---- */

static void ask_for_life(struct hg_link *link)
{

    link->pinged = true;
    link_say(link, control_encode_ping(0));
}

static void doubt(struct hg_link *link)
{
    struct session *session = link->session;

    if (!session->suspect)
        hg_log(core_of(link->sessions)->instance, HG_LOG_WARNING,
               "session %" PRIu64 " has been silent for too long: opening another", session->number);
    session->suspect = true;
    want_session(link->sessions->connector);
}

static void check_silence(struct hg_link *link)
{
    hg_time keep_alive = link->sessions->worker->pipeline->settings.keep_alive;
    bool busy = link->session->carriages != NULL;
    hg_time doubt_after = busy ? DOUBT_AFTER : keep_alive + IDLE_GRACE;
    hg_time now = hg_now(core_of(link->sessions));
    struct tn_link_stats stats;

    tn_link_stats(link->tn, &stats);
    if (now >= stats.last_received + doubt_after) {
        doubt(link);
        link_check_at(link, now + doubt_after);
    } else if (busy && now < stats.last_received + ASK_AFTER) {
        link_check_at(link, stats.last_received + ASK_AFTER);
    } else {
        if (busy && !link->pinged)
            ask_for_life(link);
        link_check_at(link, stats.last_received + doubt_after);
    }
}

/* Whether a session that shall end has nothing left to do. */
static bool is_drained(const struct hg_link *link)
{
    const struct sessions *sessions = link->sessions;

    if (link->session->carriages || tn_session_stream_count(link->session->tn))
        return false;
    return tn_control_all_acknowledged(link->tn) ||
           (sessions->drained_at && hg_now(core_of(sessions)) >= sessions->drained_at + DRAIN_TIMEOUT);
}

static void client_check(struct hg_link *link)
{
    if (link->state == LINK_HANDSHAKE)
        link_close(link, TN_NO_ERROR, "no handshake within %g s",
                   (double)link->sessions->connector->handshake_time / (double)HG_SECOND);
    else if (link->state == LINK_OPENING)
        link_close(link, TN_NO_ERROR, "no answer to `open` within 10 s");
    else if (link->state != LINK_ACTIVE)
        return;
    else if (!link->session->draining)
        check_silence(link);
    else if (is_drained(link))
        link_close(link, TN_SESSION_ENDED, "drained");
    else
        link_check_at(link, hg_now(core_of(link->sessions)) + DRAIN_TICK);
}

void client_drain(struct sessions *sessions)
{
    for (struct session *session = sessions->sessions; session; session = session->next)
        retire(session, "the client is about to stop");
    if (sessions->connector->attempt)
        link_close(sessions->connector->attempt, TN_NO_ERROR, "the client stops");
}

/* ---- Exchanges ---- */

static void client_stream_opened(struct session *session, struct tn_stream *stream)
{
    struct carriage *carriage = carriage_new(session, HG_UP);
    hg_time soon = hg_now(core_of(session->sessions)) + ASK_AFTER;

    if (!carriage) {
        tn_stream_reset(stream, TN_STREAM_REFUSED);
        tn_stream_stop_sending(stream, TN_STREAM_REFUSED);
        tn_stream_release(stream);
        return;
    }
    carriage_set_stream(carriage, stream);
    if (session->link->check_at > soon)
        link_check_at(session->link, soon);
}

static size_t client_data(struct hg_self *self, enum hg_direction direction, const struct hg_slice *slice)
{
    (void)direction;
    return carriage_send_data(self->state, slice);
}

static enum hg_verdict client_head(struct hg_self *self, enum hg_direction direction, struct hg_head *head)
{
    (void)direction;
    return carriage_send_head(self->state, head);
}

static enum hg_verdict client_finish(struct hg_self *self, enum hg_direction direction, struct hg_fields *trailers)
{
    (void)direction;
    return carriage_send_end(self->state, trailers);
}

static void client_reset(struct hg_self *self, const struct hg_reason *reason)
{
    carriage_was_reset(self->state, reason);
}

static void client_writable(struct hg_self *self, enum hg_direction direction)
{
    (void)direction;
    carriage_receive(self->state);
}

static void client_detach(struct hg_self *self)
{
    carriage_free(self->state);
}

const struct tunnel_end client_end = {
    .link_up = client_link_up,
    .message = client_message,
    .check = client_check,
    .link_ended = client_link_ended,
    .stream_opened = client_stream_opened,
};

const struct hg_stage_ops sessions_client_ops = {
    .size = sizeof sessions_client_ops,
    .events = HG_EVENTS_MESSAGES | HG_EVENTS_UPGRADED,
    .head = client_head,
    .data = client_data,
    .end = client_finish,
    .reset = client_reset,
    .writable = client_writable,
    .detach = client_detach,
};
