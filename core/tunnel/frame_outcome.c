/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What happens once sent frames are acknowledged or lost.
 */
#include "core/tunnel/session_internal.h"

static void stream_acknowledged(struct tn_stream *stream, const struct sent_frame *frame)
{
    struct tn_session *session = stream->session;
    uint64_t before = stream->sender.acknowledged;

    stream->fin_acknowledged |= frame->fin;
    if (stream->reset)
        return;
    if (!send_buffer_acknowledge(&stream->sender, frame->offset, frame->size))
        session->failed = true;
    session->unacknowledged -= stream->sender.acknowledged - before;
}

void session_frame_acknowledged(struct tn_session *session, const struct sent_frame *frame)
{
    struct tn_stream *stream = frame->stream;

    if (!stream)
        return;
    stream->in_flight--;
    if (frame->type == FRAME_STREAM)
        stream_acknowledged(stream, frame);
    else if (frame->type == FRAME_RESET_STREAM)
        stream->reset_acknowledged = true;
    session_reap(session, stream);
}

static void session_limit_lost(struct tn_session *session, uint8_t type)
{
    if (type == FRAME_MAX_STREAMS)
        session->pending |= PENDING_MAX_STREAMS;
    else if (type == FRAME_DATA_BLOCKED && session->blocked_at == session->send_max)
        session->pending |= PENDING_DATA_BLOCKED;
    else if (type == FRAME_STREAMS_BLOCKED && session->streams_blocked_at == session->peer_max_streams)
        session->pending |= PENDING_STREAMS_BLOCKED;
}

static void stream_data_lost(struct tn_stream *stream, const struct sent_frame *frame)
{
    if (stream->reset)
        return;
    if (!send_buffer_lose(&stream->sender, frame->offset, frame->size))
        stream->session->failed = true;
    if (frame->fin && !stream->fin_acknowledged)
        stream->pending |= PENDING_FIN;
}

void session_frame_lost(struct tn_session *session, const struct sent_frame *frame, bool again)
{
    struct tn_stream *stream = frame->stream;

    if (!stream) {
        session_limit_lost(session, frame->type);
        return;
    }
    if (frame->type == FRAME_STREAM)
        stream_data_lost(stream, frame);
    else if (frame->type == FRAME_RESET_STREAM && !stream->reset_acknowledged)
        stream->pending |= PENDING_RESET;
    else if (frame->type == FRAME_STOP_SENDING && !stream->final_known)
        stream->pending |= PENDING_STOP;
    else if (frame->type == FRAME_MAX_STREAM_DATA && !stream->final_known)
        stream->pending |= PENDING_MAX_STREAM_DATA;
    else if (frame->type == FRAME_STREAM_DATA_BLOCKED && !stream->reset && stream->blocked_at == stream->send_max)
        stream->pending |= PENDING_BLOCKED;
    stream_schedule(stream);
    if (!again) {
        stream->in_flight--;
        session_reap(session, stream);
    }
}
