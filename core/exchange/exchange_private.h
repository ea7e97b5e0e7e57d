/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The structures of an exchange, shared by the files of this folder.
 */
#ifndef CORE_EXCHANGE_EXCHANGE_PRIVATE_H
#define CORE_EXCHANGE_EXCHANGE_PRIVATE_H

#include "core/base/cold.h"
#include "core/base/fatal.h"
#include "core/exchange/exchange.h"

/* Slices that an inbox holds without an allocation. */
#define FEW_SLICES 4

/* reset_by if no stage of the exchange requested the reset. */
#define NOBODY UINT32_MAX

/* The callback that is running. */
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

/* The detectable breaches of the contract of <hopgate/stage.h>: bits of stage->breaches. */
enum breach {
    BREACH_VERDICT,       /* an answer that the callback must not give */
    BREACH_CONSUMED,      /* more data taken than was offered */
    BREACH_SPIN,          /* nothing consumed, and hg_resume() called */
    BREACH_CREDIT,        /* more data emitted than there was credit for */
    BREACH_EARLY_DATA,    /* data before the final head */
    BREACH_EARLY_END,     /* end before the final head */
    BREACH_LATE_DATA,     /* data after the end */
    BREACH_SECOND_HEAD,   /* a head after the final one */
    BREACH_SECOND_ANSWER, /* a final head of its own, and one from another stage passed on */
    BREACH_SECOND_END,    /* a second end */
    BREACH_HEAD_KIND,     /* a request up or a response down */
    BREACH_HEAD_STATUS,   /* a response whose status is out of range */
    BREACH_TRAFFIC,       /* a request whose traffic is out of range */
    BREACH_NO_HEAD,       /* head is NULL */
    BREACH_FOREIGN_HEAD,  /* a head that belongs to the exchange */
    BREACH_SAME_HEAD,     /* a head that has just been emitted */
    BREACH_DIRECTION,     /* a direction that does not exist, or emitted where there is no further stage */
    BREACH_RESUME,        /* resumed without being held */
    BREACH_NO_REASON,     /* reset without a reason */
    BREACH_STATUS,        /* reset with a status out of range */
    BREACH_DETACHED,      /* an action after detach() */
};

/* The events queued for a stage in one direction: heads, then data, then the end. */
struct inbox {
    struct hg_head *heads, *last_head;
    struct hg_slice *slices; /* a ring */
    struct hg_slice few_slices[FEW_SLICES];
    size_t first_slice, slice_count, slice_room;
    size_t bytes; /* in the slices */
    struct hg_fields *trailers;
    hg_time held_since;
    bool flush_waits; /* a flush follows once everything in the inbox has been taken */
    bool end_waits;   /* the end is in the inbox */
    bool ended;       /* the end has passed */
    bool head_came;   /* a final head has entered: data may follow */
    bool head_seen;   /* a final head has passed */
    bool head_called; /* the stage has seen the first head and paused */
    bool end_called;  /* the stage has seen the end and paused */
    bool held;        /* paused, or left data: until hg_resume() */
    bool resumed;     /* hg_resume() was called since the last callback began */
};

/* A stage's part in an exchange. `public` is what the stage sees; it comes first, so that a pointer to either is a
 * pointer to both.
 */
struct slot {
    struct hg_self public;
    const struct hg_stage_ops *ops;
    struct stage *stage;
    struct exchange *exchange;
    unsigned index;
    struct calling before;  /* the value of calling_now when the callback began */
    uint8_t hook;           /* an enum hook: the callback that is running … */
    uint8_t hook_direction; /* … and its direction */
    bool attached;          /* attach() returned NEXT, so detach() must follow */
    bool bypassed;          /* attach() returned BYPASS */
    bool is_out;            /* detached: no longer part of the exchange */
    bool wants_credit[2];   /* found no credit, so writable() must follow */
    struct inbox inboxes[2];
};

struct exchange {
    struct hg_exchange public;
    struct exchange_table *table;
    struct exchange *next, *previous; /* in table->open */
    struct exchange *next_ready;      /* in table->ready */
    struct hg_head *request, *response;
    uint64_t work[2];     /* bit i: the inbox of slots[i] has work to do */
    uint64_t writable[2]; /* bit i: slots[i] gets writable() */
    unsigned bottom;      /* the last slot down: the one that answers */
    unsigned reset_by;    /* also set while a response is being broken off */
    bool is_ready;
    bool is_reset;
    bool is_breach;    /* … by a breach of contract: the stage that caused it gets the reset, too */
    bool is_shortened; /* the slots below `bottom` have been detached: events that still come down are discarded */
    bool is_breaking;  /* will be reset once the inboxes above `reset_by` are empty … */
    bool is_cut;       /* … and that slot and those below are already detached */
    struct hg_outcome outcome;
    struct hg_reason reason;
    char detail[256];    /* of the reason; not initialized */
    struct slot slots[]; /* table->stage_count of them, followed by the stages' states */
};

