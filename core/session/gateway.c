/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/session/gateway.h"

#include "core/base/log.h"
#include "core/session/accept.h"
#include "core/session/dispatch.h"
#include "core/session/flush_queue.h"
#include "core/session/identity_review.h"
#include "core/session/link_silence.h"
#include "core/session/rival_processes.h"
#include "core/session/session_table.h"
#include "core/session/stream_error.h"

/* How long an authenticated link may take to send `open`. */
#define OPEN_TIMEOUT (10 * HG_SECOND)

struct hg_link *sessions_link_accept(struct sessions *sessions, struct hg_worker *transport)
{
    /* Transports have their own time limit for handshakes. */
    return link_new(sessions, transport, TN_TIME_NEVER);
}

static void gateway_link_up(struct hg_link *link)
{
    link_check_at(link, link->up_at + OPEN_TIMEOUT);
}

static void gateway_check(struct hg_link *link)
{
    if (link->state == LINK_VERIFYING)
        accept_overdue(link);
    else if (link->state == LINK_OPENING)
        link_close(link, TN_PROTOCOL_VIOLATION, "no `open` within 10 s");
    else if (link->state == LINK_REFUSED)
        link_close(link, link->close_code, "%s", link->reason);
    else if (link->state == LINK_ACTIVE && link_is_overdue(link, link_answer_timeout(link)))
        link_died(link);
}

static void gateway_link_ended(struct hg_link *link)
{
    if (link->state != LINK_HANDSHAKE && !link->was_active)
        hg_log(link->sessions->worker->instance, HG_LOG_DEBUG, "the link with %s ended before a session was opened: %s",
               link->peer, link->reason);
}

static void receive_drain(struct hg_link *link, const struct control_message *drain)
{
    struct session *session = link->session;
    char reason[STREAM_ERROR_DETAIL_SIZE];

    if (!session || session->draining)
        return;
    session->draining = true;
    log_printable(reason, sizeof reason, drain->reason);
    session_log(session, "accepts no more exchanges: %s", reason);
    rivals_review(link->sessions, hg_text(session->identity.id));
}

COLD static void gateway_message(struct hg_link *link, const struct control_message *message)
{
    if (message->type == CONTROL_OPEN && link->state == LINK_OPENING)
        accept_open(link, message);
    else if (message->type == CONTROL_DRAIN)
        receive_drain(link, message);
    else
        link_close(link, TN_CONTROL_ERROR, "unexpected control message for a gateway");
}

/* A client has no credit for streams of its own, so this cannot happen: see session_new(). */
static void gateway_stream_opened(struct session *session, struct tn_stream *tn)
{
    tn_stream_reset(tn, TN_STREAM_REFUSED);
    tn_stream_stop_sending(tn, TN_STREAM_REFUSED);
    tn_stream_release(tn);
    session_flush_later(session);
}

static void gateway_session_answers(struct session *session)
{
    rivals_answered(session);
    dispatch_retry(session);
}

const struct tunnel_end gateway_end = {
    .link_up = gateway_link_up,
    .message = gateway_message,
    .check = gateway_check,
    .link_ended = gateway_link_ended,
    .session_answers = gateway_session_answers,
    .session_down = rivals_session_down,
    .stream_opened = gateway_stream_opened,
};

int gateway_start(struct sessions *sessions)
{
    sessions->end = &gateway_end;
    identity_watch(sessions, true);
    return dispatch_start(sessions);
}

void gateway_stop(struct sessions *sessions)
{
    identity_watch(sessions, false);
}

void gateway_drain(struct sessions *sessions)
{
    for (struct session *session = sessions->sessions; session; session = session->next)
        if (session->link)
            link_send_message(session->link, control_encode_drain("the gateway is stopping", 1));
    /* Makes the loop run when sessions_idle() may have become true. */
    for (struct hg_link *link = sessions->links; link; link = link->next)
        link_check_at(link, sessions->drained_at + DRAIN_TIMEOUT);
}
