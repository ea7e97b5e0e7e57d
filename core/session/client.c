/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The client's end of the tunnel: it says `open` on links, watches whether the gateway answers, and opens an exchange
 * for each stream that the gateway opens.
 *
 * A session whose link has gone silent is not given up: a second link is opened beside the first and takes it over,
 * unless the first is heard of again before.
 */
#include "core/session/client.h"

#include "core/base/backoff.h"
#include "core/base/log.h"
#include "core/session/dialer.h"
#include "core/session/exchange_stream.h"
#include "core/session/link.h"
#include "core/session/stream_error.h"

#include <hopgate/routes.h>
#include <inttypes.h>
#include <stdio.h>

/* How long the answer to `open` may take. */
#define OPEN_TIMEOUT (10 * HG_SECOND)
/* While exchanges run: the silence after which the gateway is asked for life. The first is for a transfer that stalls;
 * it doubles up to the last while nothing moves, so that a long poll costs little. */
#define ASK_FIRST (300 * HG_MILLISECOND)
#define ASK_LAST  (4 * HG_SECOND)
/* A link that is in doubt is asked no more often than this: the signs may be forged, and come in storms. */
#define DOUBT_AGAIN HG_SECOND
/* Of names of services in `open`. */
#define SERVICES_SIZE_MAX 8192
/* How often a session that shall end is looked at. */
#define DRAIN_TICK (100 * HG_MILLISECOND)

/* ---- Opening a session, or going on with one ---- */

/* Names of the services in a list, as long as there is room for them in `open`. */
struct services {
    json_t *names; /* NULL: there was none */
    size_t size;
};

static void add_service(void *arg, struct hg_text service)
{
    struct services *services = arg;

    services->size += service.size;
    if (json_array_size(services->names) < CONTROL_SERVICES_MAX && services->size <= SERVICES_SIZE_MAX &&
        service.size <= CONTROL_SERVICE_NAME_MAX &&
        !json_array_append_new(services->names, json_stringn(service.data, service.size)))
        return;
    json_decref(services->names);
    services->names = NULL;
}

/* What this client serves; NULL: anything, or it cannot be said. */
static json_t *list_services(const struct sessions *sessions)
{
    const struct hg_routes_ops *routes = sessions->routes.ops;
    struct services services = {0};

    if (!routes || !routes->services)
        return NULL;
    services.names = json_array();
    if (!routes->services(hg_capability_worker(sessions->worker, &sessions->routes), add_service, &services)) {
        json_decref(services.names);
        return NULL;
    }
    return services.names;
}

static char *encode_open(struct sessions *sessions, const struct session *named, json_t *credentials)
{
    const struct pipeline *pipeline = sessions->pipeline;
    const char *codecs[CONTROL_CODECS_MAX];
    struct control_offer offer = {.codecs = codecs,
                                  .credentials = credentials,
                                  .session = named ? named->name : NULL,
                                  .process = sessions->process,
                                  .services = list_services(sessions)};
    char *line;

    for (size_t i = 0; i < pipeline->codec_count && i < CONTROL_CODECS_MAX; i++)
        codecs[offer.codec_count++] = pipeline->codecs[i]->plugin->codec.wire_name;
    session_local_parameters(sessions, &offer.parameters);
    line = control_encode_open(&offer);
    json_decref(offer.services);
    if (!line && offer.services) { /* too long, perhaps */
        offer.services = NULL;
        line = control_encode_open(&offer);
    }
    return line;
}

void client_send_open(struct hg_link *link, const struct session *named)
{
    struct sessions *sessions = link->sessions;
    json_t *credentials = sessions->identity->present(sessions->identity_worker);

    if (!credentials) {
        link_close(link, TN_NO_ERROR, "no credentials");
        return;
    }
    link->resumes = named ? named->number : 0;
    link->open_sent = link_send_message(link, encode_open(sessions, named, credentials));
    link_check_at(link, hg_now(sessions->worker) + OPEN_TIMEOUT);
    control_wipe(credentials);
    json_decref(credentials);
}

/* Tells the gateway that this session shall get no new exchanges; it ends when the running ones have. */
static void say_drain(struct session *session)
{
    link_send_message(session->link, control_encode_drain(session->drain_reason, 0));
    link_check_at(session->link, hg_now(session->sessions->worker) + DRAIN_TICK);
}

