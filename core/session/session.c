/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/session/session.h"

#include "core/base/log.h"
#include "core/base/user_errors.h"
#include "core/session/exchange_stream.h"
#include "core/session/flush_queue.h"
#include "core/session/link.h"
#include "core/session/resume_queue.h"
#include "core/session/session_events.h"
#include "core/session/session_parameters.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct session *session_new(struct sessions *sessions)
{
    struct session *session = calloc(1, sizeof *session);
    struct tn_params params;

    if (!session)
        return NULL;
    session_parameters(sessions, &params);
    session->tn = tn_session_new(&params);
    if (!session->tn) {
        free(session);
        return NULL;
    }
    session->sessions = sessions;
    session->number = ++sessions->next_number;
    session->waiting_tail = &session->waiting;
    session->next = sessions->sessions;
    session->previous = &sessions->sessions;
    if (session->next)
        session->next->previous = &session->next;
    sessions->sessions = session;
    return session;
}

void session_log(const struct session *session, const char *format, ...)
{
    /* A client with an unstable network causes a line for every change, and so do thousands of clients after a
     * restart. */
    static const struct log_limit limit = {20, 2000};
    const struct log_event event = {.level = HG_LOG_INFO, .part = session->sessions->worker->instance->name};
    const char *id = session->identity.id;
    char text[512];
    va_list arguments;
    int size = snprintf(text, sizeof text, "session %" PRIu64 "%s%s ", session->number, *id ? " of " : "", id);

    va_start(arguments, format);
    vsnprintf(text + size, sizeof text - (size_t)size, format, arguments);
    va_end(arguments);
    if (log_admits(limit, format, id, &event, "%s", text))
        log_event(&event, "%s", text);
}

static void log_end(const struct session *session, const char *why)
{
    struct tn_session_stats stats;

    if (!session->open || session->over)
        return;
    tn_session_stats(session->tn, &stats);
    session_log(session,
                "ended after %.1f s: %s (exchanges %" PRIu64 ", bytes sent %" PRIu64 ", received %" PRIu64
                ", sent again %" PRIu64 ", sent twice %" PRIu64 ")",
                (double)(hg_now(session->sessions->worker) - session->opened_at) / (double)HG_SECOND, why,
                session->exchanges, stats.bytes_sent, stats.bytes_received, stats.bytes_resent, stats.bytes_repeated);
}

/* Takes the session off its link, which then ends. */
static void leave_link(struct session *session, uint64_t code, const char *why)
{
    struct hg_link *link = session->link;

    if (!link)
        return;
    session->link = NULL;
    link->session = NULL;
    tn_link_detach(link->tn);
    link_close(link, code, "%s", why);
}

/* Resets the exchanges of a session that has ended; those whose response has arrived only if `all`. */
static void reset_exchanges(struct session *session, const char *why, bool all)
{
    char detail[384];
    struct hg_reason reason = user_errors[USER_ERROR_SESSION_ENDED];
    struct exchange_stream *next;

    snprintf(detail, sizeof detail, "the session%s%s ended: %s", *session->identity.id ? " of " : "",
             session->identity.id, why);
    reason.detail = detail;
    for (struct exchange_stream *stream = session->streams; stream; stream = next) {
        next = stream->next;
        if (all || !exchange_stream_has_arrived(stream))
            exchange_stream_session_lost(stream, &reason);
    }
}

/* From now on it can be neither found nor resumed. */
static void withdraw(struct session *session)
{
    if (session->by_client.key.size) {
        multimap_remove(&session->sessions->by_client, &session->by_client);
        session->by_client.key.size = 0;
        if (session->sessions->end->session_down)
            session->sessions->end->session_down(session);
    }
    if (session->by_name.key.size)
        multimap_remove(&session->sessions->by_name, &session->by_name);
    session->by_name.key.size = 0;
}

void session_end_discreetly(struct session *session, const char *why, const char *public_why)
{
    log_end(session, why);
    leave_link(session, TN_SESSION_ENDED, why);
    resume_queue_remove(session);
    reset_exchanges(session, public_why, true);
    withdraw(session);
    *session->previous = session->next;
    if (session->next)
        session->next->previous = session->previous;
    tn_session_free(session->tn);
    hg_buffer_unref(session->identity.owner);
    json_decref(session->services);
    free(session);
}

void session_end(struct session *session, const char *why)
{
    session_end_discreetly(session, why, why);
}

void session_attach(struct session *session, struct hg_link *link)
{
    leave_link(session, TN_LINK_REPLACED, "the session has moved to another link");
    resume_queue_remove(session);
    session->silent = false;
    session->link = link;
    link->session = session;
    link->state = LINK_ACTIVE;
    link->was_active = true;
    tn_link_attach(link->tn, session->tn, hg_now(session->sessions->worker));
    link_flush_later(link);
}

void session_opened(struct session *session)
{
    const struct hg_link *link = session->link;

    session->open = true;
    session->opened_at = hg_now(session->sessions->worker);
    ++*session->sessions->opened;
    session_log(session, "opened with %s over %s (%s), codec %s", link->peer, link->transport->instance->name,
                link->security, session->codec->wire_name);
}

void session_resumed(struct session *session, const char *why)
{
    const struct hg_link *link = session->link;

    ++*session->sessions->resumed;
    session_log(session, "continues with %s over %s (%s): %s", link->peer, link->transport->instance->name,
                link->security, why);
}

/* Whether waiting for another link makes sense. */
static bool may_outlive_link(const struct session *session)
{
    const struct sessions *sessions = session->sessions;

    if (sessions->stopping || !session->confirmed || !sessions->pipeline->settings.resume_timeout)
        return false;
    return !((session->draining || sessions->drained_at) && session_is_idle(session));
}

/* A client ends its session when everything it sent has been acknowledged. A user who reads slowly may not have got it
 * yet. Returns false if there is nothing to deliver. */
static bool deliver_rest(struct session *session, const char *why)
{
    bool any = false;

    if (!*session->identity.id || session->sessions->stopping)
        return false;
    session_handle_events(session); /* those of packets that came together with CLOSE */
    for (struct exchange_stream *stream = session->streams; stream; stream = stream->next)
        any |= exchange_stream_has_arrived(stream);
    if (!any)
        return false;
    log_end(session, why);
    session->over = true;
    reset_exchanges(session, "its link was closed", false);
    withdraw(session);
    return true;
}

void sessions_free_delivered(struct sessions *sessions, bool all)
{
    struct session *next;

    if (!sessions->some_delivered && !all)
        return;
    sessions->some_delivered = false;
    for (struct session *session = sessions->sessions; session; session = next) {
        next = session->next;
        if (session->over && (all || !session->streams))
            session_end(session, "the process is stopping");
    }
}

void session_link_lost(struct session *session, bool over, const char *why)
{
    session->link = NULL;
    if (over && deliver_rest(session, why))
        return;
    if (over || !may_outlive_link(session)) {
        session_end_discreetly(session, why, "its link was closed");
        return;
    }
    session_log(session, "has lost its link and is waiting for another: %s", why);
    resume_queue_add(session, why);
    if (session->sessions->end->session_down)
        session->sessions->end->session_down(session);
}
