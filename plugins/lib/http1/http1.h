/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * HTTP/1 messages (RFC 9112), strictly: from bytes to the heads and fields of <hopgate/message.h> and back. Pure code,
 * no input or output, shared by the plugins `http` and `origin`.
 *
 * Reading one message:
 *   1. http1_scan() is fed the growing input until the head is there. It looks at every byte once and lets only what
 *      RFC 9112 allows come through: exact CRLF, token names directly before the colon, no control bytes, limits.
 *   2. http1_parse_request() or http1_parse_response() makes a struct hg_head of it and tells how the body is framed.
 *   3. http1_body_read() yields the body as parts of the input, then the trailers.
 *
 * Who does what. The scanner settles which byte sequences are a head at all, in one pass of a table per byte. What is
 * then known to be clean is split at its spaces, colons and line ends (lines.c), and what the fields mean for framing
 * (lengths, codings, Connection, Host) is decided from them (head_parse.c).
 */
#ifndef PLUGINS_LIB_HTTP1_HTTP1_H
#define PLUGINS_LIB_HTTP1_HTTP1_H

#include <hopgate/host.h>

/* What is too much. */
struct http1_limits {
    size_t start_line; /* bytes of the request line or status line, without CRLF: 414, or 502 */
    size_t head;       /* bytes of the whole head: 431, or 502. At most HTTP1_HEAD_MAX */
    size_t fields;     /* field lines in a head: 431, or 502. At most HTTP1_FIELDS_MAX */
    size_t trailers;   /* bytes of a trailer section: 431, or 502 */
    bool underscores;  /* requests: keep fields with `_` in their names (CGI and WSGI take it for `-`) */
    bool strict;       /* responses: refuse what else is only noted in `broken` */
    bool lenient;      /* responses: note there, too, what else is refused although its meaning can be guessed */
};

/* The most that the limits may be set to. The codecs' limits leave room above them for what stages add. */
#define HTTP1_HEAD_MAX   1048576
#define HTTP1_FIELDS_MAX 4000

/* The most bytes of a chunk size line, its zeros and extensions included. No extension is known to be in use. */
#define HTTP1_CHUNK_LINE_MAX 288

#define HTTP1_DEFAULT_LIMITS                                                                                           \
    {                                                                                                                  \
        .start_line = 8192, .head = 65536, .fields = 100, .trailers = 8192                                             \
    }

/* For responses, which come from the owner's own services. */
#define HTTP1_RESPONSE_LIMITS                                                                                          \
    {                                                                                                                  \
        .start_line = 8192, .head = 65536, .fields = 1000, .trailers = 8192                                            \
    }

enum http1_result {
    HTTP1_FAULT = -1, /* `reason` tells; nothing more can be read from this connection */
    HTTP1_MORE = 0,   /* more bytes are needed */
    HTTP1_DONE = 1,
};

/* ---- Finding and checking a head ---- */

/* How far a head has been looked at. To begin with HTTP1_SCAN_REQUEST or HTTP1_SCAN_RESPONSE. */
struct http1_scan {
    enum hg_head_kind kind; /* what it is a head of; faults in responses are 502 */
    bool trailers;          /* a trailer section: no start line */
    uint8_t state;
    uint8_t empty_lines; /* CRLFs skipped before a request line (RFC 9112 section 2.2) */
    size_t at;           /* bytes looked at; after HTTP1_DONE the size of the head with its empty line */
    size_t start;        /* where the start line begins: after an empty line */
    size_t line;         /* where the line at `at` begins */
    size_t fields;       /* field lines seen */
    const char *broken;  /* responses: the first rule that was broken and let pass; NULL: none */
};

#define HTTP1_SCAN_REQUEST  ((struct http1_scan){.kind = HG_REQUEST})
#define HTTP1_SCAN_RESPONSE ((struct http1_scan){.kind = HG_RESPONSE})

/* Goes on at data[scan->at]: `data` is all of the head that has come so far, from its first byte on (it may have moved
 * in memory). HTTP1_DONE: the head is data[0] to data[scan->at - 1], and clean. */
enum http1_result http1_scan(struct http1_scan *scan, const struct http1_limits *limits, const uint8_t *data,
                             size_t size, struct hg_reason *reason);

/* Whether any byte of a head has been seen: an idle connection may be closed before that. */
static inline bool http1_scan_begun(const struct http1_scan *scan)
{
    return scan->at > scan->start;
}

/* ---- Parsing a head ---- */

/* How the end of a body is found (RFC 9112 section 6.3). */
enum http1_framing {
    HTTP1_NO_BODY,
    HTTP1_LENGTH,
    HTTP1_CHUNKED,
    HTTP1_UNTIL_CLOSE, /* responses */
};

/* What a head says of the connection and of what follows. */
struct http1_message {
    enum http1_framing framing;
    uint64_t length; /* HTTP1_LENGTH */
    bool keep_alive; /* the sender lets the connection live on after this message */
    const char
        *broken; /* responses: the rule that their head breaks, as above; the connection is not to be used again */
};

/* Makes a request head of data[0] to data[scan->at - 1], which http1_scan() has found clean. `scheme` is that of the
 * connection. Set are method, scheme, authority (empty where an HTTP/1.0 request names none), path, version, upgrade,
 * length and the end-to-end fields; Host, Content-Length and the hop-by-hop fields are gone, but for `TE: trailers`.
 * Later versions than 1.1 become that one (RFC 9110 section 2.5). NULL with `reason` set on a fault. */
