/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * BBR version 3 (draft-ietf-ccwg-bbr): instead of waiting for loss, it measures how fast the path delivers and how long
 * that takes, sends at that rate, and keeps about as much in flight as the path can hold.
 *
 * Section numbers refer to draft-ietf-ccwg-bbr-06. Its section 3.7 specifies no response to ECN.
 *
 * This file contains the states; the model of the path is in bbr_model.c.
 *
 * There are three departures from the draft, each based on measurements: loss above 2 % is not taken for congestion
 * without further evidence (bbr_too_much_lost()); the usual loss is compensated by sending more
 * (bbr_set_pacing_rate()); and CUBIC gets room after a queue has overflowed (bbr_safe_inflight(),
 * bbr_is_time_to_probe()).
 */
#include "core/tunnel/bbr_model.h"

#include <math.h>
/* The draft's constants, section 2. */
#define WINDOW_GAIN         2.0
#define PACING_MARGIN       0.01
#define STARTUP_LOSS_EVENTS 6
#define DRAIN_ROUNDS        3
#define PROBE_RTT_DURATION  (200 * TN_MILLISECOND)
#define RENO_ROUNDS         63

/* Gains of each state. */
static const struct {
    double pacing, window;
} gains[] = {
    [BBR_STARTUP] = {BBR_STARTUP_PACING_GAIN, WINDOW_GAIN},
    [BBR_DRAIN] = {0.5, WINDOW_GAIN},
    [BBR_PROBE_BW_DOWN] = {0.9, WINDOW_GAIN},
    [BBR_PROBE_BW_CRUISE] = {1, WINDOW_GAIN},
    [BBR_PROBE_BW_REFILL] = {1, WINDOW_GAIN},
    [BBR_PROBE_BW_UP] = {1.25, 2.25},
    [BBR_PROBE_RTT] = {1, BBR_PROBE_RTT_WINDOW_GAIN},
};

/* splitmix64: random, so that links do not probe in step with each other. */
static uint64_t bbr_random(struct bbr *bbr)
{
    uint64_t x = bbr->random += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* ---- States ---- */

static void bbr_start_down(struct congestion *congestion, tn_time now)
{
    struct bbr *bbr = &congestion->bbr;

    bbr_reset_congestion_signals(congestion);
    bbr->probe_up_acked_per_increment = BBR_UNBOUND;
    /* Probe again after 2 to 3 s, chosen at random. */
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

static void bbr_save_window(struct congestion *congestion)
{
    struct bbr *bbr = &congestion->bbr;

    bbr->prior_window =
        bbr->state != BBR_PROBE_RTT ? congestion->window : larger(bbr->prior_window, congestion->window);
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
    /* The probe went too high: react once per probe. */
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

/* ---- Transitions between states ---- */

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

/* Draft, section 5.3.3.6: after some time, or as often as Reno's growth would probe on the same path. One departure: if
 * the last probe overflowed a queue, both take twice as long, since a competing CUBIC flow, which loses a third of its
 * window each time, needs longer than that to recover. */
static bool bbr_is_time_to_probe(const struct congestion *congestion, tn_time now)
{
    const struct bbr *bbr = &congestion->bbr;
    uint64_t reno_rounds = bbr_target_inflight(congestion) / congestion->packet_size;
    unsigned slower = bbr->overflowed ? 2 : 1;

    return now > bbr->cycle_stamp + slower * bbr->probe_wait ||
           bbr->rounds_since_probe_up >= slower * smaller(reno_rounds, RENO_ROUNDS);
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
        /* The rate is held back by the bound, not by the path. */
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

/* True if the state has changed. */
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
        /* The precautionary probe went well: the next one may stay at the level where it ended. */
        if (bbr_in_probe_bw(bbr) && bbr->prev_probe_precautionary && !bbr->prev_probe_too_high) {
            bbr_start_refill(congestion);
            return true;
        }
    }
    if (bbr->inflight_long_term == BBR_UNBOUND ||
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
    /* Current rates reflect this probe, not the path. */
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

/* The model's rate is that of arrivals, so the usual loss is sent on top. Otherwise a lossy path would never be full:
 * with the draft, only a probe fills it, for one round trip every few seconds. */
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
    uint64_t initial = CONGESTION_INITIAL_PACKETS * congestion->packet_size, bound = BBR_UNBOUND;
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
                        .inflight_long_term = BBR_UNBOUND,
                        .probe_up_acked_per_increment = BBR_UNBOUND,
                        .undo_state = BBR_DRAIN,
                        .min_rtt_stamp = now,
                        .extra_acked_start = now};
    bbr_reset_short_term_model(bbr);
    congestion->window = CONGESTION_INITIAL_PACKETS * congestion->packet_size;
    bbr->probe_rtt_window = congestion->window;
    congestion->pacing_rate = BBR_STARTUP_PACING_GAIN * (double)congestion->window /
                              (double)(congestion->initial_rtt ? congestion->initial_rtt : TN_MILLISECOND);
}

/* Draft, section 5.4: after a pause the queue of the path is empty, so exactly its rate is safe, and the measured delay
 * stays valid without another probe. */
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

/* The draft's retransmission timeout: restarts from almost nothing, and grows as fast as ACKs arrive. */
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
