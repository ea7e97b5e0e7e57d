/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The functions that the user of a stream calls.
 */
#include "core/tunnel/session_internal.h"

/* Unsent bytes that each stream may hold, regardless of the others. */
#define SEND_BUFFER_MIN 16384

void stream_event(struct tn_stream *stream, enum tn_event_type type)
{
    if (stream->released)
        return;
    stream->events |= (uint8_t)(1 << type);
    if (!list_linked(&stream->ready))
        list_append(&stream->session->ready, &stream->ready);
}

static bool stream_has_turn(const struct tn_stream *stream)
{
    return stream->sender.next < stream->sender.end && stream->sender.next < stream->send_max;
}

void stream_schedule(struct tn_stream *stream)
{
    struct tn_session *session = stream->session;

    if (!stream->reset && stream->sender.next < stream->sender.end && stream->sender.next == stream->send_max &&
        stream->blocked_at != stream->send_max) {
        stream->blocked_at = stream->send_max;
        stream->pending |= PENDING_BLOCKED;
    }
    if (stream->fin_written && !stream->fin_sent && stream->sender.next == stream->sender.end && !stream->reset)
        stream->pending |= PENDING_FIN;
    if ((stream->pending || stream->sender.lost.count > 0) && !list_linked(&stream->urgent))
        list_append(&session->urgent, &stream->urgent);
    if (stream_has_turn(stream) && !list_linked(&stream->turn)) {
        stream->deficit = TURN_QUANTUM;
        stream->turn_old = false;
        list_append(&session->fresh, &stream->turn);
    }
}

void stream_count_unsent(struct tn_stream *stream)
{
    uint64_t unsent = send_buffer_unsent(&stream->sender);
    uint64_t excess = unsent > SEND_BUFFER_MIN ? unsent - SEND_BUFFER_MIN : 0;

    stream->session->unsent_excess += excess - stream->unsent_excess;
    stream->unsent_excess = excess;
}

/* How many unsent bytes the stream may hold: little more than it has credit for, so that streams whose readers have
 * stalled do not use up the session's limit. */
static uint64_t stream_send_bound(const struct tn_stream *stream)
{
    const struct tn_session *session = stream->session;
    uint64_t bound = session->params.send_buffer, credit = stream->send_max - stream->sender.next;

    if (session->unsent_excess > session->params.session_send_buffer)
        credit = 0;
    if (credit < SEND_BUFFER_MIN)
        credit = SEND_BUFFER_MIN;
    return bound < credit ? bound : credit;
}

void stream_check_writable(struct tn_stream *stream)
{
    if (!stream->want_writable || send_buffer_unsent(&stream->sender) > stream_send_bound(stream) / 2)
        return;
    stream->want_writable = false;
    if (!stream->fin_written && !stream->reset)
        stream_event(stream, TN_EVENT_WRITABLE);
}

struct tn_stream *tn_stream_open(struct tn_session *session)
{
    struct tn_stream *stream;

    if (session->opened >= session->peer_max_streams) {
        session->streams_wanted = true;
        if (session->streams_blocked_at != session->peer_max_streams) {
            session->streams_blocked_at = session->peer_max_streams;
            session->pending |= PENDING_STREAMS_BLOCKED;
        }
        return NULL;
    }
    stream = session_add_stream(session, session->opened << 2 | (session->params.is_client ? 0 : 1));
    if (!stream)
        return NULL;
    session->opened++;
    stream->announced = true;
    credit_begin(stream);
    return stream;
}

uint64_t tn_stream_id(const struct tn_stream *stream)
{
    return stream->id;
}

void tn_stream_set_user(struct tn_stream *stream, void *user)
{
    stream->user = user;
}

void *tn_stream_user(const struct tn_stream *stream)
{
    return stream->user;
}

size_t tn_stream_write_room(const struct tn_stream *stream)
{
    uint64_t bound = stream_send_bound(stream), unsent = send_buffer_unsent(&stream->sender);

    if (stream->fin_written || stream->reset || unsent >= bound)
        return 0;
    return (size_t)(bound - unsent);
}

static size_t stream_append(struct tn_stream *stream, const struct hg_slice *slice)
{
    if (slice->size == 0 || !send_buffer_append(&stream->sender, slice))
        return 0;
    stream->session->unsent += slice->size;
    stream_count_unsent(stream);
    stream_schedule(stream);
    session_check_blocked(stream->session);
    return slice->size;
}

size_t tn_stream_write(struct tn_stream *stream, const struct hg_slice *slice)
{
    struct hg_slice taken = hg_slice_first(*slice, tn_stream_write_room(stream));

    if (taken.size < slice->size)
        stream->want_writable = true;
    return stream_append(stream, &taken);
}

