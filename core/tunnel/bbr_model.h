/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The two halves of BBR: bbr_model.c measures the path (its rate, its delay, how much may be in flight); bbr.c decides,
 * based on this model, in which state and how fast to send.
 */
#ifndef CORE_TUNNEL_BBR_MODEL_H
#define CORE_TUNNEL_BBR_MODEL_H

#include "core/tunnel/congestion.h"

#define BBR_UNBOUND UINT64_MAX

/* Constants of the draft used by both files, section 2. */
#define BBR_STARTUP_PACING_GAIN   2.77
#define BBR_PROBE_RTT_WINDOW_GAIN 0.5

static inline uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static inline bool bbr_in_probe_bw(const struct bbr *bbr)
{
    return bbr->state >= BBR_PROBE_BW_DOWN && bbr->state <= BBR_PROBE_BW_UP;
}

/* ---- How much the path can hold, in bytes ---- */

/* The least that must be allowed in flight. */
uint64_t bbr_minimum(const struct congestion *congestion);
/* `gain` times the bandwidth-delay product at that rate. */
uint64_t bbr_bdp(const struct congestion *congestion, double bw, double gain);
/* The same but, on a short path, at least room for what is sent and received as one piece. */
uint64_t bbr_quantize(const struct congestion *congestion, uint64_t inflight);
uint64_t bbr_inflight(const struct congestion *congestion, double bw, double gain);
/* Enough to keep the path busy, as far as the window allows. */
uint64_t bbr_target_inflight(const struct congestion *congestion);
/* The long-term limit minus the share left to others; BBR_UNBOUND: none. */
uint64_t bbr_inflight_with_headroom(const struct congestion *congestion);
/* The long-term limit after this packet's loss was too much. */
uint64_t bbr_safe_inflight(const struct congestion *congestion, const struct congestion_loss *loss);

/* ---- Loss ---- */

/* Whether packets are queued somewhere on the path. */
bool bbr_sees_queue(const struct congestion *congestion);
/* Whether the loss of `lost` bytes out of `of` in flight is a sign of congestion. */
bool bbr_too_much_lost(const struct congestion *congestion, uint64_t lost, uint64_t of);

/* ---- Signals ---- */

/* Ends the current round trip with the first packet sent from now on. */
void bbr_start_round(struct congestion *congestion);
/* Starts checking again whether the rate still grows. */
void bbr_reset_full_bw(struct bbr *bbr);
void bbr_reset_congestion_signals(struct congestion *congestion);
void bbr_reset_short_term_model(struct bbr *bbr);
/* A new probing cycle: forgets the rate of the one before the last. */
void bbr_advance_max_bw_filter(struct bbr *bbr);

/* Process an ACK, in this order; bbr_advance_signals() follows after the states. */
void bbr_update_signals(struct congestion *congestion, const struct congestion_ack *ack);
void bbr_update_extra_acked(struct congestion *congestion, const struct congestion_ack *ack);
void bbr_check_full_bw(struct bbr *bbr, const struct delivery_sample *sample);
void bbr_update_min_rtt(struct congestion *congestion, const struct congestion_ack *ack);
void bbr_advance_signals(struct congestion *congestion, const struct delivery_sample *sample);

#endif
