/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The streams of an end as their users see them: write, read, reset, stop and abandon as planned, comparing every byte.
 */
#include "core/base/buffer.h"
#include "tests/sim/sim.h"

#include <inttypes.h>
#include <stdlib.h>

/* A buffer that counts how many of its kind exist. */
struct counted_buffer {
    struct hg_buffer buffer;
    struct sim *sim;
};

static void counted_release(struct hg_buffer *buffer)
{
    struct counted_buffer *counted = (struct counted_buffer *)(void *)buffer;

    counted->sim->live_buffers--;
    free(counted);
}

static struct hg_slice counted_slice(struct sim *sim, uint64_t key, uint64_t offset, size_t size)
{
    struct counted_buffer *counted = malloc(sizeof *counted + size);

    if (!counted)
        abort();
    sim->live_buffers++;
    counted->sim = sim;
    atomic_init(&counted->buffer.refs, 1);
    counted->buffer.release = counted_release;
    counted->buffer.capacity = size;
    counted->buffer.data = (uint8_t *)(counted + 1);
    for (size_t i = 0; i < size; i++)
        counted->buffer.data[i] = sim_byte(key, offset + i);
    return (struct hg_slice){&counted->buffer, counted->buffer.data, size};
}

static struct sim_stream *app_add(struct sim_endpoint *end, struct tn_stream *stream)
{
    struct sim_stream *s = calloc(1, sizeof *s);

    if (!s)
        abort();
    s->end = end;
    s->stream = stream;
    s->id = tn_stream_id(stream);
    s->own = scenario_plan(end->sim, s->id, end->side);
    s->peer = scenario_plan(end->sim, s->id, !end->side);
    s->next = end->streams;
    end->streams = s;
    tn_stream_set_user(stream, s);
    return s;
}

static void app_compare(struct sim_stream *s, const struct hg_slice *slice, uint64_t offset)
{
    struct sim *sim = s->end->sim;
    uint64_t key = sim_key(sim, s->id, !s->end->side);

    for (size_t i = 0; i < slice->size; i++)
        if (slice->data[i] != sim_byte(key, offset + i))
            sim_fail(sim, "stream %" PRIu64 ", end %d: wrong byte at offset %" PRIu64, s->id, s->end->side, offset + i);
}

static void app_drop_kept(struct sim_stream *s)
{
    if (!s->kept.buffer)
        return;
    app_compare(s, &s->kept, s->kept_offset);
    hg_buffer_unref(s->kept.buffer);
    s->kept = (struct hg_slice){0};
}

/* Removes the stream from the list of its end. */
static void app_remove(struct sim_stream *s)
{
    struct sim_stream **link = &s->end->streams;

    while (*link != s)
        link = &(*link)->next;
    *link = s->next;
    app_drop_kept(s);
    tn_stream_release(s->stream);
    s->end->finished++;
    s->end->accepted_over += (s->id & 1) != (uint64_t)s->end->side;
    s->end->sim->bytes += s->read;
    s->end->sim->streams++;
    s->end->sim->awake -= s->own.sleep_at == NEVER && s->peer.sleep_at == NEVER;
    free(s);
}

/* Releases the stream once both directions have ended; true if it did. */
static bool app_check_over(struct sim_stream *s)
{
    if (!s->write_done || !s->read_done)
        return false;
    app_remove(s);
    return true;
}

static void app_write(struct sim_stream *s)
{
    uint64_t key = sim_key(s->end->sim, s->id, s->end->side);
    uint64_t limit = s->own.reset_at != NEVER ? s->own.reset_at : s->own.size;

    while (!s->write_done && s->written < limit) {
        uint64_t piece = limit - s->written < s->own.write_piece ? limit - s->written : s->own.write_piece;
        size_t room = tn_stream_write_room(s->stream);
        struct hg_slice slice;
        size_t taken;

        if (room == 0) {
            tn_stream_want_writable(s->stream);
            return;
        }
        slice = counted_slice(s->end->sim, key, s->written, (size_t)piece);
        taken = tn_stream_write(s->stream, &slice);
        hg_buffer_unref(slice.buffer);
        if (taken != (room < piece ? room : piece))
            sim_fail(s->end->sim, "stream %" PRIu64 ": a write took %zu of %" PRIu64 " with room for %zu", s->id, taken,
                     piece, room);
        s->written += taken;
        if (taken < piece)
            return;
    }
    if (s->write_done)
        return;
    if (s->own.reset_at != NEVER)
        tn_stream_reset(s->stream, s->own.code);
    else
        tn_stream_finish(s->stream);
    s->write_done = true;
}

static bool app_peer_ends_early(const struct sim_stream *s)
{
    return s->peer.reset_at != NEVER || s->peer.abandon_at != NEVER;
}

/* Credit is a promise of memory: no stream holds more than its window. */
static void app_check_window(const struct sim_stream *s)
{
    const struct tn_params *params = &s->end->params;
    uint64_t window = params->stream_window + params->session_window / 2;

    if (tn_stream_readable(s->stream) > window)
        sim_fail(s->end->sim, "stream %" PRIu64 ": holds %zu bytes, window %" PRIu64, s->id,
                 tn_stream_readable(s->stream), window);
}

