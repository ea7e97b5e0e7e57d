/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Writes the frames of a session and its streams into packets (RFC 9000 section 19).
 */
#include "core/tunnel/session_internal.h"

#include "core/tunnel/varint.h"

/* A smaller piece of data is not started at the end of a packet, unless it is all that there is. */
#define PIECE_MIN 32
/* Type, id, offset and length of a STREAM frame. */
#define STREAM_HEADER_MAX (1 + 3 * 8)

/* Writes a frame of up to two varints after its type. False if there is no room or no memory. */
static bool write_frame(struct packet *packet, uint8_t type, struct tn_stream *stream, uint64_t value)
{
    size_t size = 1 + (stream ? varint_size(stream->id) : 0) + varint_size(value);

    if (packet_room(packet) < size || !packet_record(packet, type, stream))
        return false;
    *packet->next++ = type;
    if (stream) {
        packet->next = varint_write(packet->next, stream->id);
        stream->in_flight++;
    }
    packet->next = varint_write(packet->next, value);
    return true;
}

/* RFC 9000 section 4.6: stream limits count from the start of the session. */
static uint64_t session_streams_limit(const struct tn_session *session)
{
    return session->peer_streams_over + session->params.max_streams;
}

bool session_write_pending(struct tn_session *session, struct packet *packet)
{
    if (session->pending & PENDING_MAX_STREAMS) {
        if (!write_frame(packet, FRAME_MAX_STREAMS, NULL, session_streams_limit(session)))
            return false;
        session->max_streams = session_streams_limit(session);
        session->pending &= (uint8_t)~PENDING_MAX_STREAMS;
    }
    if (session->pending & PENDING_DATA_BLOCKED) {
        if (!write_frame(packet, FRAME_DATA_BLOCKED, NULL, session->blocked_at))
            return false;
        session->pending &= (uint8_t)~PENDING_DATA_BLOCKED;
    }
    if (session->pending & PENDING_STREAMS_BLOCKED) {
        if (!write_frame(packet, FRAME_STREAMS_BLOCKED, NULL, session->streams_blocked_at))
            return false;
        session->pending &= (uint8_t)~PENDING_STREAMS_BLOCKED;
    }
    return true;
}

static bool stream_write_max_stream_data(struct tn_stream *stream, struct packet *packet, tn_time now, tn_time rtt)
{
    uint64_t limit = credit_renew(stream, now, rtt);

    if (!write_frame(packet, FRAME_MAX_STREAM_DATA, stream, limit))
        return false;
    stream->receive_max = limit;
    credit_count(stream);
    return true;
}

static bool stream_write_reset(struct tn_stream *stream, struct packet *packet)
{
    uint64_t final_size = stream->sender.next;

    if (packet_room(packet) < 1 + varint_size(stream->id) + varint_size(stream->reset_code) + varint_size(final_size))
        return false;
    if (!packet_record(packet, FRAME_RESET_STREAM, stream))
        return false;
    *packet->next++ = FRAME_RESET_STREAM;
    packet->next = varint_write(packet->next, stream->id);
    packet->next = varint_write(packet->next, stream->reset_code);
    packet->next = varint_write(packet->next, final_size);
    stream->in_flight++;
    return true;
}

bool stream_write_pending(struct tn_stream *stream, struct packet *packet, tn_time now, tn_time rtt)
{
    if (stream->pending & PENDING_RESET) {
        if (!stream_write_reset(stream, packet))
            return false;
        stream->pending &= (uint8_t)~PENDING_RESET;
    }
    if (stream->pending & PENDING_STOP) {
        if (!write_frame(packet, FRAME_STOP_SENDING, stream, stream->stop_code))
            return false;
        stream->pending &= (uint8_t)~PENDING_STOP;
    }
    if (stream->pending & PENDING_MAX_STREAM_DATA) {
        if (!stream_write_max_stream_data(stream, packet, now, rtt))
            return false;
        stream->pending &= (uint8_t)~PENDING_MAX_STREAM_DATA;
    }
    if (stream->pending & PENDING_BLOCKED) {
        if (!write_frame(packet, FRAME_STREAM_DATA_BLOCKED, stream, stream->blocked_at))
            return false;
        stream->pending &= (uint8_t)~PENDING_BLOCKED;
    }
    return true;
}

