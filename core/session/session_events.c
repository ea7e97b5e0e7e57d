/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/session/session_events.h"

#include "core/base/failure.h"
#include "core/session/exchange_stream_private.h"
#include "core/session/stream_error.h"

/* ---- Events of one stream ---- */

/* If a client drops an exchange at its gateway's request, that is no failure: if there was one, the gateway logs it. */
static struct hg_reason reason_of_peer(const struct exchange_stream *stream, uint64_t code)
{
    struct hg_reason reason = stream_error_reason(code);

    reason.status = stream->sends == HG_UP ? FAILURE_ABANDONED : reason.status;
    return reason;
}

static void peer_reset(struct exchange_stream *stream, uint64_t code)
{
    struct hg_reason reason = reason_of_peer(stream, code);

    if (stream->received == MESSAGE_ENDED)
        return;
    exchange_stream_fail(stream, TN_STREAM_NO_ERROR, &reason);
}

/* A gateway continues with the response even if the client does not want the rest of the request. On a client, nobody
 * is left to read the response. */
static void peer_stopped(struct exchange_stream *stream, uint64_t code)
{
    struct hg_reason reason = reason_of_peer(stream, code);

    if (stream->sends == HG_UP) {
        exchange_stream_fail(stream, TN_STREAM_CANCELLED, &reason);
        return;
    }
    stream->unwanted = true;
    exchange_stream_drop_output(stream);
    exchange_stream_leave_unwritten(stream);
    if (stream->held) {
        stream->held = false;
        hg_resume(stream->self, stream->sends);
    }
}

static void handle_stream_event(struct exchange_stream *stream, const struct tn_event *event)
{
    switch (event->type) {
    case TN_EVENT_READABLE:
        exchange_stream_receive(stream);
        return;
    case TN_EVENT_WRITABLE:
        exchange_stream_write(stream);
        return;
    case TN_EVENT_RESET:
        peer_reset(stream, event->code);
        return;
    case TN_EVENT_STOPPED:
        peer_stopped(stream, event->code);
        return;
    case TN_EVENT_OPENED:
    case TN_EVENT_STREAMS:
        return;
    }
}

/* ---- Events of the session ---- */

/* Streams are available again: those that wait get theirs, in order. */
static void open_waiting(struct session *session)
{
    while (session->waiting) {
        struct tn_stream *tn = tn_stream_open(session->tn);

        if (!tn)
            return;
        exchange_stream_set_stream(session->waiting, tn);
    }
}

static void handle_event(struct session *session, const struct tn_event *event)
{
    struct exchange_stream *stream;

    switch (event->type) {
    case TN_EVENT_OPENED:
        session->sessions->end->stream_opened(session, event->stream);
        return;
    case TN_EVENT_STREAMS:
        open_waiting(session);
        return;
    case TN_EVENT_READABLE:
    case TN_EVENT_WRITABLE:
    case TN_EVENT_RESET:
    case TN_EVENT_STOPPED:
        stream = tn_stream_user(event->stream);
        if (stream)
            handle_stream_event(stream, event);
        return;
    }
}

void session_handle_events(struct session *session)
{
    struct tn_event event;

    while (tn_session_next_event(session->tn, &event))
        handle_event(session, &event);
}

void session_write(struct session *session)
{
    while (session->unwritten)
        exchange_stream_write(session->unwritten);
}
