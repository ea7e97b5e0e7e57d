/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/tunnel/recovery.h"

#include <stdlib.h>

/* RFC 9002 sections 6.1.1, 6.1.2, 7.6.1. */
#define PACKET_THRESHOLD                3
#define GRANULARITY                     TN_MILLISECOND
#define PERSISTENT_CONGESTION_THRESHOLD 3
#define PROBES                          2
/* RFC 8899 section 4.3: so many large packets lost, over at least a probe timeout, while smaller ones pass. */
#define BLACK_HOLE_PACKETS 3
/* From this probe timeout in a row on packets are small, to find out. */
#define SMALL_FROM_PTO 2
/* A backed-off probe timeout grows no further: a path that comes back should be found soon, and a dead one is given up
 * by silence, not by probes. */
#define PTO_MAX (3 * TN_SECOND)
/* More packets are not outstanding at once: a bound on memory against a peer on a byte link that never acknowledges. */
#define PACKETS_MAX 65536
#define SLAB_FRAMES 32

struct sent_frame_slab {
    struct sent_frame_slab *next;
    struct sent_frame frames[SLAB_FRAMES];
};

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
    recovery->congestion.ops = controllers[params->congestion];
    recovery->congestion.packet_size = params->packet_size;
    recovery->congestion.initial_rtt = params->initial_rtt;
    recovery->congestion.ops->start(&recovery->congestion, now);
    pacer_start(&recovery->pacer, recovery->congestion.pacing_rate, params->packet_size, now);
}

static void recovery_free_slabs(struct recovery *recovery)
{
    struct sent_frame_slab *slab = recovery->slabs, *next;

    for (; slab; slab = next) {
        next = slab->next;
        free(slab);
    }
    recovery->slabs = NULL;
    recovery->slab_count = 0;
    recovery->free_frames = NULL;
}

void recovery_free(struct recovery *recovery)
{
    recovery_free_slabs(recovery);
    loss_episode_free(&recovery->loss_episode);
    free(recovery->packets);
}

static struct sent_packet *packet_at(const struct recovery *recovery, uint32_t position)
{
    return &recovery->packets[(recovery->head + position) & (recovery->capacity - 1)];
}

bool recovery_reserve(struct recovery *recovery)
{
    uint32_t capacity = recovery->capacity ? 2 * recovery->capacity : 16;
    struct sent_packet *packets;

    if (recovery->count < recovery->capacity)
        return true;
    if (capacity > PACKETS_MAX)
        return false;
    packets = malloc(capacity * sizeof *packets);
    if (!packets)
        return false;
    for (uint32_t i = 0; i < recovery->count; i++)
        packets[i] = *packet_at(recovery, i);
    free(recovery->packets);
    recovery->packets = packets;
    recovery->capacity = capacity;
    recovery->head = 0;
    return true;
}

struct sent_frame *recovery_frame(struct recovery *recovery)
{
    struct sent_frame *frame;

    if (!recovery->free_frames) {
        struct sent_frame_slab *slab = malloc(sizeof *slab);

        if (!slab)
            return NULL;
        slab->next = recovery->slabs;
        recovery->slabs = slab;
        recovery->slab_count++;
        for (size_t i = 0; i < SLAB_FRAMES; i++) {
            slab->frames[i].next = recovery->free_frames;
            recovery->free_frames = &slab->frames[i];
        }
    }
    frame = recovery->free_frames;
    recovery->free_frames = frame->next;
    recovery->frames_used++;
    return frame;
}

/* Section 6.2.1, without backoff. */
static tn_time recovery_pto(const struct recovery *recovery)
{
    tn_time variance = 4 * recovery->rtt_variance;

    return recovery->smoothed_rtt + (variance > GRANULARITY ? variance : GRANULARITY) + recovery->peer_max_ack_delay;
}