struct hg_head *http1_parse_request(const struct hg_host *host, const struct http1_limits *limits,
                                    const struct http1_scan *scan, const uint8_t *data, struct hg_text scheme,
                                    struct http1_message *message, struct hg_reason *reason);

/* What a response head answers. */
struct http1_asked {
    struct hg_text method; /* of the request: HEAD's responses have no body */
    bool upgrade;          /* an Upgrade field was sent, so 101 is an answer */
};

/* Makes a response head, interim ones included (hg_head_is_interim(): scan again for the next). As above; all faults
 * are 502. After 101 the framing is HTTP1_UNTIL_CLOSE: the rest is the other protocol's. */
struct hg_head *http1_parse_response(const struct hg_host *host, const struct http1_limits *limits,
                                     const struct http1_scan *scan, const uint8_t *data,
                                     const struct http1_asked *asked, struct http1_message *message,
                                     struct hg_reason *reason);

/* Whether a request brings authentication that is bound to its connection, or a response asks for such, by NTLM or
 * Negotiate (RFC 4559): the connection is then its user's alone. */
bool http1_binds_connection(const struct hg_head *head);

/* ---- Reading a body ---- */

struct http1_body {
    enum http1_framing framing;
    enum hg_head_kind kind;
    uint8_t state;
    bool sized;             /* chunked: the size has a digit */
    uint8_t digits;         /* chunked: of the size so far, behind the first that counts */
    uint16_t line;          /* chunked: bytes of the size line so far */
    uint64_t left;          /* bytes of the body, or of the chunk, that are still to come */
    uint64_t received;      /* bytes of the body that have come */
    const char *broken;     /* responses: the rule that was broken and let pass; NULL: none */
    struct http1_scan scan; /* chunked: the trailer section */
};

enum http1_piece_type {
    HTTP1_PIECE_NONE = 0,  /* more input is needed */
    HTTP1_PIECE_DATA = 1,  /* `data`, `size` */
    HTTP1_PIECE_END = 2,   /* `trailers` */
    HTTP1_PIECE_FAULT = 3, /* `reason` */
};

struct http1_piece {
    enum http1_piece_type type;
    const uint8_t *data; /* a part of the input, not copied */
    size_t size;
    struct hg_fields *trailers; /* now the caller's; NULL if there are none */
    struct hg_reason reason;
};

/* Begins a body after its head. */
void http1_body_start(struct http1_body *body, enum hg_head_kind kind, const struct http1_message *message);

/* Reads from the front of `data` up to one piece and returns how many bytes it has used. What it has not used must be
 * offered again from its first byte, with more behind it: only an incomplete trailer section is ever left so, and
 * that is never more than limits->trailers. END comes as soon as it is certain: for HTTP1_NO_BODY and a length of 0
 * also on empty input. The data of several small chunks are moved together, within what is used, into one piece.
 * `host` may be NULL to check only: trailers are then not made, and nothing is moved. */
size_t http1_body_read(struct http1_body *body, const struct hg_host *host, const struct http1_limits *limits,
                       uint8_t *data, size_t size, struct http1_piece *piece);

/* The peer has closed. True: that is the end of the body, HTTP1_UNTIL_CLOSE. False: the body is incomplete. */
bool http1_body_closed(const struct http1_body *body);

/* ---- Writing ---- */

/* Collects bytes in memory of the caller's. When it does not fit, `overflow` is set and nothing more is written. */
struct http1_writer {
    uint8_t *data;
    size_t capacity;
    size_t size;
    bool overflow;
};

void http1_write(struct http1_writer *writer, struct hg_text text);
void http1_write_field(struct http1_writer *writer, struct hg_text name, struct hg_text value);
void http1_write_number(struct http1_writer *writer, uint64_t number, unsigned base); /* 10 or 16 */

/* How many bytes a head may take at most with its framing fields and `extra` bytes of the caller's own fields. */
size_t http1_head_size(const struct hg_head *head, size_t extra);

/* The framing that a request is sent with: by its length alone. */
enum http1_framing http1_request_framing(const struct hg_head *request);
/* The framing that a response is sent with, given the request's method and the version of who reads it. */
enum http1_framing http1_response_framing(const struct hg_head *response, struct hg_text method,
                                          uint16_t reader_version);

/* Request line, Host, fields and framing fields, but not the empty line: the caller may add fields and then calls
 * http1_write_head_end(). The path is sent in origin form. With `upgrade` set, Upgrade and Connection are written.
 * Of the head's fields, those about framing or one connection are left out, but for `TE: trailers`. */
void http1_write_request(struct http1_writer *writer, const struct hg_head *request, enum http1_framing framing);
/* Status line, fields and framing fields, as above. Content-Length is also written where no body follows but the
 * length is known (HEAD, 304). `close`: Connection: close; otherwise a reader of HTTP/1.0 is told keep-alive. */
void http1_write_response(struct http1_writer *writer, const struct hg_head *response, enum http1_framing framing,
                          uint16_t reader_version, bool close);
void http1_write_head_end(struct http1_writer *writer);

/* The most bytes that http1_write_chunk_header() writes. */
#define HTTP1_CHUNK_HEADER_MAX 20
/* The line before `size` (not 0) bytes of chunk data; behind them comes HTTP1_CHUNK_END. */
void http1_write_chunk_header(struct http1_writer *writer, uint64_t size);
#define HTTP1_CHUNK_END HG_TEXT("\r\n")
/* The last chunk with `trailers`, may be NULL, and the empty line. The same fields are left out. */
void http1_write_last_chunk(struct http1_writer *writer, const struct hg_fields *trailers);
/* How many bytes that takes at most. */
size_t http1_last_chunk_size(const struct hg_fields *trailers);

#endif
