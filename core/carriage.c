/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Two ends of one exchange may meet the same failure at once, so every way out ends in over(): from there on the
 * exchange hears nothing more of the stream, and the stream nothing of the exchange.
 */
#include "core/carriage.h"

#include "core/exchange.h"
#include "core/reason.h"

#include <stdlib.h>

/* Slices of one encoder's call, see <hopgate/codec.h>. */
#define DATA_MAX 16384
/* Less room than this is not worth a piece of data, unless no more is there. */
#define DATA_WORTHWHILE 1024
/* Output is written out when it has more slices than this: room is left for one more call, and for a reset. */
#define OUTPUT_HIGH (HG_OUTPUT_SLICES - 2 * HG_OUTPUT_PER_CALL)
/* Interim responses of one exchange. None is counted against its credit. */
#define INTERIM_MAX 64

/* ---- Life ---- */

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

static void leave_unwritten(struct carriage *carriage)
{
    if (!carriage->is_unwritten)
        return;
    carriage->is_unwritten = false;
    *carriage->previous_unwritten = carriage->next_unwritten;
    if (carriage->next_unwritten)
        carriage->next_unwritten->previous_unwritten = carriage->previous_unwritten;
}

static void leave_waiting(struct carriage *carriage)
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

static void drop_output(struct carriage *carriage)
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
    leave_unwritten(carriage);
    leave_waiting(carriage);
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

/* Nothing more passes between exchange and stream. `code` tells the peer why, in the directions that have not ended. */
static void over(struct carriage *carriage, uint64_t code)
{
    carriage->over = true;
    drop_output(carriage);
    drop_surplus(carriage);
    if (carriage->stream && carriage->sent != CARRIAGE_ENDED)
        tn_stream_reset(carriage->stream, code);
    if (carriage->stream && carriage->received != CARRIAGE_ENDED)
        tn_stream_stop_sending(carriage->stream, code);
    release_stream(carriage);
    if (carriage->session)
        leave_waiting(carriage);
}

/* As over(), for what this end has found: the exchange is told. */
static void fail(struct carriage *carriage, uint64_t code, const struct hg_reason *reason)
{
    over(carriage, code);
    if (carriage->self)
        hg_reset(carriage->self, reason);
    else
        carriage_free(carriage);
}

void carriage_free(struct carriage *carriage)
{
    if (!carriage->over)
        over(carriage, TN_STREAM_NO_ERROR);
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
    drop_output(carriage);
    drop_surplus(carriage);
    if (carriage->self)
        hg_reset(carriage->self, reason);
    else
        free(carriage);
}

/* ---- Sending ---- */

static void mark_unwritten(struct carriage *carriage)
{
    struct session *session = carriage->session;

    if (carriage->is_unwritten || !carriage->stream)
        return;
    carriage->is_unwritten = true;
    carriage->next_unwritten = session->unwritten;
    carriage->previous_unwritten = &session->unwritten;
    if (carriage->next_unwritten)
        carriage->next_unwritten->previous_unwritten = &carriage->next_unwritten;
    session->unwritten = carriage;
    session_touch(session);
}

/* Encoders append slices, or lengthen the last one. */
static void count_output(struct carriage *carriage)
{
    carriage->output_size = 0;
    for (size_t i = 0; i < carriage->output.count; i++)
        carriage->output_size += carriage->output.slices[i].size;
}

/* Moves output into the stream; false when some is left, for which TN_EVENT_WRITABLE will come. */
static bool write_output(struct carriage *carriage)
{
    struct hg_output *output = &carriage->output;
    size_t done = 0;

    leave_unwritten(carriage);
    if (!carriage->stream)
        return !output->count;
    while (done < output->count) {
        struct hg_slice *slice = &output->slices[done];
        size_t taken = tn_stream_write(carriage->stream, slice);

        carriage->output_size -= taken;
        *slice = hg_slice_from(*slice, taken);
        if (slice->size)
            break;
        hg_buffer_unref(slice->buffer);
        done++;
    }
    output->count -= done;
    memmove(output->slices, output->slices + done, output->count * sizeof *output->slices);
    if (!output->count && carriage->sent == CARRIAGE_ENDED)
        tn_stream_finish(carriage->stream);
    session_touch(carriage->session);
    return !output->count;
}

