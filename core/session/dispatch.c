/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/session/dispatch.h"

#include "core/base/user_errors.h"
#include "core/session/exchange_stream.h"
#include "core/session/session_choice.h"
#include "core/session/session_table.h"

#include <stdio.h>

/* How long an exchange waits for its client to return: longer than it takes a client to change networks, and shorter
 * than a user's patience. */
#define RETURN_TIME (5 * HG_SECOND)

/* How many exchanges may wait for this, each with a head and the first bytes of its body. */
#define RETURN_WAITING_MAX 1024

/* How many exchanges may wait for a stream of one session. */
#define STREAM_WAITING_MAX 1024

/* The state of an exchange: self->state. */
struct dispatch {
    struct exchange_stream *stream; /* NULL: no session found yet */
    struct hg_self *self;
    struct hg_head *head; /* of the request, while it waits for its client to return; else NULL */
    hg_time until;
    struct dispatch *next, **previous;
};

static struct exchange_stream *stream_of(const struct hg_self *self)
{
    return ((const struct dispatch *)self->state)->stream;
}

static enum hg_verdict fail(struct hg_self *self, struct hg_reason reason)
{
    char detail[512];

    snprintf(detail, sizeof detail, "%.*s: %s", HG_PRINT(self->exchange->target.client), reason.detail);
    if (self->exchange->target.client.size)
        reason.detail = detail;
    hg_reset(self, &reason);
    return HG_ERROR;
}

/* Gives the exchange a stream of its session, or puts it in line for one. 0, or -1 if the line is too long. */
static int find_stream(struct exchange_stream *stream)
{
    struct session *session = stream->session;
    struct tn_stream *tn = session->waiting ? NULL : tn_stream_open(session->tn);

    if (tn)
        exchange_stream_set_stream(stream, tn);
    else if (session->waiting_count < STREAM_WAITING_MAX)
        exchange_stream_wait(stream);
    else
        return -1;
    return 0;
}

/* Starts the exchange on a session. */
static enum hg_verdict begin(struct dispatch *dispatch, struct session *session, struct hg_head *head)
{
    struct hg_self *self = dispatch->self;

    if (hg_head_set(self->host, head, &head->service, self->exchange->target.service))
        return fail(self, user_errors[USER_ERROR_OUT_OF_MEMORY]);
    dispatch->stream = exchange_stream_new(session, HG_DOWN);
    if (!dispatch->stream)
        return fail(self, user_errors[USER_ERROR_OUT_OF_MEMORY]);
    dispatch->stream->self = self;
    session->chosen = ++session->sessions->choices;
    if (find_stream(dispatch->stream))
        return fail(self, user_errors[USER_ERROR_TOO_MANY]);
    return exchange_stream_send_head(dispatch->stream, head);
}

/* All wait for the same time, so the first in line is the first to fail. */
static void set_timer(struct sessions *sessions)
{
    struct hg_worker *core = sessions->worker;
    hg_time now = hg_now(core);

    if (!sessions->waiting)
        hg_timer_stop(core->host, sessions->waiting_timer);
    else
        hg_timer_set(core->host, sessions->waiting_timer,
                     sessions->waiting->until > now ? sessions->waiting->until - now : 0);
}

static void enqueue(struct dispatch *dispatch, struct hg_head *head)
{
    struct sessions *sessions = dispatch->self->worker->state;

    dispatch->head = head;
    dispatch->until = hg_now(sessions->worker) + RETURN_TIME;
    dispatch->next = NULL;
    dispatch->previous = sessions->waiting_tail;
    *sessions->waiting_tail = dispatch;
    sessions->waiting_tail = &dispatch->next;
    sessions->waiting_count++;
    if (sessions->waiting == dispatch)
        set_timer(sessions);
}

static void dequeue(struct dispatch *dispatch)
{
    struct sessions *sessions;

    if (!dispatch->head)
        return;
    sessions = dispatch->self->worker->state;
    dispatch->head = NULL;
    *dispatch->previous = dispatch->next;
    if (dispatch->next)
        dispatch->next->previous = dispatch->previous;
    else
        sessions->waiting_tail = dispatch->previous;
    sessions->waiting_count--;
}

