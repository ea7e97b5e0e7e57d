/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What goes into the stream: an exchange's events, encoded, as far as the stream has room.
 */
#include "core/base/reason.h"
#include "core/session/exchange_stream_private.h"

/* Slices of one encoder's call, see <hopgate/codec.h>. */
#define DATA_MAX 16384
/* Less room than this is not worth a piece of data, unless no more is there. */
#define DATA_WORTHWHILE 1024
/* Output is written out when it has more slices than this: room is left for one more call, and for a reset. */
#define OUTPUT_HIGH (HG_OUTPUT_SLICES - 2 * HG_OUTPUT_PER_CALL)

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

/* Moves output into the stream by `write`; false when some is left. */
static bool move_output(struct carriage *carriage, size_t (*write)(struct tn_stream *, const struct hg_slice *))
{
    struct hg_output *output = &carriage->output;
    size_t done = 0;

    carriage_leave_unwritten(carriage);
    if (!carriage->stream)
        return !output->count;
    while (done < output->count) {
        struct hg_slice *slice = &output->slices[done];
        size_t taken = write(carriage->stream, slice);

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

/* Moves output into the stream as far as there is room; when some is left, TN_EVENT_WRITABLE will come. */
static bool write_output(struct carriage *carriage)
{
    return move_output(carriage, tn_stream_write);
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
    carriage_leave_waiting(carriage);
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

/* Writes the reason into the stream itself, behind what was sent, even without room. False: out of memory. */
static bool send_reset(struct carriage *carriage, const struct hg_reason *reason)
{
    const struct session *session = carriage->session;
    const char *error = NULL;

    if (carriage->output.count + HG_OUTPUT_PER_CALL > HG_OUTPUT_SLICES ||
        session->codec->encode_reset(session->codec_worker, reason, &carriage->output, &error))
        return false;
    count_output(carriage);
    carriage->sent = CARRIAGE_ENDED;
    return move_output(carriage, tn_stream_write_last);
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
    carriage_over(carriage, reason_code(reason));
}
