/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Repetition of thin traffic. A lost packet delays the response that it belongs to by a whole round trip, as the loss
 * is not noticed before that. For a few hundred bytes that is a poor bargain on a path that loses packets and has spare
 * capacity. So they are sent twice there, a moment apart, without waiting for a loss (the idea of redundant data
 * bundling, A. Petlund, "Improving latency for interactive, thin-stream applications over reliable transport", 2009).
 * Only stream data is repeated, only once, and only after everything that waits to be sent for the first time.
 */
#ifndef CORE_TUNNEL_REDUNDANCY_H
#define CORE_TUNNEL_REDUNDANCY_H

#include "core/tunnel/link_internal.h"

/* When the next repetition is due; TN_TIME_NEVER: none. May be in the past while something else is sent or the window
 * is closed. */
tn_time redundancy_deadline(const struct tn_link *link);

/* Appends the repetitions that are due to the packet. */
void redundancy_write(struct tn_link *link, struct packet *packet, tn_time now);

#endif
