/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What an exchange is made of: for exchange.c, which runs it, and exchange_report.c, which tells about it.
 */
#ifndef CORE_EXCHANGE_PRIVATE_H
#define CORE_EXCHANGE_PRIVATE_H

#include "core/exchange.h"

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
    struct place *place;
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
    struct worker *worker;
    struct exchange *next, *previous; /* in worker->exchanges */
    struct exchange *next_ready;      /* in worker->ready */
    struct hg_head *request, *response;
    uint64_t work[2];     /* bit i: the inbox of nodes[i] has something to do */
    uint64_t writable[2]; /* bit i: nodes[i] gets writable() */
    unsigned bottom;      /* the last place down: who answers */
    unsigned reset_by;
    bool is_ready;
    bool is_reset;
    struct hg_reason reason;
    char detail[256];
    struct node nodes[]; /* worker->path_count of them, then the stages' states */
};

#endif