static void retire(struct session *session, const char *reason)
{
    if (session->drain_reason)
        return;
    session->draining = true;
    session->drain_reason = reason;
    if (session->link)
        say_drain(session);
    else if (session_is_idle(session))
        session_end(session, reason);
}

static struct session *find_session(const struct sessions *sessions, uint64_t number)
{
    struct session *session = sessions->sessions;

    while (session && session->number != number)
        session = session->next;
    return session;
}

/* The link carries the session from here on. */
static void carry(struct hg_link *link, struct session *session, const struct control_message *accept)
{
    hg_time now = hg_now(link->sessions->worker);

    session_set_peer_parameters(session, link, &accept->parameters);
    session_attach(session, link);
    link->ask_after = ASK_FIRST;
    link_check_at(link, now + (session->draining ? DRAIN_TICK : ASK_FIRST));
}

/* Why a session goes on over another link. */
static const char *why_moved(const struct session *session)
{
    if (!session->link)
        return session->lost_reason;
    return session->silent || !session->link->is_old ? "no response on its link"
                                                     : "the keys of its link had to be renewed";
}

static void go_on(struct hg_link *link, struct session *session, const struct control_message *accept)
{
    char why[sizeof session->lost_reason];

    if (!session) {
        link_close(link, TN_SESSION_ENDED, "the session has ended in the meantime");
        return;
    }
    if (strcmp(session->name, accept->session) || strcmp(session->codec->wire_name, accept->codec)) {
        link_close(link, TN_CONTROL_ERROR, "`accept` resumes another session or names another codec");
        return;
    }
    if (link->is_probe)
        snprintf(why, sizeof why, "%s works again", link->transport->instance->name);
    else
        snprintf(why, sizeof why, "%s", why_moved(session));
    carry(link, session, accept);
    session_resumed(session, why);
    dialer_accepted(link, true);
    if (session->drain_reason)
        say_drain(session);
}

static void begin_session(struct hg_link *link, const struct instance *codec, const struct control_message *accept)
{
    struct session *session = session_new(link->sessions);

    if (!session) {
        link_close(link, TN_SESSION_ENDED, "out of memory");
        return;
    }
    session->dialer = link->dialer;
    snprintf(session->name, sizeof session->name, "%s", accept->session);
    session_set_codec(session, codec);
    session->confirmed = true;
    carry(link, session, accept);
    session_opened(session);
    dialer_accepted(link, false);
    if (link->sessions->drained_at)
        retire(session, "the client is stopping");
}

static void receive_accept(struct hg_link *link, const struct control_message *accept)
{
    struct session *named = find_session(link->sessions, link->resumes);
    const struct instance *codec = session_find_codec(link->sessions, accept->codec);

    if (!accept->speaks_version || !codec || (accept->resumed && !link->resumes)) {
        link_close(link, TN_CONTROL_ERROR, "`accept` names a version, a codec or a session that was not offered");
        return;
    }
    if (accept->resumed) {
        go_on(link, named, accept);
        return;
    }
    if (link->is_probe) {
        link_close(link, TN_SESSION_ENDED, "%s leads to another gateway", link->transport->instance->name);
        return;
    }
    if (named)
        session_end(named, "the gateway no longer knows it");
    begin_session(link, codec, accept);
}

static void receive_refuse(struct hg_link *link, const struct control_message *refuse)
{
    struct sessions *sessions = link->sessions;
    struct session *named = find_session(sessions, link->resumes);
    char code[STREAM_ERROR_DETAIL_SIZE], reason[STREAM_ERROR_DETAIL_SIZE];
    hg_time wait = refuse->retry_after * HG_SECOND;

    log_printable(code, sizeof code, refuse->code);
    log_printable(reason, sizeof reason, refuse->reason);
    if (wait > BACKOFF_CAP)
        wait = BACKOFF_CAP;
    link_close(link, TN_NO_ERROR, "the gateway refused a session (%s): %.150s", code, reason);
    if (link->is_probe)
        return;
    dialer_refused(link->dialer, hg_now(sessions->worker) + wait, !strcmp(refuse->code, "draining"));
    if (named && !strcmp(refuse->code, "session"))
        session_end(named, "the gateway refused to continue it");
}

