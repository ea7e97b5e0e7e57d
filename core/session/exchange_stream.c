/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Both ends of an exchange may hit the same failure at once, so every way out ends in exchange_stream_over(): after
 * that, neither calls the other any more.
 */
#include "core/session/exchange_stream.h"

#include "core/session/exchange_stream_private.h"
#include "core/session/flush_queue.h"

#include <stdlib.h>

/* A codec keeps an incomplete message, which for a head may be megabytes, and new credit is given for the bytes it has
 * consumed. Each stream may keep this much; the excess counts against the whole session. */
#define UNDECODED_FREE ((size_t)65536)

uint64_t exchange_stream_undecoded(const struct exchange_stream *stream)
{
    return stream->undecoded > UNDECODED_FREE ? stream->undecoded - UNDECODED_FREE : 0;
}

void exchange_stream_set_undecoded(struct exchange_stream *stream, size_t size)
{
    stream->session->undecoded -= exchange_stream_undecoded(stream);
    stream->undecoded = size;
    stream->session->undecoded += exchange_stream_undecoded(stream);
}

struct exchange_stream *exchange_stream_new(struct session *session, enum hg_direction sends)
{
    struct exchange_stream *stream = calloc(1, sizeof *stream + session->codec->decoder_size);

    if (!stream)
        return NULL;
    stream->session = session;
    stream->sends = sends;
    stream->next = session->streams;
    stream->previous = &session->streams;
    if (stream->next)
        stream->next->previous = &stream->next;
    session->streams = stream;
    session->stream_count++;
    session->exchanges++;
    return stream;
}

void exchange_stream_leave_unwritten(struct exchange_stream *stream)
{
    if (!stream->is_unwritten)
        return;
    stream->is_unwritten = false;
    *stream->previous_unwritten = stream->next_unwritten;
    if (stream->next_unwritten)
        stream->next_unwritten->previous_unwritten = stream->previous_unwritten;
}

void exchange_stream_leave_waiting(struct exchange_stream *stream)
{
    struct session *session = stream->session;
    struct exchange_stream **place = &session->waiting;

    if (!stream->is_waiting)
        return;
    while (*place != stream)
        place = &(*place)->next_waiting;
    *place = stream->next_waiting;
    if (!*place)
        session->waiting_tail = place;
    session->waiting_count--;
    stream->is_waiting = false;
}

void exchange_stream_drop_output(struct exchange_stream *stream)
{
    for (size_t i = 0; i < stream->output.count; i++)
        hg_buffer_unref(stream->output.slices[i].buffer);
    stream->output.count = 0;
    stream->output_size = 0;
}

static void drop_surplus(struct exchange_stream *stream)
{
    hg_buffer_unref(stream->surplus.buffer);
    stream->surplus = (struct hg_slice){0};
}

/* Removes it from its session. Its stream, if any, must have been released. */
static void leave_session(struct exchange_stream *stream)
{
    struct session *session = stream->session;

    if (!session)
        return;
    session->codec->decoder_free(session->codec_worker, stream->decoder);
    exchange_stream_leave_unwritten(stream);
    exchange_stream_leave_waiting(stream);
    *stream->previous = stream->next;
    if (stream->next)
        stream->next->previous = stream->previous;
    session->stream_count--;
    session->sessions->some_delivered |= session->over;
    stream->session = NULL;
}

static void release_stream(struct exchange_stream *stream)
{
    struct tn_stream *tn = stream->tn;

    if (!tn)
        return;
    stream->tn = NULL;
    tn_stream_set_user(tn, NULL);
    tn_stream_release(tn);
    session_flush_later(stream->session);
}

void exchange_stream_over(struct exchange_stream *stream, uint64_t code)
{
    stream->over = true;
    exchange_stream_drop_output(stream);
    drop_surplus(stream);
    if (stream->tn && stream->sent != MESSAGE_ENDED)
        tn_stream_reset(stream->tn, code);
    if (stream->tn && stream->received != MESSAGE_ENDED)
        tn_stream_stop_sending(stream->tn, code);
    release_stream(stream);
    if (!stream->session)
        return;
    exchange_stream_set_undecoded(stream, 0);
    exchange_stream_leave_waiting(stream);
}

void exchange_stream_fail(struct exchange_stream *stream, uint64_t code, const struct hg_reason *reason)
{
    exchange_stream_over(stream, code);
    if (stream->self)
        hg_reset(stream->self, reason);
    else
        exchange_stream_free(stream);
}

void exchange_stream_free(struct exchange_stream *stream)
{
    if (!stream->over)
        exchange_stream_over(stream, TN_STREAM_NO_ERROR);
    leave_session(stream);
    free(stream);
}

bool exchange_stream_has_arrived(const struct exchange_stream *stream)
{
    if (stream->over || !stream->self || stream->sends != HG_DOWN ||
        (stream->sent != MESSAGE_ENDED && !stream->unwanted))
        return false;
    return stream->received == MESSAGE_ENDED || (stream->tn && tn_stream_all_received(stream->tn));
}

void exchange_stream_session_lost(struct exchange_stream *stream, const struct hg_reason *reason)
{
    stream->tn = NULL;
    leave_session(stream);
    if (stream->over)
        return;
    stream->over = true;
    exchange_stream_drop_output(stream);
    drop_surplus(stream);
    if (stream->self)
        hg_reset(stream->self, reason);
    else
        free(stream);
}
