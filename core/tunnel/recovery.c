/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/tunnel/recovery_private.h"

#define PROBES 2 /* RFC 9002 section 6.2.4 */
/* If no later packet is acknowledged, a path MTU probe is not lost before this time (RFC 8899 section 5.1.1:
 * PROBE_TIMER). Otherwise a peer held up for a few round trips of a short path would rule out several sizes.
 */
#define MTU_PROBE_TIMER TN_SECOND
/* After this many probe timeouts in a row, packets become small, and then very small, to find out whether size is the
 * cause. */
#define SMALL_FROM_PTO    2
#define SMALLEST_FROM_PTO 4
/* The probe timeout backs off no further than this: a path that recovers should be noticed soon, and a dead one is
 * detected by its silence, not by probes. */
#define PTO_MAX (3 * TN_SECOND)

static const struct congestion_ops *const controllers[] = {
    [TN_CONGESTION_BBR] = &congestion_bbr,
    [TN_CONGESTION_CUBIC] = &congestion_cubic,
};

void recovery_start(struct recovery *recovery, const struct recovery_handler *handler, void *owner,
                    const struct tn_params *params, tn_time now)
{
    *recovery = (struct recovery){.handler = handler, .owner = owner, .reliable = params->reliable};
    recovery->smoothed_rtt = params->initial_rtt;
    recovery->rtt_variance = params->initial_rtt / 2;
    recovery->peer_max_ack_delay = params->max_ack_delay;
    recovery->loss_time = recovery->mtu_probe_deadline = TN_TIME_NEVER;
    recovery->small_packet = params->packet_size;
    recovery->skipped = UINT64_MAX;
    recovery->congestion.ops = controllers[params->congestion];
    recovery->congestion.packet_size = params->packet_size;
    recovery->congestion.initial_rtt = params->initial_rtt;
    recovery->congestion.ops->start(&recovery->congestion, now);
    pacer_start(&recovery->pacer, recovery->congestion.pacing_rate, params->packet_size, now);
}

void recovery_free(struct recovery *recovery)
{
    recovery_free_record(recovery);
    spurious_loss_free(&recovery->loss_episode);
}

/* Section 6.2.1, without backoff. */
tn_time recovery_pto(const struct recovery *recovery)
{
    tn_time variance = 4 * recovery->rtt_variance;

    return recovery->smoothed_rtt + (variance > GRANULARITY ? variance : GRANULARITY) + recovery->peer_max_ack_delay;
}

void recovery_sent(struct recovery *recovery, uint64_t number, size_t size, struct sent_frame *frames, tn_time now)
{
    struct congestion *congestion = &recovery->congestion;
    struct sent_packet *packet;

    recovery->largest_sent = number;
    recovery->any_sent = true;
    if (!frames)
        return;
    packet = packet_at(recovery, recovery->count++);
    packet->number = number;
    packet->time = now;
    packet->frames = frames;
    packet->size = (uint32_t)size;
    packet->outstanding = true;
    packet->mtu_probe = frames->type == FRAME_PADDING;
    if (packet->mtu_probe) {
        tn_time timer = 3 * recovery_pto(recovery);

        recovery->mtu_probe = number;
        recovery->mtu_probe_deadline = now + (timer > MTU_PROBE_TIMER ? timer : MTU_PROBE_TIMER);
        return;
    }
    if (!recovery->reliable) {
        if (recovery->bytes_in_flight == 0 && congestion->delivery.limited_until != 0)
            congestion->ops->resumed(congestion, now);
        delivery_sent(&congestion->delivery, &packet->stamp, recovery->bytes_in_flight, size, now);
        pacer_sent(&recovery->pacer, size, now);
    }
    recovery->bytes_in_flight += size;
    if (recovery->outstanding++ == 0)
        recovery->unanswered_since = now;
    recovery->last_eliciting = now;
    if (recovery->probes > 0)
        recovery->probes--;
}

void recovery_stopped(struct recovery *recovery, bool wants_data)
{
    bool window_open = recovery->bytes_in_flight < recovery->congestion.window;

    recovery->application_limited = wants_data;
    if (wants_data && window_open && !recovery->reliable)
        delivery_limited(&recovery->congestion.delivery, recovery->bytes_in_flight);
    recovery->window_limited |= !window_open;
}

bool recovery_window_open(const struct recovery *recovery)
{
    return recovery->reliable || recovery->probes > 0 || recovery->bytes_in_flight < recovery->congestion.window;
}

bool recovery_may_send(const struct recovery *recovery, tn_time now)
{
    return recovery->reliable || recovery->probes > 0 ||
           (recovery->bytes_in_flight < recovery->congestion.window && pacer_allows(&recovery->pacer, now));
}

