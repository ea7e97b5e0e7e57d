/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Links: creation, closing and timers.
 */
#include "core/tunnel/redundancy.h"

#include <stdlib.h>
#include <string.h>

/* The size limit of ordinary packets has changed. */
static void packet_size_changed(struct tn_link *link)
{
    recovery_set_small_packet(&link->recovery, path_mtu_smaller(&link->path_mtu, false));
    recovery_set_packet_size(&link->recovery, link->path_mtu.size, link->now);
}

static void frame_acknowledged(void *owner, const struct sent_frame *frame)
{
    struct tn_link *link = owner;

    if (frame->type == FRAME_PADDING) {
        path_mtu_acknowledged(&link->path_mtu, link->now);
        packet_size_changed(link);
    } else if (frame->type == FRAME_ACK) {
        acks_confirmed(&link->acks, frame->offset);
    } else if (frame->type == FRAME_CONTROL) {
        if (!send_buffer_acknowledge(&link->control_sender, frame->offset, frame->size))
            link->error = "out of memory";
        if (tn_control_all_acknowledged(link))
            link->hold = false;
    } else if (link->session) {
        session_frame_acknowledged(link->session, frame);
    }
}

static void frame_lost_or_again(struct tn_link *link, const struct sent_frame *frame, bool again)
{
    if (frame->type == FRAME_PADDING) {
        path_mtu_lost(&link->path_mtu, link->recovery.packets_lost == link->lost_before_probe, link->now);
    } else if (frame->type == FRAME_CONTROL) {
        if (!send_buffer_lose(&link->control_sender, frame->offset, frame->size))
            link->error = "out of memory";
    } else if (frame->type != FRAME_ACK && frame->type != FRAME_PING && link->session) {
        session_frame_lost(link->session, frame, again);
    }
}

static void frame_lost(void *owner, const struct sent_frame *frame)
{
    frame_lost_or_again(owner, frame, false);
}

static void frame_again(void *owner, const struct sent_frame *frame)
{
    frame_lost_or_again(owner, frame, true);
}

static void black_hole(void *owner, tn_time now)
{
    struct tn_link *link = owner;

    path_mtu_black_hole(&link->path_mtu, link->recovery.small_packet, now);
    packet_size_changed(link);
}

static const struct recovery_handler link_recovery_handler = {frame_acknowledged, frame_lost, frame_again, black_hole};

struct tn_link *tn_link_new(struct tn_session *session, const struct tn_params *params, tn_time now)
{
    struct tn_link *link = calloc(1, sizeof *link);

    if (!link)
        return NULL;
    link->params = *params;
    link->now = link->last_received = now;
    link->random = params->random;
    link->skip_at = link_next_skip(link, 0);
    acks_start(&link->acks);
    recovery_start(&link->recovery, &link_recovery_handler, link, params, now);
    path_mtu_start(&link->path_mtu, params);
    recovery_set_small_packet(&link->recovery, path_mtu_smaller(&link->path_mtu, false));
    if (session)
        tn_link_attach(link, session, now);
    return link;
}

void tn_link_free(struct tn_link *link)
{
    if (!link)
        return;
    tn_link_detach(link);
    recovery_abandon(&link->recovery);
    recovery_free(&link->recovery);
    acks_free(&link->acks);
    control_free(link);
    free(link);
}

void tn_link_attach(struct tn_link *link, struct tn_session *session, tn_time now)
{
    if (link->session || session->link || link->state != TN_LINK_OPEN)
        return;
    link->now = now;
    link->session = session;
    session->link = link;
    link->hold = !link->params.is_client && !link->params.reliable && !tn_control_all_acknowledged(link);
}

void tn_link_detach(struct tn_link *link)
{
    if (!link->session)
        return;
    recovery_abandon(&link->recovery);
    link->session->link = NULL;
    link->session = NULL;
    if (link->state == TN_LINK_OPEN)
        link->state = TN_LINK_DETACHED;
}

struct tn_session *tn_link_session(const struct tn_link *link)
{
    return link->session;
}

bool link_has_frames(const struct tn_link *link)
{
    return link->ping_wanted || control_has_frames(link) ||
           (link->session && !link->hold && session_has_frames(link->session));
}

size_t link_wants_mtu_probe(const struct tn_link *link, tn_time now)
{
    const struct recovery *recovery = &link->recovery;
    bool busy = link->session && !link->hold && session_has_frames(link->session);

    /* Only once the round-trip time is known, and while the peer answers. Pacing does not matter for one packet per
     * round trip. */
    if (recovery->reliable || recovery->first_rtt_sample == 0 || recovery->pto_count > 0 ||
        !recovery_window_open(recovery))
        return 0;
    return path_mtu_wants(&link->path_mtu, now, busy);
}

