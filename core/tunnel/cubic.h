/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The state of CUBIC.
 */
#ifndef CORE_TUNNEL_CUBIC_H
#define CORE_TUNNEL_CUBIC_H

#include "core/tunnel/hystart.h"
#include "core/tunnel/tunnel.h"

/* What a reduction changes; windows in bytes. */
struct cubic_curve {
    double window;    /* including its fraction */
    double threshold; /* slow start threshold */
    double prior;     /* the window before the last reduction */
    double plateau;   /* W_max: where the curve is flat */
    double estimate;  /* W_est: the window that Reno would have */
    double rise_time; /* K: seconds from the epoch's start to the plateau */
    tn_time epoch;    /* when congestion avoidance began; 0: begins with the next ACK */
};

struct cubic {
    struct cubic_curve curve, undo;
    struct hystart hystart;
    enum hystart_phase undo_phase;
    tn_time recovery_start; /* time of the last reduction; 0: none yet */
    tn_time last_growth;    /* when the last ACK arrived */
    bool may_undo;
};

#endif
