/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What an exchange is made of, for the files of this folder.
 */
#ifndef CORE_EXCHANGE_EXCHANGE_PRIVATE_H
#define CORE_EXCHANGE_EXCHANGE_PRIVATE_H

#include "core/base/fatal.h"
#include "core/exchange/exchange.h"

/* Slices that an inbox holds without an allocation of its own. */
#define FEW_SLICES 4

/* reset_by, when no stage of the exchange has asked for the reset. */
#define NOBODY UINT32_MAX

/* The callback that a stage is in. */
enum hook {
    HOOK_NONE,
    HOOK_ATTACH,
    HOOK_HEAD,
    HOOK_DATA,
    HOOK_END,
    HOOK_FLUSH,
    HOOK_RESET,
    HOOK_WRITABLE,
    HOOK_DETACH,
};

/* The ways to break the contract of <hopgate/stage.h> that can be seen: bits of stage->breaches. */
enum breach {
    BREACH_VERDICT,       /* an answer that the callback does not have */
    BREACH_CONSUMED,      /* more data taken than was offered */
    BREACH_SPIN,          /* nothing taken, and hg_resume() */
    BREACH_CREDIT,        /* more data emitted than the credit */
    BREACH_EARLY_DATA,    /* before the final head */
    BREACH_EARLY_END,     /* … */
    BREACH_LATE_DATA,     /* after the end */
    BREACH_SECOND_HEAD,   /* after the final one */
    BREACH_SECOND_ANSWER, /* a final head of its own, and that of another passed on */
    BREACH_SECOND_END,    /* … */
    BREACH_HEAD_KIND,     /* a request up or a response down */
    BREACH_NO_HEAD,       /* NULL */
    BREACH_FOREIGN_HEAD,  /* one that belongs to the exchange */
    BREACH_DIRECTION,     /* emitted to where there is nobody */
    BREACH_RESUME,        /* of what is not held */
    BREACH_NO_REASON,     /* to reset */
    BREACH_STATUS,        /* of a reset, out of range */
    BREACH_DETACHED,      /* something done after detach() */
};

/* What waits for one stage in one direction: heads, then data, then the end. */
struct inbox {
    struct hg_head *heads, *last_head;
    struct hg_slice *slices; /* a ring */
    struct hg_slice few_slices[FEW_SLICES];
    size_t first_slice, slice_count, slice_room;
    size_t bytes; /* in slices */
    struct hg_fields *trailers;
    hg_time held_since;
    bool flush_waits; /* … behind all that is in the inbox */
    bool end_waits;   /* the end is in the inbox */
    bool ended;       /* the end has passed */
    bool head_came;   /* a final head has been put in: data may follow */
    bool head_seen;   /* it has passed */
    bool head_called; /* the stage has seen the first head and paused it */
    bool end_called;  /* the same for the end */
    bool held;        /* paused, or data was left: until hg_resume() */
    bool resumed;     /* hg_resume() was called since the last callback began */
};

/* One stage's part in an exchange. `public` is what the stage sees; it is the first member, so that one is the other.
 */
struct slot {
    struct hg_self public;
    const struct hg_stage_ops *ops;
    struct stage *stage;
    struct exchange *exchange;
    unsigned index;
    struct calling before;  /* what was being called when the callback began */
    uint8_t hook;           /* an enum hook: the callback that is running … */
    uint8_t hook_direction; /* … and its direction */
    bool attached;          /* attach() has answered NEXT, detach() is due */
    bool bypassed;          /* attach() has answered BYPASS */
    bool is_out;            /* detached: no longer takes part */
    bool wants_credit[2];   /* was told that it has none, writable() is due */
    struct inbox inboxes[2];
};

struct exchange {
    struct hg_exchange public;
    struct exchange_table *table;
    struct exchange *next, *previous; /* in table->open */
    struct exchange *next_ready;      /* in table->ready */
    struct hg_head *request, *response;
    uint64_t work[2];     /* bit i: the inbox of slots[i] has something to do */
    uint64_t writable[2]; /* bit i: slots[i] gets writable() */
    unsigned bottom;      /* the last slot down: who answers */
    unsigned reset_by;    /* also of a response that is being broken off */
    bool is_ready;
    bool is_reset;
    bool is_breach;    /* … by a breach of contract: the stage that has caused it is told too */
    bool is_shortened; /* what was below `bottom` is gone: what still comes down to it is thrown away */
    bool is_breaking;  /* it will be reset when what waits above `reset_by` has been taken … */
    bool is_cut;       /* … and is without that slot and those below */
    struct hg_outcome outcome;
    struct hg_reason reason;
    char detail[256];    /* of the reason; not cleared before */
    struct slot slots[]; /* table->stage_count of them, then the stages' states */
};

