/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Repetition of thin traffic. What is lost costs the answer that it belongs to a whole round trip more, since nobody
 * misses it before that. For a few hundred bytes that is a poor bargain where the path loses packets and has room:
 * there they are sent a second time, a moment after the first, and no loss is waited for (the idea of redundant data
 * bundling, A. Petlund, "Improving latency for interactive, thin-stream applications over reliable transport", 2009).
 * Only data of streams is repeated, once, and only behind all that waits to be sent for the first time.
 */
#ifndef CORE_TUNNEL_REDUNDANCY_H
#define CORE_TUNNEL_REDUNDANCY_H

#include "core/tunnel/link_internal.h"

/* When the next repetition is due; TN_TIME_NEVER: there is none. Past times are possible while something else is sent
 * or the window is closed. */
tn_time redundancy_deadline(const struct tn_link *link);

/* Writes what is due behind what is in the packet already. */
void redundancy_write(struct tn_link *link, struct packet *packet, tn_time now);

#endif