/* RFC 9002 section 5.3. */
static void recovery_update_rtt(struct recovery *recovery, tn_time sample, tn_time ack_delay, tn_time now)
{
    tn_time difference;

    recovery->latest_rtt = sample;
    recovery->congestion.path_rtt = sample;
    if (recovery->first_rtt_sample == 0) {
        recovery->first_rtt_sample = now;
        recovery->min_rtt = sample;
        recovery->smoothed_rtt = sample;
        recovery->rtt_variance = sample / 2;
        return;
    }
    if (sample < recovery->min_rtt)
        recovery->min_rtt = sample;
    if (ack_delay > recovery->peer_max_ack_delay)
        ack_delay = recovery->peer_max_ack_delay;
    if (sample >= recovery->min_rtt + ack_delay)
        sample -= ack_delay;
    recovery->congestion.path_rtt = sample;
    difference = sample > recovery->smoothed_rtt ? sample - recovery->smoothed_rtt : recovery->smoothed_rtt - sample;
    recovery->rtt_variance = (3 * recovery->rtt_variance + difference) / 4;
    recovery->smoothed_rtt = (7 * recovery->smoothed_rtt + sample) / 8;
}

/* Acknowledges the packets from low to high. Returns the first of them that was outstanding; UINT64_MAX: none. */
static uint64_t recovery_acknowledge_range(struct recovery *recovery, uint64_t low, uint64_t high,
                                           struct congestion_ack *sample)
{
    uint64_t first = UINT64_MAX;

    for (uint32_t i = recovery_find(recovery, low); i < recovery->count; i++) {
        struct sent_packet *packet = packet_at(recovery, i);

        if (packet->number > high)
            break;
        if (!packet->outstanding)
            continue;
        first = first < packet->number ? first : packet->number;
        if (packet->size > recovery->small_packet && packet->number >= recovery->large_passed) {
            recovery->large_passed = packet->number + 1;
            recovery->large_lost = 0;
        }
        if (!packet->mtu_probe)
            sample->bytes += packet->size;
        if (!recovery->reliable && !packet->mtu_probe)
            delivery_acknowledged(&recovery->congestion.delivery, &sample->delivery, &packet->stamp, packet->number,
                                  packet->size, packet->time, sample->now);
        recovery_settle(recovery, packet, recovery->handler->acknowledged);
    }
    return first;
}

/* Takes the round-trip time from the largest number acknowledged, if it is new; returns the sample, or 0. */
static tn_time recovery_sample_rtt(struct recovery *recovery, const struct frame *ack, tn_time now)
{
    uint64_t units = ack->ack.delay < (TN_SECOND >> ACK_DELAY_EXPONENT) / 1000 ? ack->ack.delay : 0;
    uint32_t position = recovery_find(recovery, ack->ack.largest);
    const struct sent_packet *packet;

    if (position == recovery->count)
        return 0;
    packet = packet_at(recovery, position);
    if (packet->number != ack->ack.largest || !packet->outstanding || now < packet->time)
        return 0;
    recovery_update_rtt(recovery, now - packet->time, (units << ACK_DELAY_EXPONENT) * 1000, now);
    return recovery->latest_rtt;
}

/* Passes an ACK to the controller, once its losses are known, and applies the new rate. */
static void recovery_control(struct recovery *recovery, struct congestion_ack *sample)
{
    struct congestion *congestion = &recovery->congestion;

    delivery_finish(&congestion->delivery, &sample->delivery, recovery->min_rtt);
    sample->bytes_in_flight = recovery->bytes_in_flight;
    sample->smoothed_rtt = recovery->smoothed_rtt;
    sample->window_limited = recovery->window_limited;
    recovery->window_limited = false;
    congestion->ops->acknowledged(congestion, sample);
    pacer_set_rate(&recovery->pacer, congestion->pacing_rate, congestion->packet_size, sample->now);
}

/* Checks for packets that arrived after they had been declared lost. */
static void recovery_notice_late(struct recovery *recovery, const struct frame *ack, tn_time now)
{
    struct loss_verdict verdict = spurious_loss_acknowledged(&recovery->loss_episode, ack);

    if (verdict.any)
        reordering_too_late(&recovery->reordering, verdict.largest, recovery->largest_sent);
    if (verdict.all)
        recovery->congestion.ops->spurious(&recovery->congestion, now);
}

/* Whether the last skipped number is acknowledged. */
static bool ack_has_skipped(const struct recovery *recovery, const struct frame *ack)
{
    struct ack_walk walk;

    if (ack->ack.largest < recovery->skipped)
        return false;
    frame_ack_first(ack, &walk);
    while (walk.low > recovery->skipped)
        if (!frame_ack_next(&walk))
            return false;
    return walk.high >= recovery->skipped;
}

