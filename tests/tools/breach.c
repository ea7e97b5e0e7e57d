/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * breach: a stage that breaks the contract in <hopgate/stage.h> in the way that a request's path says: /breach/KIND.
 * Other requests bypass it. If HOPGATE_TEST_BREACH is set, it does not start, and does not say why.
 */
#include <hopgate/host.h>
#include <hopgate/plugin.h>
#include <hopgate/stage.h>
#include <stdlib.h>

static void respond(struct hg_self *self)
{
    struct hg_head *head = hg_head_new(self->host, HG_RESPONSE);

    head->status = 200;
    hg_emit_head(self, HG_UP, head);
}

static void emit(struct hg_self *self, enum hg_direction direction, size_t size)
{
    static const uint8_t bytes[1 << 20];

    hg_emit(self, direction, &(struct hg_slice){.data = bytes, .size = size});
}

/* ---- In head() ---- */

static enum hg_verdict head_verdict(struct hg_self *self)
{
    (void)self;
    return (enum hg_verdict)17;
}

static enum hg_verdict over_credit(struct hg_self *self)
{
    respond(self);
    emit(self, HG_UP, 1 << 20);
    return HG_TAKEN;
}

static enum hg_verdict early_data(struct hg_self *self)
{
    emit(self, HG_UP, 1);
    return HG_TAKEN;
}

static enum hg_verdict early_end(struct hg_self *self)
{
    hg_emit_end(self, HG_UP, NULL);
    return HG_TAKEN;
}

static enum hg_verdict late_data(struct hg_self *self)
{
    respond(self);
    hg_emit_end(self, HG_UP, NULL);
    emit(self, HG_UP, 1);
    return HG_TAKEN;
}

static enum hg_verdict second_head(struct hg_self *self)
{
    respond(self);
    respond(self);
    return HG_TAKEN;
}

/* Answers, and lets the request continue to a stage that also answers. */
static enum hg_verdict second_answer(struct hg_self *self)
{
    respond(self);
    return HG_NEXT;
}

static enum hg_verdict second_end(struct hg_self *self)
{
    respond(self);
    hg_emit_end(self, HG_UP, NULL);
    hg_emit_end(self, HG_UP, NULL);
    return HG_TAKEN;
}

static enum hg_verdict wrong_head(struct hg_self *self)
{
    hg_emit_head(self, HG_UP, hg_head_new(self->host, HG_REQUEST));
    return HG_TAKEN;
}

static enum hg_verdict no_head(struct hg_self *self)
{
    hg_emit_head(self, HG_UP, NULL);
    return HG_TAKEN;
}

static enum hg_verdict foreign_head(struct hg_self *self)
{
    hg_emit_head(self, HG_DOWN, (struct hg_head *)(uintptr_t)self->exchange->request);
    return HG_NEXT;
}

static enum hg_verdict same_head(struct hg_self *self)
{
    struct hg_head *head = hg_head_new(self->host, HG_RESPONSE);

    head->status = 103;
    hg_emit_head(self, HG_UP, head);
    hg_emit_head(self, HG_UP, head);
    return HG_TAKEN;
}

static enum hg_verdict answer_status(struct hg_self *self)
{
    struct hg_head *head = hg_head_new(self->host, HG_RESPONSE);

    head->status = 42;
    hg_emit_head(self, HG_UP, head);
    return HG_TAKEN;
}

static enum hg_verdict no_traffic(struct hg_self *self)
{
    ((struct hg_head *)(uintptr_t)self->exchange->request)->traffic = (enum hg_traffic)9;
    return HG_NEXT;
}

/* Not a direction, in every function that takes one. */
static enum hg_verdict third_direction(struct hg_self *self)
{
    enum hg_direction direction = (enum hg_direction)7;

    hg_resume(self, direction);
    hg_flush(self, direction);
    hg_credit(self, direction);
    hg_emit_head(self, direction, hg_head_new(self->host, HG_RESPONSE));
    emit(self, direction, 1);
    hg_emit_end(self, direction, NULL);
    return HG_NEXT;
}

static enum hg_verdict no_reason(struct hg_self *self)
{
    hg_reset(self, NULL);
    return HG_ERROR;
}

static enum hg_verdict bad_status(struct hg_self *self)
{
    hg_reset(self, &(struct hg_reason){42, NULL, "forty-two", 0});
    return HG_ERROR;
}

static enum hg_verdict resume_unheld(struct hg_self *self)
{
    hg_resume(self, HG_UP);
    return HG_NEXT;
}

static enum hg_verdict answer(struct hg_self *self)
{
    respond(self);
    hg_emit_end(self, HG_UP, NULL);
    return HG_TAKEN;
}

/* ---- In data() and end() ---- */

static size_t take_more(struct hg_self *self, size_t size)
{
    (void)self;
    return size + 1;
}

static size_t spin(struct hg_self *self, size_t size)
{
    (void)size;
    hg_resume(self, HG_DOWN);
    return 0;
}

static enum hg_verdict end_verdict(struct hg_self *self)
{
    (void)self;
    return HG_TAKEN;
}

static enum hg_verdict wrong_direction(struct hg_self *self)
{
    emit(self, HG_DOWN, 1);
    return HG_NEXT;
}

