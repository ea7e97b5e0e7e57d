/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What an exchange is made of: for exchange.c, which makes it and does what stages ask for; exchange_queue.c, which
 * keeps what waits; exchange_run.c, which calls the stages; and exchange_report.c, which tells about it.
 */
#ifndef CORE_EXCHANGE_EXCHANGE_PRIVATE_H
#define CORE_EXCHANGE_EXCHANGE_PRIVATE_H

#include "core/exchange/exchange.h"

/* Slices that an inbox holds without an allocation of its own. */
#define FEW_SLICES 4

/* reset_by, when no place of the exchange has asked for the reset. */
#define NOBODY UINT32_MAX

/* What waits to be seen by one place, in one direction: heads, then data, then the end. */
struct inbox {
    struct hg_head *heads, *last_head;
    struct hg_slice *slices; /* a ring */
    struct hg_slice few_slices[FEW_SLICES];
    size_t first_slice, slice_count, slice_room;
    size_t bytes; /* in slices */
    struct hg_fields *trailers;
    hg_time held_since;
    bool end_waits;   /* the end is in the inbox */
    bool ended;       /* the end has passed */
    bool head_seen;   /* a final head has passed: data may follow */
    bool head_called; /* the stage has seen the first head and paused it */
    bool end_called;  /* the same for the end */
    bool held;        /* paused, or data was left: until hg_resume() */
    bool resumed;     /* hg_resume() was called since the last callback began */
};

/* One place of an exchange. `public` is what its stage sees; it is the first member, so that one is the other. */
struct node {
    struct hg_self public;
    const struct hg_stage_ops *ops;
    struct stage *stage;
    struct exchange *exchange;
    unsigned index;
    bool attached;        /* attach() has answered NEXT, detach() is owed */
    bool bypassed;        /* attach() has answered BYPASS */
    bool is_out;          /* detached: takes part no more */
    bool wants_credit[2]; /* was told that it has none, writable() is owed */
    struct inbox inboxes[2];
};

struct exchange {
    struct hg_exchange public;
    struct exchange_table *table;
    struct exchange *next, *previous; /* in table->open */
    struct exchange *next_ready;      /* in table->ready */
    struct hg_head *request, *response;
    uint64_t work[2];     /* bit i: the inbox of nodes[i] has something to do */
    uint64_t writable[2]; /* bit i: nodes[i] gets writable() */
    unsigned bottom;      /* the last place down: who answers */
    unsigned reset_by;    /* also of a response that is being broken off */
    bool is_ready;
    bool is_reset;
    bool is_breaking; /* it will be reset when what waits above `reset_by` has been taken … */
    bool is_cut;      /* … and is without that place and those below */
    struct hg_reason reason;
    char detail[256];
    struct node nodes[]; /* table->stage_count of them, then the stages' states */
};

/* ---- exchange.c ---- */

/* All places are detached. */
void exchange_free(struct exchange *exchange);

/* ---- exchange_report.c ---- */

/* Logs that the exchange was reset, and why. */
void exchange_log_failure(const struct exchange *exchange);

/* ---- exchange_queue.c ---- */

/* Lets exchange_run_ready() run it. */
void exchange_schedule(struct exchange *exchange);
/* Ends the exchange before its end, once; `by`: the index of the node that wants it, or NOBODY. */
void exchange_reset_by(struct exchange *exchange, const struct hg_reason *reason, unsigned by);
/* The same, but when what waits on its way up from there has been taken; what is below ends at once. */
void exchange_break_by(struct exchange *exchange, const struct hg_reason *reason, unsigned by);
/* Whether nothing more is wanted of a place. */
bool node_is_over(const struct node *node);
/* Frees a head that nobody will look at any more; the request and the final response stay until the end. */
void exchange_head_done(struct exchange *exchange, struct hg_head *head);

/* Something is to be done for the inbox of `node`. */
void node_mark(struct node *node, enum hg_direction direction);
/* The place after `node` in that direction, or NULL behind the last. */
struct node *node_neighbour(struct node *node, enum hg_direction direction);
/* Whether data would pass a place untouched: it has no part in it, and nothing that must go before waits there. */
bool node_is_transparent(const struct node *node, enum hg_direction direction);
/* The bytes of data that the inbox of `node` may hold now. */
size_t node_window(const struct node *node, enum hg_direction direction);
/* The place whose inbox the data of `node` goes into. */
struct node *node_receiver(struct node *node, enum hg_direction direction);

/* Put into the inbox of `node`: a head; a slice, with the reference that comes with it; the end. */
void node_append_head(struct node *node, enum hg_direction direction, struct hg_head *head);
void node_append_slice(struct node *node, enum hg_direction direction, struct hg_slice slice);
void node_append_end(struct node *node, enum hg_direction direction, struct hg_fields *trailers);
bool inbox_is_empty(const struct inbox *inbox);
/* Throws away what waits. */
void inbox_clear(struct exchange *exchange, struct inbox *inbox);

#endif
