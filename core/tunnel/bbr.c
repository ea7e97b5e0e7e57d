/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * BBR version 3 (draft-ietf-ccwg-bbr): instead of waiting for loss it measures what the path delivers and how long that
 * takes, sends at that rate, and keeps about as much in flight as the path holds.
 *
 * Section numbers are of draft-ietf-ccwg-bbr-06. By its section 3.7 there is no response to ECN to be had from it.
 *
 * Departures from the draft, each for a measured reason: loss above 2 % is not congestion whatever its cause
 * (bbr_too_much_lost()); what is usually lost is sent in addition (bbr_set_pacing_rate()); and CUBIC gets room after a
 * queue has overflowed (bbr_safe_inflight(), bbr_is_time_to_probe()).
 */
#include "core/tunnel/congestion.h"

#include <math.h>

#define UNBOUND UINT64_MAX

/* The draft's constants, section 2. */
#define STARTUP_PACING_GAIN   2.77
#define WINDOW_GAIN           2.0
#define PROBE_RTT_WINDOW_GAIN 0.5
#define PACING_MARGIN         0.01
#define LOSS_THRESHOLD        0.02
#define BETA                  0.7
#define HEADROOM              0.15
#define MINIMUM_PACKETS       4
#define STARTUP_LOSS_EVENTS   6
#define FULL_BW_GROWTH        1.25
#define FULL_BW_ROUNDS        3
#define DRAIN_ROUNDS          3
#define EXTRA_ACKED_ROUNDS    5 /* in each of two slots */
#define MIN_RTT_FILTER        (10 * TN_SECOND)
#define PROBE_RTT_DURATION    (200 * TN_MILLISECOND)
#define RENO_ROUNDS           63

/* The most bytes that go and come in one piece where packets are sent by GSO and received by GRO, and how many such
 * pieces keep sender and receiver busy at the same time (draft, section 5.5.8). */
#define QUANTUM_MAX 65536
#define QUANTA      3

/* No link puts more into one piece: the longest A-MPDU of IEEE 802.11ac. An end that is busy with other things does,
 * but what waits for it is a queue. */
#define EXTRA_ACKED_MAX (1 << 20)

/* Loss up to this part is not taken for congestion while no queue is to be seen. */
#define LOSS_THRESHOLD_NO_QUEUE 0.1
/* Beyond it so many packets may be lost by chance: of few packets in flight, a tenth is soon gone. */
#define CHANCE_PACKETS 4

/* The weight of a round in what is usually lost. */
#define USUAL_LOSS_GAIN 0.0625
/* With a queue, more than so many times what is usually lost asks for less. */
#define USUAL_LOSS_FACTOR 3