/* "attach": the names of callbacks, indexed by enum hook. */
extern const char *const exchange_hooks[];

static inline struct slot *slot_of(struct hg_self *self)
{
    return (struct slot *)self;
}

static inline hg_time slot_now(const struct slot *slot)
{
    return hg_now(slot->public.worker);
}

/* To be called before and after each callback. */
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

/* Whether a stage has nothing more to do. */
static inline bool slot_is_over(const struct slot *slot)
{
    const struct exchange *exchange = slot->exchange;

    return exchange->is_reset || slot->is_out || (exchange->is_breaking && slot->index >= exchange->reset_by);
}

/* The next slot in that direction; NULL after the last. */
static inline struct slot *slot_neighbour(struct slot *slot, enum hg_direction direction)
{
    struct exchange *exchange = slot->exchange;

    if (direction == HG_DOWN)
        return slot->index < exchange->bottom ? &exchange->slots[slot->index + 1] : NULL;
    return slot->index > 0 ? &exchange->slots[slot->index - 1] : NULL;
}

/* ---- exchange.c ---- */

/* All stages must be detached. */
void exchange_free(struct exchange *exchange);

/* ---- exchange_queue.c ---- */

/* Marks the exchange as ready for exchange_run_ready(). */
void exchange_schedule(struct exchange *exchange);
/* Marks that the inbox of `slot` has work to do. */
void slot_mark(struct slot *slot, enum hg_direction direction);

/* Append to the inbox of `slot`: a head; a slice, together with its reference; the end. */
void slot_append_head(struct slot *slot, enum hg_direction direction, struct hg_head *head);
void slot_append_slice(struct slot *slot, enum hg_direction direction, struct hg_slice slice);
void slot_append_flush(struct slot *slot, enum hg_direction direction);
void slot_append_end(struct slot *slot, enum hg_direction direction, struct hg_fields *trailers);
bool inbox_is_empty(const struct inbox *inbox);
/* Discards all queued events. */
void inbox_clear(struct exchange *exchange, struct inbox *inbox);
/* Frees a head that is no longer used; the request and the final response stay until the exchange ends. */
void exchange_head_done(struct exchange *exchange, struct hg_head *head);

/* ---- exchange_credit.c ---- */

/* The slot whose inbox gets the data of `slot`, skipping those that data passes through untouched. NULL after the
 * last. */
struct slot *slot_receiver(struct slot *slot, enum hg_direction direction);
/* Room was freed in the inbox of `slot`: notifies the slots that emit into it. */
void slot_offer_credit(struct slot *slot, enum hg_direction direction);

/* ---- exchange_end.c ---- */

/* Resets the exchange, once; `by`: the index of the slot that requested it, or NOBODY. */
COLD void exchange_reset_by(struct exchange *exchange, const struct hg_reason *reason, unsigned by);
/* The same, but only once all events on their way up from there have been taken; the slots below end at once. */
COLD void exchange_break_by(struct exchange *exchange, const struct hg_reason *reason, unsigned by);
/* Continues a break; called until it is complete. */
COLD void exchange_continue_break(struct exchange *exchange);
/* A stage answers instead of those below it, which are reset. */
COLD void exchange_replace_below(struct slot *slot);
/* Detaches all stages and frees the exchange. If it was reset, the stages get the reset first. */
void exchange_finish(struct exchange *exchange);
COLD void exchange_finish_reset(struct exchange *exchange);

/* ---- exchange_breach.c ---- */

/* A stage broke the contract. Logged under its name, the first time for each callback; the exchange is reset … */
__attribute__((cold, format(printf, 3, 4))) void slot_breach(struct slot *slot, enum breach breach, const char *format,
                                                             ...);
/* … or continues, if that does no harm. */
__attribute__((cold, format(printf, 3, 4))) void slot_note_breach(struct slot *slot, enum breach breach,
                                                                  const char *format, ...);
/* Whether a head that `slot` emits or passes on is valid; `what` is the verb for the log ("emits"). */
bool slot_head_is_valid(struct slot *slot, enum hg_direction direction, const struct hg_head *head, const char *what);
/* Whether `direction` is valid. False after a breach. */
bool slot_is_direction(struct slot *slot, enum hg_direction direction);

/* ---- exchange_report.c ---- */

/* Logs that the exchange was reset, and why. The outcome must be set. */
COLD void exchange_log_failure(const struct exchange *exchange);

#endif
