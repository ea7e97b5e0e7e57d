/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The internals of a session and its streams. The session's state survives links; the functions at the end are its
 * interface for links.
 */
#ifndef CORE_TUNNEL_SESSION_INTERNAL_H
#define CORE_TUNNEL_SESSION_INTERNAL_H

#include "core/tunnel/frame.h"
#include "core/tunnel/list.h"
#include "core/tunnel/packet.h"
#include "core/tunnel/receive_buffer.h"
#include "core/tunnel/send_buffer.h"
#include "core/tunnel/tunnel.h"

/* The bytes that a stream may send in its turn before the next one follows. */
#define TURN_QUANTUM 4096

/* After this many streams have had their first turn, one that has been sending for longer gets another. */
#define FRESH_TURNS 8

/* Frames a stream has to send besides its data; bits of tn_stream.pending. */
enum {
    PENDING_RESET = 1 << 0,
    PENDING_STOP = 1 << 1,
    PENDING_MAX_STREAM_DATA = 1 << 2,
    PENDING_BLOCKED = 1 << 3,
    PENDING_FIN = 1 << 4, /* FIN without data before it, or one that was lost */
};

/* The same for a session; bits of tn_session.pending. */
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
    struct list ready;  /* in session->ready while events are waiting */
    struct list urgent; /* in session->urgent while anything but new data is waiting */
    struct list turn;   /* in session->fresh or session->old while new data may be waiting */
    int32_t deficit;    /* bytes that may still be sent in this turn */
    uint32_t in_flight; /* frames of this stream neither acknowledged nor lost */

    struct send_buffer sender;
    uint64_t send_max;   /* the peer's credit: an offset */
    uint64_t blocked_at; /* the limit last reported in STREAM_DATA_BLOCKED */
    uint64_t reset_code;
    uint64_t unsent_excess; /* its share of session->unsent_excess */

    struct receive_buffer receiver;
    uint64_t receive_max;     /* the credit given to the peer */
    uint64_t receive_highest; /* bytes of this stream counted against the session's credit */
    uint64_t final_size;      /* valid if final_known */
    uint64_t window;          /* credit beyond the bytes read: the reserve plus the permitted loan */
    uint64_t lent;            /* unread credit beyond the reserve, borrowed from the session's pool */
    tn_time tune_time;        /* when it was last checked whether the window is the limit; 0: not yet */
    uint64_t tune_read;       /* bytes read by tune_time */
    uint64_t stop_code;
    uint64_t peer_reset_code, peer_stop_code;

    uint8_t events;  /* 1 << enum tn_event_type */
    uint8_t pending; /* PENDING_… */
    bool turn_old;   /* in session->old, not in session->fresh */
    bool announced;  /* TN_EVENT_OPENED was queued, or this side opened it */
    bool released;   /* by its user */
    bool want_writable;
    /* The direction from this side to the peer. */
    bool fin_written, fin_sent, fin_acknowledged, reset, reset_acknowledged;
    /* The direction from the peer to this side. */
    bool final_known, peer_reset;
    bool discarding; /* no longer read: bytes are counted and dropped */
};

struct tn_session {
    struct tn_params params;
    struct tn_link *link;

    struct tn_stream **buckets; /* a hash table indexed by id */
    size_t bucket_count, stream_count;
    struct tn_stream *free_streams;
    size_t free_count;

    struct list ready;    /* streams with events */
    struct list urgent;   /* streams with lost data or other frames: served before new data, except with fresh_first */
    struct list fresh;    /* streams with new data that have not had a turn since they became active */
    struct list old;      /* streams with new data that have had one */
    unsigned fresh_turns; /* first turns completed since a stream in `old` had its turn */
    bool fresh_first;     /* `urgent` filled the last packet, so the next begins with `fresh` */

