/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Exchanges: the events of one request and its response, walking through the places of a pipeline, with credit.
 *
 * What <hopgate/stage.h> promises to stages is kept here.
 */
#ifndef CORE_EXCHANGE_EXCHANGE_H
#define CORE_EXCHANGE_EXCHANGE_H

#include "core/worker/worker.h"

/* Opens an exchange whose top place is `top`: an edge's (see worker_top()), or on a client the sessions'. `state`
 * becomes the self->state of that place. NULL when out of memory; `request` is then still the caller's. See
 * hg_exchange_open(). */
struct hg_self *exchange_open(struct worker *worker, struct place *top, struct hg_head *request, void *state);

/* Frees what was kept for the next exchanges. None is open any more. */
void exchange_free_spares(struct worker *worker);

/* The functions behind struct hg_host. */
size_t exchange_emit_head(struct hg_self *self, enum hg_direction direction, struct hg_head *head);
size_t exchange_emit(struct hg_self *self, enum hg_direction direction, const struct hg_slice *slice);
void exchange_emit_end(struct hg_self *self, enum hg_direction direction, struct hg_fields *trailers);
size_t exchange_credit(struct hg_self *self, enum hg_direction direction);
void exchange_resume(struct hg_self *self, enum hg_direction direction);
void exchange_reset(struct hg_self *self, const struct hg_reason *reason);
void exchange_break(struct hg_self *self, const struct hg_reason *reason);
void exchange_set_target(struct hg_self *self, const struct hg_target *target);
void exchange_set_service(struct hg_self *self, const struct hg_service *service);

/* Runs every exchange that has queued events until none has. Called by the worker after each callback from the loop. */
void exchange_run_ready(struct worker *worker);

/* Resets all exchanges of the worker: the bound of a stop is reached. */
void exchange_reset_all(struct worker *worker, const struct hg_reason *reason);

/* Writes a line to the log for each open exchange: how old it is and which stage holds it. */
void exchange_report(struct worker *worker);

#endif
