/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The tunnel: sessions, streams and links, as specified in docs/protocol.md.
 *
 * A session ties a client to a gateway: its streams, their offsets, their windows. A link (a DTLS association or a byte
 * stream such as TLS) only carries it: a session can be detached from one link and attached to another, and continues
 * at the same byte.
 *
 * This is pure code: it opens no sockets, reads no clock, starts no timers and makes no callbacks. The caller
 *
 *   1. passes each received packet to tn_link_receive(), after each of them reads CONTROL messages if there are any
 *      (tn_control_peek()), and after the last one of a batch calls tn_link_batch_end();
 *   2. takes events with tn_session_next_event() until there are none, and reads and writes streams;
 *   3. calls tn_link_send() until it returns 0 (or while the socket accepts packets) and sends what it built, skipping
 *      each packet number that tn_link_skips() names;
 *   4. sets one timer to tn_link_deadline() and calls tn_link_timeout() when it fires, then continues with step 2.
 *
 * Steps 2 to 4 are also needed after any other call that changes a stream (a write, a consume, a reset):
 * tn_link_wants_send() is a cheap way to find out whether step 3 has something to do. Any function may be called at any
 * time between two others; there is no reentrancy. The only foreign code that runs inside a call is a buffer's
 * `release` function, which must not call the tunnel.
 *
 * Nothing here is thread-safe; a session and its link belong to one worker.
 */
#ifndef CORE_TUNNEL_TUNNEL_H
#define CORE_TUNNEL_TUNNEL_H

#include <hopgate/buffer.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tn_session;
struct tn_link;
struct tn_stream;

/* Nanoseconds of a monotonic clock. Within one link, `now` never goes back. */
typedef uint64_t tn_time;

#define TN_TIME_NEVER  UINT64_MAX
#define TN_MILLISECOND UINT64_C(1000000)
#define TN_SECOND      UINT64_C(1000000000)

/* The largest packet that this side accepts, and the smallest capacity that it can build one in. */
#define TN_PACKET_MAX 16384
#define TN_PACKET_MIN 256

/* CONTROL: the most bytes that one side keeps unacknowledged, and that the other holds unread. */
#define TN_CONTROL_SEND_MAX    32768
#define TN_CONTROL_RECEIVE_MAX 65536

/* Why a link was closed: the code of a CLOSE frame. Below 0x100, names and values are those of RFC 9000 §20.1. */
enum tn_error {
    TN_NO_ERROR = 0x00,
    TN_INTERNAL_ERROR = 0x01,          /* usually out of memory */
    TN_CONNECTION_REFUSED = 0x02,      /* the `open` was refused; the `refuse` message has the reason */
    TN_FLOW_CONTROL_ERROR = 0x03,      /* more bytes than credit */
    TN_STREAM_LIMIT_ERROR = 0x04,      /* more streams than allowed */
    TN_STREAM_STATE_ERROR = 0x05,      /* a frame that the stream cannot have */
    TN_FINAL_SIZE_ERROR = 0x06,        /* a stream's final size changed or was exceeded */
    TN_FRAME_ENCODING_ERROR = 0x07,    /* a malformed frame, or an unknown type */
    TN_PARAMETER_ERROR = 0x08,         /* reserved */
    TN_PROTOCOL_VIOLATION = 0x0a,      /* any other violation */
    TN_CONTROL_BUFFER_EXCEEDED = 0x0d, /* more CONTROL bytes than TN_CONTROL_RECEIVE_MAX */
    TN_SESSION_ENDED = 0x100,          /* the session has ended: it must not be resumed */
    TN_LINK_REPLACED = 0x101,          /* the session was attached to another link */
    TN_SHUTDOWN = 0x102,               /* this process is stopping; the session ends with it */
    TN_CONTROL_ERROR = 0x103,          /* a malformed CONTROL message */

    /* Never sent: results of tn_link_receive() and tn_link_timeout(). */
    TN_DEAD = -1,   /* the peer has been silent for `dead_after` */
    TN_CLOSED = -2, /* the peer closed the link: tn_link_close_code() */
};

/* The name of a code of enum tn_error, such as "FLOW_CONTROL_ERROR"; "unknown" for other values. */
const char *tn_error_name(uint64_t code);

