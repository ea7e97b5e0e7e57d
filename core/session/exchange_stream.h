/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * An exchange on a stream, at either end: events of one direction are encoded into the stream, and the stream's bytes
 * are decoded into events of the other. Backpressure passes both ways, as the exchange's credit and as room in the
 * stream.
 *
 * Events emitted within one turn of the loop are collected and written to the stream at its end, so that a small
 * response with head, data and end leaves as one piece in one packet.
 */
#ifndef CORE_SESSION_EXCHANGE_STREAM_H
#define CORE_SESSION_EXCHANGE_STREAM_H

#include "core/base/cold.h"
#include "core/session/session.h"

#include <hopgate/codec.h>

/* The progress of one direction of an exchange. */
enum message_phase {
    MESSAGE_HEAD, /* the head of the request or of the final response is yet to come */
    MESSAGE_BODY,
    MESSAGE_ENDED,
};

struct exchange_stream {
    struct session *session; /* NULL: lost */
    struct hg_self *self; /* its slot in the exchange; NULL after detach and, on a client, before the request's head has
                             been read */
    struct tn_stream *tn; /* NULL: not opened yet, or over */
    enum hg_direction sends; /* the direction that this end encodes: down on a gateway, up on a client */
    enum message_phase sent, received;
    bool over;               /* the exchange was or will be reset: nothing more is emitted */
    bool unwanted;           /* the peer does not read what is sent */
    bool held;               /* the exchange is waiting for hg_resume() */
    unsigned interim;        /* interim responses received */
    size_t undecoded;        /* bytes decoded since the last event: the codec may be holding them */
    struct hg_slice surplus; /* decoded data beyond the exchange's credit, with a reference */

    struct hg_output output; /* encoded, but not written to the stream yet */
    size_t output_size;

    bool is_unwritten, is_waiting;
    struct exchange_stream *next, **previous;
    struct exchange_stream *next_unwritten, **previous_unwritten;
    struct exchange_stream *next_waiting;
    _Alignas(max_align_t) unsigned char decoder[];
};

/* Creates one without a stream; NULL when out of memory. */
struct exchange_stream *exchange_stream_new(struct session *session, enum hg_direction sends);
/* Frees it and what it holds; if it is not over, the stream is cancelled. */
void exchange_stream_free(struct exchange_stream *stream);

/* Sets its stream, and queues what has been encoded so far to be written to it. */
void exchange_stream_set_stream(struct exchange_stream *stream, struct tn_stream *tn);
/* No stream is available in the session: waits in line, and holds the exchange. */
void exchange_stream_wait(struct exchange_stream *stream);

/* The exchange's events in the direction being sent, as in struct hg_stage_ops. */
enum hg_verdict exchange_stream_send_head(struct exchange_stream *stream, const struct hg_head *head);
size_t exchange_stream_send_data(struct exchange_stream *stream, const struct hg_slice *slice);
enum hg_verdict exchange_stream_send_end(struct exchange_stream *stream, const struct hg_fields *trailers);
/* The exchange was reset from elsewhere. */
COLD void exchange_stream_was_reset(struct exchange_stream *stream, const struct hg_reason *reason);

/* Decodes what has arrived, as far as the exchange has credit. */
void exchange_stream_receive(struct exchange_stream *stream);
/* Writes what was encoded, and resumes the exchange if it was waiting for that. */
void exchange_stream_write(struct exchange_stream *stream);
/* Gateway: whether the request was sent and the whole response has arrived, so that it can be delivered without the
 * peer. */
bool exchange_stream_has_arrived(const struct exchange_stream *stream);
/* The session was lost, and the stream with it. */
COLD void exchange_stream_session_lost(struct exchange_stream *stream, const struct hg_reason *reason);

#endif
