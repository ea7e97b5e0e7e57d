/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Building packets to send.
 */
#include "core/tunnel/redundancy.h"

#include "core/tunnel/varint.h"

#include <string.h>

static size_t send_close(struct tn_link *link, uint8_t *out)
{
    size_t size = strlen(link->close_reason);
    uint8_t *p = out;

    link->close_wanted = false;
    *p++ = FRAME_CLOSE;
    p = varint_write(p, link->close_code);
    p = varint_write(p, link->error_frame);
    p = varint_write(p, size);
    memcpy(p, link->close_reason, size);
    p += size;
    return (size_t)(p - out);
}

/* Writes an ACK if one is waiting; false if not. */
static bool write_ack(struct tn_link *link, struct packet *packet, tn_time now)
{
    uint8_t *before = packet->next;

    packet->next = acks_write(&link->acks, packet->next, packet_room(packet) / 2, now);
    return packet->next != before;
}

/* Records that the packet contains an ACK, so that its ranges need not be repeated once the packet is acknowledged. A
 * packet with nothing but an ACK is not acknowledged, so there is nothing to record. */
static void record_ack(struct tn_link *link, struct packet *packet)
{
    struct sent_frame *record = packet->frames ? packet_record(packet, FRAME_ACK, NULL) : NULL;

    if (record)
        record->offset = acks_largest(&link->acks);
}

static void write_frames(struct tn_link *link, struct packet *packet, tn_time now)
{
    if (link->ping_wanted && packet_record(packet, FRAME_PING, NULL)) {
        *packet->next++ = FRAME_PING;
        link->ping_wanted = false;
    }
    /* Never both in one packet: a message must take effect before the frames that it permits. */
    if (control_has_frames(link)) {
        control_send(link, packet);
    } else if (link->session && !link->hold) {
        session_send(link->session, packet, now, link->recovery.smoothed_rtt, link->recovery.min_rtt);
        redundancy_write(link, packet, now);
    }
}

/* The size limit of a packet that is not a probe. */
static size_t ordinary_size(struct tn_link *link, size_t capacity)
{
    enum packet_doubt doubt = recovery_packet_doubt(&link->recovery);
    size_t size = link->path_mtu.size;

    if (doubt != PACKET_SIZE_PASSES) {
        size = path_mtu_smaller(&link->path_mtu, doubt == PACKET_BASE_IN_DOUBT);
        recovery_set_small_packet(&link->recovery, size);
    }

    return size < capacity ? size : capacity;
}

/* RFC 8899 section 4.1: only PING and PADDING. 0: no probe is due, or it cannot be sent. */
static size_t send_mtu_probe(struct tn_link *link, tn_time now, uint64_t packet_number, uint8_t *out, size_t capacity)
{
    size_t size = link_wants_mtu_probe(link, now);
    struct packet packet = {out, out, out + capacity, &link->recovery, NULL};

    if (size == 0 || size > capacity || !recovery_reserve(&link->recovery) ||
        !packet_record(&packet, FRAME_PADDING, NULL))
        return 0;
    memset(out, FRAME_PADDING, size);
    out[0] = FRAME_PING;
    path_mtu_sent(&link->path_mtu, size);
    link->lost_before_probe = link->recovery.packets_lost;
    recovery_sent(&link->recovery, packet_number, size, packet.frames, now);
    link->stats.packets_sent++;
    link->stats.bytes_sent += size;
    return size;
}

/* The distance between two skipped numbers: short enough to catch a lying peer soon, long enough to cost nothing. */
#define SKIP_MIN   256
#define SKIP_RANGE 2048

/* splitmix64. The seed is secret, and the peer sees only eleven bits of each output. */
uint64_t link_next_skip(struct tn_link *link, uint64_t number)
{
    uint64_t x = link->random += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return number + SKIP_MIN + (x ^ x >> 31) % SKIP_RANGE;
}

bool tn_link_skips(struct tn_link *link, uint64_t packet_number)
{
    if (packet_number < link->skip_at || link->params.random == 0 || link->params.reliable)
        return false;
    link->skip_at = link_next_skip(link, packet_number);
    link->recovery.skipped = packet_number;
    return true;
}

size_t tn_link_send(struct tn_link *link, tn_time now, uint64_t packet_number, uint8_t *out, size_t capacity)
{
    struct recovery *recovery = &link->recovery;
    struct packet packet = {out, out, out + ordinary_size(link, capacity), recovery, NULL};
    bool has_frames, has_repetitions, may_send;
    size_t probe;

    link->now = now;
    if (capacity < TN_PACKET_MIN)
        return 0;
    if (link->state != TN_LINK_OPEN)
        return link->close_wanted ? send_close(link, out) : 0;
    probe = send_mtu_probe(link, now, packet_number, out, capacity);
    if (probe > 0)
        return probe;
    has_frames = link_has_frames(link);
    may_send = recovery_may_send(recovery, now);
    has_repetitions = redundancy_deadline(link) <= now;
    if (recovery->probes > 0 && !has_frames)
        link->ping_wanted = has_frames = true;
    if (!has_frames || !may_send)
        recovery_stopped(recovery, !has_frames);
    has_frames = has_frames || has_repetitions;
    if (!link->acks.due && !(has_frames && may_send))
        return 0;
    if (has_frames && may_send && recovery_reserve(recovery)) {
        bool acknowledges = link->acks.waiting > 0 && write_ack(link, &packet, now);

        write_frames(link, &packet, now);
        if (acknowledges)
            record_ack(link, &packet);
    } else if (link->acks.due) {
        write_ack(link, &packet, now);
    }
    if (packet.next == packet.start)
        return 0;
    link->stats.probes_sent += recovery->probes > 0;
    link->stats.packets_sent++;
    link->stats.bytes_sent += (uint64_t)(packet.next - packet.start);
    recovery_sent(recovery, packet_number, (size_t)(packet.next - packet.start), packet.frames, now);
    return (size_t)(packet.next - packet.start);
}
