/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The tunnel: sessions, streams and links, as docs/protocol.md tells them.
 *
 * A session is what ties a client to a gateway: its streams, their offsets, their windows. A link (one DTLS
 * association or one byte stream such as TLS) only carries it: a session may be detached from a link and attached to
 * another, and goes on at the byte where it stood.
 *
 * This is pure code: it opens no socket, reads no clock, starts no timer and calls nobody back. The one who drives it
 *
 *   1. gives each packet that came in to tn_link_receive(), after each one reads CONTROL messages if there are any
 *      (tn_control_peek()), and after the last one of a batch calls tn_link_batch_end();
 *   2. takes events with tn_session_next_event() until there are none, and reads and writes streams;
 *   3. calls tn_link_send() until it returns 0 (or while the socket takes packets) and sends what it built, before each
 *      one leaving out the number that tn_link_skips() names;
 *   4. sets one timer to tn_link_deadline() and calls tn_link_timeout() when it is due, then goes on at 2.
 *
 * Steps 2 to 4 are also due after any call that changed a stream from outside (a write, a consume, a reset):
 * tn_link_wants_send() tells cheaply whether step 3 has something to do. Any function may be called at any moment
 * between two others, there is no reentrancy: the only foreign code that runs inside a call is the `release` function
 * of a buffer, which must not call the tunnel.
 *
 * Nothing here is safe for two threads at once; a session and its link belong to one worker.
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

/* The largest packet that this side takes, and the smallest one that it must be able to build. */
#define TN_PACKET_MAX 16384
#define TN_PACKET_MIN 256

/* CONTROL: bytes that one side keeps unacknowledged, and bytes that the other holds unread at most. */
#define TN_CONTROL_SEND_MAX    32768
#define TN_CONTROL_RECEIVE_MAX 65536

/* Why a link was closed: the code of a CLOSE frame. Below 0x100 the names and values of RFC 9000 §20.1. */
enum tn_error {
    TN_NO_ERROR = 0x00,
    TN_INTERNAL_ERROR = 0x01,          /* out of memory, mostly */
    TN_CONNECTION_REFUSED = 0x02,      /* the `open` was refused; the `refuse` message told why */
    TN_FLOW_CONTROL_ERROR = 0x03,      /* more bytes than credit */
    TN_STREAM_LIMIT_ERROR = 0x04,      /* more streams than allowed */
    TN_STREAM_STATE_ERROR = 0x05,      /* a frame for a stream that cannot have it */
    TN_FINAL_SIZE_ERROR = 0x06,        /* a stream's final size changed or was exceeded */
    TN_FRAME_ENCODING_ERROR = 0x07,    /* a frame that cannot be read, or of an unknown type */
    TN_PARAMETER_ERROR = 0x08,         /* bad parameters in `open` or `accept` */
    TN_PROTOCOL_VIOLATION = 0x0a,      /* anything else that is not allowed */
    TN_CONTROL_BUFFER_EXCEEDED = 0x0d, /* more CONTROL bytes than TN_CONTROL_RECEIVE_MAX */
    TN_SESSION_ENDED = 0x100,          /* the session is over: it must not be resumed */
    TN_LINK_REPLACED = 0x101,          /* the session was attached to another link */
    TN_SHUTDOWN = 0x102,               /* this process stops; the session ends with it */
    TN_CONTROL_ERROR = 0x103,          /* a CONTROL message that cannot be understood */

    /* Never on the wire: results of tn_link_receive() and tn_link_timeout(). */
    TN_DEAD = -1,   /* the peer has been silent for `dead_after` */
    TN_CLOSED = -2, /* the peer closed the link: tn_link_close_code() */
};

/* The name of a code of enum tn_error, such as "FLOW_CONTROL_ERROR"; "unknown" for another value. */
const char *tn_error_name(uint64_t code);