    uint64_t send_max, data_sent; /* the peer's credit, and how much of it is used */
    uint64_t peer_stream_window;  /* the peer's credit for a new stream */
    uint64_t blocked_at;
    uint64_t data_received, data_consumed;
    uint64_t lent;                                         /* lent from the pool to all streams */
    tn_time min_rtt;                                       /* the link's, when it last sent */
    uint64_t peer_max_streams, opened, streams_blocked_at; /* streams opened by this side */
    uint64_t max_streams, accepted, peer_streams_over; /* streams opened by the peer; max_streams as last sent to it */
    uint64_t unsent;                                   /* written, but never sent */
    uint64_t unsent_excess;                            /* the part of it beyond SEND_BUFFER_MIN of each stream */
    uint64_t unacknowledged;                           /* sent, and kept until all bytes before them are acknowledged */
    uint64_t bytes_resent, bytes_repeated;
    uint32_t segments; /* held by all receivers */
    uint8_t pending;
    bool streams_wanted; /* tn_stream_open() returned NULL because of the limit */
    bool streams_event;
    bool failed; /* out of memory where nothing can be undone: the link must close */
};

/* ---- stream_table.c ---- */

struct tn_stream *session_find(const struct tn_session *session, uint64_t id);
struct tn_stream *session_add_stream(struct tn_session *session, uint64_t id);
/* The peer allows this many streams, counted from the start of the session. */
void session_raise_streams(struct tn_session *session, uint64_t limit);
/* Frees the stream if it is over in both directions, released, and no frame in flight refers to it. */
void session_reap(struct tn_session *session, struct tn_stream *stream);

/* ---- stream.c ---- */

void stream_event(struct tn_stream *stream, enum tn_event_type type);
/* Puts the stream into the lists that match its state. */
void stream_schedule(struct tn_stream *stream);
/* Queues TN_EVENT_WRITABLE if it was requested and half of the buffer is free. */
void stream_check_writable(struct tn_stream *stream);
/* The stream is no longer read: drops its data and returns the credit. */
void stream_discard(struct tn_stream *stream);
/* Updates the counts of unsent bytes. */
void stream_count_unsent(struct tn_stream *stream);

/* ---- credit.c ---- */

/* Updates the stream's loan, after a change to the bytes it has read, may receive or will receive. */
void credit_count(struct tn_stream *stream);
/* A stream begins: on a far path it gets more than its reserve at once. */
void credit_begin(struct tn_stream *stream);
/* Whether enough was read for the peer to get new credit. */
bool credit_is_due(struct tn_stream *stream);
/* Doubles the window, as far as the pool allows; false if it does not. Nothing is sent to the peer. */
bool credit_grow(struct tn_stream *stream);
/* The limit to send to the peer now. */
uint64_t credit_renew(struct tn_stream *stream, tn_time now, tn_time rtt);

/* ---- frame_receive.c ---- */

/* Processes a frame of the session. 0, a code of enum tn_error, or FRAME_NOT_TAKEN if it must be sent again. */
#define FRAME_NOT_TAKEN (-3)
int session_receive(struct tn_session *session, const struct frame *frame, const char **what);

/* ---- stream_schedule.c ---- */

/* Whether session_send() has anything to send. */
bool session_has_frames(const struct tn_session *session);
/* Fills the packet with frames of the session. */
void session_send(struct tn_session *session, struct packet *packet, tn_time now, tn_time smoothed_rtt,
                  tn_time min_rtt);
/* Queues DATA_BLOCKED if data is held back only by the session's credit. */
void session_check_blocked(struct tn_session *session);

/* ---- frame_send.c ---- */

/* These return false if the packet is full or out of memory; the rest goes into the next packet. */
/* The session's own frames. */
bool session_write_pending(struct tn_session *session, struct packet *packet);
/* A stream's frames other than data. */
bool stream_write_pending(struct tn_stream *stream, struct packet *packet, tn_time now, tn_time rtt);
/* Lost data, then FIN if there is no data to carry it. */
bool stream_write_lost(struct tn_stream *stream, struct packet *packet);
/* New data, as far as the credit allows. */
bool stream_write_new(struct tn_stream *stream, struct packet *packet);
/* Whether a frame in flight has data that is neither acknowledged nor repeated yet, … */
bool session_wants_repetition(const struct sent_frame *frame);
/* … and repeats it. False if the packet has no room for all of it, or when out of memory. */
bool session_repeat(const struct sent_frame *frame, struct packet *packet);

/* ---- frame_outcome.c ---- */

/* `again`: the frame must be sent again although it is still in flight. */
void session_frame_acknowledged(struct tn_session *session, const struct sent_frame *frame);
void session_frame_lost(struct tn_session *session, const struct sent_frame *frame, bool again);

#endif
