/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * HTTP/1 messages (RFC 9112): from bytes to the heads and fields of <hopgate/message.h> and back. Pure code
 * without I/O, shared by the plugins `http` and `origin`.
 *
 * Reading a message:
 *   1. http1_scan() is called with the growing input until the head is complete. It reads every byte once and, in
 *      requests, accepts only what RFC 9112 allows: exact CRLF, token names directly before the colon, no control
 * bytes, limits. Some violations in responses are tolerated, and reported in `broken`.
 *   2. http1_parse_request() or http1_parse_response() turns it into a struct hg_head and determines the framing.
 *   3. http1_body_read() returns the body as parts of the input, then the trailers.
 *
 * Division of labor: the scanner decides which byte sequences are a head at all, in one pass with one table lookup per
 * byte. A valid head is then split at its spaces, colons and line ends (framing_fields.c), and head_parse.c decides
 * what the fields mean for framing (lengths, codings, Connection, Host).
 */
#ifndef PLUGINS_LIB_HTTP1_HTTP1_H
#define PLUGINS_LIB_HTTP1_HTTP1_H

#include <hopgate/host.h>

/* Size limits, with the status if they are exceeded. */
struct http1_limits {
    size_t start_line; /* bytes of the request line or status line, without CRLF: 414, or 502 */
    size_t head;       /* bytes of the whole head: 431, or 502. At most HTTP1_HEAD_MAX */
    size_t fields;     /* field lines in a head: 431, or 502. At most HTTP1_FIELDS_MAX */
    size_t trailers;   /* bytes of a trailer section: 431, or 502 */
    bool underscores;  /* requests: keep fields with `_` in their names (CGI and WSGI treat it as `-`) */
    bool strict;       /* responses: refuse what is otherwise only reported in `broken` */
    bool lenient; /* responses: accept, and report in `broken`, what is otherwise refused although its meaning can be
                     guessed */
};

/* Upper bounds of these limits. Those of the codecs are higher, so that stages can add fields. */
#define HTTP1_HEAD_MAX   1048576
#define HTTP1_FIELDS_MAX 4000

/* The most bytes of a chunk size line, including zeros and extensions. No extension is known to be in use. */
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
    HTTP1_FAULT = -1, /* see `reason`; nothing more can be read from this connection */
    HTTP1_MORE = 0,   /* more bytes are needed */
    HTTP1_DONE = 1,
};

/* ---- Scanning a head ---- */

/* The progress of a scan. Initialize with HTTP1_SCAN_REQUEST or HTTP1_SCAN_RESPONSE. */
struct http1_scan {
    enum hg_head_kind kind; /* of the head; errors in responses are 502 */
    bool trailers;          /* a trailer section: no start line */
    uint8_t state;
    uint8_t empty_lines; /* CRLFs skipped before a request line (RFC 9112 section 2.2) */
    size_t at;           /* bytes scanned; after HTTP1_DONE the size of the head with its empty line */
    size_t start;        /* where the start line starts: after empty lines */
    size_t line;         /* where the line at `at` starts */
    size_t fields;       /* field lines seen */
    const char *broken;  /* responses: the first rule that was broken but tolerated; NULL: none */
};

#define HTTP1_SCAN_REQUEST  ((struct http1_scan){.kind = HG_REQUEST})
#define HTTP1_SCAN_RESPONSE ((struct http1_scan){.kind = HG_RESPONSE})

/* Continues at data[scan->at]. `data` is what has arrived of the head, from its first byte (it may have moved in
 * memory). HTTP1_DONE: the head is data[0] to data[scan->at - 1], and valid. */
enum http1_result http1_scan(struct http1_scan *scan, const struct http1_limits *limits, const uint8_t *data,
                             size_t size, struct hg_reason *reason);

/* Whether any byte of a head has been scanned; before that, an idle connection may be closed. */
static inline bool http1_scan_begun(const struct http1_scan *scan)
{
    return scan->at > scan->start;
}

/* ---- Parsing a head ---- */

/* How to find the end of a body (RFC 9112 section 6.3). */
enum http1_framing {
    HTTP1_NO_BODY,
    HTTP1_LENGTH,
    HTTP1_CHUNKED,
    HTTP1_UNTIL_CLOSE, /* responses */
};

/* What a head says about the connection and the body. */
struct http1_message {
    enum http1_framing framing;
    uint64_t length;    /* HTTP1_LENGTH */
    bool keep_alive;    /* the sender keeps the connection open after this message */
    const char *broken; /* responses: the rule that the head breaks, as above; the connection must not be reused */
};

/* Turns data[0] to data[scan->at - 1], which http1_scan() has accepted, into a request head. `scheme` is that of the
 * connection. Sets method, scheme, authority (empty if an HTTP/1.0 request has none), path, version, upgrade, length
 * and the end-to-end fields; Host, Content-Length and the hop-by-hop fields are removed, except for `TE: trailers`.
 * Versions above 1.1 become 1.1 (RFC 9110 section 2.5). Returns NULL and sets `reason` on an error. */
struct hg_head *http1_parse_request(const struct hg_host *host, const struct http1_limits *limits,
                                    const struct http1_scan *scan, const uint8_t *data, struct hg_text scheme,
                                    struct http1_message *message, struct hg_reason *reason);

