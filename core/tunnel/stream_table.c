/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/tunnel/session_internal.h"

#include "core/tunnel/varint.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN 16
/* Stream objects kept for reuse. */
#define FREE_STREAMS_MAX 64

void tn_params_default(struct tn_params *params)
{
    *params = (struct tn_params){
        .packet_size = 1200,
        .stream_window = 12 * 1024,
        .session_window = 32 * 1024 * 1024,
        .max_streams = 4096,
        .send_buffer = 256 * 1024,
        .session_send_buffer = 8 * 1024 * 1024,
        .session_unacked = 32 * 1024 * 1024,
        .max_ack_delay = 5 * TN_MILLISECOND,
        .initial_rtt = 333 * TN_MILLISECOND,
        .keep_alive = 10 * TN_SECOND,
        .dead_after = 18 * TN_SECOND,
    };
}

struct tn_session *tn_session_new(const struct tn_params *params)
{
    struct tn_session *session = calloc(1, sizeof *session);

    if (!session)
        return NULL;
    session->params = *params;
    list_init(&session->ready);
    list_init(&session->urgent);
    list_init(&session->fresh);
    list_init(&session->old);
    session->max_streams = params->max_streams;
    return session;
}

/* Ids of one side are 4 apart (RFC 9000 section 2.1). */
static size_t session_bucket(size_t bucket_count, uint64_t id)
{
    return (size_t)((id >> 2) ^ (id << 3 & 8)) & (bucket_count - 1);
}

struct tn_stream *session_find(const struct tn_session *session, uint64_t id)
{
    struct tn_stream *stream;

    if (session->bucket_count == 0)
        return NULL;
    stream = session->buckets[session_bucket(session->bucket_count, id)];
    while (stream && stream->id != id)
        stream = stream->hash_next;
    return stream;
}

static bool session_resize(struct tn_session *session, size_t bucket_count)
{
    struct tn_stream **buckets = calloc(bucket_count, sizeof(struct tn_stream *));

    if (!buckets)
        return false;
    for (size_t i = 0; i < session->bucket_count; i++) {
        struct tn_stream *stream = session->buckets[i], *next;

        for (; stream; stream = next) {
            struct tn_stream **bucket = &buckets[session_bucket(bucket_count, stream->id)];

            next = stream->hash_next;
            stream->hash_next = *bucket;
            *bucket = stream;
        }
    }
    free(session->buckets);
    session->buckets = buckets;
    session->bucket_count = bucket_count;
    return true;
}

struct tn_stream *session_add_stream(struct tn_session *session, uint64_t id)
{
    struct tn_stream *stream = session->free_streams, **bucket;
    struct receive_buffer receiver = {0};
    struct send_buffer sender = {0};

    /* A table that cannot grow still works, only more slowly; just the first allocation is essential. */
    if (session->stream_count >= session->bucket_count &&
        !session_resize(session, session->bucket_count ? 2 * session->bucket_count : BUCKETS_MIN) &&
        session->bucket_count == 0)
        return NULL;
    if (stream) {
        session->free_streams = stream->hash_next;
        session->free_count--;
        receiver = stream->receiver;
        sender = stream->sender;
    } else {
        stream = malloc(sizeof *stream);
        if (!stream)
            return NULL;
    }
    memset(stream, 0, sizeof *stream);
    stream->receiver = receiver;
    stream->sender = sender;
    stream->session = session;
    stream->id = id;
    stream->window = session->params.stream_window;
    stream->receive_max = stream->window;
    stream->blocked_at = UINT64_MAX;
    stream->send_max = session->peer_stream_window;
    bucket = &session->buckets[session_bucket(session->bucket_count, id)];
    stream->hash_next = *bucket;
    *bucket = stream;
    session->stream_count++;
    return stream;
}

/* Clears a stream. Small arrays are kept for its next use, or until stream_free(). */
static void stream_clear(struct tn_stream *stream)
{
    struct tn_session *session = stream->session;

    session->lent -= stream->lent;
    session->segments -= stream->receiver.count;
    send_buffer_reset(&stream->sender);
    receive_buffer_reset(&stream->receiver);
    list_remove(&stream->ready);
    list_remove(&stream->urgent);
    list_remove(&stream->turn);
}

static void stream_free(struct tn_stream *stream)
{
    send_buffer_drop(&stream->sender);
    receive_buffer_drop(&stream->receiver);
    free(stream);
}

static void session_remove_stream(struct tn_session *session, struct tn_stream *stream)
{
    struct tn_stream **link = &session->buckets[session_bucket(session->bucket_count, stream->id)];

    while (*link != stream)
        link = &(*link)->hash_next;
    *link = stream->hash_next;
    session->stream_count--;
    stream_clear(stream);
    if (session->free_count < FREE_STREAMS_MAX) {
        stream->hash_next = session->free_streams;
        session->free_streams = stream;
        session->free_count++;
    } else {
        stream_free(stream);
    }
}

static bool stream_is_own(const struct tn_stream *stream)
{
    return (stream->id & 1) == (stream->session->params.is_client ? 0 : 1);
}