/* Why a stream was reset or is no longer read: the code of RESET_STREAM and STOP_SENDING. */
enum tn_stream_error {
    TN_STREAM_NO_ERROR = 0x00,     /* nothing failed, the rest is not needed */
    TN_STREAM_CANCELLED = 0x01,    /* the one who asked went away */
    TN_STREAM_REFUSED = 0x02,      /* not begun, no origin has seen it: safe to try again elsewhere */
    TN_STREAM_INTERNAL = 0x03,     /* this end failed */
    TN_STREAM_CODEC = 0x04,        /* the stream's bytes do not follow the codec */
    TN_STREAM_UNREACHABLE = 0x05,  /* the origin refused, or cannot be reached */
    TN_STREAM_ORIGIN = 0x06,       /* the origin reset, truncated or answered nonsense */
    TN_STREAM_TIMEOUT = 0x07,      /* a bound on time was exceeded */
    TN_STREAM_SESSION_LOST = 0x08, /* the session ended under the stream */
    TN_STREAM_LIMIT = 0x09,        /* a bound on size or number was exceeded */
};

/* The name of a code of enum tn_stream_error; "unknown" for another value. */
const char *tn_stream_error_name(uint64_t code);

/* Who decides how many bytes may be in flight on a link, and how fast they go out. */
enum tn_congestion {
    TN_CONGESTION_BBR,   /* BBR version 3, draft-ietf-ccwg-bbr */
    TN_CONGESTION_CUBIC, /* RFC 9438 with HyStart++, RFC 9406 */
};

/* What this side does and allows. Fill with tn_params_default(), then change what differs. */
struct tn_params {
    bool is_client; /* this side opened the link: its stream ids are 0, 4, 8, …; the other's 1, 5, 9, … */
    bool reliable;  /* links: packets neither get lost nor overtake each other (TLS over TCP) */
    enum tn_congestion congestion; /* links that are not reliable (BBR) */
    size_t packet_size;            /* links: the size of packets to begin with, bytes; windows count in it (1,200) */
    size_t packet_size_max;  /* links: the largest that path MTU probing tries; no more than packet_size: none (0) */
    size_t packet_overhead;  /* links: bytes of all headers around a packet on the path, for probing; 0: unknown */
    uint64_t stream_window;  /* credit that each stream always has, bytes: its reserve (16 KiB) */
    uint64_t session_window; /* the pool that streams with fast readers are lent more from, bytes (32 MiB) */
    uint64_t max_streams;    /* streams the peer may have open at once (4,096) */
    uint64_t send_buffer;    /* bytes of one stream that may be written but not yet sent once; with less credit than
                                that: as many as there is credit for, and always 16 KiB (256 KiB) */
    uint64_t session_send_buffer; /* when the streams together hold more than this beyond 16 KiB each, none may
                                     hold more than 16 KiB (8 MiB) */
    uint64_t session_unacked;     /* sent bytes of all streams together that are kept since they, or some before them,
                                     are not acknowledged: from this many on none is sent for the first time, whatever
                                     the peer's credit; so one packet more at most (32 MiB) */
    uint64_t random;              /* links: unpredictable bits, by which packet numbers are skipped; 0: none is */
    tn_time max_ack_delay;        /* how long an ACK may wait (5 ms); told to the peer */
    tn_time initial_rtt;          /* before the first sample (333 ms, RFC 9002 §6.2.2) */
    tn_time keep_alive;           /* silence after which a PING asks for life (10 s) */
    tn_time dead_after;           /* silence after which the peer is dead; more than keep_alive (18 s) */
};

void tn_params_default(struct tn_params *params);

/* What the peer allows: its `parameters` in `open` or `accept`. */
struct tn_peer_params {
    uint64_t initial_max_data;        /* bytes, all streams together */
    uint64_t initial_max_stream_data; /* bytes, each stream */
    uint64_t initial_max_streams;     /* streams that this side may open */
};

/* What to tell the peer in `open` or `accept`: this side's limits at a session's start. What a session holds is bounded
 * by the credit of each stream, so that there is no limit for all of them together. */
void tn_params_told(const struct tn_params *params, struct tn_peer_params *told);

/* ---- Sessions ---- */

/* A session with no link and no credit from its peer yet; NULL when out of memory. */
struct tn_session *tn_session_new(const struct tn_params *params);

