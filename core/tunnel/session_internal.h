/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Inside of a session and its streams. What belongs to the session survives links; what a link needs of it are the
 * functions at the end.
 */
#ifndef CORE_TUNNEL_SESSION_INTERNAL_H
#define CORE_TUNNEL_SESSION_INTERNAL_H

#include "core/tunnel/frame.h"
#include "core/tunnel/list.h"
#include "core/tunnel/packet.h"
#include "core/tunnel/receive_buffer.h"
#include "core/tunnel/send_buffer.h"
#include "core/tunnel/tunnel.h"

/* A stream gets this many bytes of a turn before the next one has its own. */
#define TURN_QUANTUM 4096

/* After so many streams had their first turn, one of those that are at it for long has another. */
#define FRESH_TURNS 8

/* Frames that a stream has to send beside its data; bits of tn_stream.pending. */
enum {
    PENDING_RESET = 1 << 0,
    PENDING_STOP = 1 << 1,
    PENDING_MAX_STREAM_DATA = 1 << 2,
    PENDING_BLOCKED = 1 << 3,
    PENDING_FIN = 1 << 4, /* an end without data before it, or that was lost */
};

/* The same of a session; bits of tn_session.pending. */
enum {
    PENDING_MAX_STREAMS = 1 << 0,
    PENDING_DATA_BLOCKED = 1 << 1,
    PENDING_STREAMS_BLOCKED = 1 << 2,
};

struct tn_stream {
    struct tn_session *session;
    uint64_t id;
    void *user;
    struct tn_stream *hash_next;
    struct list ready;  /* in session->ready while events wait */
    struct list urgent; /* in session->urgent while frames beside new data wait */
    struct list turn;   /* in session->fresh or session->old while new data may wait */
    int32_t deficit;    /* bytes that may still go in this turn */
    uint32_t in_flight; /* frames of this stream that are neither acknowledged nor lost */

    struct send_buffer sender;
    uint64_t send_max;   /* the peer's credit: an offset */
    uint64_t blocked_at; /* the limit that was last told by STREAM_DATA_BLOCKED */
    uint64_t reset_code;
    uint64_t unsent_excess; /* its part of session->unsent_excess */

    struct receive_buffer receiver;
    uint64_t receive_max;     /* the credit told to the peer */
    uint64_t receive_highest; /* what the session's credit counts for this stream */
    uint64_t final_size;      /* while final_known */
    uint64_t window;          /* credit from what was read: the reserve, and what may be lent beyond it */
    uint64_t lent;            /* of the session's pool: credit that is not read yet beyond the reserve */
    tn_time tune_time;        /* when it was last looked at whether the window limits; 0: not yet */
    uint64_t tune_read;       /* what had been read at tune_time */
    uint64_t stop_code;
    uint64_t peer_reset_code, peer_stop_code;

    uint8_t events;  /* 1 << enum tn_event_type */
    uint8_t pending; /* PENDING_… */
    bool turn_old;   /* in session->old, not in session->fresh */
    bool announced;  /* TN_EVENT_OPENED was queued, or this side opened it */
    bool released;   /* by its user */
    bool want_writable;
    /* This side's direction. */
    bool fin_written, fin_sent, fin_acknowledged, reset, reset_acknowledged;
    /* The peer's direction. */
    bool final_known, peer_reset;
    bool discarding; /* nobody reads: bytes are counted and dropped */
};

struct tn_session {
    struct tn_params params;
    struct tn_link *link;

    struct tn_stream **buckets; /* a hash table by id */
    size_t bucket_count, stream_count;
    struct tn_stream *free_streams;
    size_t free_count;

    struct list ready;    /* streams with events */
    struct list urgent;   /* streams with lost data or frames beside data: before anything new, but for fresh_first */
    struct list fresh;    /* streams with new data that have not had their turn since they became active */
    struct list old;      /* streams with new data that have */
    unsigned fresh_turns; /* first turns that ended since one of the old had its turn */
    bool fresh_first;     /* the last packet was filled by what `urgent` holds: the next begins with `fresh` */

