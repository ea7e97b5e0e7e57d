/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Loss detection: which packets were lost, and whether because of their size (RFC 9002 section 6.1, RFC 8899 section
 * 4.3).
 */
#include "core/tunnel/recovery_private.h"

/* RFC 9002 section 7.6.1. */
#define PERSISTENT_CONGESTION_THRESHOLD 3
/* RFC 8899 section 4.3: a black hole has lost this many large packets, over at least a probe timeout, while smaller
 * ones passed. */
#define BLACK_HOLE_PACKETS 3

/* A run of consecutive lost packets, none acknowledged in between, for section 7.6.2. */
struct lost_run {
    tn_time first;
    bool open;
    bool persistent;
};

static void lost_run_add(struct lost_run *run, const struct recovery *recovery, const struct sent_packet *packet)
{
    if (recovery->first_rtt_sample == 0 || packet->time <= recovery->first_rtt_sample)
        return;
    if (!run->open) {
        run->open = true;
        run->first = packet->time;
    }
    if (packet->time - run->first > PERSISTENT_CONGESTION_THRESHOLD * recovery_pto(recovery))
        run->persistent = true;
}

/* Counts large packets lost since the last one was acknowledged. */
static void recovery_count_large(struct recovery *recovery, const struct sent_packet *packet)
{
    if (packet->size <= recovery->small_packet || packet->number < recovery->large_passed)
        return;
    if (recovery->large_lost++ == 0)
        recovery->large_lost_since = packet->time;
}

/* Declares a packet lost because of congestion or by chance. */
static void recovery_lose(struct recovery *recovery, struct sent_packet *packet, bool continues, tn_time now)
{
    struct congestion *congestion = &recovery->congestion;
    struct congestion_loss loss = {.now = now,
                                   .time_sent = packet->time,
                                   .bytes = packet->size,
                                   .in_flight_sent = packet->stamp.in_flight,
                                   .application_limited = packet->stamp.application_limited,
                                   .continues = continues};

    congestion->delivery.lost += packet->size;
    loss.lost_since = (uint32_t)congestion->delivery.lost - packet->stamp.lost;
    recovery->packets_lost++;
    recovery->largest_sent_at_loss = recovery->largest_sent;
    recovery_count_large(recovery, packet);
    if (spurious_loss_add(&recovery->loss_episode, packet->number, recovery->largest_sent))
        reordering_loss(&recovery->reordering);
    recovery_settle(recovery, packet, recovery->handler->lost);
    congestion->ops->lost(congestion, &loss);
}

/* Section 6.1.2: a packet in flight for longer than this is lost if a later one has arrived. */
static tn_time recovery_loss_delay(const struct recovery *recovery)
{
    tn_time rtt = recovery->latest_rtt > recovery->smoothed_rtt ? recovery->latest_rtt : recovery->smoothed_rtt;
    tn_time delay = rtt + reordering_window(&recovery->reordering, rtt, recovery->smoothed_rtt, recovery->min_rtt);

    return delay > GRANULARITY ? delay : GRANULARITY;
}

/* Section 6.1: whether enough later packets have arrived, or one of them long enough ago. */
static bool recovery_is_lost(const struct recovery *recovery, const struct sent_packet *packet, tn_time delay,
                             tn_time now)
{
    return recovery->largest_acknowledged - packet->number >= reordering_packets(&recovery->reordering) ||
           packet->time + delay <= now;
}

/* Whether the losses now detected, from the position on, show that the path no longer carries large packets: none of
 * these has been acknowledged for a whole probe timeout, while smaller ones have, so the path works. */
static bool recovery_in_black_hole(const struct recovery *recovery, uint32_t position, tn_time delay, tn_time now)
{
    tn_time since = recovery->large_lost_since, last = since;
    unsigned lost = recovery->large_lost;

    for (; position < recovery->count; position++) {
        const struct sent_packet *packet = packet_at(recovery, position);

        if (packet->number > recovery->largest_acknowledged)
            break;
        if (!packet->outstanding || packet->mtu_probe || !recovery_is_lost(recovery, packet, delay, now))
            continue;
        if (packet->size <= recovery->small_packet)
            return false;
        if (packet->number < recovery->large_passed)
            continue;
        if (lost++ == 0)
            since = packet->time;
        last = packet->time;
    }
    return lost >= BLACK_HOLE_PACKETS && last - since >= recovery_pto(recovery);
}

/* The lost packets were too large; the loss of others already sent is no further evidence. */
static void recovery_leave_black_hole(struct recovery *recovery, tn_time now)
{
    recovery->large_passed = recovery->largest_sent + 1;
    recovery->large_lost = 0;
    recovery->handler->black_hole(recovery->owner, now);
}

void recovery_detect_lost(struct recovery *recovery, tn_time now)
{
    tn_time delay = recovery_loss_delay(recovery);
    struct lost_run run = {0};
    bool any = false, continues = false, black_hole = false;

    recovery->loss_time = TN_TIME_NEVER;
    if (recovery->reliable || !recovery->any_acknowledged)
        return;
    for (uint32_t i = 0; i < recovery->count; i++) {
        struct sent_packet *packet = packet_at(recovery, i);

        if (packet->number > recovery->largest_acknowledged)
            break;
        if (!packet->outstanding) {
            run.open = continues = false;
        } else if (recovery_is_lost(recovery, packet, delay, now)) {
            black_hole = black_hole || (!any && recovery_in_black_hole(recovery, i, delay, now));
            any = true;
            if (packet->mtu_probe || black_hole) {
                recovery->packets_lost += !packet->mtu_probe;
                recovery_settle(recovery, packet, recovery->handler->lost);
                continue;
            }
            lost_run_add(&run, recovery, packet);
            recovery_lose(recovery, packet, continues, now);
            continues = true;
        } else if (packet->time + delay < recovery->loss_time) {
            recovery->loss_time = packet->time + delay;
        }
    }
    if (any) {
        if (run.persistent)
            recovery->congestion.ops->persistent(&recovery->congestion);
        if (black_hole)
            recovery_leave_black_hole(recovery, now);
        recovery_trim(recovery);
    }
}
