/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Two ends of one exchange may meet the same failure at once, so every way out ends in carriage_over(): from there on
 * the exchange hears nothing more of the stream, and the stream nothing of the exchange.
 */
#include "core/session/exchange_stream.h"

#include "core/base/reason.h"
#include "core/session/exchange_stream_private.h"

#include <stdlib.h>

struct carriage *carriage_new(struct session *session, enum hg_direction sends)
{
    struct carriage *carriage = calloc(1, sizeof *carriage + session->codec->decoder_size);

    if (!carriage)
        return NULL;
    carriage->session = session;
    carriage->sends = sends;
    carriage->next = session->carriages;
    carriage->previous = &session->carriages;
    if (carriage->next)
        carriage->next->previous = &carriage->next;
    session->carriages = carriage;
    session->carriage_count++;
    session->exchanges++;
    return carriage;
}

void carriage_leave_unwritten(struct carriage *carriage)
{
    if (!carriage->is_unwritten)
        return;
    carriage->is_unwritten = false;
    *carriage->previous_unwritten = carriage->next_unwritten;
    if (carriage->next_unwritten)
        carriage->next_unwritten->previous_unwritten = carriage->previous_unwritten;
}

void carriage_leave_waiting(struct carriage *carriage)
{
    struct session *session = carriage->session;
    struct carriage **place = &session->waiting;

    if (!carriage->is_waiting)
        return;
    while (*place != carriage)
        place = &(*place)->next_waiting;
    *place = carriage->next_waiting;
    if (!*place)
        session->waiting_tail = place;
    session->waiting_count--;
    carriage->is_waiting = false;
}

void carriage_drop_output(struct carriage *carriage)
{
    for (size_t i = 0; i < carriage->output.count; i++)
        hg_buffer_unref(carriage->output.slices[i].buffer);
    carriage->output.count = 0;
    carriage->output_size = 0;
}

static void drop_surplus(struct carriage *carriage)
{
    hg_buffer_unref(carriage->surplus.buffer);
    carriage->surplus = (struct hg_slice){0};
}

/* Takes the carriage off its session: its stream, if it still has one, must have been released. */
static void leave_session(struct carriage *carriage)
{
    struct session *session = carriage->session;

    if (!session)
        return;
    session->codec->decoder_free(session->codec_worker, carriage->decoder);
    carriage_leave_unwritten(carriage);
    carriage_leave_waiting(carriage);
    *carriage->previous = carriage->next;
    if (carriage->next)
        carriage->next->previous = carriage->previous;
    session->carriage_count--;
    carriage->session = NULL;
}

static void release_stream(struct carriage *carriage)
{
    struct tn_stream *stream = carriage->stream;

    if (!stream)
        return;
    carriage->stream = NULL;
    tn_stream_set_user(stream, NULL);
    tn_stream_release(stream);
    session_touch(carriage->session);
}

void carriage_over(struct carriage *carriage, uint64_t code)
{
    carriage->over = true;
    carriage_drop_output(carriage);
    drop_surplus(carriage);
    if (carriage->stream && carriage->sent != CARRIAGE_ENDED)
        tn_stream_reset(carriage->stream, code);
    if (carriage->stream && carriage->received != CARRIAGE_ENDED)
        tn_stream_stop_sending(carriage->stream, code);
    release_stream(carriage);
    if (!carriage->session)
        return;
    carriage_set_undecoded(carriage, 0);
    carriage_leave_waiting(carriage);
}

void carriage_fail(struct carriage *carriage, uint64_t code, const struct hg_reason *reason)
{
    carriage_over(carriage, code);
    if (carriage->self)
        hg_reset(carriage->self, reason);
    else
        carriage_free(carriage);
}

void carriage_free(struct carriage *carriage)
{
    if (!carriage->over)
        carriage_over(carriage, TN_STREAM_NO_ERROR);
    leave_session(carriage);
    free(carriage);
}

void carriage_session_lost(struct carriage *carriage, const struct hg_reason *reason)
{
    carriage->stream = NULL;
    leave_session(carriage);
    if (carriage->over)
        return;
    carriage->over = true;
    carriage_drop_output(carriage);
    drop_surplus(carriage);
    if (carriage->self)
        hg_reset(carriage->self, reason);
    else
        free(carriage);
}

/* ---- Events of the stream ---- */

/* A client that drops an exchange because its gateway said so has not failed: if something has, the gateway logs it. */
static struct hg_reason reason_of_peer(const struct carriage *carriage, uint64_t code)
{
    struct hg_reason reason = reason_of_code(code);

    reason.status = carriage->sends == HG_UP ? REASON_ABANDONED : reason.status;
    return reason;
}

static void peer_reset(struct carriage *carriage, uint64_t code)
{
    struct hg_reason reason = reason_of_peer(carriage, code);

    if (carriage->received == CARRIAGE_ENDED)
        return;
    carriage_fail(carriage, TN_STREAM_NO_ERROR, &reason);
}

/* A gateway goes on with the response although the client wants no more of the request; a client has nobody left who
 * would read its response. */
static void peer_stopped(struct carriage *carriage, uint64_t code)
{
    struct hg_reason reason = reason_of_peer(carriage, code);

    if (carriage->sends == HG_UP) {
        carriage_fail(carriage, TN_STREAM_CANCELLED, &reason);
        return;
    }
    carriage->unwanted = true;
    carriage_drop_output(carriage);
    carriage_leave_unwritten(carriage);
    if (carriage->held) {
        carriage->held = false;
        hg_resume(carriage->self, carriage->sends);
    }
}

void carriage_event(struct carriage *carriage, const struct tn_event *event)
{
    switch (event->type) {
    case TN_EVENT_READABLE:
        carriage_receive(carriage);
        return;
    case TN_EVENT_WRITABLE:
        carriage_write(carriage);
        return;
    case TN_EVENT_RESET:
        peer_reset(carriage, event->code);
        return;
    case TN_EVENT_STOPPED:
        peer_stopped(carriage, event->code);
        return;
    case TN_EVENT_OPENED:
    case TN_EVENT_STREAMS:
        return;
    }
}