/* The request that a response answers. */
struct http1_asked {
    struct hg_text method; /* of the request: responses to HEAD have no body */
    bool upgrade;          /* an Upgrade field was sent, so 101 is a possible response */
};

/* Turns it into a response head, which may be interim (hg_head_is_interim(): scan again for the next one). As above,
 * but all errors are 502. After 101 the framing is HTTP1_UNTIL_CLOSE: the rest belongs to the other protocol. */
struct hg_head *http1_parse_response(const struct hg_host *host, const struct http1_limits *limits,
                                     const struct http1_scan *scan, const uint8_t *data,
                                     const struct http1_asked *asked, struct http1_message *message,
                                     struct hg_reason *reason);

/* Whether a request carries authentication that is bound to its connection, or a response asks for it, with NTLM or
 * Negotiate (RFC 4559). The connection must then be used for this user only. */
bool http1_binds_connection(const struct hg_head *head);

/* Whether a proxy uses a field with this name to describe the user or the requested URL to a service. From anyone else
 * it is forged. `_` counts as `-`, as in CGI and WSGI. */
bool http1_speaks_for_proxy(struct hg_text name);

/* ---- Reading a body ---- */

struct http1_body {
    enum http1_framing framing;
    enum hg_head_kind kind;
    uint8_t state;
    bool sized;             /* chunked: the size has at least one digit */
    uint8_t digits;         /* chunked: of the size so far, without leading zeros */
    uint16_t line;          /* chunked: bytes of the size line so far */
    uint64_t left;          /* bytes of the body, or of the chunk, that are still to come */
    uint64_t received;      /* bytes of the body that have arrived */
    const char *broken;     /* responses: the rule that was broken but tolerated; NULL: none */
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
    const uint8_t *data; /* points into the input */
    size_t size;
    struct hg_fields *trailers; /* for the caller to free; NULL if there are none */
    struct hg_reason reason;
};

/* Starts reading the body that follows a head. */
void http1_body_start(struct http1_body *body, enum hg_head_kind kind, const struct http1_message *message);

/* Reads up to one piece from the start of `data` and returns how many bytes were used. The rest must be passed again
 * with more input appended. Only an incomplete trailer section is ever left unused, which is at most limits->trailers.
 * END is returned as soon as it is certain: for HTTP1_NO_BODY and a length of 0 even on empty input. The data of
 * several small chunks are merged into one piece, within the bytes that were used. With `host` NULL, the body is only
 * checked: trailers are not created, and nothing is moved. */
size_t http1_body_read(struct http1_body *body, const struct hg_host *host, const struct http1_limits *limits,
                       uint8_t *data, size_t size, struct http1_piece *piece);

/* The peer has closed. True: that is the end of the body, HTTP1_UNTIL_CLOSE. False: the body is incomplete. */
bool http1_body_closed(const struct http1_body *body);

/* ---- Writing ---- */

/* Writes into memory of the caller. If something does not fit, `overflow` is set and nothing more is written. */
struct http1_writer {
    uint8_t *data;
    size_t capacity;
    size_t size;
    bool overflow;
};

void http1_write(struct http1_writer *writer, struct hg_text text);
void http1_write_field(struct http1_writer *writer, struct hg_text name, struct hg_text value);
void http1_write_number(struct http1_writer *writer, uint64_t number, unsigned base); /* 10 or 16 */

/* The most bytes that a head can take with its framing fields and `extra` bytes of fields added by the caller. */
size_t http1_head_size(const struct hg_head *head, size_t extra);

/* The framing to send a request with, determined only by its length. */
enum http1_framing http1_request_framing(const struct hg_head *request);
/* The framing to send a response with, given the request's method and the recipient's version. */
enum http1_framing http1_response_framing(const struct hg_head *response, struct hg_text method,
                                          uint16_t reader_version);

/* Writes request line, Host, fields and framing fields, but not the empty line: the caller may add fields and then
 * calls http1_write_head_end(). The path is in origin form. With `upgrade` set, Upgrade and Connection are written.
 * Fields of the head that concern framing or a single connection are left out, except for `TE: trailers`. */
void http1_write_request(struct http1_writer *writer, const struct hg_head *request, enum http1_framing framing);
/* Writes status line, fields and framing fields, as above. Content-Length is also written if no body follows but the
 * length is known (HEAD, 304). `close`: Connection: close; otherwise HTTP/1.0 recipients get keep-alive. */
void http1_write_response(struct http1_writer *writer, const struct hg_head *response, enum http1_framing framing,
                          uint16_t reader_version, bool close);
void http1_write_head_end(struct http1_writer *writer);

/* The most bytes that http1_write_chunk_header() writes. */
#define HTTP1_CHUNK_HEADER_MAX 20
/* Writes the line before `size` (not 0) bytes of chunk data, which must be followed by HTTP1_CHUNK_END. */
void http1_write_chunk_header(struct http1_writer *writer, uint64_t size);
#define HTTP1_CHUNK_END HG_TEXT("\r\n")
/* Writes the last chunk with `trailers`, which may be NULL, and the empty line. The same fields are left out. */
void http1_write_last_chunk(struct http1_writer *writer, const struct hg_fields *trailers);
/* The most bytes that this takes. */
size_t http1_last_chunk_size(const struct hg_fields *trailers);

#endif