/* Frees a session and all its streams, also those that their user has not released. Detaches its link. NULL is
 * allowed. To tell the peer, close the link first. */
void tn_session_free(struct tn_session *session);

/* The same of a session. */
void tn_session_local_params(const struct tn_session *session, struct tn_peer_params *told);

/* Sets the limits that the peer told. Limits only ever grow, so a repeated setting (at a resumption) does no harm. */
void tn_session_set_peer_params(struct tn_session *session, const struct tn_peer_params *params);

/* The link that carries the session now, or NULL. */
struct tn_link *tn_session_link(const struct tn_session *session);

/* Streams that exist: opened by either side and not yet both finished and released. */
size_t tn_session_stream_count(const struct tn_session *session);

/* Visits every stream that its user has not released, in no order; stops when `visit` returns false. `visit` may do
 * anything to the stream it is given but no other call that opens or ends streams. */
void tn_session_each_stream(struct tn_session *session, bool (*visit)(struct tn_stream *stream, void *context),
                            void *context);

enum tn_event_type {
    TN_EVENT_OPENED,   /* the peer opened a stream; the first event of that stream */
    TN_EVENT_READABLE, /* new bytes or the end came in: read until nothing is left; edge-triggered */
    TN_EVENT_WRITABLE, /* there is room again after a write that was cut short, or after tn_stream_want_writable() */
    TN_EVENT_RESET,    /* the peer reset its direction, `code`; unread bytes are gone */
    TN_EVENT_STOPPED,  /* the peer reads no more, `code`; this side's direction has been reset */
    TN_EVENT_STREAMS,  /* (no stream) a stream may be opened again after tn_stream_open() gave NULL */
};

struct tn_event {
    enum tn_event_type type;
    struct tn_stream *stream; /* NULL for TN_EVENT_STREAMS */
    uint64_t code;            /* of RESET and STOPPED: see enum tn_stream_error */
};

/* Takes the next event; false when there is none. A released stream has no events. */
bool tn_session_next_event(struct tn_session *session, struct tn_event *event);

struct tn_session_stats {
    size_t streams;              /* see tn_session_stream_count() */
    uint64_t streams_opened;     /* by this side, ever */
    uint64_t streams_accepted;   /* opened by the peer, ever */
    uint64_t bytes_sent;         /* stream bytes, each counted once */
    uint64_t bytes_received;     /* as session credit counts them: the highest offset of each stream */
    uint64_t bytes_resent;       /* stream bytes sent again, since they were lost */
    uint64_t bytes_repeated;     /* stream bytes sent a second time in case the first gets lost */
    uint64_t bytes_unsent;       /* written, not yet sent once */
    uint64_t bytes_unacked;      /* sent, still kept because they, or some before them, are not acknowledged */
    uint64_t bytes_held;         /* received, not yet consumed; counts gaps too: at most bytes_lent and
                                    stream_window for each stream */
    uint64_t bytes_lent;         /* credit beyond stream_window of each stream: at most session_window */
    uint64_t credit_from_peer;   /* bytes that may still be sent, all streams together */
    uint64_t received_fragments; /* pieces in which received bytes are held now */
};

void tn_session_stats(const struct tn_session *session, struct tn_session_stats *stats);

/* ---- Streams ---- */

/* Opens a stream. NULL when the peer's limit is reached (TN_EVENT_STREAMS follows) or out of memory. */
struct tn_stream *tn_stream_open(struct tn_session *session);

/* How many streams may be opened now by the peer's limit. */
uint64_t tn_session_streams_available(const struct tn_session *session);

uint64_t tn_stream_id(const struct tn_stream *stream);
struct tn_session *tn_stream_session(const struct tn_stream *stream);
void tn_stream_set_user(struct tn_stream *stream, void *user);
void *tn_stream_user(const struct tn_stream *stream);

/* Appends bytes; returns how many were taken (from the slice's front). Takes its own reference on the slice's buffer
 * and keeps it until the peer has acknowledged the bytes; nothing is copied. Takes fewer when the send buffer is full;
 * TN_EVENT_WRITABLE follows when there is room. Takes 0 after finish or reset. */