bool recovery_acknowledge(struct recovery *recovery, const struct frame *ack, tn_time now)
{
    struct congestion_ack sample = {.now = now};
    uint64_t before = recovery->largest_acknowledged, first = UINT64_MAX;
    struct ack_walk walk;

    if (!recovery->any_sent || ack->ack.largest > recovery->largest_sent || ack_has_skipped(recovery, ack))
        return false;
    recovery_notice_late(recovery, ack, now);
    if (!recovery->any_acknowledged || ack->ack.largest > recovery->largest_acknowledged)
        recovery->largest_acknowledged = ack->ack.largest;
    recovery->any_acknowledged = true;
    if (recovery->count == 0)
        return true;
    sample.rtt = recovery_sample_rtt(recovery, ack, now);
    /* In slow start a window may grow if half of it was used: as it doubles, no more can be expected. */
    sample.application_limited =
        recovery->application_limited && 2 * recovery->bytes_in_flight < recovery->congestion.window;
    frame_ack_first(ack, &walk);
    do {
        uint64_t lowest;

        /* Everything before the first packet is settled, and so is the rest of the ACK. */
        if (walk.high < packet_at(recovery, 0)->number)
            break;
        lowest = recovery_acknowledge_range(recovery, walk.low, walk.high, &sample);
        first = lowest < first ? lowest : first;
    } while (frame_ack_next(&walk));
    if (first == UINT64_MAX)
        return true;
    if (first < before)
        reordering_in_time(&recovery->reordering, before - first);
    recovery->unanswered_since = now;
    recovery->pto_count = 0;
    recovery->probes = 0;
    recovery_trim(recovery);
    recovery_detect_lost(recovery, now);
    if (!recovery->reliable && sample.bytes > 0)
        recovery_control(recovery, &sample);
    return true;
}

bool recovery_left_out(const struct recovery *recovery)
{
    return recovery->count > 0 && recovery->any_acknowledged &&
           packet_at(recovery, 0)->number < recovery->largest_acknowledged;
}

tn_time recovery_deadline(const struct recovery *recovery)
{
    tn_time deadline = recovery->mtu_probe_deadline, pto;

    if (recovery->reliable || recovery->outstanding == 0)
        return deadline;
    if (recovery->loss_time != TN_TIME_NEVER)
        return recovery->loss_time < deadline ? recovery->loss_time : deadline;
    pto = recovery_pto(recovery);
    for (unsigned i = 0; i < recovery->pto_count && pto < PTO_MAX; i++)
        pto = 2 * pto < PTO_MAX ? 2 * pto : PTO_MAX;
    pto += recovery->last_eliciting;
    return pto < deadline ? pto : deadline;
}

/* Section 6.2.4: the frames of the oldest packets are sent again; the packets stay in flight until their fate is
 * known. */
static void recovery_probe(struct recovery *recovery, tn_time now)
{
    unsigned again = 0;

    recovery->pto_count++;
    recovery->probes = PROBES;
    recovery->last_eliciting = now;
    for (uint32_t i = 0; i < recovery->count && again < PROBES; i++) {
        const struct sent_packet *packet = packet_at(recovery, i);

        if (!packet->outstanding || packet->mtu_probe)
            continue;
        again++;
        for (const struct sent_frame *frame = packet->frames; frame; frame = frame->next)
            recovery->handler->again(recovery->owner, frame);
    }
}

void recovery_timeout(struct recovery *recovery, tn_time now)
{
    /* After packets are lost by age, the probe timeout of the rest may be due as well. Each iteration moves the
     * deadline: it declares packets lost, finds a later loss time, or restarts the probe timeout. */
    while (now >= recovery_deadline(recovery)) {
        if (now >= recovery->mtu_probe_deadline)
            recovery_lose_mtu_probe(recovery);
        else if (recovery->loss_time != TN_TIME_NEVER)
            recovery_detect_lost(recovery, now);
        else
            recovery_probe(recovery, now);
    }
}

void recovery_lose_mtu_probe(struct recovery *recovery)
{
    if (recovery->mtu_probe_deadline == TN_TIME_NEVER)
        return;
    recovery_settle(recovery, packet_at(recovery, recovery_find(recovery, recovery->mtu_probe)),
                    recovery->handler->lost);
    recovery_trim(recovery);
}

enum packet_doubt recovery_packet_doubt(const struct recovery *recovery)
{
    if (recovery->pto_count < SMALL_FROM_PTO)
        return PACKET_SIZE_PASSES;
    return recovery->pto_count < SMALLEST_FROM_PTO ? PACKET_SIZE_IN_DOUBT : PACKET_BASE_IN_DOUBT;
}

void recovery_set_small_packet(struct recovery *recovery, size_t size)
{
    if (recovery->small_packet == size)
        return;
    recovery->small_packet = size;
    recovery->large_lost = 0; /* they were counted against another size */
}

void recovery_abandon(struct recovery *recovery)
{
    for (uint32_t i = 0; i < recovery->count; i++) {
        struct sent_packet *packet = packet_at(recovery, i);

        if (packet->outstanding)
            recovery_settle(recovery, packet, recovery->handler->lost);
    }
    recovery->count = 0;
    recovery->loss_time = TN_TIME_NEVER;
    recovery->probes = 0;
    recovery_shrink(recovery);
}

void recovery_set_packet_size(struct recovery *recovery, size_t packet_size, tn_time now)
{
    struct congestion *congestion = &recovery->congestion;

    /* RFC 9002 section 7.2: the initial window depends on the packet size, so it is computed again if still in use. */
    congestion->packet_size = packet_size;
    if (recovery->first_rtt_sample == 0 && congestion->events == 0)
        congestion->ops->start(congestion, now);
    pacer_set_rate(&recovery->pacer, congestion->pacing_rate, packet_size, now);
}
