/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * BBR's model of the path. Section numbers refer to draft-ietf-ccwg-bbr-06.
 */
#include "core/tunnel/bbr_model.h"

#include <math.h>

/* The draft's constants, section 2. */
#define LOSS_THRESHOLD     0.02
#define BETA               0.7
#define HEADROOM           0.15
#define MINIMUM_PACKETS    4
#define FULL_BW_GROWTH     1.25
#define FULL_BW_ROUNDS     3
#define EXTRA_ACKED_ROUNDS 5 /* in each of two slots */
#define MIN_RTT_FILTER     (10 * TN_SECOND)

/* The most bytes that GSO sends or GRO receives as one piece, and how many such pieces it takes to keep sender and
 * receiver busy at the same time (draft, section 5.5.8). */
#define QUANTUM_MAX 65536
#define QUANTA      3

/* The most that any link delivers in one piece: the longest A-MPDU of IEEE 802.11ac. A host that is busy with other
 * things may deliver more at once, but data waiting there is a queue. */
#define EXTRA_ACKED_MAX (1 << 20)

/* The share of the bandwidth-delay product by which bundled ACKs may raise the safe amount. On a busy machine ACKs come
 * in larger bundles, and the allowance for them is at the expense of CUBIC. */
#define SAFE_EXTRA 0.0625

/* Loss up to this share is not considered congestion while there is no sign of a queue. */
#define LOSS_THRESHOLD_NO_QUEUE 0.1
/* Beyond that, this many packets may be lost by chance: with few packets in flight, a tenth is quickly reached. */
#define CHANCE_PACKETS 4

/* The weight of a round in the average of the usual loss. */
#define USUAL_LOSS_GAIN 0.0625
/* With a queue, loss of more than this many times the usual is considered congestion. */
#define USUAL_LOSS_FACTOR 3

static bool bbr_is_probing_bw(const struct bbr *bbr)
{
    return bbr->state == BBR_STARTUP || bbr->state == BBR_PROBE_BW_REFILL || bbr->state == BBR_PROBE_BW_UP;
}

/* ---- How much the path can hold ---- */

uint64_t bbr_minimum(const struct congestion *congestion)
{
    return MINIMUM_PACKETS * congestion->packet_size;
}

uint64_t bbr_bdp(const struct congestion *congestion, double bw, double gain)
{
    const struct bbr *bbr = &congestion->bbr;
    double bytes = gain * bw * (double)bbr->min_rtt;

    if (bbr->min_rtt == 0)
        return CONGESTION_INITIAL_PACKETS * congestion->packet_size;
    return bytes < (double)CONGESTION_WINDOW_MAX ? (uint64_t)bytes : CONGESTION_WINDOW_MAX;
}

/* Draft, section 5.6.3: sending in quanta needs room for several of them, however short the path is. */
uint64_t bbr_quantize(const struct congestion *congestion, uint64_t inflight)
{
    double quantum = congestion->pacing_rate * (double)TN_MILLISECOND;

    quantum = fmax(fmin(quantum, QUANTUM_MAX), (double)(2 * congestion->packet_size));
    inflight = larger(inflight, QUANTA * (uint64_t)quantum);
    inflight = larger(inflight, bbr_minimum(congestion));
    if (congestion->bbr.state == BBR_PROBE_BW_UP)
        inflight += 2 * congestion->packet_size;
    return inflight;
}

uint64_t bbr_inflight(const struct congestion *congestion, double bw, double gain)
{
    return bbr_quantize(congestion, bbr_bdp(congestion, bw, gain));
}

uint64_t bbr_target_inflight(const struct congestion *congestion)
{
    return smaller(bbr_bdp(congestion, congestion->bbr.bw, 1), congestion->window);
}

uint64_t bbr_inflight_with_headroom(const struct congestion *congestion)
{
    uint64_t bound = congestion->bbr.inflight_long_term, headroom = (uint64_t)(HEADROOM * (double)bound);

    if (bound == BBR_UNBOUND)
        return BBR_UNBOUND;
    headroom = larger(headroom, congestion->packet_size);
    return larger(bound > headroom ? bound - headroom : 0, bbr_minimum(congestion));
}

/* ---- Signals ---- */

void bbr_start_round(struct congestion *congestion)
{
    congestion->bbr.next_round_delivered = congestion->delivery.delivered;
}

void bbr_reset_full_bw(struct bbr *bbr)
{
    bbr->full_bw = 0;
    bbr->full_bw_count = 0;
    bbr->full_bw_now = false;
}

void bbr_reset_congestion_signals(struct congestion *congestion)
{
    struct bbr *bbr = &congestion->bbr;

    bbr->loss_in_round = false;
    bbr->loss_events = 0;
    bbr->loss_round_lost = congestion->delivery.lost;
    bbr->bw_latest = 0;
    bbr->inflight_latest = 0;
}