/* Gains of each state. */
static const struct {
    double pacing, window;
} gains[] = {
    [BBR_STARTUP] = {STARTUP_PACING_GAIN, WINDOW_GAIN}, [BBR_DRAIN] = {0.5, WINDOW_GAIN},
    [BBR_PROBE_BW_DOWN] = {0.9, WINDOW_GAIN},           [BBR_PROBE_BW_CRUISE] = {1, WINDOW_GAIN},
    [BBR_PROBE_BW_REFILL] = {1, WINDOW_GAIN},           [BBR_PROBE_BW_UP] = {1.25, 2.25},
    [BBR_PROBE_RTT] = {1, PROBE_RTT_WINDOW_GAIN},
};

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* splitmix64: links must not probe in step with each other. */
static uint64_t bbr_random(struct bbr *bbr)
{
    uint64_t x = bbr->random += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static bool bbr_in_probe_bw(const struct bbr *bbr)
{
    return bbr->state >= BBR_PROBE_BW_DOWN && bbr->state <= BBR_PROBE_BW_UP;
}

static bool bbr_is_probing_bw(const struct bbr *bbr)
{
    return bbr->state == BBR_STARTUP || bbr->state == BBR_PROBE_BW_REFILL || bbr->state == BBR_PROBE_BW_UP;
}

/* ---- How much the path holds ---- */

static uint64_t bbr_minimum(const struct congestion *congestion)
{
    return MINIMUM_PACKETS * congestion->packet_size;
}

static uint64_t bbr_bdp(const struct congestion *congestion, double bw, double gain)
{
    const struct bbr *bbr = &congestion->bbr;
    double bytes = gain * bw * (double)bbr->min_rtt;

    if (bbr->min_rtt == 0)
        return CONGESTION_INITIAL_PACKETS * congestion->packet_size;
    return bytes < (double)CONGESTION_WINDOW_MAX ? (uint64_t)bytes : CONGESTION_WINDOW_MAX;
}

/* Draft, section 5.6.3: what goes out in quanta needs room for some of them, however short the path is. */
static uint64_t bbr_quantize(const struct congestion *congestion, uint64_t inflight)
{
    double quantum = congestion->pacing_rate * (double)TN_MILLISECOND;

    quantum = fmax(fmin(quantum, QUANTUM_MAX), (double)(2 * congestion->packet_size));
    inflight = larger(inflight, QUANTA * (uint64_t)quantum);
    inflight = larger(inflight, bbr_minimum(congestion));
    if (congestion->bbr.state == BBR_PROBE_BW_UP)
        inflight += 2 * congestion->packet_size;
    return inflight;
}

static uint64_t bbr_inflight(const struct congestion *congestion, double bw, double gain)
{
    return bbr_quantize(congestion, bbr_bdp(congestion, bw, gain));
}

static uint64_t bbr_target_inflight(const struct congestion *congestion)
{
    return smaller(bbr_bdp(congestion, congestion->bbr.bw, 1), congestion->window);
}

static uint64_t bbr_inflight_with_headroom(const struct congestion *congestion)
{
    uint64_t bound = congestion->bbr.inflight_long_term, headroom = (uint64_t)(HEADROOM * (double)bound);

    if (bound == UNBOUND)
        return UNBOUND;
    headroom = larger(headroom, congestion->packet_size);
    return larger(bound > headroom ? bound - headroom : 0, bbr_minimum(congestion));
}

/* ---- States ---- */

static void bbr_start_round(struct congestion *congestion)
{
    congestion->bbr.next_round_delivered = congestion->delivery.delivered;
}

static void bbr_reset_full_bw(struct bbr *bbr)
{
    bbr->full_bw = 0;
    bbr->full_bw_count = 0;
    bbr->full_bw_now = false;
}

static void bbr_reset_congestion_signals(struct congestion *congestion)
{
    struct bbr *bbr = &congestion->bbr;

    bbr->loss_in_round = false;
    bbr->loss_events = 0;
    bbr->loss_round_lost = congestion->delivery.lost;
    bbr->bw_latest = 0;
    bbr->inflight_latest = 0;
}

static void bbr_reset_short_term_model(struct bbr *bbr)
{
    bbr->bw_short_term = INFINITY;
    bbr->inflight_short_term = UNBOUND;
}

static void bbr_start_down(struct congestion *congestion, tn_time now)
{
    struct bbr *bbr = &congestion->bbr;

    bbr_reset_congestion_signals(congestion);
    bbr->probe_up_acked_per_increment = UNBOUND;
    /* When to probe again: at random within 2 to 3 s. */
    bbr->rounds_since_probe_up = bbr_random(bbr) & 1;
    bbr->probe_wait = 2 * TN_SECOND + bbr_random(bbr) % TN_SECOND;
    bbr->cycle_stamp = now;
    bbr->ack_phase = BBR_ACKS_PROBE_STOPPING;
    bbr_start_round(congestion);
    bbr->state = BBR_PROBE_BW_DOWN;
}

static void bbr_start_refill(struct congestion *congestion)
{
    struct bbr *bbr = &congestion->bbr;

    bbr_reset_short_term_model(bbr);
    bbr->probe_up_rounds = 0;
    bbr->probe_up_acked = 0;
    bbr->prev_probe_precautionary = false;
    bbr->overflowed = false;
    bbr->ack_phase = BBR_ACKS_REFILLING;
    bbr_start_round(congestion);
    bbr->state = BBR_PROBE_BW_REFILL;
}

static void bbr_raise_slope(struct congestion *congestion)
{
    struct bbr *bbr = &congestion->bbr;

    bbr->probe_up_acked_per_increment = larger(congestion->window >> bbr->probe_up_rounds, congestion->packet_size);
    if (bbr->probe_up_rounds < 30)
        bbr->probe_up_rounds++;
}

static void bbr_start_up(struct congestion *congestion, const struct congestion_ack *ack)
{
    struct bbr *bbr = &congestion->bbr;

    bbr->ack_phase = BBR_ACKS_PROBE_STARTING;
    bbr_start_round(congestion);
    bbr_reset_full_bw(bbr);
    bbr->full_bw = ack->delivery.rate;
    bbr->state = BBR_PROBE_BW_UP;
    bbr_raise_slope(congestion);
}

/* ---- Loss ---- */

/* Whether packets wait somewhere on the path. */
static bool bbr_sees_queue(const struct congestion *congestion)
{
    const struct bbr *bbr = &congestion->bbr;
    tn_time bound = bbr->min_rtt + bbr->min_rtt / 4 + TN_MILLISECOND;

    return congestion->path_rtt > bound || bbr->round_rtt > bound || bbr->last_round_rtt > bound;
}

/* Whether so much loss is a sign of congestion. The draft takes more than 2 % for one, also on a path that loses 3 % at
 * any rate, and falls to a fraction of what such a path carries. But a queue that overflows shows before: round-trip
 * times rise. Where they do not, only loss counts that is more than radio and bad lines make: that of a policer, or of
 * a queue too small to be seen. */
static bool bbr_too_much_lost(const struct congestion *congestion, uint64_t lost, uint64_t of)
{
    if (bbr_sees_queue(congestion))
        return (double)lost > (LOSS_THRESHOLD + congestion->bbr.usual_loss) * (double)of;
    return (double)lost > LOSS_THRESHOLD_NO_QUEUE * (double)of + (double)(CHANCE_PACKETS * congestion->packet_size);
}

/* At the end of a round: what is lost without a queue will also be lost with one. */
static void bbr_update_usual_loss(struct congestion *congestion)
{
    struct bbr *bbr = &congestion->bbr;
    uint64_t lost = congestion->delivery.lost - bbr->round_lost;
    uint64_t delivered = congestion->delivery.delivered - bbr->round_delivered;

    bbr->round_lost = congestion->delivery.lost;
    bbr->round_delivered = congestion->delivery.delivered;
    if (bbr_sees_queue(congestion) || bbr->min_rtt == 0 || lost + delivered == 0)
        return;
    bbr->usual_loss +=
        (fmin((double)lost / (double)(lost + delivered), LOSS_THRESHOLD_NO_QUEUE) - bbr->usual_loss) * USUAL_LOSS_GAIN;
}

static void bbr_save_window(struct congestion *congestion)
{
    struct bbr *bbr = &congestion->bbr;

    bbr->prior_window =
        bbr->state != BBR_PROBE_RTT ? congestion->window : larger(bbr->prior_window, congestion->window);
}

/* At what bytes in flight did loss cross the threshold: the packet may be one of several that went as one. */
static uint64_t bbr_inflight_at_loss(const struct congestion_loss *loss)
{
    double in_flight_before = (double)loss->in_flight_sent - (double)loss->bytes;
    double lost_before = (double)loss->lost_since - (double)loss->bytes;
    double prefix = (LOSS_THRESHOLD * in_flight_before - lost_before) / (1 - LOSS_THRESHOLD);

    return (uint64_t)fmax(in_flight_before + fmax(prefix, 0), 0);
}

/* What may be in flight after a probe that lost too much. By the draft that is what was in flight when it did, so that
 * of two flows that fill a queue of one bandwidth-delay product together, CUBIC shrinks and BBR does not: measured, BBR
 * ends with six sevenths. Where a queue overflowed it therefore shrinks to what keeps the path busy at the rate that it
 * has now, with ACKs as bundled as they come, headroom deducted. */
static uint64_t bbr_safe_inflight(const struct congestion *congestion, const struct congestion_loss *loss)
{
    const struct bbr *bbr = &congestion->bbr;
    uint64_t inflight = bbr_inflight_at_loss(loss), extra = larger(bbr->extra_acked[0], bbr->extra_acked[1]);

    if (bbr_sees_queue(congestion))
        inflight =
            smaller(inflight, (uint64_t)((double)(bbr_bdp(congestion, bbr->bw_latest, 1) + extra) / (1 - HEADROOM)));
    return larger(inflight, (uint64_t)(BETA * (double)bbr_target_inflight(congestion)));
}

static void bbr_lost(struct congestion *congestion, const struct congestion_loss *loss)
{
    struct bbr *bbr = &congestion->bbr;

    if (!bbr->loss_in_round) {
        bbr->loss_in_round = true;
        bbr->loss_round_delivered = congestion->delivery.delivered;
        bbr->loss_events = 0;
        bbr->loss_round_lost = congestion->delivery.lost - loss->bytes;
        bbr_save_window(congestion);
        bbr->undo_state = BBR_DRAIN;
        bbr->undo_bw_short_term = bbr->bw_short_term;
        bbr->undo_inflight_short_term = bbr->inflight_short_term;
        bbr->undo_inflight_long_term = bbr->inflight_long_term;
    }
    bbr->loss_events += !loss->continues;
    if (!bbr->bw_probe_sample || !bbr_too_much_lost(congestion, loss->lost_since, loss->in_flight_sent))
        return;
    /* The probe was too much: one reaction to each. */
    bbr->prev_probe_too_high = true;
    bbr->bw_probe_sample = false;
    if (!loss->application_limited)
        bbr->inflight_long_term = bbr_safe_inflight(congestion, loss);
    bbr->overflowed = bbr_sees_queue(congestion);
    congestion->events++;
    if (bbr->state == BBR_PROBE_BW_UP) {
        bbr->undo_state = BBR_PROBE_BW_UP;
        bbr_start_down(congestion, loss->now);
    }
}

/* Once in a round with loss, unless probing: towards what the path delivers now. */
static void bbr_adapt_lower_bounds(struct congestion *congestion)
{
    struct bbr *bbr = &congestion->bbr;
    uint64_t lost = congestion->delivery.lost - bbr->loss_round_lost;

    if (bbr_is_probing_bw(bbr) || !bbr->loss_in_round)
        return;
    if (bbr_sees_queue(congestion) ? (double)lost <= USUAL_LOSS_FACTOR * bbr->usual_loss * (double)bbr->inflight_latest
                                   : !bbr_too_much_lost(congestion, lost, bbr->inflight_latest))
        return;
    if (bbr->bw_short_term == INFINITY)
        bbr->bw_short_term = bbr->max_bw;
    if (bbr->inflight_short_term == UNBOUND)
        bbr->inflight_short_term = congestion->window;
    bbr->bw_short_term = fmax(bbr->bw_latest, BETA * bbr->bw_short_term);
    bbr->inflight_short_term = larger(bbr->inflight_latest, (uint64_t)(BETA * (double)bbr->inflight_short_term));
    congestion->events++;
}

/* ---- The model ---- */

static void bbr_update_round(struct congestion *congestion, const struct congestion_ack *ack)
{
    struct bbr *bbr = &congestion->bbr;

    bbr->round_start = ack->delivery.prior_delivered >= bbr->next_round_delivered;
    if (bbr->round_start) {
        bbr_update_usual_loss(congestion);
        bbr_start_round(congestion);
        bbr->round_count++;
        bbr->rounds_since_probe_up++;
        bbr->last_round_rtt = bbr->round_rtt;
        bbr->round_rtt = 0;
        bbr->window_limited = false;
    }
    bbr->window_limited |= ack->window_limited;
    if (ack->rtt > 0 && congestion->path_rtt > bbr->round_rtt)
        bbr->round_rtt = congestion->path_rtt;
}

static void bbr_update_max_bw(struct bbr *bbr, const struct delivery_sample *sample)
{
    if (sample->rate <= 0 || (sample->application_limited && sample->rate < bbr->max_bw))
        return;
    bbr->max_bw_filter[0] = fmax(bbr->max_bw_filter[0], sample->rate);
    bbr->max_bw = fmax(bbr->max_bw_filter[0], bbr->max_bw_filter[1]);
}

/* A new cycle of probing: the one before the last is forgotten. */
static void bbr_advance_max_bw_filter(struct bbr *bbr)
{
    if (bbr->max_bw_filter[0] <= 0)
        return;
    bbr->max_bw_filter[1] = bbr->max_bw_filter[0];
    bbr->max_bw_filter[0] = 0;
}

static void bbr_update_signals(struct congestion *congestion, const struct congestion_ack *ack)
{
    struct bbr *bbr = &congestion->bbr;
    const struct delivery_sample *sample = &ack->delivery;

    bbr->bw_latest = fmax(bbr->bw_latest, sample->rate);
    bbr->inflight_latest = larger(bbr->inflight_latest, sample->delivered);
    bbr->loss_round_start = sample->prior_delivered >= bbr->loss_round_delivered;
    if (bbr->loss_round_start)
        bbr->loss_round_delivered = congestion->delivery.delivered;
    bbr_update_round(congestion, ack);
    bbr_update_max_bw(bbr, sample);
    if (bbr->loss_round_start)
        bbr_adapt_lower_bounds(congestion);
}

/* The end of an ACK that ended a round: the next one's signals begin with it. */
static void bbr_advance_signals(struct congestion *congestion, const struct delivery_sample *sample)
{
    struct bbr *bbr = &congestion->bbr;

    if (!bbr->loss_round_start)
        return;
    bbr->loss_in_round = false;
    bbr->loss_events = 0;
    bbr->loss_round_lost = congestion->delivery.lost;
    bbr->bw_latest = sample->rate;
    bbr->inflight_latest = sample->delivered;
}

static void bbr_update_extra_acked(struct congestion *congestion, const struct congestion_ack *ack)
{
    struct bbr *bbr = &congestion->bbr;
    double expected = bbr->bw * (double)(ack->now - bbr->extra_acked_start), extra;

    if (bbr->round_start && ++bbr->extra_acked_rounds >= (bbr->full_bw_reached ? EXTRA_ACKED_ROUNDS : 1)) {
        bbr->extra_acked_rounds = 0;
        bbr->extra_acked[1] = bbr->full_bw_reached ? bbr->extra_acked[0] : 0;
        bbr->extra_acked[0] = 0;
    }
    if ((double)bbr->extra_acked_delivered <= expected) {
        bbr->extra_acked_delivered = 0;
        bbr->extra_acked_start = ack->now;
        expected = 0;
    }
    bbr->extra_acked_delivered += ack->bytes;
    extra = fmin((double)bbr->extra_acked_delivered - expected, fmin((double)congestion->window, EXTRA_ACKED_MAX));
    bbr->extra_acked[0] = larger(bbr->extra_acked[0], (uint64_t)extra);
}

static void bbr_check_full_bw(struct bbr *bbr, const struct delivery_sample *sample)
{
    if (bbr->full_bw_now || !bbr->round_start || sample->application_limited || sample->rate <= 0)
        return;
    if (sample->rate >= FULL_BW_GROWTH * bbr->full_bw) {
        bbr_reset_full_bw(bbr);
        bbr->full_bw = sample->rate;
        return;
    }
    bbr->full_bw_now = ++bbr->full_bw_count >= FULL_BW_ROUNDS;
    bbr->full_bw_reached |= bbr->full_bw_now;
}

/* ---- From state to state ---- */

static void bbr_check_startup_loss(struct congestion *congestion)
{
    struct bbr *bbr = &congestion->bbr;
    uint64_t lost = congestion->delivery.lost - bbr->loss_round_lost;

    if (bbr->full_bw_reached || !bbr->loss_round_start || bbr->loss_events < STARTUP_LOSS_EVENTS ||
        !bbr_too_much_lost(congestion, lost, bbr->inflight_latest))
        return;
    bbr->undo_state = BBR_STARTUP;
    bbr->full_bw_reached = true;
    bbr->inflight_long_term = larger(bbr_bdp(congestion, bbr->max_bw, 1), bbr->inflight_latest);
    congestion->events++;
}

static void bbr_check_startup_and_drain(struct congestion *congestion, const struct congestion_ack *ack)
{
    struct bbr *bbr = &congestion->bbr;

    if (bbr->state == BBR_STARTUP) {
        bbr_check_startup_loss(congestion);
        if (bbr->full_bw_reached) {
            bbr->state = BBR_DRAIN;
            bbr->drain_start_round = bbr->round_count;
        }
    }
    if (bbr->state == BBR_DRAIN && (ack->bytes_in_flight <= bbr_inflight(congestion, bbr->bw, 1) ||
                                    bbr->round_count > bbr->drain_start_round + DRAIN_ROUNDS))
        bbr_start_down(congestion, ack->now);
}

/* Draft, section 5.3.3.6: by the clock, or as often as Reno on the same path would probe by its growth. One departure:
 * where the last probe made a queue overflow, the clock runs half as fast, since CUBIC beside it, which loses a third
 * of its window each time, needs longer than that to come back. */
static bool bbr_is_time_to_probe(const struct congestion *congestion, tn_time now)
{
    const struct bbr *bbr = &congestion->bbr;
    uint64_t reno_rounds = bbr_target_inflight(congestion) / congestion->packet_size;

    tn_time wait = bbr->overflowed ? 2 * bbr->probe_wait : bbr->probe_wait;

    return now > bbr->cycle_stamp + wait || bbr->rounds_since_probe_up >= smaller(reno_rounds, RENO_ROUNDS);
}

static bool bbr_is_time_to_cruise(const struct congestion *congestion, uint64_t bytes_in_flight)
{
    return bytes_in_flight <= bbr_inflight_with_headroom(congestion) &&
           bytes_in_flight <= bbr_inflight(congestion, congestion->bbr.max_bw, 1);
}

static bool bbr_is_time_to_go_down(struct congestion *congestion, const struct congestion_ack *ack)
{
    struct bbr *bbr = &congestion->bbr;

    if (bbr->prev_probe_too_high && ack->bytes_in_flight >= bbr->inflight_long_term) {
        bbr->prev_probe_precautionary = true;
        return true;
    }
    if (bbr->window_limited && congestion->window >= bbr->inflight_long_term) {
        /* It is the bound that holds the rate, not the path. */
        bbr_reset_full_bw(bbr);
        bbr->full_bw = ack->delivery.rate;
        return false;
    }
    return bbr->full_bw_now;
}

static void bbr_probe_inflight_upward(struct congestion *congestion, uint64_t acknowledged)
{
    struct bbr *bbr = &congestion->bbr;

    if (!bbr->window_limited || congestion->window < bbr->inflight_long_term)
        return;
    bbr->probe_up_acked += acknowledged;
    if (bbr->probe_up_acked >= bbr->probe_up_acked_per_increment) {
        uint64_t steps = bbr->probe_up_acked / bbr->probe_up_acked_per_increment;

        bbr->probe_up_acked -= steps * bbr->probe_up_acked_per_increment;
        bbr->inflight_long_term += steps * congestion->packet_size;
    }
    if (bbr->round_start)
        bbr_raise_slope(congestion);
}

/* True when it has changed the state. */
static bool bbr_adapt_long_term_model(struct congestion *congestion, const struct congestion_ack *ack)
{
    struct bbr *bbr = &congestion->bbr;

    if (bbr->ack_phase == BBR_ACKS_PROBE_STARTING && bbr->round_start)
        bbr->ack_phase = BBR_ACKS_PROBE_FEEDBACK;
    if (bbr->ack_phase == BBR_ACKS_PROBE_STOPPING && bbr->round_start) {
        bbr->bw_probe_sample = false;
        bbr->ack_phase = BBR_ACKS_INIT;
        if (bbr_in_probe_bw(bbr) && !ack->delivery.application_limited)
            bbr_advance_max_bw_filter(bbr);
        /* The cautious probe went well: the next one may stay where it ended. */
        if (bbr_in_probe_bw(bbr) && bbr->prev_probe_precautionary && !bbr->prev_probe_too_high) {
            bbr_start_refill(congestion);
            return true;
        }
    }
    if (bbr->inflight_long_term == UNBOUND ||
        bbr_too_much_lost(congestion, ack->delivery.lost, ack->delivery.in_flight))
        return false;
    bbr->inflight_long_term = larger(bbr->inflight_long_term, ack->delivery.in_flight);
    if (bbr->state == BBR_PROBE_BW_UP)
        bbr_probe_inflight_upward(congestion, ack->bytes);
    return false;
}

static void bbr_update_probe_bw(struct congestion *congestion, const struct congestion_ack *ack)
{
    struct bbr *bbr = &congestion->bbr;

    if (!bbr->full_bw_reached || bbr_adapt_long_term_model(congestion, ack))
        return;
    switch (bbr->state) {
    case BBR_PROBE_BW_DOWN:
    case BBR_PROBE_BW_CRUISE:
        if (bbr_is_time_to_probe(congestion, ack->now))
            bbr_start_refill(congestion);
        else if (bbr->state == BBR_PROBE_BW_DOWN && bbr_is_time_to_cruise(congestion, ack->bytes_in_flight))
            bbr->state = BBR_PROBE_BW_CRUISE;
        break;
    case BBR_PROBE_BW_REFILL:
        if (bbr->round_start) {
            bbr->bw_probe_sample = true;
            bbr_start_up(congestion, ack);
        }
        break;
    case BBR_PROBE_BW_UP:
        if (bbr_is_time_to_go_down(congestion, ack)) {
            bbr->prev_probe_too_high = false;
            bbr_start_down(congestion, ack->now);
        }
        break;
    case BBR_STARTUP:
    case BBR_DRAIN:
    case BBR_PROBE_RTT:
        break;
    }
}

/* ---- The round-trip time ---- */

static void bbr_update_min_rtt(struct congestion *congestion, const struct congestion_ack *ack)
{
    struct bbr *bbr = &congestion->bbr;

    bbr->min_rtt_expired = bbr->min_rtt > 0 && ack->now > bbr->min_rtt_stamp + MIN_RTT_FILTER;
    /* Before a sample that holds a queue takes the place of the old one. */
    if (bbr->min_rtt_expired && bbr->state != BBR_PROBE_RTT)
        bbr->probe_rtt_window = larger(bbr_bdp(congestion, bbr->bw, PROBE_RTT_WINDOW_GAIN), bbr_minimum(congestion));
    if (ack->rtt == 0)
        return;
    if (bbr->min_rtt == 0)
        congestion->pacing_rate = STARTUP_PACING_GAIN * (double)congestion->window / (double)ack->rtt;
    if (bbr->min_rtt == 0 || ack->rtt < bbr->min_rtt || bbr->min_rtt_expired) {
        bbr->min_rtt = ack->rtt;
        bbr->min_rtt_stamp = ack->now;
    }
}

static void bbr_exit_probe_rtt(struct congestion *congestion, tn_time now)
{
    struct bbr *bbr = &congestion->bbr;

    if (bbr->probe_rtt_done == 0 || now <= bbr->probe_rtt_done)
        return;
    bbr->min_rtt_stamp = now;
    congestion->window = larger(congestion->window, bbr->prior_window);
    bbr_reset_short_term_model(bbr);
    if (bbr->full_bw_reached) {
        bbr_start_down(congestion, now);
        bbr->state = BBR_PROBE_BW_CRUISE;
    } else {
        bbr->state = BBR_STARTUP;
    }
}

static void bbr_check_probe_rtt(struct congestion *congestion, const struct congestion_ack *ack)
{
    struct bbr *bbr = &congestion->bbr;

    if (bbr->state != BBR_PROBE_RTT && bbr->min_rtt_expired && !bbr->idle_restart) {
        bbr_save_window(congestion);
        bbr->state = BBR_PROBE_RTT;
        bbr->probe_rtt_done = 0;
        bbr->ack_phase = BBR_ACKS_PROBE_STOPPING;
        bbr_start_round(congestion);
    }
    bbr->idle_restart = false;
    if (bbr->state != BBR_PROBE_RTT)
        return;
    /* Rates of now tell of this probe, not of the path. */
    delivery_limited(&congestion->delivery, ack->bytes_in_flight);
    if (bbr->probe_rtt_done == 0) {
        if (ack->bytes_in_flight <= bbr->probe_rtt_window) {
            bbr->probe_rtt_done = ack->now + PROBE_RTT_DURATION;
            bbr->probe_rtt_round_done = false;
            bbr_start_round(congestion);
        }
        return;
    }
    bbr->probe_rtt_round_done |= bbr->round_start;
    if (bbr->probe_rtt_round_done)
        bbr_exit_probe_rtt(congestion, ack->now);
}

/* ---- Rate and window ---- */

/* The rate is that of what arrives. Of what is sent at that rate a bad line loses its part, so that the path is never
 * full; by the draft, only a probe fills it, for a round trip every few seconds. */
static void bbr_set_pacing_rate(struct congestion *congestion, double gain)
{
    const struct bbr *bbr = &congestion->bbr;
    double rate = gain * bbr->bw * (1 - PACING_MARGIN) / (1 - bbr->usual_loss);

    if (rate > 0 && (bbr->full_bw_reached || rate > congestion->pacing_rate))
        congestion->pacing_rate = rate;
}

static void bbr_set_window(struct congestion *congestion, uint64_t acknowledged)
{
    struct bbr *bbr = &congestion->bbr;
    uint64_t initial = CONGESTION_INITIAL_PACKETS * congestion->packet_size, bound = UNBOUND;
    uint64_t most = bbr_bdp(congestion, bbr->bw, gains[bbr->state].window);

    most = bbr_quantize(congestion, most + larger(bbr->extra_acked[0], bbr->extra_acked[1]));
    if (bbr->full_bw_reached)
        congestion->window = smaller(congestion->window + acknowledged, most);
    else if (congestion->window < most || congestion->delivery.delivered < initial)
        congestion->window += acknowledged;
    if (bbr->state == BBR_PROBE_RTT)
        congestion->window = smaller(congestion->window, bbr->probe_rtt_window);
    if (bbr->state == BBR_PROBE_RTT || bbr->state == BBR_PROBE_BW_CRUISE)
        bound = bbr_inflight_with_headroom(congestion);
    else if (bbr_in_probe_bw(bbr))
        bound = bbr->inflight_long_term;
    bound = smaller(bound, bbr->inflight_short_term);
    congestion->window = smaller(smaller(congestion->window, bound), CONGESTION_WINDOW_MAX);
    congestion->window = larger(congestion->window, bbr_minimum(congestion));
}

static void bbr_acknowledged(struct congestion *congestion, const struct congestion_ack *ack)
{
    struct bbr *bbr = &congestion->bbr;

    bbr_update_signals(congestion, ack);
    bbr_update_extra_acked(congestion, ack);
    bbr_check_full_bw(bbr, &ack->delivery);
    bbr_check_startup_and_drain(congestion, ack);
    bbr_update_probe_bw(congestion, ack);
    bbr_update_min_rtt(congestion, ack);
    bbr_check_probe_rtt(congestion, ack);
    bbr_advance_signals(congestion, &ack->delivery);
    bbr->bw = fmin(bbr->max_bw, bbr->bw_short_term);
    bbr_set_pacing_rate(congestion, gains[bbr->state].pacing);
    bbr_set_window(congestion, ack->bytes);
}

static void bbr_start(struct congestion *congestion, tn_time now)
{
    struct bbr *bbr = &congestion->bbr;

    *bbr = (struct bbr){.state = BBR_STARTUP,
                        .random = now,
                        .inflight_long_term = UNBOUND,
                        .probe_up_acked_per_increment = UNBOUND,
                        .undo_state = BBR_DRAIN,
                        .min_rtt_stamp = now,
                        .extra_acked_start = now};
    bbr_reset_short_term_model(bbr);
    congestion->window = CONGESTION_INITIAL_PACKETS * congestion->packet_size;
    bbr->probe_rtt_window = congestion->window;
    congestion->pacing_rate = STARTUP_PACING_GAIN * (double)congestion->window /
                              (double)(congestion->initial_rtt ? congestion->initial_rtt : TN_MILLISECOND);
}

/* Draft, section 5.4: after a pause the path's queue is empty, so exactly its rate is safe, and what was known of its
 * delay needs no probe to be renewed. */
static void bbr_resumed(struct congestion *congestion, tn_time now)
{
    struct bbr *bbr = &congestion->bbr;

    bbr->idle_restart = true;
    bbr->extra_acked_start = now;
    bbr->extra_acked_delivered = 0;
    if (bbr_in_probe_bw(bbr))
        bbr_set_pacing_rate(congestion, 1);
    else if (bbr->state == BBR_PROBE_RTT)
        bbr_exit_probe_rtt(congestion, now);
}

/* The draft's retransmission timeout: from next to nothing, as fast as ACKs come. */
static void bbr_persistent(struct congestion *congestion)
{
    bbr_save_window(congestion);
    congestion->window = bbr_minimum(congestion);
    congestion->events++;
}

static void bbr_spurious(struct congestion *congestion, tn_time now)
{
    struct bbr *bbr = &congestion->bbr;

    (void)now;
    if (bbr->state != BBR_PROBE_RTT)
        congestion->window = larger(congestion->window, bbr->prior_window);
    bbr->loss_in_round = false;
    bbr_reset_full_bw(bbr);
    bbr->bw_short_term = fmax(bbr->bw_short_term, bbr->undo_bw_short_term);
    bbr->inflight_short_term = larger(bbr->inflight_short_term, bbr->undo_inflight_short_term);
    bbr->inflight_long_term = larger(bbr->inflight_long_term, bbr->undo_inflight_long_term);
    if (bbr->undo_state == BBR_STARTUP && bbr->state != BBR_STARTUP) {
        bbr->full_bw_reached = false;
        if (bbr->state != BBR_PROBE_RTT)
            bbr->state = BBR_STARTUP;
    } else if (bbr->undo_state == BBR_PROBE_BW_UP && bbr->state != BBR_PROBE_BW_UP && bbr->state != BBR_PROBE_RTT) {
        bbr_start_refill(congestion);
    }
    bbr->undo_state = BBR_DRAIN;
}

const struct congestion_ops congestion_bbr = {
    .name = "bbr",
    .start = bbr_start,
    .resumed = bbr_resumed,
    .acknowledged = bbr_acknowledged,
    .lost = bbr_lost,
    .persistent = bbr_persistent,
    .spurious = bbr_spurious,
};