size_t tn_stream_write_last(struct tn_stream *stream, const struct hg_slice *slice)
{
    return stream->fin_written || stream->reset ? 0 : stream_append(stream, slice);
}

void tn_stream_want_writable(struct tn_stream *stream)
{
    stream->want_writable = true;
    stream_check_writable(stream);
}

void tn_stream_finish(struct tn_stream *stream)
{
    if (stream->fin_written || stream->reset)
        return;
    stream->fin_written = true;
    stream_schedule(stream);
}

bool tn_stream_all_acknowledged(const struct tn_stream *stream)
{
    if (stream->reset)
        return stream->reset_acknowledged;
    return stream->fin_acknowledged && stream->sender.acknowledged == stream->sender.end;
}

void tn_stream_reset(struct tn_stream *stream, uint64_t code)
{
    struct tn_session *session = stream->session;

    if (stream->reset || tn_stream_all_acknowledged(stream))
        return;
    stream->reset = true;
    stream->reset_code = code;
    session->unsent -= send_buffer_unsent(&stream->sender);
    session->unacknowledged -= stream->sender.next - stream->sender.acknowledged;
    send_buffer_drop(&stream->sender);
    /* Bytes never sent do not count: the final size is the highest offset that the peer may have seen. */
    stream->sender.end = stream->sender.next;
    stream_count_unsent(stream);
    stream->pending &= (uint8_t) ~(PENDING_FIN | PENDING_BLOCKED);
    stream->pending |= PENDING_RESET;
    list_remove(&stream->turn);
    stream_schedule(stream);
}

static void stream_forget_event(struct tn_stream *stream, enum tn_event_type type)
{
    stream->events &= (uint8_t) ~(1 << type);
    if (!stream->events)
        list_remove(&stream->ready);
}

void stream_discard(struct tn_stream *stream)
{
    struct tn_session *session = stream->session;

    if (stream->discarding)
        return;
    stream->discarding = true;
    session->segments -= stream->receiver.count;
    receive_buffer_drop(&stream->receiver);
    session->data_consumed += stream->receive_highest - stream->receiver.read;
    stream->receiver.read = stream->receiver.contiguous = stream->receive_highest;
    credit_count(stream);
    stream->pending &= (uint8_t)~PENDING_MAX_STREAM_DATA;
    stream_forget_event(stream, TN_EVENT_READABLE);
}

void tn_stream_stop_sending(struct tn_stream *stream, uint64_t code)
{
    /* A reset may have arrived and not been reported yet. */
    stream_forget_event(stream, TN_EVENT_RESET);
    if (stream->discarding)
        return;
    /* RFC 9000 section 3.5: nothing to stop once the end is known. */
    if (!stream->final_known) {
        stream->stop_code = code;
        stream->pending |= PENDING_STOP;
    }
    stream_discard(stream);
    stream_schedule(stream);
}

bool tn_stream_peek(struct tn_stream *stream, struct hg_slice *slice)
{
    return !stream->discarding && receive_buffer_peek(&stream->receiver, slice);
}

size_t tn_stream_readable(const struct tn_stream *stream)
{
    return stream->discarding ? 0 : (size_t)(stream->receiver.contiguous - stream->receiver.read);
}

void tn_stream_consume(struct tn_stream *stream, size_t size)
{
    struct tn_session *session = stream->session;
    size_t readable = tn_stream_readable(stream);

    if (size > readable)
        size = readable;
    if (size == 0)
        return;
    session->segments -= stream->receiver.count;
    receive_buffer_consume(&stream->receiver, size);
    session->segments += stream->receiver.count;
    session->data_consumed += size;
    credit_count(stream);
    if (!stream->final_known && credit_is_due(stream)) {
        stream->pending |= PENDING_MAX_STREAM_DATA;
        stream_schedule(stream);
    }
}

bool tn_stream_all_received(const struct tn_stream *stream)
{
    return stream->final_known && !stream->peer_reset && !stream->discarding &&
           stream->receiver.contiguous == stream->final_size;
}

bool tn_stream_fin_read(const struct tn_stream *stream)
{
    return stream->final_known && !stream->peer_reset && !stream->discarding &&
           stream->receiver.read == stream->final_size;
}

void tn_stream_release(struct tn_stream *stream)
{
    if (!stream->fin_written)
        tn_stream_reset(stream, TN_STREAM_CANCELLED);
    if (!tn_stream_fin_read(stream))
        tn_stream_stop_sending(stream, TN_STREAM_CANCELLED);
    stream->released = true;
    stream->user = NULL;
    stream->events = 0;
    list_remove(&stream->ready);
    session_reap(stream->session, stream);
}