size_t tn_stream_write(struct tn_stream *stream, const struct hg_slice *slice);

/* The same for a few last bytes, which are taken whether there is room or not; 0: out of memory, or after finish or
 * reset. */
size_t tn_stream_write_last(struct tn_stream *stream, const struct hg_slice *slice);

/* Bytes that tn_stream_write() would take now; 0 after finish or reset. */
size_t tn_stream_write_room(const struct tn_stream *stream);

/* Asks for one TN_EVENT_WRITABLE as soon as half of the send buffer is free; for one who looked at the room and did
 * not write. */
void tn_stream_want_writable(struct tn_stream *stream);

/* Ends this side's direction after the bytes written. Again, or after reset: no effect. */
void tn_stream_finish(struct tn_stream *stream);

/* Abandons this side's direction: bytes that are not acknowledged are dropped, the peer gets RESET with `code`. No
 * effect when all, with the end, has been acknowledged or it was reset before. */
void tn_stream_reset(struct tn_stream *stream, uint64_t code);

/* Abandons the peer's direction: unread bytes are dropped and their credit returned, the peer is asked to stop. No more
 * READABLE or RESET. No effect when the end was received already. */
void tn_stream_stop_sending(struct tn_stream *stream, uint64_t code);

/* The next bytes in order, as far as they lie together; false when there are none now. The slice is good until the
 * bytes are consumed; one who takes a reference on its buffer may keep it longer. */
bool tn_stream_peek(struct tn_stream *stream, struct hg_slice *slice);

/* Marks the first `size` readable bytes as consumed. This, and only this, gives the peer new credit. `size` may span
 * several slices, but must not exceed tn_stream_readable(). */
void tn_stream_consume(struct tn_stream *stream, size_t size);

/* Bytes in order that are not consumed yet. */
size_t tn_stream_readable(const struct tn_stream *stream);

/* Whether the peer ended its direction and all bytes before the end are consumed. */
bool tn_stream_fin_read(const struct tn_stream *stream);

/* Whether all that was written, with its end, has been acknowledged, or the direction was reset. */
bool tn_stream_all_acknowledged(const struct tn_stream *stream);

/* The user is done with the stream, the pointer is no longer valid. What was written and finished is still delivered;
 * a direction that was not finished is reset, one that was not read to its end is stopped, both with
 * TN_STREAM_CANCELLED (reset or stop before, to tell another code). */
void tn_stream_release(struct tn_stream *stream);

/* ---- Links ---- */

/* A link that carries only CONTROL until a session is attached (`session` may be NULL). NULL when out of memory. */
struct tn_link *tn_link_new(struct tn_session *session, const struct tn_params *params, tn_time now);

/* Detaches the session, if any, and frees the link. NULL is allowed. */
void tn_link_free(struct tn_link *link);

/* Lets the link carry `session`. Neither may be attached already: detach the old link first. A gateway writes `accept`
 * before it attaches: then the tunnel holds the session's frames back until the peer has acknowledged `accept`, so
 * that they never arrive before it. */
void tn_link_attach(struct tn_link *link, struct tn_session *session, tn_time now);

/* Takes the session off the link. All that was not acknowledged returns to the session and is sent on the next link
 * that is attached. The link can only be closed and freed afterwards. */
void tn_link_detach(struct tn_link *link);

struct tn_session *tn_link_session(const struct tn_link *link);

/* Takes one packet. `packet_number` is the number the peer gave it: the DTLS record's sequence number; on a byte link a
 * count from 0. A packet that came before is ignored. Returns 0, TN_CLOSED, or the code of enum tn_error with which the
 * caller should close the link (tn_link_error() names what was wrong). */
int tn_link_receive(struct tn_link *link, tn_time now, uint64_t packet_number, const uint8_t *data, size_t size);

/* After the last packet of a batch that was read in one go: decides whether an ACK is due now. */
void tn_link_batch_end(struct tn_link *link, tn_time now);