/* Why a stream was reset or is no longer being read: the code of RESET_STREAM and STOP_SENDING. */
enum tn_stream_error {
    TN_STREAM_NO_ERROR = 0x00,     /* nothing failed, the rest is not needed */
    TN_STREAM_CANCELLED = 0x01,    /* the requester went away */
    TN_STREAM_REFUSED = 0x02,      /* not started, no origin has seen it: safe to retry elsewhere */
    TN_STREAM_INTERNAL = 0x03,     /* this end failed */
    TN_STREAM_CODEC = 0x04,        /* the stream's bytes are not valid for the codec */
    TN_STREAM_UNREACHABLE = 0x05,  /* the origin refused the connection or is unreachable */
    TN_STREAM_ORIGIN = 0x06,       /* the origin reset the connection, or sent a truncated or invalid response */
    TN_STREAM_TIMEOUT = 0x07,      /* a time limit was exceeded */
    TN_STREAM_SESSION_LOST = 0x08, /* the session ended while the stream was open */
    TN_STREAM_LIMIT = 0x09,        /* a limit on size or number was exceeded */
};

/* The congestion controller of a link. */
enum tn_congestion {
    TN_CONGESTION_BBR,   /* BBR version 3, draft-ietf-ccwg-bbr */
    TN_CONGESTION_CUBIC, /* RFC 9438 with HyStart++, RFC 9406 */
};

/* This side's behaviour and limits. Fill with tn_params_default(), then change what should differ. */
struct tn_params {
    bool is_client; /* this side opened the link: its stream ids are 0, 4, 8, …; the peer's are 1, 5, 9, … */
    bool reliable;  /* links: packets are neither lost nor reordered (TLS over TCP) */
    enum tn_congestion congestion; /* links that are not reliable (BBR) */
    size_t packet_size;            /* links: the initial size of packets in bytes; windows count in this unit (1,200) */
    size_t packet_size_max;        /* links: the largest size to probe for; not above packet_size: no probing (0) */
    size_t packet_overhead;  /* links: bytes of all headers around a packet on the path, for probing; 0: unknown */
    uint64_t stream_window;  /* bytes of credit that each stream always has: its reserve (12 KiB) */
    uint64_t session_window; /* bytes of the pool from which streams with fast readers borrow more (32 MiB) */
    uint64_t max_streams;    /* streams the peer may have open at once (4,096) */
    uint64_t send_buffer; /* bytes of a stream that may be written but not sent yet; if it has less credit, that much,
                             but always 16 KiB (256 KiB) */
    uint64_t session_send_buffer; /* if the streams together hold more than this beyond 16 KiB each, none may hold more
                                     than 16 KiB (8 MiB) */
    uint64_t session_unacked;     /* sent bytes of all streams that are kept because they, or bytes before them, are not
                                     acknowledged: at this limit no new data is sent, regardless of the peer's credit, so
                                     it is exceeded by at most a packet (32 MiB) */
    uint64_t random;       /* links: unpredictable bits that decide which packet numbers are skipped; 0: none are */
    tn_time max_ack_delay; /* how long an ACK may be delayed (5 ms); sent to the peer */
    tn_time initial_rtt;   /* before the first sample (333 ms, RFC 9002 §6.2.2) */
    tn_time keep_alive;    /* silence after which a PING is sent (10 s) */
    tn_time dead_after;    /* silence after which the peer is considered dead; more than keep_alive (18 s) */
};

void tn_params_default(struct tn_params *params);

/* The peer's limits: its `parameters` in `open` or `accept`. */
struct tn_peer_params {
    uint64_t initial_max_data;        /* bytes, all streams together */
    uint64_t initial_max_stream_data; /* bytes, each stream */
    uint64_t initial_max_streams;     /* streams that this side may open */
};

/* This side's limits at the start of a session, to be sent in `open` or `accept`. The bytes that a session holds are
 * bounded by the credit of each stream, so there is no limit for all of them together. */
void tn_params_to_send(const struct tn_params *params, struct tn_peer_params *sent);

/* ---- Sessions ---- */

/* Creates a session without a link, and without credit from its peer yet; NULL when out of memory. */
struct tn_session *tn_session_new(const struct tn_params *params);

/* Frees a session and all its streams, including those that their user has not released. Detaches its link. NULL is
 * allowed. To notify the peer, close the link first. */
