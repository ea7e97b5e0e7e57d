/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Scheduling: what goes into a packet, and how streams share it.
 */
#include "core/tunnel/session_internal.h"

/* Whether new data may be sent: limited by the peer's credit and, since that may be up to 2^62, by the amount of data
 * that this side must keep. Lost data is not new. */
static bool session_may_send_data(const struct tn_session *session)
{
    return session->data_sent < session->send_max && session->unacknowledged < session->params.session_unacked;
}

bool session_has_frames(const struct tn_session *session)
{
    if (session->pending || !list_empty(&session->urgent))
        return true;
    return session_may_send_data(session) && (!list_empty(&session->fresh) || !list_empty(&session->old));
}

void session_check_blocked(struct tn_session *session)
{
    if (session->data_sent < session->send_max || session->blocked_at == session->send_max)
        return;
    if (list_empty(&session->fresh) && list_empty(&session->old))
        return;
    session->blocked_at = session->send_max;
    session->pending |= PENDING_DATA_BLOCKED;
}

/* Serves streams that have lost data or other frames. False if the packet is full. */
static bool session_write_urgent(struct tn_session *session, struct packet *packet, tn_time now, tn_time rtt)
{
    while (!list_empty(&session->urgent)) {
        struct tn_stream *stream = LIST_ENTRY(session->urgent.next, struct tn_stream, urgent);

        list_remove(&stream->urgent);
        if (!stream_write_pending(stream, packet, now, rtt) || !stream_write_lost(stream, packet)) {
            list_append(&session->urgent, &stream->urgent);
            return false;
        }
    }
    return true;
}

/* The next stream to send: those that became active recently precede those that have been sending for longer (as in
 * fq_codel, RFC 8290), so that a small response does not wait behind downloads. Unlike flows, new streams are opened
 * all the time, so now and then an old one goes first. */
static struct tn_stream *session_next_turn(struct tn_session *session)
{
    bool fresh = !list_empty(&session->fresh) && (session->fresh_turns < FRESH_TURNS || list_empty(&session->old));
    struct list *list = fresh ? &session->fresh : &session->old;

    return list_empty(list) ? NULL : LIST_ENTRY(list->next, struct tn_stream, turn);
}

/* Ends the stream's turn; if `again`, it moves to the end of the old ones. */
static void stream_end_turn(struct tn_stream *stream, bool again)
{
    struct tn_session *session = stream->session;

    session->fresh_turns = stream->turn_old ? 0 : session->fresh_turns + 1;
    list_remove(&stream->turn);
    if (!again)
        return;
    stream->turn_old = true;
    list_append(&session->old, &stream->turn);
}

/* Sends new data, stream by stream; with `fresh`, only of those that became active recently. */
static void session_write_turns(struct tn_session *session, struct packet *packet, bool fresh)
{
    struct tn_stream *stream;

    while (session_may_send_data(session) && (stream = session_next_turn(session))) {
        if (fresh && stream->turn_old)
            return;
        if (stream->sender.next == stream->sender.end || stream->sender.next == stream->send_max) {
            /* A stream that ran out of data in its first turn waits among the old ones once, so that it cannot starve
             * them by coming back as a new one each time. */
            stream_end_turn(stream, !stream->turn_old && !list_empty(&session->old));
        } else if (stream->deficit <= 0) {
            stream->deficit += TURN_QUANTUM;
            stream_end_turn(stream, true);
        } else if (!stream_write_new(stream, packet)) {
            return;
        }
    }
}

void session_send(struct tn_session *session, struct packet *packet, tn_time now, tn_time smoothed_rtt, tn_time min_rtt)
{
    const uint8_t *before;

    session->min_rtt = min_rtt;
    if (!session_write_pending(session, packet))
        return;
    /* When a queue overflows, a download can lose hundreds of packets: a small response waits for only one of them. */
    if (session->fresh_first)
        session_write_turns(session, packet, true);
    session->fresh_first = false;
    before = packet->next;
    if (!session_write_urgent(session, packet, now, smoothed_rtt)) {
        session->fresh_first = packet->next != before;
        return;
    }
    session_write_turns(session, packet, false);
    session_check_blocked(session);
}
