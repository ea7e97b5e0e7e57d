/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/session/client.h"

#include "core/base/backoff.h"
#include "core/base/log.h"
#include "core/session/dialer.h"
#include "core/session/failover.h"
#include "core/session/incoming_exchange.h"
#include "core/session/link.h"
#include "core/session/session_parameters.h"
#include "core/session/stream_error.h"

#include <hopgate/routes.h>
#include <inttypes.h>
#include <stdio.h>

/* How often a draining session is checked. */
#define DRAIN_TICK (100 * HG_MILLISECOND)

/* Asks the gateway to start no new exchanges on this session, which ends once those in progress have. */
static void send_drain(struct session *session)
{
    link_send_message(session->link, control_encode_drain(session->drain_reason, 0));
    link_check_at(session->link, hg_now(session->sessions->worker) + DRAIN_TICK);
}

static void drain_session(struct session *session, const char *reason)
{
    if (session->drain_reason)
        return;
    session->draining = true;
    session->drain_reason = reason;
    if (session->link)
        send_drain(session);
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

/* The link carries the session from now on. */
static void carry(struct hg_link *link, struct session *session, const struct control_message *accept)
{
    session_set_peer_parameters(session, link, &accept->parameters);
    session_attach(session, link);
    failover_watch(link);
    if (session->draining)
        link_check_at(link, hg_now(link_worker(link)) + DRAIN_TICK);
}

/* Why a session continues over another link. */
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
        send_drain(session);
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
        drain_session(session, "the client is stopping");
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
        link_close(link, TN_SESSION_ENDED, "%s connects to another gateway", link->transport->instance->name);
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
    hg_log(link->sessions->worker->instance, HG_LOG_INFO, "the gateway is draining session %" PRIu64 ": %s",
           session->number, reason);
    link_check_at(link, hg_now(link->sessions->worker) + DRAIN_TICK);
    dialer_want(link->dialer);
}

static void receive_notice(const struct hg_link *link, const struct control_message *notice)
{
    char reason[STREAM_ERROR_DETAIL_SIZE];

    log_printable(reason, sizeof reason, notice->reason);
    hg_log_limited(link->sessions->worker->instance, HG_LOG_WARNING, link->peer, "notice from %s: %s", link->peer,
                   reason);
}

COLD static void client_message(struct hg_link *link, const struct control_message *message)
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

/* Whether a draining session has nothing left to do. */
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
    hg_time soon = hg_now(link->sessions->worker) + DRAIN_TICK, when = failover_check(link);

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
        drain_session(session, "the client is stopping");
    }
    dialers_review(sessions);
}

const struct tunnel_end client_end = {
    .link_up = dialer_link_up,
    .message = client_message,
    .check = client_check,
    .link_ended = dialer_link_ended,
    .session_answers = failover_session_answers,
    .stream_opened = incoming_stream_opened,
    .ask = failover_ask,
    .renew = failover_renew,
};

int client_start(struct sessions *sessions)
{
    sessions->end = &client_end;
    if (!hg_capability(sessions->worker->instance, HG_ROUTES, HG_ROUTES_VERSION, &sessions->routes))
        sessions->routes.ops = NULL;
    return dialers_start(sessions);
}