/* Reads according to the plan; true if the stream was released. */
static bool app_read(struct sim_stream *s)
{
    struct sim *sim = s->end->sim;
    struct hg_slice slice;

    app_check_window(s);
    while (!s->read_done && !s->stalled) {
        if (s->read >= s->own.abandon_at) {
            app_remove(s);
            return true;
        }
        if (s->read >= s->own.stop_at) {
            tn_stream_stop_sending(s->stream, s->own.code);
            s->read_done = true;
            break;
        }
        if ((s->read >= s->own.sleep_at && sim->awake > 0) || sim->now < s->own.stalled_till ||
            random_chance(&sim->random, s->own.stall)) {
            s->stalled = true;
            break;
        }
        if (!tn_stream_peek(s->stream, &slice))
            break;
        slice = hg_slice_first(slice, s->own.read_piece);
        app_compare(s, &slice, s->read);
        if (s->own.keeps_slices) {
            app_drop_kept(s);
            s->kept = slice;
            s->kept_offset = s->read;
            hg_buffer_ref(slice.buffer);
        }
        tn_stream_consume(s->stream, slice.size);
        s->read += slice.size;
    }
    if (tn_stream_fin_read(s->stream) && !s->read_done) {
        if (s->read != s->peer.size)
            sim_fail(sim, "stream %" PRIu64 ": ended at %" PRIu64 " of %" PRIu64, s->id, s->read, s->peer.size);
        if (s->peer.reset_at != NEVER)
            sim_fail(sim, "stream %" PRIu64 ": ended though it was to be reset", s->id);
        s->read_done = true;
    }
    return false;
}

static void app_work(struct sim_stream *s)
{
    app_write(s);
    if (app_read(s))
        return;
    app_check_over(s);
}

static void app_reset(struct sim_stream *s, uint64_t code)
{
    struct sim *sim = s->end->sim;
    bool abandoned = s->peer.abandon_at != NEVER && code == TN_STREAM_CANCELLED;
    bool own_stop = s->own.stop_at != NEVER && code == s->own.code;

    if (s->read_done)
        sim_fail(sim, "stream %" PRIu64 ": reset after it was over", s->id);
    if (!app_peer_ends_early(s) && !own_stop)
        sim_fail(sim, "stream %" PRIu64 ": reset that nobody asked for", s->id);
    if (!abandoned && code != s->peer.code)
        sim_fail(sim, "stream %" PRIu64 ": reset with code %" PRIu64, s->id, code);
    s->read_done = true;
    app_work(s);
}

static void app_stopped(struct sim_stream *s, uint64_t code)
{
    struct sim *sim = s->end->sim;
    bool abandoned = s->peer.abandon_at != NEVER && code == TN_STREAM_CANCELLED;

    if (!abandoned && (s->peer.stop_at == NEVER || code != s->peer.code))
        sim_fail(sim, "stream %" PRIu64 ": stopped with code %" PRIu64, s->id, code);
    if (tn_stream_write_room(s->stream) != 0)
        sim_fail(sim, "stream %" PRIu64 ": room after stop", s->id);
    s->write_done = true;
    app_work(s);
}

void app_event(struct sim_endpoint *end, const struct tn_event *event)
{
    struct sim_stream *s = event->stream ? tn_stream_user(event->stream) : NULL;

    if (event->type != TN_EVENT_OPENED && event->type != TN_EVENT_STREAMS && !s)
        sim_fail(end->sim, "an event before the stream was opened");
    switch (event->type) {
    case TN_EVENT_OPENED:
        end->accepted++;
        if (end->accepted - end->accepted_over > end->params.max_streams)
            sim_fail(end->sim, "end %d: %" PRIu64 " streams at once, allowed %" PRIu64, end->side,
                     end->accepted - end->accepted_over, end->params.max_streams);
        app_work(app_add(end, event->stream));
        break;
    case TN_EVENT_READABLE:
    case TN_EVENT_WRITABLE:
        app_work(s);
        break;
    case TN_EVENT_RESET:
        app_reset(s, event->code);
        break;
    case TN_EVENT_STOPPED:
        app_stopped(s, event->code);
        break;
    case TN_EVENT_STREAMS:
        end->limited = false;
        app_open(end);
        break;
    }
}

void app_open(struct sim_endpoint *end)
{
    for (uint64_t i = 0; i < end->open_burst && end->opened < end->to_open; i++) {
        struct tn_stream *stream = tn_stream_open(end->session);

        if (!stream) {
            end->limited = true;
            return;
        }
        end->opened++;
        app_work(app_add(end, stream));
    }
}

void app_tick(struct sim_endpoint *end)
{
    struct sim_stream *s = end->streams, *next;

    for (; s; s = next) {
        next = s->next;
        if (!s->stalled)
            continue;
        s->stalled = false;
        app_work(s);
    }
    /* At the limit, only its event makes this end open more streams. */
    if (!end->limited)
        app_open(end);
}