void session_reap(struct tn_session *session, struct tn_stream *stream)
{
    if (!stream->released || stream->in_flight > 0)
        return;
    if (!tn_stream_all_acknowledged(stream))
        return;
    if (!stream->final_known || !(stream->discarding || stream->receiver.read == stream->final_size))
        return;
    if (!stream_is_own(stream)) {
        session->peer_streams_over++;
        /* Announced in batches, so that ten thousand short streams a second do not cost as many frames. */
        if (session->peer_streams_over + session->params.max_streams - session->max_streams >=
            session->params.max_streams / 8 + 1)
            session->pending |= PENDING_MAX_STREAMS;
    }
    session_remove_stream(session, stream);
}

void tn_session_free(struct tn_session *session)
{
    if (!session)
        return;
    if (session->link)
        tn_link_detach(session->link);
    for (size_t i = 0; i < session->bucket_count; i++) {
        while (session->buckets[i]) {
            struct tn_stream *stream = session->buckets[i];

            session->buckets[i] = stream->hash_next;
            stream_clear(stream);
            stream_free(stream);
        }
    }
    while (session->free_streams) {
        struct tn_stream *stream = session->free_streams;

        session->free_streams = stream->hash_next;
        stream_free(stream);
    }
    free(session->buckets);
    free(session);
}

void tn_params_to_send(const struct tn_params *params, struct tn_peer_params *sent)
{
    *sent = (struct tn_peer_params){VARINT_MAX, params->stream_window, params->max_streams};
}

void tn_session_local_params(const struct tn_session *session, struct tn_peer_params *sent)
{
    tn_params_to_send(&session->params, sent);
}

static uint64_t at_most_varint(uint64_t value)
{
    return value < VARINT_MAX ? value : VARINT_MAX;
}

void session_raise_streams(struct tn_session *session, uint64_t limit)
{
    if (limit <= session->peer_max_streams)
        return;
    session->peer_max_streams = limit;
    if (session->streams_wanted) {
        session->streams_wanted = false;
        session->streams_event = true;
    }
}

void tn_session_set_peer_params(struct tn_session *session, const struct tn_peer_params *params)
{
    uint64_t stream_window = at_most_varint(params->initial_max_stream_data);

    if (params->initial_max_data > session->send_max)
        session->send_max = at_most_varint(params->initial_max_data);
    session_raise_streams(session, params->initial_max_streams < VARINT_MAX >> 2 ? params->initial_max_streams
                                                                                 : VARINT_MAX >> 2);
    if (stream_window <= session->peer_stream_window)
        return;
    session->peer_stream_window = stream_window;
    for (size_t i = 0; i < session->bucket_count; i++) {
        for (struct tn_stream *stream = session->buckets[i]; stream; stream = stream->hash_next) {
            if (stream->send_max < stream_window)
                stream->send_max = stream_window;
            stream_schedule(stream);
        }
    }
}

size_t tn_session_stream_count(const struct tn_session *session)
{
    return session->stream_count;
}

void tn_session_each_stream(struct tn_session *session, bool (*visit)(struct tn_stream *stream, void *context),
                            void *context)
{
    for (size_t i = 0; i < session->bucket_count; i++) {
        struct tn_stream *stream = session->buckets[i], *next;

        for (; stream; stream = next) {
            next = stream->hash_next;
            if (!stream->released && stream->announced && !visit(stream, context))
                return;
        }
    }
}

bool tn_session_next_event(struct tn_session *session, struct tn_event *event)
{
    struct tn_stream *stream;
    unsigned type = 0;

    *event = (struct tn_event){.type = TN_EVENT_STREAMS};
    if (session->streams_event) {
        session->streams_event = false;
        return true;
    }
    if (list_empty(&session->ready))
        return false;
    stream = LIST_ENTRY(session->ready.next, struct tn_stream, ready);
    while (!(stream->events & 1 << type))
        type++;
    stream->events &= (uint8_t) ~(1 << type);
    if (!stream->events)
        list_remove(&stream->ready);
    event->type = (enum tn_event_type)type;
    event->stream = stream;
    if (type == TN_EVENT_RESET)
        event->code = stream->peer_reset_code;
    else if (type == TN_EVENT_STOPPED)
        event->code = stream->peer_stop_code;
    return true;
}

void tn_session_stats(const struct tn_session *session, struct tn_session_stats *stats)
{
    *stats = (struct tn_session_stats){
        .streams = session->stream_count,
        .streams_opened = session->opened,
        .streams_accepted = session->accepted,
        .bytes_sent = session->data_sent,
        .bytes_received = session->data_received,
        .bytes_resent = session->bytes_resent,
        .bytes_repeated = session->bytes_repeated,
        .bytes_unsent = session->unsent,
        .bytes_unacked = session->unacknowledged,
        .bytes_held = session->data_received - session->data_consumed,
        .bytes_lent = session->lent,
        .credit_from_peer = session->send_max - session->data_sent,
        .received_fragments = session->segments,
    };
}
