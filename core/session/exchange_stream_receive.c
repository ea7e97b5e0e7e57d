/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The stream's output: events for the exchange, decoded as far as it has credit.
 */
#include "core/base/failure.h"
#include "core/base/fatal.h"
#include "core/base/user_errors.h"
#include "core/exchange/exchange.h"
#include "core/session/exchange_stream_private.h"
#include "core/session/flush_queue.h"
#include "core/session/stream_error.h"

/* The most interim responses of an exchange: one a second for hours, as a long task may send. They do not use up its
 * credit. */
#define INTERIM_MAX 10000

/* Whether incomplete messages use too much of the session's memory. A single one may take up the whole limit. */
static bool keeps_too_much(const struct exchange_stream *stream)
{
    const struct session *session = stream->session;
    uint64_t own = exchange_stream_undecoded(stream);

    return own && session->undecoded > own && session->undecoded > session->sessions->pipeline->settings.session_window;
}

static void codec_failed(struct exchange_stream *stream, const char *error)
{
    struct hg_reason reason = user_errors[USER_ERROR_NOT_DECODED];

    hg_log_limited(stream->session->sessions->worker->instance, HG_LOG_WARNING, stream->session->identity.id,
                   "cannot decode stream %llu of session %llu as %s: %s", (unsigned long long)tn_stream_id(stream->tn),
                   (unsigned long long)stream->session->number, stream->session->codec->wire_name, error);
    reason.detail = error;
    exchange_stream_fail(stream, TN_STREAM_CODEC, &reason);
}

static enum hg_direction receives(const struct exchange_stream *stream)
{
    return stream->sends == HG_DOWN ? HG_UP : HG_DOWN;
}

/* Emits data as far as credit allows; the rest becomes the surplus. */
static void receive_data(struct exchange_stream *stream, struct hg_slice data, bool owned)
{
    size_t credit = hg_credit(stream->self, receives(stream));
    struct hg_slice now = hg_slice_first(data, credit);

    if (now.size)
        hg_emit(stream->self, receives(stream), &now);
    if (now.size < data.size) {
        stream->surplus = hg_slice_from(data, now.size);
        if (!owned)
            hg_buffer_ref(data.buffer);
    } else if (owned) {
        hg_buffer_unref(data.buffer);
    }
}

/* On a client, the request's head opens the exchange. */
static const char *receive_request(struct exchange_stream *stream, struct hg_head *head)
{
    const struct sessions *sessions = stream->session->sessions;

    stream->self = exchange_open(sessions->exchanges, sessions->top, head, stream);
    if (!stream->self)
        return "out of memory";
    stream->received = MESSAGE_BODY;
    return NULL;
}

static const char *receive_head(struct exchange_stream *stream, struct hg_head *head)
{
    bool request = stream->sends == HG_UP;

    if (head->kind != (request ? HG_REQUEST : HG_RESPONSE))
        return request ? "a response instead of a request" : "a request instead of a response";
    if (stream->received != MESSAGE_HEAD)
        return "a second head";
    if (request)
        return receive_request(stream, head);
    if (!hg_head_is_interim(head))
        stream->received = MESSAGE_BODY;
    else if (++stream->interim > INTERIM_MAX)
        return "more than 10,000 interim responses";
    hg_emit_head(stream->self, HG_UP, head);
    return NULL;
}

static void receive_reset(struct exchange_stream *stream, const struct hg_reason *reported)
{
    char detail[STREAM_ERROR_DETAIL_SIZE];
    struct hg_reason reason = stream_error_from_peer(reported, detail);

    /* If a gateway drops an exchange, it logs the reason itself. */
    reason.status = receives(stream) == HG_DOWN ? FAILURE_ABANDONED : reason.status;
    exchange_stream_over(stream, TN_STREAM_NO_ERROR);
    if (stream->self)
        hg_break_off(stream->self, &reason); /* what came before is still delivered */
    else
        exchange_stream_free(stream);
}