void tn_session_free(struct tn_session *session);

/* The same for an existing session. */
void tn_session_local_params(const struct tn_session *session, struct tn_peer_params *sent);

/* Sets the limits received from the peer. Limits only ever grow, so setting them again (on resumption) does no harm. */
void tn_session_set_peer_params(struct tn_session *session, const struct tn_peer_params *params);

/* The number of streams: opened by either side and not yet both finished and released. */
size_t tn_session_stream_count(const struct tn_session *session);

/* Visits every stream that its user has not released, in no particular order; stops when `visit` returns false. `visit`
 * may do anything to the stream it is given, but must not open or end other streams. */
void tn_session_each_stream(struct tn_session *session, bool (*visit)(struct tn_stream *stream, void *context),
                            void *context);

enum tn_event_type {
    TN_EVENT_OPENED,   /* the peer opened a stream; the first event of that stream */
    TN_EVENT_READABLE, /* new bytes or the end arrived: read until nothing is left; edge-triggered */
    TN_EVENT_WRITABLE, /* there is room again after a short write, or after tn_stream_want_writable() */
    TN_EVENT_RESET,    /* the peer reset its direction, with `code`; unread bytes are lost */
    TN_EVENT_STOPPED,  /* the peer has stopped reading, with `code`; this side's direction has been reset */
    TN_EVENT_STREAMS,  /* (no stream) streams may be opened again after tn_stream_open() returned NULL */
};

struct tn_event {
    enum tn_event_type type;
    struct tn_stream *stream; /* NULL for TN_EVENT_STREAMS */
    uint64_t code;            /* of RESET and STOPPED: see enum tn_stream_error */
};

/* Takes the next event; false if there is none. A released stream has no events. */
bool tn_session_next_event(struct tn_session *session, struct tn_event *event);

struct tn_session_stats {
    size_t streams;            /* see tn_session_stream_count() */
    uint64_t streams_opened;   /* by this side, in total */
    uint64_t streams_accepted; /* opened by the peer, in total */
    uint64_t bytes_sent;       /* stream bytes, each counted once */
    uint64_t bytes_received;   /* as counted for session credit: the highest offset of each stream */
    uint64_t bytes_resent;     /* stream bytes sent again because they were lost */
    uint64_t bytes_repeated;   /* stream bytes sent a second time in case the first is lost */
    uint64_t bytes_unsent;     /* written, but never sent */
    uint64_t bytes_unacked;    /* sent, and kept because they, or bytes before them, are not acknowledged */
    uint64_t bytes_held; /* received, but not consumed; includes gaps: at most bytes_lent, plus stream_window for each
                            stream */
    uint64_t bytes_lent; /* credit beyond stream_window of each stream: at most session_window */
    uint64_t credit_from_peer;   /* bytes that may still be sent, all streams together */
    uint64_t received_fragments; /* pieces in which received bytes are currently held */
};

void tn_session_stats(const struct tn_session *session, struct tn_session_stats *stats);

/* ---- Streams ---- */

/* Opens a stream. NULL if the peer's limit is reached (TN_EVENT_STREAMS follows) or when out of memory. */
struct tn_stream *tn_stream_open(struct tn_session *session);

uint64_t tn_stream_id(const struct tn_stream *stream);
void tn_stream_set_user(struct tn_stream *stream, void *user);
void *tn_stream_user(const struct tn_stream *stream);

/* Appends bytes; returns how many were taken (from the front of the slice). Takes its own reference on the slice's
 * buffer and keeps it until the peer has acknowledged the bytes; nothing is copied. Takes fewer if the send buffer is
 * full; TN_EVENT_WRITABLE follows once there is room. Takes 0 after finish or reset. */
size_t tn_stream_write(struct tn_stream *stream, const struct hg_slice *slice);

/* The same for a few final bytes, which are taken even if there is no room; 0: out of memory, or after finish or
 * reset. */
size_t tn_stream_write_last(struct tn_stream *stream, const struct hg_slice *slice);

/* Bytes that tn_stream_write() would currently take; 0 after finish or reset. */
size_t tn_stream_write_room(const struct tn_stream *stream);

/* Requests one TN_EVENT_WRITABLE as soon as half of the send buffer is free; for callers that checked the room and did
 * not write. */
