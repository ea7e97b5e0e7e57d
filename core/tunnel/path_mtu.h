/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Path MTU probing (RFC 8899, RFC 9000 section 14.3): which size of packets a path carries, found by sending some that
 * are larger than what is known to pass. All sizes are those of packets: `overhead` is what the layers below add.
 */
#ifndef CORE_TUNNEL_PATH_MTU_H
#define CORE_TUNNEL_PATH_MTU_H

#include "core/tunnel/tunnel.h"

struct path_mtu {
    size_t usual;    /* passes on nearly every path: BASE_PLPMTU */
    size_t floor;    /* passes wherever anything passes: MIN_PLPMTU */
    size_t base;     /* what is sent without a search: `usual`, or `floor` where that was found not to pass */
    size_t size;     /* found to pass: PLPMTU */
    size_t max;      /* the largest worth trying: MAX_PLPMTU; no larger than `size`: there is nothing to search */
    size_t overhead; /* bytes of all headers around a packet, those of IP included; 0: not known */
    size_t failed;   /* the smallest that did not pass in this search; SIZE_MAX: none yet */
    size_t probe;    /* the size of the probe that is under way; 0: none is */
    unsigned tries;  /* how much speaks against that size: see TRIES */
    bool complete;   /* the search is over until `resume` */
    tn_time resume;  /* no probe before, and from then on only beside data; 0: the first search, which needs none */
    unsigned rests;  /* the path's limit sank so often since it was last left in peace */
    uint64_t probes_sent, probes_lost, black_holes;
};

void path_mtu_start(struct path_mtu *mtu, const struct tn_params *params);

/* The size of the probe that is to be sent now; 0: none. `busy`: data is being sent. */
size_t path_mtu_wants(const struct path_mtu *mtu, tn_time now, bool busy);

/* It was sent. */
void path_mtu_sent(struct path_mtu *mtu, size_t size);

/* It was acknowledged, so `size` has grown; or lost, `alone` if no ordinary packet was lost meanwhile. */
void path_mtu_acknowledged(struct path_mtu *mtu, tn_time now);
void path_mtu_lost(struct path_mtu *mtu, bool alone, tn_time now);

/* The size to try when nothing that was sent is acknowledged: `base`, from there, or at the `last` resort, `floor`. */
size_t path_mtu_smaller(const struct path_mtu *mtu, bool last);

/* Only packets of `size`, one of path_mtu_smaller(), or less pass: goes back to that, and searches again later. */
void path_mtu_black_hole(struct path_mtu *mtu, size_t size, tn_time now);

/* Somebody who may be wrong says that no packet above `size` passes now. */
void path_mtu_told(struct path_mtu *mtu, size_t size, tn_time now);

/* The largest packet worth trying is another one. Returns whether a probe is under way that cannot pass. */
bool path_mtu_set_max(struct path_mtu *mtu, size_t max);

#endif