    uint64_t send_max, data_sent; /* the peer's credit, and the part of it that is used */
    uint64_t peer_stream_window;  /* what the peer allows on a new stream */
    uint64_t blocked_at;
    uint64_t data_received, data_consumed;
    uint64_t lent;                                         /* of the pool, to all streams */
    tn_time min_rtt;                                       /* of the link, when it last sent */
    uint64_t peer_max_streams, opened, streams_blocked_at; /* streams of this side */
    uint64_t max_streams, accepted, peer_streams_over;     /* streams of the peer; max_streams as told */
    uint64_t unsent;                                       /* written, not yet sent once */
    uint64_t unsent_excess;                                /* what of it is beyond SEND_BUFFER_MIN of its stream */
    uint64_t unacknowledged; /* sent, still held since not all before them is acknowledged */
    uint64_t bytes_resent, bytes_repeated;
    uint32_t segments; /* held by all receivers */
    uint8_t pending;
    bool streams_wanted; /* tn_stream_open() gave NULL at the limit */
    bool streams_event;
    bool failed; /* memory ran out where nothing can be taken back: the link must close */
};

/* ---- stream_table.c ---- */

struct tn_stream *session_find(const struct tn_session *session, uint64_t id);
struct tn_stream *session_add_stream(struct tn_session *session, uint64_t id);
/* The peer allows this many streams, counted from the session's start. */
void session_raise_streams(struct tn_session *session, uint64_t limit);
/* Frees the stream if it is over in both directions, released, and no frame in flight refers to it. */
void session_reap(struct tn_session *session, struct tn_stream *stream);

/* ---- stream.c ---- */

void stream_event(struct tn_stream *stream, enum tn_event_type type);
/* Puts the stream into the lists that its state asks for. */
void stream_schedule(struct tn_stream *stream);
/* Tells the user of room, if one waits for it and half of the buffer is free. */
void stream_check_writable(struct tn_stream *stream);
/* Nobody reads the stream from now on: drops what is held and returns the credit. */
void stream_discard(struct tn_stream *stream);
/* Takes note of unsent bytes that came or went. */
void stream_count_unsent(struct tn_stream *stream);

/* ---- credit.c ---- */

/* Takes note of what the stream is lent, after a change to what it reads, may receive or will receive. */
void credit_count(struct tn_stream *stream);
/* The stream begins: on a far path it gets more than its reserve at once. */
void credit_begin(struct tn_stream *stream);
/* Whether so much was read that the peer should get new credit. */
bool credit_is_due(struct tn_stream *stream);
/* Doubles the window, as far as the pool allows; false when it does not. The peer is not told. */
bool credit_grow(struct tn_stream *stream);
/* The limit to be told to the peer now. */
uint64_t credit_renew(struct tn_stream *stream, tn_time now, tn_time rtt);

/* ---- frame_receive.c ---- */

/* Takes one frame of the session. 0, a code of enum tn_error, or FRAME_NOT_TAKEN when it must come again. */
#define FRAME_NOT_TAKEN (-3)
int session_receive(struct tn_session *session, const struct frame *frame, const char **what);

/* ---- stream_schedule.c ---- */

/* Whether session_send() has anything to put into a packet. */
bool session_has_frames(const struct tn_session *session);
/* Fills the packet with frames of the session. */
void session_send(struct tn_session *session, struct packet *packet, tn_time now, tn_time smoothed_rtt,
                  tn_time min_rtt);
/* Queues DATA_BLOCKED if only the session's credit holds data back. */
void session_check_blocked(struct tn_session *session);

/* ---- frame_send.c ---- */

/* These return false when the packet is full or out of memory; what is left is sent with the next packet. */
/* The session's own frames. */
bool session_write_pending(struct tn_session *session, struct packet *packet);
/* The frames of a stream beside its data. */
bool stream_write_pending(struct tn_stream *stream, struct packet *packet, tn_time now, tn_time rtt);
/* What was lost, then an end of the stream that has no data to go with. */
bool stream_write_lost(struct tn_stream *stream, struct packet *packet);
/* New data, as far as the credit allows. */
bool stream_write_new(struct tn_stream *stream, struct packet *packet);
/* Whether a frame in flight has data that is neither acknowledged nor repeated yet, … */
bool session_wants_repetition(const struct sent_frame *frame);
/* … and repeats it. False when the packet has no room for all of it, or out of memory. */
bool session_repeat(const struct sent_frame *frame, struct packet *packet);

/* ---- frame_outcome.c ---- */

/* `again`: the frame is to be sent once more although it is still in flight. */
void session_frame_acknowledged(struct tn_session *session, const struct sent_frame *frame);
void session_frame_lost(struct tn_session *session, const struct sent_frame *frame, bool again);

#endif
