/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Handling of received frames of the session (RFC 9000 sections 3, 4, 19).
 */
#include "core/tunnel/session_internal.h"

#include "core/tunnel/varint.h"

/* The most pieces in which the received bytes of all streams together may be held. */
#define SESSION_SEGMENTS_MAX 16384

/* Opens the peer's streams up to this index: the first frame of a stream also opens all lower ones. */
static int session_accept(struct tn_session *session, uint64_t index, const char **what)
{
    if (index >= session->max_streams) {
        *what = "a stream above the limit";
        return TN_STREAM_LIMIT_ERROR;
    }
    while (session->accepted <= index) {
        if (!session_add_stream(session, session->accepted << 2 | (session->params.is_client ? 1 : 0)))
            return FRAME_NOT_TAKEN;
        session->accepted++;
    }
    return 0;
}

/* Finds the stream that a frame names; *found stays NULL if the stream is over. */
static int session_get(struct tn_session *session, uint64_t id, struct tn_stream **found, const char **what)
{
    bool own = (id & 1) == (session->params.is_client ? 0 : 1);
    int error;

    *found = NULL;
    if (id & 2) {
        *what = "a unidirectional stream";
        return TN_STREAM_STATE_ERROR;
    }
    if (own && id >> 2 >= session->opened) {
        *what = "a stream of this end that was not opened";
        return TN_STREAM_STATE_ERROR;
    }
    if (!own && id >> 2 >= session->accepted) {
        error = session_accept(session, id >> 2, what);
        if (error)
            return error;
    }
    *found = session_find(session, id);
    if (*found && !(*found)->announced) {
        (*found)->announced = true;
        stream_event(*found, TN_EVENT_OPENED);
    }
    return 0;
}

/* Checks that the peer may send up to `end` and counts it (section 4.1). */
static int stream_count(struct tn_stream *stream, uint64_t end, bool final, const char **what)
{
    struct tn_session *session = stream->session;
    uint64_t more = end > stream->receive_highest ? end - stream->receive_highest : 0;

    if (stream->final_known && (end > stream->final_size || (final && end != stream->final_size))) {
        *what = "a final size that changed or was exceeded";
        return TN_FINAL_SIZE_ERROR;
    }
    if (final && end < stream->receive_highest) {
        *what = "a final size below what was received";
        return TN_FINAL_SIZE_ERROR;
    }
    if (end > stream->receive_max) {
        *what = "more bytes than the stream's credit";
        return TN_FLOW_CONTROL_ERROR;
    }
    stream->receive_highest += more;
    session->data_received += more;
    if (stream->discarding && more > 0) {
        session->data_consumed += more;
        stream->receiver.read = stream->receiver.contiguous = stream->receive_highest;
    }
    if (final) {
        stream->final_known = true;
        stream->final_size = end;
        credit_count(stream);
        stream->pending &= (uint8_t) ~(PENDING_MAX_STREAM_DATA | PENDING_STOP);
    }
    return 0;
}

/* Everything that arrived in order has been read, but data after a gap will use up the credit before the gap is filled,
 * which takes a round trip or more: the window is the limit, not the reader. */
static void stream_check_gap(struct tn_stream *stream)
{
    if (stream->final_known || stream->receiver.contiguous != stream->receiver.read ||
        stream->receive_max - stream->receive_highest > stream->window / 4)
        return;
    if (!credit_grow(stream))
        return;
    stream->pending |= PENDING_MAX_STREAM_DATA;
    stream_schedule(stream);
}

/* Takes the data of a frame that has already been counted. */
static int stream_take(struct tn_stream *stream, const struct frame *frame)
{
    struct tn_session *session = stream->session;
    struct receive_buffer *receiver = &stream->receiver;
    uint32_t others = session->segments - receiver->count;
    uint64_t before = receiver->contiguous;
    uint32_t limit = others < SESSION_SEGMENTS_MAX ? SESSION_SEGMENTS_MAX - others : 0;
    enum receive_buffer_result result = receive_buffer_add(receiver, frame->offset, frame->data, frame->size, limit);

    session->segments = others + receiver->count;
    if (receiver->contiguous > before)
        stream_event(stream, TN_EVENT_READABLE);
    stream_check_gap(stream);
    return result == RECEIVE_BUFFER_OK ? 0 : FRAME_NOT_TAKEN;
}

