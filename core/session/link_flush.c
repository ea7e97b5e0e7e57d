/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Sends everything that a link has to send, at the end of a turn of the loop.
 */
#include "core/session/link_flush.h"

#include "core/base/fatal.h"
#include "core/session/link_silence.h"
#include "core/session/session_events.h"

#include <stdlib.h>

/* The most packets that a link may send in one turn of the loop, so that others get their share. */
#define PACKETS_PER_TURN 512

/* Gives a packet to the transport. */
static int hand_over(struct hg_link *link, const uint8_t *packet, size_t size, bool is_probe)
{
    int result;

    if (is_probe)
        CALL_PLUGIN(link->transport->instance->name, "probe", result = link->ops->probe(link->handle, packet, size));
    else
        CALL_PLUGIN(link->transport->instance->name, "send", result = link->ops->send(link->handle, packet, size));
    return result;
}

/* Keeps a packet that the transport did not accept, as the tunnel counts it as sent. */
static void keep_refused(struct hg_link *link, uint64_t number, size_t size, bool is_probe)
{
    link->blocked = true;
    link->refused_probe = is_probe;
    link->refused_packet = malloc(size);
    /* Without memory the packet is lost, which only a byte link cannot repair. */
    if (!link->refused_packet) {
        if (link->ops->flags & HG_TRANSPORT_RELIABLE)
            link_close(link, TN_INTERNAL_ERROR, "out of memory");
        return;
    }
    memcpy(link->refused_packet, link->sessions->packet, size);
    link->refused_size = size;
    link->refused_number = number;
}

/* Sends the packet that was not accepted before. False if it still is not. */
static bool send_refused(struct hg_link *link)
{
    /* If its number has been used by another kind of record in the meantime, the packet counts as lost. */
    bool stale = link->ops->next_packet_number(link->handle) != link->refused_number;

    if (!stale && hand_over(link, link->refused_packet, link->refused_size, link->refused_probe)) {
        link->blocked = true;
        return false;
    }
    free(link->refused_packet);
    link->refused_packet = NULL;
    return true;
}

/* The number of the next packet. */
static uint64_t next_number(struct hg_link *link)
{
    uint64_t number = link->ops->next_packet_number(link->handle);

    if (!link->ops->skip_packet_number || !tn_link_skips(link->tn, number))
        return number;
    link->ops->skip_packet_number(link->handle);
    return link->ops->next_packet_number(link->handle);
}

/* Builds packets until the tunnel has no more to send, the transport accepts no more, or the link has had its share of
 * this turn. Returns whether there is more. */
static bool send_packets(struct hg_link *link)
{
    hg_time now = hg_now(link_worker(link));
    uint8_t *packet = link->sessions->packet;

    if (link->refused_packet && !send_refused(link))
        return false;
    for (unsigned i = 0; i < PACKETS_PER_TURN && link->handle; i++) {
        uint64_t number = next_number(link);
        size_t size = tn_link_send(link->tn, now, number, packet, TN_PACKET_MAX);
        bool is_probe = size > tn_link_packet_size(link->tn);

        if (!size)
            return false;
        ++*link->sessions->packets_sent;
        if (hand_over(link, packet, size, is_probe)) {
            keep_refused(link, number, size, is_probe);
            return false;
        }
    }
    return true;
}

/* Sends CLOSE, once. If the transport does not accept it, the transport's own closing must do. */
static void send_close(struct hg_link *link)
{
    uint64_t number = link->ops->next_packet_number(link->handle);
    size_t size;

    tn_link_close(link->tn, link->close_code, link->reason);
    size = tn_link_send(link->tn, hg_now(link_worker(link)), number, link->sessions->packet, TN_PACKET_MAX);
    if (size && !hand_over(link, link->sessions->packet, size, false))
        CALL_PLUGIN(link->transport->instance->name, "flush", link->ops->flush(link->handle));
}

static void end(struct hg_link *link)
{
    struct session *session = link->session;
    bool over = link->session_over;

    if (link->handle && link->tn && !link->dead && !link->is_closed && !link->refused_packet)
        send_close(link);
    link->session = NULL;
    tn_link_free(link->tn);
    link->tn = NULL;
    if (session)
        session_link_lost(session, over, link->reason);
    link->sessions->end->link_ended(link);
    link_free(link);
}

/* Packets that the peer must answer may have been sent: check at the latest when its time for that is up. */
static void expect_answer(struct hg_link *link)
{
    struct tn_link_stats stats;
    hg_time due;

    if (link->state != LINK_ACTIVE)
        return;
    tn_link_stats(link->tn, &stats);
    if (stats.unanswered_since == TN_TIME_NEVER || link->overdue_at)
        return;
    due = stats.unanswered_since + link_answer_timeout(link);
    if (link->check_at > due)
        link->check_at = due;
}

/* Logs a new packet size found by path MTU probing. */
static void report_packet_size(struct hg_link *link)
{
    const struct hg_instance *core = link_worker(link)->instance;
    size_t size = tn_link_packet_size(link->tn);

    if (size < link->packet_size)
        hg_log_limited(core, HG_LOG_INFO, link->peer,
                       "the path to %s only carries packets of %zu bytes now, down from %zu", link->peer, size,
                       link->packet_size);
    else if (size > link->packet_size)
        hg_log(core, HG_LOG_DEBUG, "the path to %s carries packets of %zu bytes", link->peer, size);
    link->packet_size = size;
}

void link_flush(struct hg_link *link)
{
    bool more;

    if (link->state == LINK_CLOSING || link->state == LINK_DOWN) {
        end(link);
        return;
    }
    if (!link->handle)
        return;
    if (link->session)
        session_write(link->session);
    more = !link->blocked && send_packets(link);
    if (link->handle)
        CALL_PLUGIN(link->transport->instance->name, "flush", link->ops->flush(link->handle));
    if (link->state == LINK_REFUSED && tn_control_all_acknowledged(link->tn))
        link_close(link, link->close_code, "%s", link->reason);
    /* Sending has made room: streams waiting for that may write. */
    if (link->session)
        session_handle_events(link->session);
    if (link->handle)
        expect_answer(link);
    report_packet_size(link);
    link_set_timer(link, more);
}
