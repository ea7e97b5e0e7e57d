/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The state of BBR. Names are those of the draft; what it calls shortterm and longterm is short_term and long_term.
 */
#ifndef CORE_TUNNEL_BBR_H
#define CORE_TUNNEL_BBR_H

#include "core/tunnel/tunnel.h"

enum bbr_state {
    BBR_STARTUP,
    BBR_DRAIN,
    BBR_PROBE_BW_DOWN,
    BBR_PROBE_BW_CRUISE,
    BBR_PROBE_BW_REFILL,
    BBR_PROBE_BW_UP,
    BBR_PROBE_RTT,
};

/* What the ACKs that come now tell of: packets sent before, while or after bandwidth was probed. */
enum bbr_ack_phase {
    BBR_ACKS_INIT,
    BBR_ACKS_REFILLING,
    BBR_ACKS_PROBE_STARTING,
    BBR_ACKS_PROBE_FEEDBACK,
    BBR_ACKS_PROBE_STOPPING,
};

struct bbr {
    enum bbr_state state;
    enum bbr_ack_phase ack_phase;
    uint64_t random;

    /* Round trips, counted by packets. */
    uint64_t next_round_delivered, round_count;
    uint64_t round_delivered, round_lost; /* of the link, when this round began */
    bool round_start;

    /* The path's rate, bytes per nanosecond. */
    double max_bw_filter[2]; /* the greatest of this and of the last cycle of probing */
    double max_bw, bw;
    double bw_short_term; /* INFINITY: no bound */
    double bw_latest;     /* the greatest of this round */

    /* The path's delay. */
    tn_time min_rtt; /* 0: none yet */
    tn_time min_rtt_stamp;
    bool min_rtt_expired;
    tn_time round_rtt, last_round_rtt; /* the greatest of this round and of the one before */

    /* Bytes that may be in flight; UINT64_MAX: no bound. */
    uint64_t inflight_short_term, inflight_long_term;
    uint64_t inflight_latest; /* the most that was delivered over a round trip */
    uint64_t prior_window;    /* before a time with a smaller one */

    /* Bytes that come acknowledged at once, beyond what the rate explains. */
    tn_time extra_acked_start;
    uint64_t extra_acked_delivered;
    uint64_t extra_acked[2]; /* the greatest of this and of the last slot of rounds */
    unsigned extra_acked_rounds;

    /* Whether the pipe is full: the rate grows no more. */
    double full_bw;
    unsigned full_bw_count;
    bool full_bw_now, full_bw_reached;
    uint64_t drain_start_round;

    /* Loss. */
    uint64_t loss_round_delivered, loss_round_lost;
    unsigned loss_events; /* runs of lost packets in this round */
    bool loss_round_start, loss_in_round;
    double usual_loss; /* the part that gets lost while no queue is to be seen */

    /* Probing for bandwidth. */
    tn_time cycle_stamp, probe_wait;
    uint64_t rounds_since_probe_up;
    uint64_t probe_up_acked, probe_up_acked_per_increment;
    unsigned probe_up_rounds;
    bool bw_probe_sample;     /* losses now may be those of the last probe */
    bool prev_probe_too_high; /* the last probe ended by loss */
    bool prev_probe_precautionary;
    bool overflowed;     /* the last probe ended by a queue that overflowed */
    bool window_limited; /* in this round */

    /* Probing for the round-trip time. */
    tn_time probe_rtt_done; /* 0: not yet drained */
    bool probe_rtt_round_done;
    uint64_t probe_rtt_window;
    bool idle_restart;

    /* What an episode of loss changed, should it turn out that nothing was lost. */
    enum bbr_state undo_state; /* BBR_DRAIN: none to return to */
    double undo_bw_short_term;
    uint64_t undo_inflight_short_term, undo_inflight_long_term;
};

#endif