bool tn_link_wants_send(const struct tn_link *link, tn_time now)
{
    if (link->state != TN_LINK_OPEN)
        return link->close_wanted;
    if (link->acks.due || link->recovery.probes > 0)
        return true;
    if (recovery_may_send(&link->recovery, now) && (link_has_frames(link) || redundancy_deadline(link) <= now))
        return true;
    return link_wants_mtu_probe(link, now) > 0;
}

void tn_link_batch_end(struct tn_link *link, tn_time now)
{
    link->now = now;
    acks_batch_end(&link->acks);
}

static tn_time earlier(tn_time a, tn_time b)
{
    return a < b ? a : b;
}

/* Repetitions wait until everything else has been sent and pacing allows them. */
static tn_time link_repeat_deadline(const struct tn_link *link)
{
    tn_time deadline = link_has_frames(link) ? TN_TIME_NEVER : redundancy_deadline(link);

    return deadline > link->recovery.pacer.resume ? deadline : link->recovery.pacer.resume;
}

tn_time tn_link_deadline(const struct tn_link *link)
{
    const struct recovery *recovery = &link->recovery;
    tn_time deadline;

    if (link->state != TN_LINK_OPEN)
        return TN_TIME_NEVER;
    deadline = earlier(recovery_deadline(recovery), link->last_received + link->params.dead_after);
    if (!link->acks.due)
        deadline = earlier(deadline, link->acks.deadline);
    if (!link->ping_asked)
        deadline = earlier(deadline, link->last_received + link->params.keep_alive);
    /* Wait for the pacer only if nothing else holds the data back. */
    if (!recovery->reliable && recovery->pacer.resume > link->now && recovery_window_open(recovery) &&
        link_has_frames(link))
        deadline = earlier(deadline, recovery->pacer.resume);
    return earlier(deadline, link_repeat_deadline(link));
}

int tn_link_timeout(struct tn_link *link, tn_time now)
{
    link->now = now;
    if (link->state != TN_LINK_OPEN)
        return 0;
    if (now >= link->last_received + link->params.dead_after) {
        link->error = "the peer is silent";
        link->state = TN_LINK_CLOSED;
        return TN_DEAD;
    }
    if (now >= link->acks.deadline)
        link->acks.due = true;
    if (!link->ping_asked && now >= link->last_received + link->params.keep_alive)
        link->ping_asked = link->ping_wanted = true;
    recovery_timeout(&link->recovery, now);
    if (link->error || (link->session && link->session->failed)) {
        link->error = "out of memory";
        return TN_INTERNAL_ERROR;
    }
    return 0;
}

void tn_link_close(struct tn_link *link, uint64_t code, const char *reason)
{
    if (link->state == TN_LINK_CLOSING || link->state == TN_LINK_CLOSED)
        return;
    link->state = TN_LINK_CLOSING;
    link->close_wanted = true;
    link->close_code = code;
    link->close_reason[0] = '\0';
    if (reason)
        strncat(link->close_reason, reason, CLOSE_REASON_MAX);
}

uint64_t tn_link_close_code(const struct tn_link *link)
{
    return link->close_code;
}

const char *tn_link_close_reason(const struct tn_link *link)
{
    return link->close_reason;
}

const char *tn_link_error(const struct tn_link *link)
{
    return link->error ? link->error : "";
}

size_t tn_link_packet_size(const struct tn_link *link)
{
    return link->path_mtu.size;
}

void tn_link_set_packet_size(struct tn_link *link, size_t packet_size)
{
    path_mtu_reported(&link->path_mtu, packet_size, link->now);
    packet_size_changed(link);
}

void tn_link_set_packet_size_max(struct tn_link *link, size_t packet_size_max)
{
    if (path_mtu_set_max(&link->path_mtu, packet_size_max))
        recovery_lose_mtu_probe(&link->recovery);
    packet_size_changed(link);
}

void tn_link_set_peer_max_ack_delay(struct tn_link *link, tn_time max_ack_delay)
{
    link->recovery.peer_max_ack_delay = max_ack_delay;
}

void tn_link_stats(const struct tn_link *link, struct tn_link_stats *stats)
{
    const struct recovery *recovery = &link->recovery;

    *stats = link->stats;
    stats->smoothed_rtt = recovery->smoothed_rtt;
    stats->min_rtt = recovery->min_rtt;
    stats->rtt_variance = recovery->rtt_variance;
    stats->congestion_window = recovery->reliable ? UINT64_MAX : recovery->congestion.window;
    stats->bytes_in_flight = recovery->bytes_in_flight;
    stats->unanswered_since = recovery->outstanding > 0 ? recovery->unanswered_since : TN_TIME_NEVER;
    stats->packets_lost = recovery->packets_lost;
    stats->congestion_events = recovery->congestion.events;
    stats->last_received = link->last_received;
    stats->packet_size = link->path_mtu.size;
    stats->mtu_probes_sent = link->path_mtu.probes_sent;
    stats->mtu_probes_lost = link->path_mtu.probes_lost;
    stats->black_holes = link->path_mtu.black_holes;
}