void carriage_write(struct carriage *carriage)
{
    if (!write_output(carriage) || !carriage->held)
        return;
    carriage->held = false;
    hg_resume(carriage->self, carriage->sends);
}

void carriage_set_stream(struct carriage *carriage, struct tn_stream *stream)
{
    leave_waiting(carriage);
    carriage->stream = stream;
    tn_stream_set_user(stream, carriage);
    if (carriage->output.count)
        mark_unwritten(carriage);
}

void carriage_wait(struct carriage *carriage)
{
    struct session *session = carriage->session;

    carriage->held = true;
    carriage->is_waiting = true;
    *session->waiting_tail = carriage;
    session->waiting_tail = &carriage->next_waiting;
    session->waiting_count++;
}

static enum hg_verdict encoding_failed(struct carriage *carriage, const char *error)
{
    struct hg_reason reason = {carriage->sends == HG_DOWN ? 431 : 502, "http_request_error", error, 0};

    if (carriage->sends == HG_UP)
        reason.error = "http_response_header_section_size";
    /* The peer is told the whole reason where there is room for it: carriage_was_reset() does not come after this. */
    carriage_was_reset(carriage, &reason);
    hg_reset(carriage->self, &reason);
    return HG_ERROR;
}

/* After a head or an end was encoded: goes on at once when the stream can take it, or else holds the exchange. */
static enum hg_verdict pass_output(struct carriage *carriage)
{
    count_output(carriage);
    if (carriage->stream && carriage->sent != CARRIAGE_ENDED && carriage->output.count <= OUTPUT_HIGH &&
        carriage->output_size <= tn_stream_write_room(carriage->stream)) {
        mark_unwritten(carriage);
        return HG_NEXT;
    }
    if (write_output(carriage))
        return HG_NEXT;
    carriage->held = true;
    return HG_PAUSE;
}

enum hg_verdict carriage_send_head(struct carriage *carriage, const struct hg_head *head)
{
    const struct session *session = carriage->session;
    const char *error = NULL;

    if (carriage->over || carriage->unwanted)
        return HG_NEXT;
    if (session->codec->encode_head(session->codec_worker, head, &carriage->output, &error))
        return encoding_failed(carriage, error);
    if (!hg_head_is_interim(head))
        carriage->sent = CARRIAGE_BODY;
    return pass_output(carriage);
}

/* How many bytes of data can be encoded into that much room of the stream. */
static size_t data_that_fits(const struct hg_codec_ops *codec, size_t room)
{
    /* Growth is rounded up by an encoder: one byte. */
    if (room <= codec->data_overhead + 1)
        return 0;
    room -= codec->data_overhead + 1;
    if (room > DATA_MAX * (size_t)codec->data_growth / 64)
        return DATA_MAX;
    return room * 64 / codec->data_growth;
}

/* Bytes of the next piece of `size` bytes that may be encoded now; 0: the stream has no room. */
static size_t next_piece(struct carriage *carriage, size_t size)
{
    size_t room, fits;

    if (carriage->output.count > OUTPUT_HIGH && !write_output(carriage))
        return 0;
    room = tn_stream_write_room(carriage->stream);
    fits = room > carriage->output_size ? data_that_fits(carriage->session->codec, room - carriage->output_size) : 0;
    if (fits < size && fits < DATA_WORTHWHILE)
        return 0;
    return fits < size ? fits : size;
}

size_t carriage_send_data(struct carriage *carriage, const struct hg_slice *slice)
{
    const struct session *session = carriage->session;
    const char *error = NULL;
    size_t sent = 0;

    if (carriage->over || carriage->unwanted)
        return slice->size;
    while (sent < slice->size) {
        struct hg_slice piece = hg_slice_from(*slice, sent);

        piece = hg_slice_first(piece, next_piece(carriage, piece.size));
        if (!piece.size) {
            /* TN_EVENT_WRITABLE comes after a write that was cut short as well. */
            carriage->held = true;
            if (write_output(carriage))
                tn_stream_want_writable(carriage->stream);
            return sent;
        }
        if (session->codec->encode_data(session->codec_worker, &piece, &carriage->output, &error)) {
            encoding_failed(carriage, error);
            return sent;
        }
        count_output(carriage);
        sent += piece.size;
    }
    mark_unwritten(carriage);
    return sent;
}

