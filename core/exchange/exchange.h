/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Exchanges: the events of one request and its response on their way through the stages of a pipeline, with credit.
 *
 * This is where the core keeps what <hopgate/stage.h> promises to stages.
 */
#ifndef CORE_EXCHANGE_EXCHANGE_H
#define CORE_EXCHANGE_EXCHANGE_H

#include <hopgate/host.h>

struct exchange;
struct only;

/* A stage of the pipeline in one worker, and what has gone through it. */
struct stage {
    const struct hg_stage_ops *ops;
    struct hg_worker *worker; /* its instance; NULL: this stage is not there */
    const char *plugin;       /* its name, for core/base/fatal.h; NULL: this is the core's own stage */
    const struct only *only;  /* the requests in which it takes part; NULL: all */
    uint64_t calls;           /* of its callbacks */
    uint64_t bytes[2];        /* of data that it took, down and up */
    hg_time held;             /* how long it has held exchanges, added up */
    uint32_t breaches[9];     /* of the contract, by callback, that were logged: core/exchange/exchange_breach.c */
};

/* All exchanges of one worker, and the way through its pipeline. */
struct exchange_table {
    struct stage *tops; /* one for each way an exchange may begin: an edge, or on a client the tunnel */
    size_t top_count;
    struct stage *stages; /* those below; stages[0] is left out, since it is one of the tops */
    size_t stage_count;
    bool gathers;  /* some stage has a use for flushes */
    size_t buffer; /* the credit of each stage and direction, in bytes */
    struct exchange *open;
    size_t open_count;
    struct exchange *ready, **ready_tail; /* those with something to do, first come, first served */
    struct exchange *spares;              /* freed ones, kept for the next */
    size_t spare_count;
    uint64_t last_number;
};

/* Makes an empty table with room for so many tops and so many stages below them. The caller fills in `tops` and, from
 * stages[1] on, `stages`, and counts the latter in `stage_count`. 0, or -1: out of memory. */
int exchange_table_init(struct exchange_table *table, size_t top_count, size_t stage_count, size_t buffer);
/* Frees what the table holds. No exchange is open any more. */
void exchange_table_free(struct exchange_table *table);

/* Opens an exchange that begins at `top`, one of table->tops, whose self->state becomes `state`. NULL: out of memory;
 * `request` is then still the caller's. See hg_exchange_open(). */
struct hg_self *exchange_open(struct exchange_table *table, struct stage *top, struct hg_head *request, void *state);

/* The functions behind struct hg_host. */
size_t exchange_emit_head(struct hg_self *self, enum hg_direction direction, struct hg_head *head);
size_t exchange_emit(struct hg_self *self, enum hg_direction direction, const struct hg_slice *slice);
void exchange_flush(struct hg_self *self, enum hg_direction direction);
void exchange_emit_end(struct hg_self *self, enum hg_direction direction, struct hg_fields *trailers);
size_t exchange_credit(struct hg_self *self, enum hg_direction direction);
void exchange_resume(struct hg_self *self, enum hg_direction direction);
void exchange_reset(struct hg_self *self, const struct hg_reason *reason);
void exchange_break(struct hg_self *self, const struct hg_reason *reason);
void exchange_set_target(struct hg_self *self, const struct hg_target *target);
void exchange_set_tls(struct hg_self *self, const struct hg_tls *tls);
void exchange_set_service(struct hg_self *self, const struct hg_service *service);

/* Runs every exchange that has queued events until none has. */
void exchange_run_ready(struct exchange_table *table);

/* Resets all exchanges: the time to stop is up. */
void exchange_reset_all(struct exchange_table *table, const struct hg_reason *reason);

/* Writes to the log what has gone through each stage, then a line for each open exchange: how old it is and which stage
 * holds it. */
void exchange_report_stages(const struct exchange_table *table);
void exchange_report(const struct exchange_table *table);

#endif