/* ---- After detach() ---- */

struct state {
    struct hg_self *gone;    /* an exchange that has ended */
    struct hg_call touching; /* in the same turn of the loop: later, another exchange may have its memory */
};

static void touch(void *arg)
{
    const struct state *state = arg;

    hg_reset(state->gone, &(struct hg_reason){502, NULL, "too late", 0});
    hg_resume(state->gone, HG_DOWN);
    emit(state->gone, HG_UP, 1);
    hg_emit_end(state->gone, HG_UP, NULL);
}

static int start(struct hg_worker *worker)
{
    struct state *state = getenv("HOPGATE_TEST_BREACH") ? NULL : calloc(1, sizeof *state);

    worker->state = state;
    if (!state)
        return -1;
    state->touching = (struct hg_call){.callback = touch, .arg = state};
    return 0;
}

static void stop(struct hg_worker *worker)
{
    struct state *state = worker->state;

    if (state)
        hg_defer_cancel(&state->touching);
    free(state);
}

/* ---- The stage ---- */

struct kind {
    const char *name;
    enum hg_verdict (*head)(struct hg_self *self);
    size_t (*data)(struct hg_self *self, size_t size);
    enum hg_verdict (*end)(struct hg_self *self);
    bool passes; /* the request continues to the stage that answers it */
};

static const struct kind kinds[] = {
    {.name = "attach_verdict"},
    {.name = "head_verdict", .head = head_verdict},
    {.name = "over_credit", .head = over_credit},
    {.name = "early_data", .head = early_data},
    {.name = "early_end", .head = early_end},
    {.name = "late_data", .head = late_data},
    {.name = "second_head", .head = second_head},
    {.name = "second_answer", .head = second_answer, .passes = true},
    {.name = "second_end", .head = second_end},
    {.name = "wrong_head", .head = wrong_head},
    {.name = "no_head", .head = no_head},
    {.name = "foreign_head", .head = foreign_head},
    {.name = "same_head", .head = same_head},
    {.name = "answer_status", .head = answer_status},
    {.name = "no_traffic", .head = no_traffic},
    {.name = "third_direction", .head = third_direction},
    {.name = "no_reason", .head = no_reason},
    {.name = "bad_status", .head = bad_status},
    {.name = "resume_unheld", .head = resume_unheld, .passes = true},
    {.name = "take_more", .data = take_more},
    {.name = "spin", .data = spin},
    {.name = "end_verdict", .end = end_verdict},
    {.name = "wrong_direction", .head = answer, .end = wrong_direction},
    {.name = "after_detach", .head = answer},
};

static const struct kind *kind_of(const struct hg_self *self)
{
    static const struct hg_text prefix = {"/breach/", 8};
    struct hg_text path = self->exchange->request->path;

    if (path.size < prefix.size || memcmp(path.data, prefix.data, prefix.size) != 0)
        return NULL;
    path = (struct hg_text){path.data + prefix.size, path.size - prefix.size};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (hg_text_equal(path, hg_text(kinds[i].name)))
            return &kinds[i];
    return NULL;
}

static enum hg_verdict on_attach(struct hg_self *self)
{
    const struct kind *kind = kind_of(self);

    return !kind ? HG_BYPASS : kind == kinds ? (enum hg_verdict)17 : HG_NEXT;
}

static enum hg_verdict on_head(struct hg_self *self, enum hg_direction direction, struct hg_head *head)
{
    const struct kind *kind = kind_of(self);

    (void)head;
    return direction == HG_DOWN && kind->head ? kind->head(self) : HG_NEXT;
}

static size_t on_data(struct hg_self *self, enum hg_direction direction, const struct hg_slice *slice)
{
    const struct kind *kind = kind_of(self);
    if (direction == HG_DOWN && kind->data)
        return kind->data(self, slice->size);
    if (kind->passes)
        hg_emit(self, direction, slice);
    return slice->size;
}

static enum hg_verdict on_end(struct hg_self *self, enum hg_direction direction, struct hg_fields *trailers)
{
    const struct kind *kind = kind_of(self);

    (void)trailers;
    return direction == HG_DOWN && kind->end ? kind->end(self) : HG_NEXT;
}

static void on_detach(struct hg_self *self)
{
    struct state *state = self->worker->state;

    if (strcmp(kind_of(self)->name, "after_detach") != 0)
        return;
    state->gone = self;
    hg_defer(self->worker, &state->touching);
}

HG_EXPORT const struct hg_plugin *hopgate_plugin(void)
{
    static const struct hg_stage_ops ops = {
        .events = HG_EVENTS_MESSAGES | HG_EVENTS_UPGRADED,
        .attach = on_attach,
        .head = on_head,
        .data = on_data,
        .end = on_end,
        .detach = on_detach,
    };
    static const struct hg_plugin plugin = {
        .abi = HG_ABI,
        .role = HG_ROLE_STAGE,
        .name = "breach",
        .version = "1.0",
        .summary = "Breaks the plugin contract",
        .ops = &ops,
        .worker_start = start,
        .worker_stop = stop,
    };

    return &plugin;
}
