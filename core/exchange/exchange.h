/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Exchanges: the events of a request and its response on their way through the stages of a pipeline, limited by credit.
 *
 * This implements what <hopgate/stage.h> promises to stages.
 */
#ifndef CORE_EXCHANGE_EXCHANGE_H
#define CORE_EXCHANGE_EXCHANGE_H

#include "core/base/cold.h"

#include <hopgate/host.h>

struct exchange;
struct only;

/* A stage of the pipeline in one worker, with its statistics. */
struct stage {
    const struct hg_stage_ops *ops;
    struct hg_worker *worker; /* its instance; NULL: the stage is absent */
    const char *plugin;       /* its name, for core/base/fatal.h; NULL: a stage of the core itself */
    const struct only *only;  /* the requests that it sees; NULL: all */
    uint64_t calls;           /* number of callbacks made */
    uint64_t bytes[2];        /* bytes of data that it took, down and up */
    hg_time held;             /* the total time for which it has held exchanges */
    uint32_t breaches[9]; /* breaches of the contract already logged, by callback: core/exchange/exchange_breach.c */
};

/* All exchanges of one worker, and their path through its pipeline. */
struct exchange_table {
    struct stage *tops; /* one for each place where exchanges begin: an edge or, on a client, the tunnel */
    size_t top_count;
    struct stage *stages; /* the stages below; stages[0] is unused, since it is one of the tops */
    size_t stage_count;
    bool gathers;  /* at least one stage uses flushes */
    size_t buffer; /* the credit of each stage and direction, in bytes */
    struct exchange *open;
    size_t open_count;
    struct exchange *ready, **ready_tail; /* exchanges with something to do, first come, first served */
    struct exchange *spares;              /* freed exchanges, kept for reuse */
    size_t spare_count;
    uint64_t last_number;
};

/* Initializes a table with room for this many tops and this many stages below them. The caller fills in `tops`, and
 * `stages` from stages[1] on, and counts the latter in `stage_count`. 0, or -1 when out of memory. */
COLD int exchange_table_init(struct exchange_table *table, size_t top_count, size_t stage_count, size_t buffer);
/* Frees what the table holds. No exchange may be open. */
COLD void exchange_table_free(struct exchange_table *table);

/* Opens an exchange that begins at `top`, one of table->tops, with `state` as its self->state. NULL when out of memory;
 * the caller then keeps `request`. See hg_exchange_open(). */
struct hg_self *exchange_open(struct exchange_table *table, struct stage *top, struct hg_head *request, void *state);

/* These implement struct hg_host. */
size_t exchange_emit_head(struct hg_self *self, enum hg_direction direction, struct hg_head *head);
size_t exchange_emit(struct hg_self *self, enum hg_direction direction, const struct hg_slice *slice);
void exchange_flush(struct hg_self *self, enum hg_direction direction);
void exchange_emit_end(struct hg_self *self, enum hg_direction direction, struct hg_fields *trailers);
size_t exchange_credit(struct hg_self *self, enum hg_direction direction);
void exchange_resume(struct hg_self *self, enum hg_direction direction);
COLD void exchange_reset(struct hg_self *self, const struct hg_reason *reason);
COLD void exchange_break(struct hg_self *self, const struct hg_reason *reason);
void exchange_set_target(struct hg_self *self, const struct hg_target *target);
void exchange_set_tls(struct hg_self *self, const struct hg_tls *tls);
void exchange_set_service(struct hg_self *self, const struct hg_service *service);

/* Runs exchanges until none has any events queued. */
void exchange_run_ready(struct exchange_table *table);

/* Resets all exchanges, as their time to finish is over. */
COLD void exchange_reset_all(struct exchange_table *table, const struct hg_reason *reason);

/* Logs each stage's statistics, then a line for each open exchange: how old it is and which stage holds it. */
COLD void exchange_report_stages(const struct exchange_table *table);
COLD void exchange_report(const struct exchange_table *table);

#endif
