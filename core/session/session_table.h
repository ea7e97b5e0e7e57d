/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The interface of this folder: all sessions and links of one worker, which are the core's own end of a pipeline. It
 * feeds core/tunnel with packets, the time and timers, and exchanges control messages with the peer. It is written like
 * a plugin and uses the same services.
 */
#ifndef CORE_SESSION_SESSION_TABLE_H
#define CORE_SESSION_SESSION_TABLE_H

#include "core/base/cold.h"
#include "core/exchange/exchange.h"
#include "core/pipeline/pipeline.h"

struct sessions;

/* The sessions' place in an exchange: the last stage at a gateway, the first on a client. */
extern const struct hg_stage_ops gateway_stage_ops;
extern const struct hg_stage_ops client_stage_ops;

/* Creates the sessions of one worker; a client begins to connect. Every instance of the pipeline must have been
 * started. `worker` is the core's own instance, whose state they become; `top` is where a client's exchanges begin.
 * NULL on failure, which has been logged. */
COLD struct sessions *sessions_start(struct hg_worker *worker, const struct pipeline *pipeline,
                                     struct exchange_table *exchanges, struct stage *top);
/* Sends `drain` to the peers; opens nothing new. */
COLD void sessions_drain(struct sessions *sessions);
/* Sends what has accumulated, one batch per link, and ends links that are over. Called by the worker at the end of a
 * turn, after exchange_run_ready(); it calls exchange_run_ready() itself for exchanges that can continue, so nothing is
 * left to do when it returns. */
void sessions_flush(struct sessions *sessions);
/* Whether a draining worker without open exchanges may stop. Client: all is delivered and no link is left; the last
 * bytes of a response outlive their exchange until the peer has acknowledged them. Gateway: its clients have
 * acknowledged `drain`, or a second has passed. */
bool sessions_idle(const struct sessions *sessions);
/* Closes every link and frees everything. No exchange may be open. */
COLD void sessions_stop(struct sessions *sessions);
/* Logs the statistics of the sessions, one line each. */
COLD void sessions_report(const struct sessions *sessions);

/* These implement struct hg_host. */
COLD struct hg_link *sessions_link_accept(struct sessions *sessions, struct hg_worker *transport);
COLD void sessions_link_up(struct hg_link *link, void *handle, const struct hg_link_info *info);
COLD void sessions_link_down(struct hg_link *link, const char *reason);
void sessions_link_packet(struct hg_link *link, uint64_t packet_number, const uint8_t *packet, size_t size);
void sessions_link_batch_end(struct hg_link *link);
void sessions_link_writable(struct hg_link *link);
void sessions_link_set_max_packet(struct hg_link *link, size_t max_packet);
bool sessions_target_served(const struct sessions *sessions, const struct hg_target *target);
void sessions_link_set_probe_max(struct hg_link *link, size_t probe_max);
void sessions_link_check(struct hg_link *link);
COLD void sessions_link_renew(struct hg_link *link);

#endif
