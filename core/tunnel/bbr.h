/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The state of BBR. Names are those of the draft, except that its shortterm and longterm are written short_term and
 * long_term.
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

/* What the current ACKs refer to: packets sent before, during or after a bandwidth probe. */
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
    uint64_t round_delivered, round_lost; /* link totals when this round began */
    bool round_start;

    /* The path's rate, bytes per nanosecond. */
    double max_bw_filter[2]; /* the maximum of this and of the last probing cycle */
    double max_bw, bw;
    double bw_short_term; /* INFINITY: no bound */
    double bw_latest;     /* the maximum of this round */

    /* The path's delay. */
    tn_time min_rtt; /* 0: none yet */
    tn_time min_rtt_stamp;
    bool min_rtt_expired;
    tn_time round_rtt, last_round_rtt; /* the maximum of this round and of the previous one */

    /* Limits on the bytes in flight; UINT64_MAX: no limit. */
    uint64_t inflight_short_term, inflight_long_term;
    uint64_t inflight_latest; /* the most that was delivered in one round trip */
    uint64_t prior_window;    /* before a period with a smaller window */

    /* Bytes acknowledged in bursts, beyond what the rate explains. */
    tn_time extra_acked_start;
    uint64_t extra_acked_delivered;
    uint64_t extra_acked[2]; /* the maximum of this and of the last slot of rounds */
    unsigned extra_acked_rounds;

    /* Whether the pipe is full, that is, the rate has stopped growing. */
    double full_bw;
    unsigned full_bw_count;
    bool full_bw_now, full_bw_reached;
    uint64_t drain_start_round;

    /* Loss. */
    uint64_t loss_round_delivered, loss_round_lost;
    unsigned loss_events; /* runs of lost packets in this round */
    bool loss_round_start, loss_in_round;
    double usual_loss; /* the share of packets lost while there is no sign of a queue */

    /* Probing for bandwidth. */
    tn_time cycle_stamp, probe_wait;
    uint64_t rounds_since_probe_up;
    uint64_t probe_up_acked, probe_up_acked_per_increment;
    unsigned probe_up_rounds;
    bool bw_probe_sample;     /* losses may now be due to the last probe */
    bool prev_probe_too_high; /* the last probe ended with loss */
    bool prev_probe_precautionary;
    bool overflowed;     /* the last probe ended when a queue overflowed */
    bool window_limited; /* the window limited sending in this round */

    /* Probing for the round-trip time. */
    tn_time probe_rtt_done; /* 0: not drained yet */
    bool probe_rtt_round_done;
    uint64_t probe_rtt_window;
    bool idle_restart;

    /* What an episode of loss has changed, in case nothing was lost after all. */
    enum bbr_state undo_state; /* BBR_DRAIN: none to return to */
    double undo_bw_short_term;
    uint64_t undo_inflight_short_term, undo_inflight_long_term;
};

#endif
