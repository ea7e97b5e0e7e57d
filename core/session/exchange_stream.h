/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * An exchange on a stream. Both ends use it: events of one direction are encoded into the stream, its
 * bytes are decoded into the events of the other. Credit of the exchange and room in the stream are each other's
 * backpressure.
 *
 * What an exchange emits within one turn of the loop is gathered and written to the stream at the turn's end, so that a
 * small response, head, data and end, is one piece in one packet.
 */
#ifndef CORE_SESSION_EXCHANGE_STREAM_H
#define CORE_SESSION_EXCHANGE_STREAM_H

#include "core/session/session.h"

#include <hopgate/codec.h>

/* How far one direction of an exchange has come. */
enum message_phase {
    MESSAGE_HEAD, /* the request's head, or the final response's, is still to come */
    MESSAGE_BODY,
    MESSAGE_ENDED,
};

struct exchange_stream {
    struct session *session; /* NULL: it was lost */
    struct hg_self *self;    /* the place in the exchange; NULL on a client until the request's head was read, and after
                                detach */
    struct tn_stream *tn;    /* NULL: not opened yet, or over */
    enum hg_direction sends; /* what this end encodes: down on a gateway, up on a client */
    enum message_phase sent, received;
    bool over;               /* the exchange was or will be reset: nothing more is emitted */
    bool unwanted;           /* the peer does not read what is sent */
    bool held;               /* the exchange waits for hg_resume() */
    unsigned interim;        /* interim responses received */
    size_t undecoded;        /* bytes that were decoded since the last event: the codec may have kept them */
    struct hg_slice surplus; /* decoded data beyond the exchange's credit, with a reference */

    struct hg_output output; /* encoded, not yet written to the stream */
    size_t output_size;

    bool is_unwritten, is_waiting;
    struct exchange_stream *next, **previous;
    struct exchange_stream *next_unwritten, **previous_unwritten;
    struct exchange_stream *next_waiting;
    _Alignas(max_align_t) unsigned char decoder[];
};

/* A stream without a stream; NULL when out of memory. */
struct exchange_stream *exchange_stream_new(struct session *session, enum hg_direction sends);
/* Frees it and what it holds; a stream that is not over is cancelled. */
void exchange_stream_free(struct exchange_stream *stream);

/* Gives it its stream, to which what was encoded before is written. */
void exchange_stream_set_stream(struct exchange_stream *stream, struct tn_stream *tn);
/* The session cannot give it a stream now: it waits in line, held. */
void exchange_stream_wait(struct exchange_stream *stream);

/* The exchange's events in the direction that is sent, as in struct hg_stage_ops. */
enum hg_verdict exchange_stream_send_head(struct exchange_stream *stream, const struct hg_head *head);
size_t exchange_stream_send_data(struct exchange_stream *stream, const struct hg_slice *slice);
enum hg_verdict exchange_stream_send_end(struct exchange_stream *stream, const struct hg_fields *trailers);
/* The exchange was reset by somebody else. */
void exchange_stream_was_reset(struct exchange_stream *stream, const struct hg_reason *reason);

/* Decodes what has arrived, as far as the exchange has credit. */
void exchange_stream_receive(struct exchange_stream *stream);
/* Writes what was encoded; goes on with the exchange if it was held for that. */
void exchange_stream_write(struct exchange_stream *stream);
/* The session is gone, and the stream with it. */
void exchange_stream_session_lost(struct exchange_stream *stream, const struct hg_reason *reason);

#endif
