/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/session/dispatch.h"

#include "core/session/exchange_stream.h"

#include <stdio.h>

/* How long an exchange waits for its client's return: longer than a client needs that changes from one network to
 * another, shorter than a user's patience. */
#define RETURN_TIME (5 * HG_SECOND)
/* Exchanges that may wait so, each with a head and the first bytes of its body. */
#define RETURN_WAITING_MAX 1024
/* Exchanges that may wait for a stream of one session. */
#define STREAM_WAITING_MAX 1024

/* Its place in an exchange: self->state. */
struct gateway_place {
    struct carriage *carriage; /* NULL: no session was found, yet */
    struct hg_self *self;
    struct hg_head *head; /* of the request, held while it waits for its client's return; else NULL */
    hg_time until;
    struct gateway_place *next, **previous;
};

static struct carriage *carriage_of(const struct hg_self *self)
{
    return ((const struct gateway_place *)self->state)->carriage;
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

/* Gives the carriage a stream, or a place in line. 0, or -1: the line is too long. */
static int find_stream(struct carriage *carriage)
{
    struct session *session = carriage->session;
    struct tn_stream *stream = session->waiting ? NULL : tn_stream_open(session->tn);

    if (stream)
        carriage_set_stream(carriage, stream);
    else if (session->waiting_count < STREAM_WAITING_MAX)
        carriage_wait(carriage);
    else
        return -1;
    return 0;
}

/* Gives the exchange to a session. */
static enum hg_verdict begin(struct gateway_place *place, struct session *session, struct hg_head *head)
{
    struct hg_self *self = place->self;

    if (hg_head_set(self->host, head, &head->service, self->exchange->target.service))
        return fail(self, (struct hg_reason){503, "proxy_internal_error", "out of memory", 1});
    place->carriage = carriage_new(session, HG_DOWN);
    if (!place->carriage)
        return fail(self, (struct hg_reason){503, "proxy_internal_error", "out of memory", 1});
    place->carriage->self = self;
    session->chosen = ++session->sessions->choices;
    if (find_stream(place->carriage))
        return fail(self, (struct hg_reason){503, "connection_limit_reached", "too many exchanges at once", 1});
    return carriage_send_head(place->carriage, head);
}

/* ---- Waiting for a client's return ---- */

/* All wait equally long: the first in line is the first to be told off. */
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

static void join_line(struct gateway_place *place, struct hg_head *head)
{
    struct sessions *sessions = place->self->worker->state;

    place->head = head;
    place->until = hg_now(sessions->worker) + RETURN_TIME;
    place->next = NULL;
    place->previous = sessions->waiting_tail;
    *sessions->waiting_tail = place;
    sessions->waiting_tail = &place->next;
    sessions->waiting_count++;
    if (sessions->waiting == place)
        set_timer(sessions);
}

static void leave_line(struct gateway_place *place)
{
    struct sessions *sessions;

    if (!place->head)
        return;
    sessions = place->self->worker->state;
    place->head = NULL;
    *place->previous = place->next;
    if (place->next)
        place->next->previous = place->previous;
    else
        sessions->waiting_tail = place->previous;
    sessions->waiting_count--;
}

static void give_up(void *arg)
{
    struct sessions *sessions = arg;
    hg_time now = hg_now(sessions->worker);

    while (sessions->waiting && now >= sessions->waiting->until) {
        struct gateway_place *place = sessions->waiting;

        leave_line(place);
        fail(place->self, (struct hg_reason){503, "destination_unavailable",
                                             "the link to the client is lost and it has not come back yet", 5});
    }
    set_timer(sessions);
}

/* Looks again for a session of the exchange's client. */
static void try_again(struct gateway_place *place)
{
    struct hg_head *head = place->head;
    enum hg_verdict verdict;
    struct hg_reason reason;
    struct session *session;
    bool absent;

    session = session_for_target(place->self->worker->state, &place->self->exchange->target, &reason, &absent);
    if (!session && absent)
        return;
    leave_line(place);
    verdict = session ? begin(place, session, head) : fail(place->self, reason);
    /* At PAUSE the carriage resumes it; after ERROR it has been reset. */
    if (verdict == HG_NEXT)
        hg_resume(place->self, HG_DOWN);
}

void gateway_exchange_retry(struct session *session)
{
    struct sessions *sessions = session->sessions;
    struct hg_text id = hg_text(session->identity.id);
    struct gateway_place *next;

    for (struct gateway_place *place = sessions->waiting; place; place = next) {
        next = place->next;
        if (hg_text_equal(place->self->exchange->target.client, id))
            try_again(place);
    }
}

int gateway_exchange_start(struct sessions *sessions)
{
    sessions->waiting_tail = &sessions->waiting;
    sessions->waiting_timer = hg_timer_new(sessions->worker, give_up, sessions);
    return sessions->waiting_timer ? 0 : -1;
}

void gateway_exchange_stop(struct sessions *sessions)
{
    if (sessions->waiting_timer)
        hg_timer_free(sessions->worker->host, sessions->waiting_timer);
}

/* ---- The place ---- */

static enum hg_verdict gateway_head(struct hg_self *self, enum hg_direction direction, struct hg_head *head)
{
    struct sessions *sessions = self->worker->state;
    const struct hg_target *target = &self->exchange->target;
    struct gateway_place *place = self->state;
    struct hg_reason reason;
    struct session *session;
    bool absent;

    (void)direction;
    place->self = self;
    if (!target->client.size)
        return fail(self, (struct hg_reason){404, "destination_not_found", "no route for this request", 0});
    session = session_for_target(sessions, target, &reason, &absent);
    if (session)
        return begin(place, session, head);
    if (!absent || sessions->waiting_count >= RETURN_WAITING_MAX)
        return fail(self, reason);
    join_line(place, head);
    return HG_PAUSE;
}

static size_t gateway_data(struct hg_self *self, enum hg_direction direction, const struct hg_slice *slice)
{
    (void)direction;
    return carriage_send_data(carriage_of(self), slice);
}

static enum hg_verdict gateway_finish(struct hg_self *self, enum hg_direction direction, struct hg_fields *trailers)
{
    (void)direction;
    return carriage_send_end(carriage_of(self), trailers);
}

static void gateway_reset(struct hg_self *self, const struct hg_reason *reason)
{
    leave_line(self->state);
    if (carriage_of(self))
        carriage_was_reset(carriage_of(self), reason);
}

static void gateway_writable(struct hg_self *self, enum hg_direction direction)
{
    (void)direction;
    if (carriage_of(self))
        carriage_receive(carriage_of(self));
}

static void gateway_detach(struct hg_self *self)
{
    leave_line(self->state);
    if (carriage_of(self))
        carriage_free(carriage_of(self));
}

const struct hg_stage_ops sessions_gateway_ops = {
    .events = HG_EVENTS_MESSAGES | HG_EVENTS_UPGRADED,
    .self_size = sizeof(struct gateway_place),
    .head = gateway_head,
    .data = gateway_data,
    .end = gateway_finish,
    .reset = gateway_reset,
    .writable = gateway_writable,
    .detach = gateway_detach,
};