void tn_stream_want_writable(struct tn_stream *stream);

/* Ends this side's direction after the bytes written. No effect the second time or after a reset. */
void tn_stream_finish(struct tn_stream *stream);

/* Abandons this side's direction: unacknowledged bytes are dropped, and RESET with `code` is sent to the peer. No
 * effect if everything including the end has been acknowledged, or after an earlier reset. */
void tn_stream_reset(struct tn_stream *stream, uint64_t code);

/* Abandons the peer's direction: unread bytes are dropped and their credit is returned, and the peer is asked to stop.
 * There are no further READABLE or RESET events. If the end has been received, the peer is not asked. */
void tn_stream_stop_sending(struct tn_stream *stream, uint64_t code);

/* The next contiguous bytes in order; false if there are none at the moment. The slice is valid until the bytes are
 * consumed; keep it longer by taking a reference on its buffer. */
bool tn_stream_peek(struct tn_stream *stream, struct hg_slice *slice);

/* Marks the first `size` readable bytes as consumed. Only this gives the peer new credit. `size` may span several
 * slices, but must not exceed tn_stream_readable(). */
void tn_stream_consume(struct tn_stream *stream, size_t size);

/* Bytes in order that have not been consumed yet. */
size_t tn_stream_readable(const struct tn_stream *stream);

/* Whether the peer ended its direction and all bytes before the end have arrived. */
bool tn_stream_all_received(const struct tn_stream *stream);

/* Whether the peer ended its direction and all bytes before the end have been consumed. */
bool tn_stream_fin_read(const struct tn_stream *stream);

/* Whether everything written, including the end, has been acknowledged or, after a reset, the reset. */
bool tn_stream_all_acknowledged(const struct tn_stream *stream);

/* The user is done with the stream; the pointer is no longer valid. Data that was written and finished is still
 * delivered. A direction that was not finished is reset, and one not read to its end is stopped, both with
 * TN_STREAM_CANCELLED; for another code, reset or stop it first. */
void tn_stream_release(struct tn_stream *stream);

/* ---- Links ---- */

/* Creates a link that carries only CONTROL until a session is attached (`session` may be NULL). NULL when out of
 * memory. */
struct tn_link *tn_link_new(struct tn_session *session, const struct tn_params *params, tn_time now);

/* Detaches the session, if any, and frees the link. NULL is allowed. */
void tn_link_free(struct tn_link *link);

/* Makes the link carry `session`. Neither may already be attached: detach the old link first. A gateway writes `accept`
 * before it attaches: the tunnel then holds back the session's frames until the peer has acknowledged `accept`, so that
 * they never arrive first. */
void tn_link_attach(struct tn_link *link, struct tn_session *session, tn_time now);

/* Takes the session off the link. Everything unacknowledged returns to the session and is sent on the next link
 * attached. Afterwards the link can only be closed and freed. */
void tn_link_detach(struct tn_link *link);

struct tn_session *tn_link_session(const struct tn_link *link);

/* Processes a packet. `packet_number` is the number that the peer gave it: the sequence number of the DTLS record or,
 * on a byte link, a count from 0. A duplicate is ignored. Returns 0, TN_CLOSED, or the code of enum tn_error with which
 * the caller should close the link (tn_link_error() says what was wrong). */
int tn_link_receive(struct tn_link *link, tn_time now, uint64_t packet_number, const uint8_t *data, size_t size);

/* Call after the last packet of a batch: decides whether to send an ACK now. */
void tn_link_batch_end(struct tn_link *link, tn_time now);

/* Builds one packet of at most `capacity` (TN_PACKET_MIN to TN_PACKET_MAX) bytes, which must then be sent as record
 * `packet_number`. Numbers increase from call to call and may have gaps; a number for which 0 was returned may be
 * used again. Returns its size, or 0 if there is nothing to send at the moment. A packet larger than
 * tn_link_packet_size() is a probe, which must be sent as a datagram of its own; for a link that probes, pass a
 * capacity of packet_size_max. */
size_t tn_link_send(struct tn_link *link, tn_time now, uint64_t packet_number, uint8_t *out, size_t capacity);

