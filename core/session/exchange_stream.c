/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Two ends of one exchange may meet the same failure at once, so every way out ends in exchange_stream_over(): from
 * there on the exchange hears nothing more of the stream, and the stream nothing of the exchange.
 */
#include "core/session/exchange_stream.h"

#include "core/base/failure.h"
#include "core/session/exchange_stream_private.h"
#include "core/session/stream_error.h"

#include <stdlib.h>

struct exchange_stream *exchange_stream_new(struct session *session, enum hg_direction sends)
{
    struct exchange_stream *stream = calloc(1, sizeof *stream + session->codec->decoder_size);

    if (!stream)
        return NULL;
    stream->session = session;
    stream->sends = sends;
    stream->next = session->streams;
    stream->previous = &session->streams;
    if (stream->next)
        stream->next->previous = &stream->next;
    session->streams = stream;
    session->stream_count++;
    session->exchanges++;
    return stream;
}

void exchange_stream_leave_unwritten(struct exchange_stream *stream)
{
    if (!stream->is_unwritten)
        return;
    stream->is_unwritten = false;
    *stream->previous_unwritten = stream->next_unwritten;
    if (stream->next_unwritten)
        stream->next_unwritten->previous_unwritten = stream->previous_unwritten;
}

void exchange_stream_leave_waiting(struct exchange_stream *stream)
{
    struct session *session = stream->session;
    struct exchange_stream **place = &session->waiting;

    if (!stream->is_waiting)
        return;
    while (*place != stream)
        place = &(*place)->next_waiting;
    *place = stream->next_waiting;
    if (!*place)
        session->waiting_tail = place;
    session->waiting_count--;
    stream->is_waiting = false;
}

void exchange_stream_drop_output(struct exchange_stream *stream)
{
    for (size_t i = 0; i < stream->output.count; i++)
        hg_buffer_unref(stream->output.slices[i].buffer);
    stream->output.count = 0;
    stream->output_size = 0;
}

static void drop_surplus(struct exchange_stream *stream)
{
    hg_buffer_unref(stream->surplus.buffer);
    stream->surplus = (struct hg_slice){0};
}

/* Takes the stream off its session: its stream, if it still has one, must have been released. */
static void leave_session(struct exchange_stream *stream)
{
    struct session *session = stream->session;

    if (!session)
        return;
    session->codec->decoder_free(session->codec_worker, stream->decoder);
    exchange_stream_leave_unwritten(stream);
    exchange_stream_leave_waiting(stream);
    *stream->previous = stream->next;
    if (stream->next)
        stream->next->previous = stream->previous;
    session->stream_count--;
    stream->session = NULL;
}

static void release_stream(struct exchange_stream *stream)
{
    struct tn_stream *tn = stream->tn;

    if (!tn)
        return;
    stream->tn = NULL;
    tn_stream_set_user(tn, NULL);
    tn_stream_release(tn);
    session_touch(stream->session);
}

void exchange_stream_over(struct exchange_stream *stream, uint64_t code)
{
    stream->over = true;
    exchange_stream_drop_output(stream);
    drop_surplus(stream);
    if (stream->tn && stream->sent != MESSAGE_ENDED)
        tn_stream_reset(stream->tn, code);
    if (stream->tn && stream->received != MESSAGE_ENDED)
        tn_stream_stop_sending(stream->tn, code);
    release_stream(stream);
    if (!stream->session)
        return;
    exchange_stream_set_undecoded(stream, 0);
    exchange_stream_leave_waiting(stream);
}

void exchange_stream_fail(struct exchange_stream *stream, uint64_t code, const struct hg_reason *reason)
{
    exchange_stream_over(stream, code);
    if (stream->self)
        hg_reset(stream->self, reason);
    else
        exchange_stream_free(stream);
}

void exchange_stream_free(struct exchange_stream *stream)
{
    if (!stream->over)
        exchange_stream_over(stream, TN_STREAM_NO_ERROR);
    leave_session(stream);
    free(stream);
}

void exchange_stream_session_lost(struct exchange_stream *stream, const struct hg_reason *reason)
{
    stream->tn = NULL;
    leave_session(stream);
    if (stream->over)
        return;
    stream->over = true;
    exchange_stream_drop_output(stream);
    drop_surplus(stream);
    if (stream->self)
        hg_reset(stream->self, reason);
    else
        free(stream);
}

/* ---- Events of the stream ---- */

/* A client that drops an exchange because its gateway said so has not failed: if something has, the gateway logs it. */
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

/* A gateway goes on with the response although the client wants no more of the request; a client has nobody left who
 * would read its response. */
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

void exchange_stream_event(struct exchange_stream *stream, const struct tn_event *event)
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