static void give_up(void *arg)
{
    struct sessions *sessions = arg;
    hg_time now = hg_now(sessions->worker);

    while (sessions->waiting && now >= sessions->waiting->until) {
        struct dispatch *dispatch = sessions->waiting;

        dequeue(dispatch);
        fail(dispatch->self, user_errors[USER_ERROR_LINK_LOST]);
    }
    set_timer(sessions);
}

/* Tries again to find a session for the exchange. */
static void try_again(struct dispatch *dispatch)
{
    struct hg_head *head = dispatch->head;
    enum hg_verdict verdict;
    struct hg_reason reason;
    struct session *session;
    bool absent;

    session = session_choose(dispatch->self->worker->state, &dispatch->self->exchange->target, &reason, &absent);
    if (!session && absent)
        return;
    dequeue(dispatch);
    verdict = session ? begin(dispatch, session, head) : fail(dispatch->self, reason);
    /* After PAUSE, the stream resumes the exchange; after ERROR, it has been reset. */
    if (verdict == HG_NEXT)
        hg_resume(dispatch->self, HG_DOWN);
}

void dispatch_retry(struct session *session)
{
    struct sessions *sessions = session->sessions;
    struct hg_text id = hg_text(session->identity.id);
    struct dispatch *next;

    for (struct dispatch *dispatch = sessions->waiting; dispatch; dispatch = next) {
        next = dispatch->next;
        if (hg_text_equal(dispatch->self->exchange->target.client, id))
            try_again(dispatch);
    }
}

int dispatch_start(struct sessions *sessions)
{
    sessions->waiting_tail = &sessions->waiting;
    sessions->waiting_timer = hg_timer_new(sessions->worker, give_up, sessions);
    return sessions->waiting_timer ? 0 : -1;
}

void dispatch_stop(struct sessions *sessions)
{
    if (sessions->waiting_timer)
        hg_timer_free(sessions->worker->host, sessions->waiting_timer);
}

static enum hg_verdict gateway_head(struct hg_self *self, enum hg_direction direction, struct hg_head *head)
{
    struct sessions *sessions = self->worker->state;
    const struct hg_target *target = &self->exchange->target;
    struct dispatch *dispatch = self->state;
    struct hg_reason reason;
    struct session *session;
    bool absent;

    (void)direction;
    dispatch->self = self;
    if (!target->client.size)
        return fail(self, user_errors[USER_ERROR_NO_ROUTE]);
    session = session_choose(sessions, target, &reason, &absent);
    if (session)
        return begin(dispatch, session, head);
    if (!absent || sessions->waiting_count >= RETURN_WAITING_MAX)
        return fail(self, reason);
    enqueue(dispatch, head);
    return HG_PAUSE;
}

static size_t gateway_data(struct hg_self *self, enum hg_direction direction, const struct hg_slice *slice)
{
    (void)direction;
    return exchange_stream_send_data(stream_of(self), slice);
}

static enum hg_verdict gateway_finish(struct hg_self *self, enum hg_direction direction, struct hg_fields *trailers)
{
    (void)direction;
    return exchange_stream_send_end(stream_of(self), trailers);
}

static void gateway_reset(struct hg_self *self, const struct hg_reason *reason)
{
    dequeue(self->state);
    if (stream_of(self))
        exchange_stream_was_reset(stream_of(self), reason);
}

static void gateway_writable(struct hg_self *self, enum hg_direction direction)
{
    (void)direction;
    if (stream_of(self))
        exchange_stream_receive(stream_of(self));
}

static void gateway_detach(struct hg_self *self)
{
    dequeue(self->state);
    if (stream_of(self))
        exchange_stream_free(stream_of(self));
}

const struct hg_stage_ops gateway_stage_ops = {
    .events = HG_EVENTS_MESSAGES | HG_EVENTS_UPGRADED | HG_EVENTS_STREAM | HG_EVENTS_DATAGRAMS,
    .self_size = sizeof(struct dispatch),
    .head = gateway_head,
    .data = gateway_data,
    .end = gateway_finish,
    .reset = gateway_reset,
    .writable = gateway_writable,
    .detach = gateway_detach,
};