/* Writes a STREAM frame with up to `size` bytes from `offset`; returns how many, or -1 if there is no room. FIN is set
 * along with the last byte. */
static int64_t stream_write_data(struct tn_stream *stream, struct packet *packet, uint64_t offset, uint64_t size)
{
    size_t header = 1 + varint_size(stream->id) + (offset > 0 ? varint_size(offset) : 0);
    size_t room = packet_room(packet);
    uint8_t type = FRAME_STREAM | (offset > 0 ? STREAM_OFFSET : 0);
    struct sent_frame *record;

    if (room < header + 2 + (size < PIECE_MIN ? size : PIECE_MIN))
        return -1;
    record = packet_record(packet, FRAME_STREAM, stream);
    if (!record)
        return -1;
    room -= header;
    if (size >= room) {
        /* Fills the rest of the packet: no length needed. */
        size = room;
    } else if (size + varint_size(size) > room) {
        /* Too short for the rest of the packet without a length, and too long with one: padding before it makes up the
         * difference. */
        for (; size < room; room--)
            *packet->next++ = FRAME_PADDING;
    } else {
        type |= STREAM_LENGTH;
    }
    record->offset = offset;
    record->size = (uint32_t)size;
    record->fin = stream->fin_written && offset + size == stream->sender.end;
    *packet->next++ = type | (record->fin ? STREAM_FIN : 0);
    packet->next = varint_write(packet->next, stream->id);
    if (offset > 0)
        packet->next = varint_write(packet->next, offset);
    if (type & STREAM_LENGTH)
        packet->next = varint_write(packet->next, size);
    send_buffer_copy(&stream->sender, offset, (size_t)size, packet->next);
    packet->next += size;
    stream->in_flight++;
    if (record->fin) {
        stream->fin_sent = true;
        stream->pending &= (uint8_t)~PENDING_FIN;
    }
    return (int64_t)size;
}

bool stream_write_lost(struct tn_stream *stream, struct packet *packet)
{
    struct send_buffer *sender = &stream->sender;

    while (sender->lost.count > 0) {
        struct range range = sender->lost.items[0];
        int64_t size = stream_write_data(stream, packet, range.start, range.end - range.start);

        if (size < 0)
            return false;
        stream->session->bytes_resent += (uint64_t)size;
        /* Removing from the front never splits a range, so it cannot fail. */
        ranges_remove(&sender->lost, range.start, range.start + (uint64_t)size);
    }
    return !(stream->pending & PENDING_FIN) || stream_write_data(stream, packet, sender->end, 0) == 0;
}

bool stream_write_new(struct tn_stream *stream, struct packet *packet)
{
    struct tn_session *session = stream->session;
    struct send_buffer *sender = &stream->sender;
    uint64_t size = sender->end - sender->next;
    int64_t written;

    if (size > stream->send_max - sender->next)
        size = stream->send_max - sender->next;
    if (size > session->send_max - session->data_sent)
        size = session->send_max - session->data_sent;
    written = stream_write_data(stream, packet, sender->next, size);
    if (written < 0)
        return false;
    sender->next += (uint64_t)written;
    stream->deficit -= (int32_t)written;
    session->unacknowledged += (uint64_t)written;
    session->data_sent += (uint64_t)written;
    session->unsent -= (uint64_t)written;
    stream_count_unsent(stream);
    stream_schedule(stream);
    stream_check_writable(stream);
    return true;
}

bool session_wants_repetition(const struct sent_frame *frame)
{
    const struct tn_stream *stream = frame->stream;

    if (frame->type != FRAME_STREAM || frame->repeated || stream->reset)
        return false;
    return frame->offset + frame->size > stream->sender.acknowledged || (frame->fin && !stream->fin_acknowledged);
}

bool session_repeat(const struct sent_frame *frame, struct packet *packet)
{
    struct tn_stream *stream = frame->stream;
    uint64_t end = frame->offset + frame->size, acknowledged = stream->sender.acknowledged;
    uint64_t offset = frame->offset > acknowledged ? frame->offset : acknowledged;

    if (packet_room(packet) < STREAM_HEADER_MAX + (end - offset) ||
        stream_write_data(stream, packet, offset, end - offset) < 0)
        return false;
    packet->frames->repeated = true;
    stream->session->bytes_repeated += end - offset;
    return true;
}