/* When nothing is outstanding, what a burst has left behind is given back. */
static void recovery_shrink(struct recovery *recovery)
{
    if (recovery->frames_used == 0 && recovery->slab_count > 8)
        recovery_free_slabs(recovery);
    if (recovery->count == 0 && recovery->capacity > 256) {
        free(recovery->packets);
        recovery->packets = NULL;
        recovery->head = recovery->capacity = 0;
    }
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
        recovery->mtu_probe = number;
        recovery->mtu_probe_deadline = now + recovery_pto(recovery);
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

/* Takes a packet out of flight, telling its frames' fate. */
static void packet_settle(struct recovery *recovery, struct sent_packet *packet,
                          void (*tell)(void *owner, const struct sent_frame *frame))
{
    struct sent_frame *frame = packet->frames, *next;

    packet->outstanding = false;
    packet->frames = NULL;
    if (packet->mtu_probe) {
        recovery->mtu_probe_deadline = TN_TIME_NEVER;
    } else {
        recovery->bytes_in_flight -= packet->size;
        recovery->outstanding--;
    }
    for (; frame; frame = next) {
        next = frame->next;
        tell(recovery->owner, frame);
        frame->next = recovery->free_frames;
        recovery->free_frames = frame;
        recovery->frames_used--;
    }
}

/* Drops settled packets from the front. */
static void recovery_trim(struct recovery *recovery)
{
    while (recovery->count > 0 && !packet_at(recovery, 0)->outstanding) {
        recovery->head = (recovery->head + 1) & (recovery->capacity - 1);
        recovery->count--;
    }
    if (recovery->count == 0)
        recovery_shrink(recovery);
}

/* The position of the first packet whose number is at least `number`. */
static uint32_t recovery_find(const struct recovery *recovery, uint64_t number)
{
    uint32_t low = 0, high = recovery->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (packet_at(recovery, middle)->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
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

/* A run of lost packets with none acknowledged among them, for section 7.6.2. */
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

/* Counts the large packets that were lost since one was last acknowledged. */
static void recovery_count_large(struct recovery *recovery, const struct sent_packet *packet)
{
    if (packet->size <= recovery->small_packet || packet->number < recovery->large_passed)
        return;
    if (recovery->large_lost++ == 0)
        recovery->large_lost_since = packet->time;
}

/* Takes one packet as lost by congestion, or else by chance. */
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
    recovery_count_large(recovery, packet);
    loss_episode_add(&recovery->loss_episode, packet->number, recovery->largest_sent);
    packet_settle(recovery, packet, recovery->handler->lost);
    congestion->ops->lost(congestion, &loss);
}

/* Section 6.1.2: how long before `largest_acknowledged` came a packet must have been sent to be lost. */
static tn_time recovery_loss_delay(const struct recovery *recovery)
{
    tn_time rtt = recovery->latest_rtt > recovery->smoothed_rtt ? recovery->latest_rtt : recovery->smoothed_rtt;

    return rtt + rtt / 8 > GRANULARITY ? rtt + rtt / 8 : GRANULARITY;
}

/* Section 6.1: whether enough others have overtaken the packet, or one long enough ago. */
static bool recovery_is_lost(const struct recovery *recovery, const struct sent_packet *packet, tn_time now)
{
    return packet->number + PACKET_THRESHOLD <= recovery->largest_acknowledged ||
           packet->time + recovery_loss_delay(recovery) <= now;
}

/* Whether what is being found lost, from the position on, shows that the path has ceased to carry large packets: none
 * of them was acknowledged for a time in which that of smaller ones shows that the path is there. */
static bool recovery_in_black_hole(const struct recovery *recovery, uint32_t position, tn_time now)
{
    tn_time since = recovery->large_lost_since, last = since;
    unsigned lost = recovery->large_lost;

    for (; position < recovery->count; position++) {
        const struct sent_packet *packet = packet_at(recovery, position);

        if (packet->number > recovery->largest_acknowledged)
            break;
        if (!packet->outstanding || packet->mtu_probe || !recovery_is_lost(recovery, packet, now))
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

/* The packets that were found lost were too large; none that was sent by now tells anything more about it. */
static void recovery_leave_black_hole(struct recovery *recovery, tn_time now)
{
    recovery->large_passed = recovery->largest_sent + 1;
    recovery->large_lost = 0;
    recovery->handler->black_hole(recovery->owner, now);
}

/* Declares packets lost. */
static void recovery_detect_lost(struct recovery *recovery, tn_time now)
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
        } else if (recovery_is_lost(recovery, packet, now)) {
            black_hole = black_hole || (!any && recovery_in_black_hole(recovery, i, now));
            any = true;
            if (packet->mtu_probe || black_hole) {
                recovery->packets_lost += !packet->mtu_probe;
                packet_settle(recovery, packet, recovery->handler->lost);
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

/* Acknowledges the packets from low to high. Returns whether one of them was outstanding. */
static bool recovery_acknowledge_range(struct recovery *recovery, uint64_t low, uint64_t high,
                                       struct congestion_ack *sample)
{
    bool any = false;

    for (uint32_t i = recovery_find(recovery, low); i < recovery->count; i++) {
        struct sent_packet *packet = packet_at(recovery, i);

        if (packet->number > high)
            break;
        if (!packet->outstanding)
            continue;
        any = true;
        if (packet->size > recovery->small_packet && packet->number >= recovery->large_passed) {
            recovery->large_passed = packet->number + 1;
            recovery->large_lost = 0;
        }
        if (!packet->mtu_probe)
            sample->bytes += packet->size;
        if (!recovery->reliable && !packet->mtu_probe)
            delivery_acknowledged(&recovery->congestion.delivery, &sample->delivery, &packet->stamp, packet->number,
                                  packet->size, packet->time, sample->now);
        packet_settle(recovery, packet, recovery->handler->acknowledged);
    }
    return any;
}

/* Takes the round-trip time from the largest number acknowledged, if that is news; returns it, or 0. */
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

/* Tells the controller of an ACK, once its losses are known, and takes its new rate. */
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

bool recovery_acknowledge(struct recovery *recovery, const struct frame *ack, tn_time now)
{
    struct congestion_ack sample = {.now = now};
    struct ack_walk walk;
    bool any = false;

    if (!recovery->any_sent || ack->ack.largest > recovery->largest_sent)
        return false;
    if (!recovery->any_acknowledged || ack->ack.largest > recovery->largest_acknowledged)
        recovery->largest_acknowledged = ack->ack.largest;
    recovery->any_acknowledged = true;
    if (loss_episode_acknowledged(&recovery->loss_episode, ack))
        recovery->congestion.ops->spurious(&recovery->congestion, now);
    if (recovery->count == 0)
        return true;
    sample.rtt = recovery_sample_rtt(recovery, ack, now);
    /* In slow start a window that was used by half may grow: it doubles, so that more is never asked of it. */
    sample.application_limited =
        recovery->application_limited && 2 * recovery->bytes_in_flight < recovery->congestion.window;
    frame_ack_first(ack, &walk);
    do {
        /* All below the first packet is settled; so is the rest of the ACK. */
        if (walk.high < packet_at(recovery, 0)->number)
            break;
        any |= recovery_acknowledge_range(recovery, walk.low, walk.high, &sample);
    } while (frame_ack_next(&walk));
    if (!any)
        return true;
    recovery->unanswered_since = now;
    recovery->pto_count = 0;
    recovery->probes = 0;
    recovery_trim(recovery);
    recovery_detect_lost(recovery, now);
    if (!recovery->reliable && sample.bytes > 0)
        recovery_control(recovery, &sample);
    return true;
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

/* Section 6.2.4: the oldest packets' frames are sent again; they stay in flight until something is known of them. */
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
    /* Once packets are lost by age, the probe timeout of what remains may be due as well. Each turn moves the deadline:
     * it declares packets lost, finds a later loss time, or starts the probe timeout anew. */
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
    packet_settle(recovery, packet_at(recovery, recovery_find(recovery, recovery->mtu_probe)), recovery->handler->lost);
    recovery_trim(recovery);
}

bool recovery_wants_small(const struct recovery *recovery)
{
    return recovery->pto_count >= SMALL_FROM_PTO;
}

void recovery_abandon(struct recovery *recovery)
{
    for (uint32_t i = 0; i < recovery->count; i++) {
        struct sent_packet *packet = packet_at(recovery, i);

        if (packet->outstanding)
            packet_settle(recovery, packet, recovery->handler->lost);
    }
    recovery->count = 0;
    recovery->loss_time = TN_TIME_NEVER;
    recovery->probes = 0;
    recovery_shrink(recovery);
}

void recovery_set_packet_size(struct recovery *recovery, size_t packet_size, tn_time now)
{
    struct congestion *congestion = &recovery->congestion;

    /* RFC 9002 section 7.2: a window that is still the first one is counted anew. */
    congestion->packet_size = packet_size;
    if (recovery->first_rtt_sample == 0 && congestion->events == 0)
        congestion->ops->start(congestion, now);
    pacer_set_rate(&recovery->pacer, congestion->pacing_rate, packet_size, now);
}