/* "attach": the names of callbacks, by enum hook. */
extern const char *const exchange_hooks[];

static inline struct slot *slot_of(struct hg_self *self)
{
    return (struct slot *)self;
}

static inline hg_time slot_now(const struct slot *slot)
{
    return hg_now(slot->public.worker);
}

/* To be said before and after each callback. */
static inline void slot_enter(struct slot *slot, enum hook hook, enum hg_direction direction)
{
    slot->stage->calls++;
    slot->before = calling_now;
    calling_now = (struct calling){slot->stage->plugin, exchange_hooks[hook]};
    slot->hook = hook;
    slot->hook_direction = direction;
}

static inline void slot_leave(struct slot *slot)
{
    slot->hook = HOOK_NONE;
    calling_now = slot->before;
}

/* Whether nothing more is wanted of a stage. */
static inline bool slot_is_over(const struct slot *slot)
{
    const struct exchange *exchange = slot->exchange;

    return exchange->is_reset || slot->is_out || (exchange->is_breaking && slot->index >= exchange->reset_by);
}

/* The slot after `slot` in that direction, or NULL behind the last. */
static inline struct slot *slot_neighbour(struct slot *slot, enum hg_direction direction)
{
    struct exchange *exchange = slot->exchange;

    if (direction == HG_DOWN)
        return slot->index < exchange->bottom ? &exchange->slots[slot->index + 1] : NULL;
    return slot->index > 0 ? &exchange->slots[slot->index - 1] : NULL;
}

/* ---- exchange.c ---- */

/* All stages are detached. */
void exchange_free(struct exchange *exchange);

/* ---- exchange_queue.c ---- */

/* Lets exchange_run_ready() run it. */
void exchange_schedule(struct exchange *exchange);
/* Something is to be done for the inbox of `slot`. */
void slot_mark(struct slot *slot, enum hg_direction direction);

/* Put into the inbox of `slot`: a head; a slice, with the reference that comes with it; the end. */
void slot_append_head(struct slot *slot, enum hg_direction direction, struct hg_head *head);
void slot_append_slice(struct slot *slot, enum hg_direction direction, struct hg_slice slice);
void slot_append_flush(struct slot *slot, enum hg_direction direction);
void slot_append_end(struct slot *slot, enum hg_direction direction, struct hg_fields *trailers);
bool inbox_is_empty(const struct inbox *inbox);
/* Throws away what waits. */
void inbox_clear(struct exchange *exchange, struct inbox *inbox);
/* Frees a head that nobody will look at any more; the request and the final response stay until the end. */
void exchange_head_done(struct exchange *exchange, struct hg_head *head);

/* ---- exchange_credit.c ---- */

/* The slot whose inbox the data of `slot` goes into: past those that data passes untouched. NULL behind the last. */
struct slot *slot_receiver(struct slot *slot, enum hg_direction direction);
/* Room has become free in the inbox of `slot`: lets those who emit into it know. */
void slot_offer_credit(struct slot *slot, enum hg_direction direction);

/* ---- exchange_end.c ---- */

/* Resets the exchange, once; `by`: the index of the slot that wants it, or NOBODY. */
void exchange_reset_by(struct exchange *exchange, const struct hg_reason *reason, unsigned by);
/* The same, but when what waits on its way up from there has been taken; what is below ends at once. */
void exchange_break_by(struct exchange *exchange, const struct hg_reason *reason, unsigned by);
/* Takes a break a step further: to be called while it lasts. */
void exchange_go_on_breaking(struct exchange *exchange);
/* A stage answers instead of those below it, which are reset. */
void exchange_replace_below(struct slot *slot);
/* Detaches all stages and frees the exchange; of one that was reset, after telling them. */
void exchange_finish(struct exchange *exchange);
void exchange_finish_reset(struct exchange *exchange);

/* ---- exchange_breach.c ---- */

/* A stage has broken the contract. The first time, for each callback, that is logged under its name; the exchange is
 * reset … */
__attribute__((format(printf, 3, 4))) void slot_breach(struct slot *slot, enum breach breach, const char *format, ...);
/* … or goes on, where that does no harm. */
__attribute__((format(printf, 3, 4))) void slot_note_breach(struct slot *slot, enum breach breach, const char *format,
                                                            ...);

/* ---- exchange_report.c ---- */

/* Logs that the exchange was reset, and why. Its outcome is known. */
void exchange_log_failure(const struct exchange *exchange);

#endif
