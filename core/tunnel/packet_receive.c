/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Handling of received packets.
 */
#include "core/tunnel/link_internal.h"

#include "core/tunnel/varint.h"

/* CLOSE is repeated for every third packet that still arrives (RFC 9000 section 10.2.1 requires a limit). */
#define PACKETS_PER_CLOSE 3

/* The peer closed the link. Its reason will be logged, so only printable characters are kept. */
static int receive_close(struct tn_link *link, const struct frame *frame)
{
    size_t size = frame->size < CLOSE_REASON_MAX ? frame->size : CLOSE_REASON_MAX;

    for (size_t i = 0; i < size; i++)
        link->close_reason[i] = frame->data[i] >= 0x20 && frame->data[i] < 0x7f ? (char)frame->data[i] : '?';
    link->close_reason[size] = '\0';
    link->close_code = frame->value;
    link->close_wanted = false;
    link->state = TN_LINK_CLOSED;
    return TN_CLOSED;
}

static int receive_ack(struct tn_link *link, const struct frame *frame, tn_time now, const char **what)
{
    if (!recovery_acknowledge(&link->recovery, frame, now)) {
        *what = "an ACK of a packet that was not sent";
        return TN_PROTOCOL_VIOLATION;
    }
    /* A packet omitted once will never be acknowledged, so its record would be kept forever. */
    if (link->params.reliable && recovery_left_out(&link->recovery)) {
        *what = "an ACK that omits a packet on a byte link";
        return TN_PROTOCOL_VIOLATION;
    }
    if (link->error || (link->session && link->session->failed)) {
        *what = "out of memory";
        return TN_INTERNAL_ERROR;
    }
    return 0;
}

static int receive_frame(struct tn_link *link, const struct frame *frame, tn_time now, const char **what)
{
    if (frame_of_session(frame->type)) {
        if (link->session)
            return session_receive(link->session, frame, what);
        *what = "a session frame before a session is attached";
        return link->params.reliable ? TN_PROTOCOL_VIOLATION : FRAME_NOT_TAKEN;
    }
    switch (frame->type) {
    case FRAME_ACK:
        return receive_ack(link, frame, now, what);
    case FRAME_CONTROL:
        return control_receive(link, frame, what);
    case FRAME_CLOSE:
        return receive_close(link, frame);
    case FRAME_PADDING:
    case FRAME_PING:
    default:
        return 0;
    }
}

/* docs/protocol.md section 2.3: a packet contains CONTROL or frames of the session, never both. */
struct packet_kinds {
    bool control, session;
};

static bool frame_belongs(struct packet_kinds *kinds, uint64_t type)
{
    kinds->control |= type == FRAME_CONTROL;
    kinds->session |= frame_of_session(type);
    return !(kinds->control && kinds->session);
}

/* Processes all frames of a packet; *eliciting is set to whether it needs an ACK. */
static int receive_frames(struct tn_link *link, const uint8_t *data, size_t size, tn_time now, bool *eliciting)
{
    const uint8_t *next = data, *end = data + size;
    const char *what = "an empty packet";
    struct packet_kinds kinds = {0};
    struct frame frame = {0};
    int result = size == 0 ? TN_FRAME_ENCODING_ERROR : 0;

    while (next < end && result == 0) {
        if (frame_read(&next, end, &frame) && frame_belongs(&kinds, frame.type)) {
            *eliciting |= frame_elicits_ack(frame.type);
            result = receive_frame(link, &frame, now, &what);
        } else if (kinds.control && kinds.session) {
            what = "CONTROL and session frames in one packet";
            result = TN_PROTOCOL_VIOLATION;
        } else {
            what = "an unknown, truncated or out-of-range frame";
            result = TN_FRAME_ENCODING_ERROR;
        }
    }
    if (result > 0) {
        link->error = what;
        link->error_frame = frame.type;
    }
    return result;
}

int tn_link_receive(struct tn_link *link, tn_time now, uint64_t packet_number, const uint8_t *data, size_t size)
{
    bool eliciting = false;
    int result;

    link->now = now;
    if (link->state == TN_LINK_CLOSED)
        return TN_CLOSED;
    if (packet_number > VARINT_MAX - 1 || acks_seen(&link->acks, packet_number)) {
        link->stats.packets_duplicate++;
        return 0;
    }
    if (link->state == TN_LINK_CLOSING && ++link->closed_received % PACKETS_PER_CLOSE == 0)
        link->close_wanted = true;
    link->last_received = now;
    link->ping_asked = false;
    link->stats.packets_received++;
    link->stats.bytes_received += size;
    if (link->state != TN_LINK_OPEN)
        return 0;
    result = receive_frames(link, data, size, now, &eliciting);
    if (result == 0 && !acks_add(&link->acks, packet_number, eliciting, now, link->params.max_ack_delay))
        result = FRAME_NOT_TAKEN;
    if (result != FRAME_NOT_TAKEN)
        return result;
    /* Treated as lost: not acknowledged, so it will be sent again. On a byte link nothing is sent again. */
    link->stats.packets_ignored++;
    if (!link->params.reliable)
        return 0;
    link->error = "out of memory, or bytes in too many pieces";
    return TN_INTERNAL_ERROR;
}
