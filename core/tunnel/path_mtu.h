/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Path MTU probing (RFC 8899, RFC 9000 section 14.3): finds the packet size that a path carries by sending packets
 * larger than those known to pass. All sizes are those of packets; `overhead` is what the layers below add.
 */
#ifndef CORE_TUNNEL_PATH_MTU_H
#define CORE_TUNNEL_PATH_MTU_H

#include "core/tunnel/tunnel.h"

struct path_mtu {
    size_t usual;    /* passes on nearly every path: BASE_PLPMTU */
    size_t floor;    /* passes wherever anything does: MIN_PLPMTU */
    size_t base;     /* used without a search: `usual`, or `floor` if `usual` does not pass */
    size_t size;     /* known to pass: PLPMTU */
    size_t max;      /* the largest worth trying: MAX_PLPMTU; if not above `size`, there is nothing to search for */
    size_t overhead; /* bytes of all headers around a packet, including IP; 0: unknown */
    size_t failed;   /* the smallest that has failed in this search; SIZE_MAX: none yet */
    size_t probe;    /* size of the probe in flight; 0: none */
    unsigned tries;  /* evidence against that size: see TRIES */
    bool complete;   /* the search is suspended until `resume` */
    tn_time resume;  /* no probe before this, and later only along with data; 0: the first search, which needs none */
    unsigned rests;  /* how often the path's limit has dropped since it was last stable */
    uint64_t probes_sent, probes_lost, black_holes;
};

void path_mtu_start(struct path_mtu *mtu, const struct tn_params *params);

/* The size of the probe to send now; 0: none. `busy`: data is being sent. */
size_t path_mtu_wants(const struct path_mtu *mtu, tn_time now, bool busy);

/* The probe was sent. */
void path_mtu_sent(struct path_mtu *mtu, size_t size);

/* The probe was acknowledged, so `size` has grown; or it was lost, `alone` if no ordinary packet was lost at the same
 * time. */
void path_mtu_acknowledged(struct path_mtu *mtu, tn_time now);
void path_mtu_lost(struct path_mtu *mtu, bool alone, tn_time now);

/* The size to try if nothing is acknowledged any longer: `base`; if already at `base`, or as the `last` resort,
 * `floor`. */
size_t path_mtu_smaller(const struct path_mtu *mtu, bool last);

/* Only packets up to `size`, which comes from path_mtu_smaller(), pass: reduces the size to that, and searches again
 * later. */
void path_mtu_black_hole(struct path_mtu *mtu, size_t size, tn_time now);

/* A hint, which may be wrong, that packets above `size` do not pass at the moment. */
void path_mtu_reported(struct path_mtu *mtu, size_t size, tn_time now);

/* Changes the largest packet worth trying. Returns whether a probe is in flight that cannot pass. */
bool path_mtu_set_max(struct path_mtu *mtu, size_t max);

#endif
