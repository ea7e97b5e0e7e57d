/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * CUBIC (RFC 9438) with HyStart++ (RFC 9406). Section numbers refer to RFC 9438 unless noted.
 */
#include "core/tunnel/congestion.h"

#include <math.h>

/* Sections 4.6 and 5. */
#define BETA 0.7
#define C    0.4
/* Section 4.3: with this, a Reno that decreases by BETA is as fast as one that halves. */
#define ALPHA           (3 * (1 - BETA) / (1 + BETA))
#define MINIMUM_PACKETS 2

/* Slightly more than a window per round trip, so that pacing is never the limit (RFC 9002 section 7.7); twice that in
 * slow start, as the window doubles with each round trip. */
static void cubic_pace(struct congestion *congestion, tn_time smoothed_rtt)
{
    const struct cubic_curve *curve = &congestion->cubic.curve;
    double gain = curve->window < curve->threshold ? 2.0 : 1.25;

    congestion->pacing_rate = gain * curve->window / (double)(smoothed_rtt ? smoothed_rtt : 1);
}

static void cubic_set_window(struct congestion *congestion, double window)
{
    double minimum = (double)(MINIMUM_PACKETS * congestion->packet_size);

    if (window < minimum)
        window = minimum;
    if (window > (double)CONGESTION_WINDOW_MAX)
        window = (double)CONGESTION_WINDOW_MAX;
    congestion->cubic.curve.window = window;
    congestion->window = (uint64_t)window;
}

static void cubic_start(struct congestion *congestion, tn_time now)
{
    struct cubic *cubic = &congestion->cubic;

    *cubic = (struct cubic){.curve.threshold = INFINITY, .last_growth = now};
    hystart_start(&cubic->hystart);
    cubic_set_window(congestion, (double)(CONGESTION_INITIAL_PACKETS * congestion->packet_size));
    cubic_pace(congestion, congestion->initial_rtt);
}

/* Section 5.8: the curve pauses while there is nothing to send. */
static void cubic_pause(struct cubic *cubic, tn_time now)
{
    if (cubic->curve.epoch != 0)
        cubic->curve.epoch += now - cubic->last_growth;
    cubic->last_growth = now;
}

static void cubic_resumed(struct congestion *congestion, tn_time now)
{
    cubic_pause(&congestion->cubic, now);
}

/* Section 4.2. */
static void cubic_begin_epoch(struct congestion *congestion, tn_time now)
{
    struct cubic_curve *curve = &congestion->cubic.curve;

    curve->epoch = now;
    curve->estimate = curve->window;
    curve->rise_time = 0;
    if (curve->window < curve->plateau)
        curve->rise_time = cbrt((curve->plateau - curve->window) / (double)congestion->packet_size / C);
    else
        curve->plateau = curve->window;
}

/* W_cubic(t), in bytes. */
static double cubic_at(const struct congestion *congestion, double seconds)
{
    const struct cubic_curve *curve = &congestion->cubic.curve;
    double x = seconds - curve->rise_time;

    return C * x * x * x * (double)congestion->packet_size + curve->plateau;
}

/* Sections 4.3 to 4.5. */
static void cubic_avoid_congestion(struct congestion *congestion, const struct congestion_ack *ack)
{
    struct cubic_curve *curve = &congestion->cubic.curve;
    double part = (double)ack->bytes / curve->window, window = curve->window, seconds, target;

    if (curve->epoch == 0)
        cubic_begin_epoch(congestion, ack->now);
    seconds = (double)(ack->now - curve->epoch) / (double)TN_SECOND;
    curve->estimate += (curve->estimate < curve->prior ? ALPHA : 1) * (double)congestion->packet_size * part;
    if (cubic_at(congestion, seconds) < curve->estimate) {
        cubic_set_window(congestion, fmax(window, curve->estimate));
        return;
    }
    target = cubic_at(congestion, seconds + (double)ack->smoothed_rtt / (double)TN_SECOND);
    target = fmin(fmax(target, window), 1.5 * window);
    cubic_set_window(congestion, window + (target - window) * fmin(part, 1));
}

static void cubic_acknowledged(struct congestion *congestion, const struct congestion_ack *ack)
{
    struct cubic *cubic = &congestion->cubic;
    struct cubic_curve *curve = &cubic->curve;
    uint64_t growth;

    if (ack->application_limited || ack->delivery.time_sent <= cubic->recovery_start) {
        cubic_pause(cubic, ack->now);
    } else if (curve->window < curve->threshold) {
        growth = hystart_acknowledged(&cubic->hystart, ack->bytes, ack->rtt, ack->delivery.prior_delivered,
                                      congestion->delivery.delivered);
        cubic_set_window(congestion, curve->window + (double)growth);
        /* RFC 9406 section 4.2. Only the first slow start has no threshold. */
        if (cubic->hystart.phase == HYSTART_DONE && curve->threshold == INFINITY)
            curve->threshold = curve->window;
    } else {
        cubic_avoid_congestion(congestion, ack);
    }
    cubic->last_growth = ack->now;
    cubic_pace(congestion, ack->smoothed_rtt);
}

/* Sections 4.6 and 4.7. */
static void cubic_lost(struct congestion *congestion, const struct congestion_loss *loss)
{
    struct cubic *cubic = &congestion->cubic;
    struct cubic_curve *curve = &cubic->curve;

    /* Only one reduction per round trip: losses of packets sent before the last one reveal nothing new. */
    if (loss->time_sent <= cubic->recovery_start)
        return;
    cubic->undo = *curve;
    cubic->undo_phase = cubic->hystart.phase;
    cubic->may_undo = true;
    cubic->recovery_start = loss->now;
    /* Fast convergence: a flow that has losses before it reaches its old plateau leaves room for new flows. */
    curve->plateau = curve->window < curve->plateau ? curve->window * (1 + BETA) / 2 : curve->window;
    curve->prior = curve->window;
    curve->epoch = 0;
    cubic_set_window(congestion, curve->window * BETA);
    curve->threshold = curve->window;
    cubic->hystart.phase = HYSTART_DONE;
    congestion->events++;
}

/* RFC 9002 section 7.6.2; section 4.8: the next curve begins at its plateau. */
static void cubic_persistent(struct congestion *congestion)
{
    struct cubic *cubic = &congestion->cubic;

    cubic_set_window(congestion, 0);
    cubic->curve.plateau = 0;
    cubic->curve.epoch = 0;
    cubic->recovery_start = 0;
    cubic->may_undo = false;
}

/* Section 4.9: undoes a reduction that was unjustified; the old curve continues where it stopped. */
static void cubic_spurious(struct congestion *congestion, tn_time now)
{
    struct cubic *cubic = &congestion->cubic;
    double window = cubic->curve.window;

    if (!cubic->may_undo)
        return;
    cubic->may_undo = false;
    cubic->curve = cubic->undo;
    cubic->hystart.phase = cubic->undo_phase;
    cubic_set_window(congestion, fmax(window, cubic->undo.window));
    if (cubic->curve.epoch != 0 && now > cubic->recovery_start)
        cubic->curve.epoch += now - cubic->recovery_start;
}

const struct congestion_ops congestion_cubic = {
    .name = "cubic",
    .start = cubic_start,
    .resumed = cubic_resumed,
    .acknowledged = cubic_acknowledged,
    .lost = cubic_lost,
    .persistent = cubic_persistent,
    .spurious = cubic_spurious,
};