/* Builds one packet of at most `capacity` (TN_PACKET_MIN to TN_PACKET_MAX) bytes, which must then be sent as record
 * `packet_number`. Numbers rise from call to call and may skip; one for which 0 came back may be used again.
 * Returns its size, or 0 when nothing is to be sent now. A packet larger than tn_link_packet_size() is a probe, which
 * must leave as a datagram of its own: a link that probes is given a capacity of packet_size_max. */
size_t tn_link_send(struct tn_link *link, tn_time now, uint64_t packet_number, uint8_t *out, size_t capacity);

/* Whether the next packet is not to have this number: no packet ever will. Now and then one is left out, so that a peer
 * that acknowledges what it did not receive, to be sent more than its path carries, is found out (RFC 9000 section
 * 21.4). */
bool tn_link_skips(struct tn_link *link, uint64_t packet_number);

/* Whether tn_link_send() would build a packet now. Cheap. */
bool tn_link_wants_send(const struct tn_link *link, tn_time now);

/* When tn_link_timeout() is to be called at the latest, or TN_TIME_NEVER. May lie in the past. */
tn_time tn_link_deadline(const struct tn_link *link);

/* Does what is due at `now`; too early a call does nothing. Returns 0, TN_DEAD, or a code as tn_link_receive() does.
 * Call tn_link_send() afterwards. */
int tn_link_timeout(struct tn_link *link, tn_time now);

/* Closes the link: tn_link_send() builds one packet with CLOSE, then nothing but a repetition of it when packets still
 * arrive. `reason` is a short text for the peer's log (cut at 200 bytes), or NULL. The session is not touched. */
void tn_link_close(struct tn_link *link, uint64_t code, const char *reason);

/* After TN_CLOSED: the peer's code; the reason it gave ("" when none), printable ASCII, owned by the link. */
uint64_t tn_link_close_code(const struct tn_link *link);
const char *tn_link_close_reason(const struct tn_link *link);

/* After tn_link_receive() or tn_link_timeout() returned an error: what was wrong, for the log; "" otherwise. */
const char *tn_link_error(const struct tn_link *link);

/* The most bytes that a packet has now, but for probes. */
size_t tn_link_packet_size(const struct tn_link *link);

/* Tells of a sign that no packet above this size passes now. A link that probes takes it for a hint, and looks for
 * itself later; one that does not takes it as it is, also upwards. */
void tn_link_set_packet_size(struct tn_link *link, size_t packet_size);

/* Sets packet_size_max anew: no packet above this size can even be sent. */
void tn_link_set_packet_size_max(struct tn_link *link, size_t packet_size_max);

/* Sets the peer's `max_ack_delay`, if it told one; until then this side's own is assumed. */
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
    uint64_t bytes_sent; /* sizes of packets */
    uint64_t bytes_received;
    uint64_t probes_sent; /* PTO probe packets */
    uint64_t congestion_events;
    size_t packet_size;       /* see tn_link_packet_size() */
    uint64_t mtu_probes_sent; /* packets that tried a larger size, */
    uint64_t mtu_probes_lost; /* and those of them that did not arrive; not in packets_lost */
    uint64_t black_holes;     /* times at which only small packets passed any more */
    tn_time last_received;    /* when the last packet came, at first the link's start */
    tn_time unanswered_since; /* since when the peer owes an ACK and has given none; TN_TIME_NEVER: it owes none */
};

void tn_link_stats(const struct tn_link *link, struct tn_link_stats *stats);

/* ---- CONTROL: the link's own reliable ordered bytes ---- */

/* Appends bytes, which are copied: all of them, or none (false) when more than TN_CONTROL_SEND_MAX bytes would be
 * unacknowledged. */
bool tn_control_write(struct tn_link *link, const void *data, size_t size);

/* The bytes received in order and not yet consumed, as one piece; returns their number. Good until the next call that
 * takes the link. */
size_t tn_control_peek(struct tn_link *link, const char **data);

/* Marks the first `size` of them as consumed. Consume whole messages as they come: what is left counts against
 * TN_CONTROL_RECEIVE_MAX. */
void tn_control_consume(struct tn_link *link, size_t size);

/* Whether all that was written has been acknowledged. */
bool tn_control_all_acknowledged(const struct tn_link *link);

#endif
