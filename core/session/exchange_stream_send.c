/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The stream's input: an exchange's events, encoded as far as the stream has room.
 */
#include "core/base/fatal.h"
#include "core/base/user_errors.h"
#include "core/session/exchange_stream_private.h"
#include "core/session/flush_queue.h"
#include "core/session/stream_error.h"

/* The most data per call of an encoder, see <hopgate/codec.h>. */
#define DATA_MAX 16384

/* With less room than this, data is not encoded, unless there is no more of it. */
#define DATA_WORTHWHILE 1024

/* Output is written once it has more slices than this, which leaves room for one more call and for a reset. */
#define OUTPUT_HIGH (HG_OUTPUT_SLICES - 2 * HG_OUTPUT_PER_CALL)

static void mark_unwritten(struct exchange_stream *stream)
{
    struct session *session = stream->session;

    if (stream->is_unwritten || !stream->tn)
        return;
    stream->is_unwritten = true;
    stream->next_unwritten = session->unwritten;
    stream->previous_unwritten = &session->unwritten;
    if (stream->next_unwritten)
        stream->next_unwritten->previous_unwritten = &stream->next_unwritten;
    session->unwritten = stream;
    session_flush_later(session);
}

/* Counts new output: encoders append slices, or extend the last one. */
static void count_output(struct exchange_stream *stream)
{
    stream->output_size = 0;
    for (size_t i = 0; i < stream->output.count; i++)
        stream->output_size += stream->output.slices[i].size;
}

/* Moves output into the stream with `write`; false if some is left. */
static bool move_output(struct exchange_stream *stream, size_t (*write)(struct tn_stream *, const struct hg_slice *))
{
    struct hg_output *output = &stream->output;
    size_t done = 0;

    exchange_stream_leave_unwritten(stream);
    if (!stream->tn)
        return !output->count;
    while (done < output->count) {
        struct hg_slice *slice = &output->slices[done];
        size_t taken = write(stream->tn, slice);

        stream->output_size -= taken;
        *slice = hg_slice_from(*slice, taken);
        if (slice->size)
            break;
        hg_buffer_unref(slice->buffer);
        done++;
    }
    output->count -= done;
    memmove(output->slices, output->slices + done, output->count * sizeof *output->slices);
    if (!output->count && stream->sent == MESSAGE_ENDED)
        tn_stream_finish(stream->tn);
    session_flush_later(stream->session);
    return !output->count;
}

/* Moves output into the stream as far as there is room; if some is left, TN_EVENT_WRITABLE will follow. */
static bool write_output(struct exchange_stream *stream)
{
    return move_output(stream, tn_stream_write);
}

void exchange_stream_write(struct exchange_stream *stream)
{
    if (!write_output(stream) || !stream->held)
        return;
    stream->held = false;
    hg_resume(stream->self, stream->sends);
}

void exchange_stream_set_stream(struct exchange_stream *stream, struct tn_stream *tn)
{
    exchange_stream_leave_waiting(stream);
    stream->tn = tn;
    tn_stream_set_user(tn, stream);
    if (stream->output.count)
        mark_unwritten(stream);
}

void exchange_stream_wait(struct exchange_stream *stream)
{
    struct session *session = stream->session;

    stream->held = true;
    stream->is_waiting = true;
    *session->waiting_tail = stream;
    session->waiting_tail = &stream->next_waiting;
    session->waiting_count++;
}

static enum hg_verdict encoding_failed(struct exchange_stream *stream, const char *error)
{
    bool request = stream->sends == HG_DOWN;
    struct hg_reason reason = user_errors[request ? USER_ERROR_REQUEST_NOT_ENCODED : USER_ERROR_RESPONSE_NOT_ENCODED];

    reason.detail = error;
    /* Sends the peer the whole reason if there is room for it: exchange_stream_was_reset() is not called after this. */
    exchange_stream_was_reset(stream, &reason);
    hg_reset(stream->self, &reason);
    return HG_ERROR;
}

/* After a head or an end was encoded: continues at once if the stream can take it, otherwise holds the exchange. */
static enum hg_verdict pass_output(struct exchange_stream *stream)
{
    count_output(stream);
    if (stream->tn && stream->sent != MESSAGE_ENDED && stream->output.count <= OUTPUT_HIGH &&
        stream->output_size <= tn_stream_write_room(stream->tn)) {
        mark_unwritten(stream);
        return HG_NEXT;
    }
    if (write_output(stream))
        return HG_NEXT;
    stream->held = true;
    return HG_PAUSE;
}