enum hg_verdict carriage_send_end(struct carriage *carriage, const struct hg_fields *trailers)
{
    const struct session *session = carriage->session;
    const char *error = NULL;

    if (carriage->over || carriage->unwanted)
        return HG_NEXT;
    if (session->codec->encode_end(session->codec_worker, trailers, &carriage->output, &error))
        return encoding_failed(carriage, error);
    carriage->sent = CARRIAGE_ENDED;
    return pass_output(carriage);
}

/* Tells the reason in the stream itself, behind what was sent. False when there is no room for it. */
static bool send_reset(struct carriage *carriage, const struct hg_reason *reason)
{
    const struct session *session = carriage->session;
    const char *error = NULL;

    if (carriage->output.count + HG_OUTPUT_PER_CALL > HG_OUTPUT_SLICES ||
        session->codec->encode_reset(session->codec_worker, reason, &carriage->output, &error))
        return false;
    count_output(carriage);
    if (carriage->output_size > tn_stream_write_room(carriage->stream))
        return false;
    carriage->sent = CARRIAGE_ENDED;
    return write_output(carriage);
}

void carriage_was_reset(struct carriage *carriage, const struct hg_reason *reason)
{
    if (carriage->over)
        return;
    /* A gateway cancels at once, dropping what is on its way: nobody is there to read an answer. A client lets what it
     * has sent arrive, and then its reason, which the public user is to see. */
    if (carriage->stream && carriage->sends == HG_UP && carriage->sent != CARRIAGE_ENDED && !carriage->unwanted &&
        !send_reset(carriage, reason))
        carriage->sent = CARRIAGE_BODY;
    over(carriage, reason_code(reason));
}

/* ---- Receiving ---- */

static void codec_failed(struct carriage *carriage, const char *error)
{
    struct hg_reason reason = {502, "http_protocol_error", error, 0};

    hg_log(carriage->session->sessions->worker->core.instance, HG_LOG_WARNING,
           "stream %llu of session %llu cannot be read as %s: %s", (unsigned long long)tn_stream_id(carriage->stream),
           (unsigned long long)carriage->session->number, carriage->session->codec->wire_name, error);
    fail(carriage, TN_STREAM_CODEC, &reason);
}

static enum hg_direction receives(const struct carriage *carriage)
{
    return carriage->sends == HG_DOWN ? HG_UP : HG_DOWN;
}

/* Emits data as far as the credit goes; the rest becomes the surplus. */
static void receive_data(struct carriage *carriage, struct hg_slice data, bool owned)
{
    size_t credit = hg_credit(carriage->self, receives(carriage));
    struct hg_slice now = hg_slice_first(data, credit);

    if (now.size)
        hg_emit(carriage->self, receives(carriage), &now);
    if (now.size < data.size) {
        carriage->surplus = hg_slice_from(data, now.size);
        if (!owned)
            hg_buffer_ref(data.buffer);
    } else if (owned) {
        hg_buffer_unref(data.buffer);
    }
}

/* On a client the request's head opens the exchange. */
static const char *receive_request(struct carriage *carriage, struct hg_head *head)
{
    struct worker *worker = carriage->session->sessions->worker;

    carriage->self = exchange_open(worker, &worker->tops[worker->pipeline->count], head, carriage);
    if (!carriage->self)
        return "out of memory";
    carriage->received = CARRIAGE_BODY;
    return NULL;
}

static const char *receive_head(struct carriage *carriage, struct hg_head *head)
{
    bool request = carriage->sends == HG_UP;

    if (head->kind != (request ? HG_REQUEST : HG_RESPONSE))
        return request ? "a response where a request belongs" : "a request where a response belongs";
    if (carriage->received != CARRIAGE_HEAD)
        return "a second head";
    if (request)
        return receive_request(carriage, head);
    if (!hg_head_is_interim(head))
        carriage->received = CARRIAGE_BODY;
    else if (++carriage->interim > INTERIM_MAX)
        return "more than 64 interim responses";
    hg_emit_head(carriage->self, HG_UP, head);
    return NULL;
}

static void receive_reset(struct carriage *carriage, const struct hg_reason *told)
{
    char detail[REASON_DETAIL_SIZE];
    struct hg_reason reason = reason_from_peer(told, detail);

    fail(carriage, TN_STREAM_NO_ERROR, &reason);
}