static int receive_stream(struct tn_session *session, const struct frame *frame, const char **what)
{
    struct tn_stream *stream;
    bool known;
    int error = session_get(session, frame->stream_id, &stream, what);

    if (error || !stream)
        return error;
    known = stream->final_known;
    error = stream_count(stream, frame->offset + frame->size, frame->fin, what);
    if (error)
        return error;
    if (stream->discarding) {
        session_reap(session, stream);
        return 0;
    }
    if (frame->offset == 0 && !stream->final_known)
        credit_begin(stream);
    if (frame->size > 0)
        error = stream_take(stream, frame);
    if (stream->final_known && !known && stream->receiver.contiguous == stream->final_size)
        stream_event(stream, TN_EVENT_READABLE);
    return error;
}

static int receive_reset(struct tn_session *session, const struct frame *frame, const char **what)
{
    struct tn_stream *stream;
    bool over;
    int error = session_get(session, frame->stream_id, &stream, what);

    if (error || !stream)
        return error;
    /* Section 3.2: all data and the end have arrived, so the reset comes too late to matter. */
    over = stream->final_known && !stream->discarding && stream->receiver.contiguous == stream->final_size;
    error = stream_count(stream, frame->final_size, true, what);
    if (error || over || stream->peer_reset)
        return error;
    stream->peer_reset = true;
    stream->peer_reset_code = frame->value;
    if (!stream->discarding) {
        stream_discard(stream);
        stream_event(stream, TN_EVENT_RESET);
    }
    session_reap(session, stream);
    return 0;
}

static int receive_stop(struct tn_session *session, const struct frame *frame, const char **what)
{
    struct tn_stream *stream;
    int error = session_get(session, frame->stream_id, &stream, what);

    if (error || !stream || stream->reset || tn_stream_all_acknowledged(stream))
        return error;
    stream->peer_stop_code = frame->value;
    tn_stream_reset(stream, frame->value);
    stream_event(stream, TN_EVENT_STOPPED);
    return 0;
}

static int receive_max_stream_data(struct tn_session *session, const struct frame *frame, const char **what)
{
    struct tn_stream *stream;
    int error = session_get(session, frame->stream_id, &stream, what);

    if (error || !stream || frame->value <= stream->send_max)
        return error;
    stream->send_max = frame->value;
    stream_schedule(stream);
    stream_check_writable(stream);
    session_check_blocked(session);
    return 0;
}

static int receive_max_streams(struct tn_session *session, const struct frame *frame, const char **what)
{
    if (frame->value > VARINT_MAX >> 2) {
        *what = "MAX_STREAMS above the largest id";
        return TN_FRAME_ENCODING_ERROR;
    }
    session_raise_streams(session, frame->value);
    return 0;
}

/* If the peer has not received a limit that it was sent, the frame was probably lost, and the next probe timeout may be
 * far off. */
static int receive_stream_data_blocked(struct tn_session *session, const struct frame *frame, const char **what)
{
    struct tn_stream *stream;
    int error = session_get(session, frame->stream_id, &stream, what);

    if (error || !stream || stream->final_known || stream->discarding || frame->value >= stream->receive_max)
        return error;
    stream->pending |= PENDING_MAX_STREAM_DATA;
    stream_schedule(stream);
    return 0;
}

int session_receive(struct tn_session *session, const struct frame *frame, const char **what)
{
    switch (frame->type) {
    case FRAME_STREAM:
        return receive_stream(session, frame, what);
    case FRAME_RESET_STREAM:
        return receive_reset(session, frame, what);
    case FRAME_STOP_SENDING:
        return receive_stop(session, frame, what);
    case FRAME_MAX_DATA:
        if (frame->value > session->send_max)
            session->send_max = frame->value;
        return 0;
    case FRAME_MAX_STREAM_DATA:
        return receive_max_stream_data(session, frame, what);
    case FRAME_MAX_STREAMS:
        return receive_max_streams(session, frame, what);
    case FRAME_DATA_BLOCKED: /* there is no such limit */
        return 0;
    case FRAME_STREAMS_BLOCKED:
        if (session->peer_streams_over + session->params.max_streams > frame->value)
            session->pending |= PENDING_MAX_STREAMS;
        return 0;
    case FRAME_STREAM_DATA_BLOCKED:
    default:
        return receive_stream_data_blocked(session, frame, what);
    }
}