enum hg_verdict exchange_stream_send_head(struct exchange_stream *stream, const struct hg_head *head)
{
    const struct session *session = stream->session;
    const char *error = NULL;
    int result;

    if (stream->over || stream->unwanted)
        return HG_NEXT;
    CALL_PLUGIN(session->codec_worker->instance->name, "encode_head",
                result = session->codec->encode_head(session->codec_worker, head, &stream->output, &error));
    if (result)
        return encoding_failed(stream, error);
    if (!hg_head_is_interim(head))
        stream->sent = MESSAGE_BODY;
    return pass_output(stream);
}

/* How much data can be encoded into this much room of the stream. */
static size_t data_that_fits(const struct hg_codec_ops *codec, size_t room)
{
    /* An encoder may round up by one byte. */
    if (room <= codec->data_overhead + 1)
        return 0;
    room -= codec->data_overhead + 1;
    if (room > DATA_MAX * (size_t)codec->data_growth / 64)
        return DATA_MAX;
    return room * 64 / codec->data_growth;
}

/* How many of the next `size` bytes can be encoded now; 0: the stream has no room. */
static size_t next_piece(struct exchange_stream *stream, size_t size)
{
    size_t room, fits;

    if (stream->output.count > OUTPUT_HIGH && !write_output(stream))
        return 0;
    room = tn_stream_write_room(stream->tn);
    fits = room > stream->output_size ? data_that_fits(stream->session->codec, room - stream->output_size) : 0;
    if (fits < size && fits < DATA_WORTHWHILE)
        return 0;
    return fits < size ? fits : size;
}

size_t exchange_stream_send_data(struct exchange_stream *stream, const struct hg_slice *slice)
{
    const struct session *session = stream->session;
    const char *error = NULL;
    size_t sent = 0;
    int result;

    if (stream->over || stream->unwanted)
        return slice->size;
    while (sent < slice->size) {
        struct hg_slice piece = hg_slice_from(*slice, sent);

        piece = hg_slice_first(piece, next_piece(stream, piece.size));
        if (!piece.size) {
            /* A short write will also cause TN_EVENT_WRITABLE. */
            stream->held = true;
            if (write_output(stream))
                tn_stream_want_writable(stream->tn);
            return sent;
        }
        CALL_PLUGIN(session->codec_worker->instance->name, "encode_data",
                    result = session->codec->encode_data(session->codec_worker, &piece, &stream->output, &error));
        if (result) {
            encoding_failed(stream, error);
            return sent;
        }
        count_output(stream);
        sent += piece.size;
    }
    mark_unwritten(stream);
    return sent;
}

enum hg_verdict exchange_stream_send_end(struct exchange_stream *stream, const struct hg_fields *trailers)
{
    const struct session *session = stream->session;
    const char *error = NULL;
    int result;

    if (stream->over || stream->unwanted)
        return HG_NEXT;
    CALL_PLUGIN(session->codec_worker->instance->name, "encode_end",
                result = session->codec->encode_end(session->codec_worker, trailers, &stream->output, &error));
    if (result)
        return encoding_failed(stream, error);
    stream->sent = MESSAGE_ENDED;
    return pass_output(stream);
}

/* Writes the reason into the stream itself, after the sent data, even if there is no room. False when out of memory. */
static bool send_reset(struct exchange_stream *stream, const struct hg_reason *reason)
{
    const struct session *session = stream->session;
    const char *error = NULL;
    int result;

    if (stream->output.count + HG_OUTPUT_PER_CALL > HG_OUTPUT_SLICES)
        return false;
    CALL_PLUGIN(session->codec_worker->instance->name, "encode_reset",
                result = session->codec->encode_reset(session->codec_worker, reason, &stream->output, &error));
    if (result)
        return false;
    count_output(stream);
    stream->sent = MESSAGE_ENDED;
    return move_output(stream, tn_stream_write_last);
}

void exchange_stream_was_reset(struct exchange_stream *stream, const struct hg_reason *reason)
{
    if (stream->over)
        return;
    /* A gateway cancels at once and drops data in transit, since nobody is left to read a response. A client delivers
     * the data it has sent, followed by its reason, as the public user should see both. */
    if (stream->tn && stream->sends == HG_UP && stream->sent != MESSAGE_ENDED && !stream->unwanted &&
        !send_reset(stream, reason))
        stream->sent = MESSAGE_BODY;
    exchange_stream_over(stream, stream_error_code(reason));
}
