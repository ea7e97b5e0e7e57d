/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What comes out of the stream: events for the exchange, decoded as far as it has credit.
 */
#include "core/base/reason.h"
#include "core/exchange/exchange.h"
#include "core/session/exchange_stream_private.h"

/* Interim responses of one exchange: one a second for hours, as a long task may send. None is counted against its
 * credit. */
#define INTERIM_MAX 10000

/* A codec keeps what it has of a message until that is complete, which may have megabytes where it is a head, and what
 * it has taken is credit again. Up to this each stream may have of its own; what is beyond it counts for the whole
 * session. */
#define UNDECODED_FREE ((size_t)65536)

static uint64_t beyond_free(const struct carriage *carriage)
{
    return carriage->undecoded > UNDECODED_FREE ? carriage->undecoded - UNDECODED_FREE : 0;
}

void carriage_set_undecoded(struct carriage *carriage, size_t size)
{
    carriage->session->undecoded -= beyond_free(carriage);
    carriage->undecoded = size;
    carriage->session->undecoded += beyond_free(carriage);
}

/* Whether the session keeps too much of messages that are not complete. One message alone may be as large as it may. */
static bool keeps_too_much(const struct carriage *carriage)
{
    const struct session *session = carriage->session;
    uint64_t own = beyond_free(carriage);

    return own && session->undecoded > own && session->undecoded > session->sessions->pipeline->settings.session_window;
}

static void codec_failed(struct carriage *carriage, const char *error)
{
    struct hg_reason reason = {502, "http_protocol_error", error, 0};

    hg_log_limited(carriage->session->sessions->worker->instance, HG_LOG_WARNING, carriage->session->identity.id,
                   "stream %llu of session %llu cannot be read as %s: %s",
                   (unsigned long long)tn_stream_id(carriage->stream), (unsigned long long)carriage->session->number,
                   carriage->session->codec->wire_name, error);
    carriage_fail(carriage, TN_STREAM_CODEC, &reason);
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
    const struct sessions *sessions = carriage->session->sessions;

    carriage->self = exchange_open(sessions->exchanges, sessions->top, head, carriage);
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
        return "more than 10,000 interim responses";
    hg_emit_head(carriage->self, HG_UP, head);
    return NULL;
}

static void receive_reset(struct carriage *carriage, const struct hg_reason *told)
{
    char detail[REASON_DETAIL_SIZE];
    struct hg_reason reason = reason_from_peer(told, detail);

    /* What makes a gateway drop an exchange, it logs itself. */
    reason.status = receives(carriage) == HG_DOWN ? REASON_ABANDONED : reason.status;
    carriage_over(carriage, TN_STREAM_NO_ERROR);
    if (carriage->self)
        hg_break_off(carriage->self, &reason); /* what came before goes on */
    else
        carriage_free(carriage);
}

/* Passes one decoded event other than a reset to the exchange. Returns what is wrong with it, or NULL. */
static const char *receive_event(struct carriage *carriage, struct hg_codec_event *event)
{
    const struct hg_host *host = carriage->session->codec_worker->host;
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
    static const struct hg_reason crowded = {
        502, "http_response_header_section_size",
        "the heads that the client is sending at once are larger than session_window", 1};
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
    carriage_set_undecoded(carriage, event.type == HG_CODEC_NONE ? carriage->undecoded + (size_t)used : 0);
    error = receive_event(carriage, &event);
    if (error) {
        codec_failed(carriage, error);
        return false;
    }
    if (keeps_too_much(carriage)) {
        carriage_fail(carriage, TN_STREAM_LIMIT, &crowded);
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