void bbr_reset_short_term_model(struct bbr *bbr)
{
    bbr->bw_short_term = INFINITY;
    bbr->inflight_short_term = BBR_UNBOUND;
}

/* ---- Loss ---- */

bool bbr_sees_queue(const struct congestion *congestion)
{
    const struct bbr *bbr = &congestion->bbr;
    tn_time bound = bbr->min_rtt + bbr->min_rtt / 4 + TN_MILLISECOND;

    return congestion->path_rtt > bound || bbr->round_rtt > bound || bbr->last_round_rtt > bound;
}

/* Whether so much loss is a sign of congestion. The draft says that more than 2 % is, even on a path that always loses
 * 3 %, and thus falls to a fraction of the path's capacity. But a queue that overflows shows up earlier, in rising
 * round-trip times. If they do not rise, only loss above that of radio links and bad lines counts: it comes from a
 * policer, or from a queue too small to notice. */
bool bbr_too_much_lost(const struct congestion *congestion, uint64_t lost, uint64_t of)
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

/* The number of bytes in flight at which loss crossed the threshold; the packet may have been one of several sent
 * together. */
static uint64_t bbr_inflight_at_loss(const struct congestion_loss *loss)
{
    double in_flight_before = (double)loss->in_flight_sent - (double)loss->bytes;
    double lost_before = (double)loss->lost_since - (double)loss->bytes;
    double prefix = (LOSS_THRESHOLD * in_flight_before - lost_before) / (1 - LOSS_THRESHOLD);

    return (uint64_t)fmax(in_flight_before + fmax(prefix, 0), 0);
}

/* How much may be in flight after a probe that lost too much. According to the draft, as much as at that loss. When two
 * flows together fill a queue of one bandwidth-delay product, CUBIC backs off and BBR does not, and in measurements BBR
 * ended up with six sevenths of the bandwidth. So after an overflow it is reduced to what keeps the path busy at the
 * current rate, allowing for bundled ACKs, minus headroom. */
uint64_t bbr_safe_inflight(const struct congestion *congestion, const struct congestion_loss *loss)
{
    const struct bbr *bbr = &congestion->bbr;
    uint64_t inflight = bbr_inflight_at_loss(loss), busy = bbr_bdp(congestion, bbr->bw_latest, 1);

    if (bbr_sees_queue(congestion)) {
        busy += smaller(larger(bbr->extra_acked[0], bbr->extra_acked[1]), (uint64_t)(SAFE_EXTRA * (double)busy));
        inflight = smaller(inflight, (uint64_t)((double)busy / (1 - HEADROOM)));
    }
    return larger(inflight, (uint64_t)(BETA * (double)bbr_target_inflight(congestion)));
}

/* Once per round with loss, unless probing: moves towards what the path currently delivers. */
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
    if (bbr->inflight_short_term == BBR_UNBOUND)
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

void bbr_advance_max_bw_filter(struct bbr *bbr)
{
    if (bbr->max_bw_filter[0] <= 0)
        return;
    bbr->max_bw_filter[1] = bbr->max_bw_filter[0];
    bbr->max_bw_filter[0] = 0;
}

void bbr_update_signals(struct congestion *congestion, const struct congestion_ack *ack)
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

/* Called after an ACK that ended a round: starts the signals of the next round. */
void bbr_advance_signals(struct congestion *congestion, const struct delivery_sample *sample)
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

void bbr_update_extra_acked(struct congestion *congestion, const struct congestion_ack *ack)
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

void bbr_check_full_bw(struct bbr *bbr, const struct delivery_sample *sample)
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

void bbr_update_min_rtt(struct congestion *congestion, const struct congestion_ack *ack)
{
    struct bbr *bbr = &congestion->bbr;

    bbr->min_rtt_expired = bbr->min_rtt > 0 && ack->now > bbr->min_rtt_stamp + MIN_RTT_FILTER;
    /* Before the old sample is replaced by one that includes a queue. */
    if (bbr->min_rtt_expired && bbr->state != BBR_PROBE_RTT)
        bbr->probe_rtt_window =
            larger(bbr_bdp(congestion, bbr->bw, BBR_PROBE_RTT_WINDOW_GAIN), bbr_minimum(congestion));
    if (ack->rtt == 0)
        return;
    if (bbr->min_rtt == 0)
        congestion->pacing_rate = BBR_STARTUP_PACING_GAIN * (double)congestion->window / (double)ack->rtt;
    if (bbr->min_rtt == 0 || ack->rtt < bbr->min_rtt || bbr->min_rtt_expired) {
        bbr->min_rtt = ack->rtt;
        bbr->min_rtt_stamp = ack->now;
    }
}