static void receive_drain(struct hg_link *link, const struct control_message *drain)
{
    struct session *session = link->session;
    char reason[STREAM_ERROR_DETAIL_SIZE];

    if (session->draining)
        return;
    session->draining = true;
    log_printable(reason, sizeof reason, drain->reason);
    hg_log(link->sessions->worker->instance, HG_LOG_INFO, "the gateway wants to end session %" PRIu64 ": %s",
           session->number, reason);
    link_check_at(link, hg_now(link->sessions->worker) + DRAIN_TICK);
    dialer_want(link->dialer);
}

static void receive_notice(const struct hg_link *link, const struct control_message *notice)
{
    char reason[STREAM_ERROR_DETAIL_SIZE];

    log_printable(reason, sizeof reason, notice->reason);
    hg_log_limited(link->sessions->worker->instance, HG_LOG_WARNING, link->peer, "%s says: %s", link->peer, reason);
}

static void client_message(struct hg_link *link, const struct control_message *message)
{
    if (message->type == CONTROL_ACCEPT && link->state == LINK_OPENING && link->open_sent)
        receive_accept(link, message);
    else if (message->type == CONTROL_REFUSE && link->state == LINK_OPENING && link->open_sent)
        receive_refuse(link, message);
    else if (message->type == CONTROL_DRAIN && link->state == LINK_ACTIVE)
        receive_drain(link, message);
    else if (message->type == CONTROL_NOTICE && link->state == LINK_ACTIVE)
        receive_notice(link, message);
    else
        link_close(link, TN_CONTROL_ERROR, "unexpected control message for a client");
}

/* ---- Silence ---- */

static void doubt(struct session *session)
{
    if (!session->silent)
        hg_log(session->sessions->worker->instance, HG_LOG_WARNING,
               "session %" PRIu64 " does not respond; opening another link", session->number);
    if (!session->silent)
        ++*session->sessions->silent_links;
    session->silent = true;
    dialer_want(session->dialer);
}

static void client_session_answers(struct session *session)
{
    const struct hg_link *link = session->link;

    if (!link || !session->silent || link_unanswered_for(link) >= link_answer_timeout(link))
        return;
    session->silent = false;
    dialer_review(session->dialer);
}

/* Asks for life when nothing has come for a while though exchanges run, or the end of a response waits for credit.
 * Returns when that is due again. */
static hg_time ask_for_life(struct hg_link *link)
{
    hg_time now = hg_now(link->sessions->worker);
    struct tn_session_stats session;
    struct tn_link_stats stats;
    uint64_t moved;

    if (session_is_idle(link->session))
        return TN_TIME_NEVER;
    tn_link_stats(link->tn, &stats);
    if (stats.unanswered_since != TN_TIME_NEVER)
        return now + ASK_LAST;
    tn_session_stats(link->session->tn, &session);
    moved = session.bytes_sent + session.bytes_received;
    if (moved != link->moved)
        link->ask_after = ASK_FIRST;
    link->moved = moved;
    if (now < stats.last_received + link->ask_after)
        return stats.last_received + link->ask_after;
    link->ask_after = 2 * link->ask_after < ASK_LAST ? 2 * link->ask_after : ASK_LAST;
    link_send_message(link, control_encode_ping(0));
    return now + link->ask_after;
}

/* The answer, or that there is none in link_answer_timeout(), shows what a sign is worth. */
void client_ask(struct hg_link *link)
{
    if (link->state != LINK_ACTIVE)
        return;
    link->asked_at = hg_now(link->sessions->worker);
    link_send_message(link, control_encode_ping(0));
}

static void client_doubt(struct hg_link *link)
{
    if (!link->asked_at || hg_now(link->sessions->worker) >= link->asked_at + DOUBT_AGAIN)
        client_ask(link);
}

static void client_renew(struct hg_link *link)
{
    link->is_old = true;
    hg_log(link->sessions->worker->instance, HG_LOG_DEBUG,
           "the keys of the link with %s must be renewed; opening another link", link->peer);
    dialer_want(link->dialer);
}