/* Whether this number must be skipped: no packet ever gets it. Now and then a number is skipped to catch a peer that
 * acknowledges packets it did not receive in order to be sent more than its path carries (RFC 9000 section 21.4). */
bool tn_link_skips(struct tn_link *link, uint64_t packet_number);

/* Whether tn_link_send() would currently build a packet. Cheap. */
bool tn_link_wants_send(const struct tn_link *link, tn_time now);

/* When to call tn_link_timeout() at the latest, or TN_TIME_NEVER. May be in the past. */
tn_time tn_link_deadline(const struct tn_link *link);

/* Does what is due at `now`; does nothing if called early. Returns 0, TN_DEAD, or a code as from tn_link_receive().
 * Call tn_link_send() afterwards. */
int tn_link_timeout(struct tn_link *link, tn_time now);

/* Closes the link: tn_link_send() builds one packet with CLOSE, and after that only repeats it if packets still arrive.
 * `reason` is a short text for the peer's log (cut to 200 bytes), or NULL. The session is not affected. */
void tn_link_close(struct tn_link *link, uint64_t code, const char *reason);

/* After TN_CLOSED: the peer's code, and the reason it gave ("" if none), in printable ASCII and owned by the link. */
uint64_t tn_link_close_code(const struct tn_link *link);
const char *tn_link_close_reason(const struct tn_link *link);

/* After tn_link_receive() or tn_link_timeout() returned an error: what was wrong, for the log; otherwise "". */
const char *tn_link_error(const struct tn_link *link);

/* The current size limit of a packet, except for probes. */
size_t tn_link_packet_size(const struct tn_link *link);

/* Reports a sign that packets above this size do not pass at the moment. A link that probes takes it as a hint and
 * verifies it later; one that does not adopts it, even if it is larger. */
void tn_link_set_packet_size(struct tn_link *link, size_t packet_size);

/* Changes packet_size_max, above which packets cannot even be sent. */
void tn_link_set_packet_size_max(struct tn_link *link, size_t packet_size_max);

/* Sets the peer's `max_ack_delay`, if it sent one; until then this side's own is assumed. */
void tn_link_set_peer_max_ack_delay(struct tn_link *link, tn_time max_ack_delay);

struct tn_link_stats {
    tn_time smoothed_rtt; /* initial_rtt before the first sample */
    tn_time min_rtt;      /* 0 before the first sample */
    tn_time rtt_variance;
    uint64_t congestion_window; /* bytes; UINT64_MAX on a byte link */
    uint64_t bytes_in_flight;
    uint64_t packets_sent;
    uint64_t packets_received; /* without duplicates */
    uint64_t packets_duplicate;
    uint64_t packets_ignored; /* not acknowledged: out of memory, too fragmented, before attach */
    uint64_t packets_lost;
    uint64_t bytes_sent; /* total size of packets */
    uint64_t bytes_received;
    uint64_t probes_sent; /* PTO probe packets */
    uint64_t congestion_events;
    size_t packet_size;       /* see tn_link_packet_size() */
    uint64_t mtu_probes_sent; /* packets that tried a larger size, … */
    uint64_t mtu_probes_lost; /* … and how many of them were lost; not in packets_lost */
    uint64_t black_holes;     /* how often only small packets would still pass */
    tn_time last_received;    /* when the last packet arrived; initially the link's start */
    tn_time unanswered_since; /* since when the peer has owed an ACK; TN_TIME_NEVER: it owes none */
};

void tn_link_stats(const struct tn_link *link, struct tn_link_stats *stats);

/* ---- CONTROL: the link's own reliable, ordered byte stream ---- */

/* Appends bytes, which are copied: all of them, or none (false) if more than TN_CONTROL_SEND_MAX bytes would be
 * unacknowledged, or when out of memory. */
bool tn_control_write(struct tn_link *link, const void *data, size_t size);

/* The bytes received in order and not consumed yet, in one piece; returns their number. Valid until the next call with
 * this link. */
size_t tn_control_peek(struct tn_link *link, const char **data);

/* Marks the first `size` of them as consumed. Consume each message once it is complete: the rest counts against
 * TN_CONTROL_RECEIVE_MAX. */
void tn_control_consume(struct tn_link *link, size_t size);

/* Whether everything written has been acknowledged. */
bool tn_control_all_acknowledged(const struct tn_link *link);

#endif