/* Passes one decoded event other than a reset to the exchange. Returns what is wrong with it, or NULL. */
static const char *receive_event(struct carriage *carriage, struct hg_codec_event *event)
{
    const struct hg_host *host = &worker_host;
    const char *error;

    switch (event->type) {
    case HG_CODEC_HEAD:
        error = receive_head(carriage, event->head);
        if (error)
            hg_head_free(host, event->head);
        return error;
    case HG_CODEC_DATA:
        if (carriage->received == CARRIAGE_BODY) {
            receive_data(carriage, event->data, event->data_owned);
            return NULL;
        }
        if (event->data_owned)
            hg_buffer_unref(event->data.buffer);
        return "data before the head";
    case HG_CODEC_END:
        if (carriage->received == CARRIAGE_BODY) {
            carriage->received = CARRIAGE_ENDED;
            hg_emit_end(carriage->self, receives(carriage), event->trailers);
            return NULL;
        }
        hg_fields_free(host, event->trailers);
        return "an end before the head";
    case HG_CODEC_NONE:
    case HG_CODEC_RESET:
        break;
    }
    return NULL;
}

/* Emits what was left over. False when some still is. */
static bool emit_surplus(struct carriage *carriage)
{
    struct hg_slice surplus = carriage->surplus;

    if (!surplus.size)
        return true;
    carriage->surplus = (struct hg_slice){0};
    receive_data(carriage, surplus, true);
    return !carriage->surplus.size;
}

/* The bytes that may be decoded now: never more than the exchange has credit for. */
static bool next_bytes(struct carriage *carriage, struct hg_slice *slice)
{
    size_t credit;

    if (!tn_stream_peek(carriage->stream, slice))
        return false;
    if (carriage->self && carriage->received == CARRIAGE_BODY) {
        credit = hg_credit(carriage->self, receives(carriage));
        *slice = hg_slice_first(*slice, credit);
    }
    return slice->size > 0;
}

/* Decodes one event from the front of `slice`. False when the carriage may be gone or is over. */
static bool decode(struct carriage *carriage, const struct hg_slice *slice)
{
    struct session *session = carriage->session;
    struct hg_codec_event event = {.type = HG_CODEC_NONE};
    const char *error = NULL;
    ptrdiff_t used = session->codec->decode(session->codec_worker, carriage->decoder, slice, &event, &error);

    if (used < 0) {
        codec_failed(carriage, error);
        return false;
    }
    if (event.type == HG_CODEC_RESET) {
        receive_reset(carriage, &event.reason);
        return false;
    }
    error = receive_event(carriage, &event);
    if (error) {
        codec_failed(carriage, error);
        return false;
    }
    tn_stream_consume(carriage->stream, (size_t)used);
    session_touch(session);
    return true;
}

/* The peer's direction has ended in the stream: so it must have in the exchange. */
static void check_end(struct carriage *carriage)
{
    if (carriage->received == CARRIAGE_ENDED) {
        if (tn_stream_readable(carriage->stream))
            tn_stream_stop_sending(carriage->stream, TN_STREAM_CODEC);
    } else if (tn_stream_fin_read(carriage->stream)) {
        codec_failed(carriage, "the stream ended before the message did");
    }
}

void carriage_receive(struct carriage *carriage)
{
    struct hg_slice slice;

    if (!carriage->stream || carriage->over || !emit_surplus(carriage))
        return;
    while (carriage->received != CARRIAGE_ENDED && !carriage->surplus.size && next_bytes(carriage, &slice))
        if (!decode(carriage, &slice))
            return;
    check_end(carriage);
}

/* ---- Events of the stream ---- */

static void peer_reset(struct carriage *carriage, uint64_t code)
{
    struct hg_reason reason = reason_of_code(code);

    if (carriage->received == CARRIAGE_ENDED)
        return;
    fail(carriage, TN_STREAM_NO_ERROR, &reason);
}

/* A gateway goes on with the response although the client wants no more of the request; a client has nobody left who
 * would read its response. */
static void peer_stopped(struct carriage *carriage, uint64_t code)
{
    struct hg_reason reason = reason_of_code(code);

    if (carriage->sends == HG_UP) {
        fail(carriage, TN_STREAM_CANCELLED, &reason);
        return;
    }
    carriage->unwanted = true;
    drop_output(carriage);
    leave_unwritten(carriage);
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