/* Passes a decoded event other than a reset to the exchange. Returns an error message, or NULL. */
static const char *receive_event(struct exchange_stream *stream, struct hg_codec_event *event)
{
    const struct hg_host *host = stream->session->codec_worker->host;
    const char *error;

    switch (event->type) {
    case HG_CODEC_HEAD:
        error = receive_head(stream, event->head);
        if (error)
            hg_head_free(host, event->head);
        return error;
    case HG_CODEC_DATA:
        if (stream->received == MESSAGE_BODY) {
            receive_data(stream, event->data, event->data_owned);
            return NULL;
        }
        if (event->data_owned)
            hg_buffer_unref(event->data.buffer);
        return "data before the head";
    case HG_CODEC_END:
        if (stream->received == MESSAGE_BODY) {
            stream->received = MESSAGE_ENDED;
            hg_emit_end(stream->self, receives(stream), event->trailers);
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

/* Emits the surplus. False if some is left. */
static bool emit_surplus(struct exchange_stream *stream)
{
    struct hg_slice surplus = stream->surplus;

    if (!surplus.size)
        return true;
    stream->surplus = (struct hg_slice){0};
    receive_data(stream, surplus, true);
    return !stream->surplus.size;
}

/* The bytes that may be decoded now: never more than the exchange has credit for. */
static bool next_bytes(struct exchange_stream *stream, struct hg_slice *slice)
{
    size_t credit;

    if (!tn_stream_peek(stream->tn, slice))
        return false;
    if (stream->self && stream->received == MESSAGE_BODY) {
        credit = hg_credit(stream->self, receives(stream));
        *slice = hg_slice_first(*slice, credit);
    }
    return slice->size > 0;
}

/* Decodes one event from the front of `slice`. False if the stream is over or may have been freed. */
static bool decode(struct exchange_stream *stream, const struct hg_slice *slice)
{
    struct session *session = stream->session;
    struct hg_codec_event event = {.type = HG_CODEC_NONE};
    const char *error = NULL;
    ptrdiff_t used;

    CALL_PLUGIN(session->codec_worker->instance->name, "decode",
                used = session->codec->decode(session->codec_worker, stream->decoder, slice, &event, &error));
    if (used < 0) {
        codec_failed(stream, error);
        return false;
    }
    if (event.type == HG_CODEC_RESET) {
        receive_reset(stream, &event.reason);
        return false;
    }
    exchange_stream_set_undecoded(stream, event.type == HG_CODEC_NONE ? stream->undecoded + (size_t)used : 0);
    error = receive_event(stream, &event);
    if (error) {
        codec_failed(stream, error);
        return false;
    }
    if (keeps_too_much(stream)) {
        exchange_stream_fail(stream, TN_STREAM_LIMIT, &user_errors[USER_ERROR_HEADS_TOO_LARGE]);
        return false;
    }
    tn_stream_consume(stream->tn, (size_t)used);
    session_flush_later(session);
    return true;
}

/* The peer's direction of the stream has ended, so its message must have ended, too. */
static void check_end(struct exchange_stream *stream)
{
    if (stream->received == MESSAGE_ENDED) {
        if (tn_stream_readable(stream->tn))
            tn_stream_stop_sending(stream->tn, TN_STREAM_CODEC);
    } else if (tn_stream_fin_read(stream->tn)) {
        codec_failed(stream, "the stream ended before the message did");
    }
}

void exchange_stream_receive(struct exchange_stream *stream)
{
    struct hg_slice slice;

    if (!stream->tn || stream->over || !emit_surplus(stream))
        return;
    while (stream->received != MESSAGE_ENDED && !stream->surplus.size && next_bytes(stream, &slice))
        if (!decode(stream, &slice))
            return;
    if (stream->received == MESSAGE_BODY && !tn_stream_readable(stream->tn))
        hg_flush(stream->self, receives(stream));
    check_end(stream);
}