/* Sees whether the gateway is there. Returns when to look again. */
static hg_time check_silence(struct hg_link *link)
{
    hg_time dead_after = link->sessions->pipeline->settings.dead_after;
    hg_time now = hg_now(link->sessions->worker), patience = link_answer_timeout(link), left;

    if (!link_is_overdue(link, patience))
        return link->overdue_at ? link->check_at : ask_for_life(link);
    if (link_unanswered_for(link) >= dead_after) {
        link_died(link);
        return TN_TIME_NEVER;
    }
    doubt(link->session);
    left = dead_after - link_unanswered_for(link);
    return now + (left < patience ? left : patience);
}

/* Whether a session that shall end has nothing left to do. */
static bool is_drained(const struct hg_link *link)
{
    const struct sessions *sessions = link->sessions;

    if (!session_is_idle(link->session))
        return false;
    return tn_control_all_acknowledged(link->tn) ||
           (sessions->drained_at && hg_now(sessions->worker) >= sessions->drained_at + DRAIN_TIMEOUT);
}

static void check_active(struct hg_link *link)
{
    hg_time soon = hg_now(link->sessions->worker) + DRAIN_TICK, when = check_silence(link);

    if (link->state != LINK_ACTIVE)
        return;
    if (!link->session->draining)
        link_check_at(link, when);
    else if (is_drained(link))
        link_close(link, TN_SESSION_ENDED, "drained");
    else
        link_check_at(link, when < soon ? when : soon);
}

static void client_check(struct hg_link *link)
{
    if (link->state == LINK_HANDSHAKE)
        link_close(link, TN_NO_ERROR, "no handshake within 10 s");
    else if (link->state == LINK_OPENING)
        link_close(link, TN_NO_ERROR, link->open_sent ? "no answer to `open` in time" : "another link was chosen");
    else if (link->state == LINK_ACTIVE)
        check_active(link);
}

void client_drain(struct sessions *sessions)
{
    struct session *next;

    for (struct session *session = sessions->sessions; session; session = next) {
        next = session->next;
        retire(session, "the client is stopping");
    }
    dialers_review(sessions);
}

/* ---- Exchanges ---- */

static void client_stream_opened(struct session *session, struct tn_stream *tn)
{
    struct exchange_stream *stream = exchange_stream_new(session, HG_UP);
    hg_time soon = hg_now(session->sessions->worker) + ASK_FIRST;

    if (!stream) {
        tn_stream_reset(tn, TN_STREAM_REFUSED);
        tn_stream_stop_sending(tn, TN_STREAM_REFUSED);
        tn_stream_release(tn);
        return;
    }
    exchange_stream_set_stream(stream, tn);
    if (session->link && session->link->check_at > soon)
        link_check_at(session->link, soon);
}

static size_t client_data(struct hg_self *self, enum hg_direction direction, const struct hg_slice *slice)
{
    (void)direction;
    return exchange_stream_send_data(self->state, slice);
}

static enum hg_verdict client_head(struct hg_self *self, enum hg_direction direction, struct hg_head *head)
{
    (void)direction;
    return exchange_stream_send_head(self->state, head);
}

static enum hg_verdict client_finish(struct hg_self *self, enum hg_direction direction, struct hg_fields *trailers)
{
    (void)direction;
    return exchange_stream_send_end(self->state, trailers);
}

static void client_reset(struct hg_self *self, const struct hg_reason *reason)
{
    exchange_stream_was_reset(self->state, reason);
}

static void client_writable(struct hg_self *self, enum hg_direction direction)
{
    (void)direction;
    exchange_stream_receive(self->state);
}

static void client_detach(struct hg_self *self)
{
    exchange_stream_free(self->state);
}

const struct tunnel_end client_end = {
    .link_up = dialer_link_up,
    .message = client_message,
    .check = client_check,
    .link_ended = dialer_link_ended,
    .session_answers = client_session_answers,
    .stream_opened = client_stream_opened,
    .doubt = client_doubt,
    .renew = client_renew,
};

const struct hg_stage_ops client_stage_ops = {
    .events = HG_EVENTS_MESSAGES | HG_EVENTS_UPGRADED,
    .head = client_head,
    .data = client_data,
    .end = client_finish,
    .reset = client_reset,
    .writable = client_writable,
    .detach = client_detach,
};
