/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Reading bodies: by length, in chunks (RFC 9112 section 7.1), until the connection closes.
 */
#include "plugins/lib/http1/http1_internal.h"

enum {
    SIZE = 0,    /* in the digits of a chunk size */
    SIZE_BLANK,  /* in whitespace after it */
    EXT_BEFORE,  /* after a semicolon: expects a name */
    EXT_NAME,    /* in the name of an extension */
    NAME_BLANK,  /* in whitespace after it: expects `=`, `;` or the end of the line */
    EXT_EQUALS,  /* after the equals sign: expects a value */
    EXT_VALUE,   /* in a value that is a token */
    EXT_QUOTED,  /* in a quoted string */
    EXT_ESCAPED, /* after a backslash in it */
    EXT_END,     /* after a quoted string */
    VALUE_BLANK, /* in whitespace after a value: expects `;` or the end of the line */
    SIZE_LF,     /* after the CR of a chunk size line */
    DATA,        /* in the chunk's data */
    DATA_CR,     /* after the data */
    DATA_LF,     /* after its CR */
    TRAILERS,    /* after the last chunk */
    ENDED,
    FAULTED,
};

/* 15 hexadecimal digits are less than 2^60, so our sums cannot overflow. Leading zeros do not count. */
#define SIZE_DIGITS_MAX 15

/* Chunks up to this size are merged, so that a body of tiny chunks costs no more per byte than others. */
#define MERGE_MAX 512

void http1_body_start(struct http1_body *body, enum hg_head_kind kind, const struct http1_message *message)
{
    *body = (struct http1_body){
        .framing = message->framing,
        .kind = kind,
        .left = message->framing == HTTP1_LENGTH ? message->length : 0,
        .scan = {.kind = kind, .trailers = true},
    };
}

bool http1_body_closed(const struct http1_body *body)
{
    return body->framing == HTTP1_UNTIL_CLOSE;
}

static void piece_end(struct http1_body *body, struct http1_piece *piece)
{
    body->state = ENDED;
    piece->type = HTTP1_PIECE_END;
}

static size_t piece_data(struct http1_body *body, const uint8_t *data, size_t size, struct http1_piece *piece)
{
    piece->type = HTTP1_PIECE_DATA;
    piece->data = data;
    piece->size = size;
    body->received += size;
    return size;
}

static void piece_fault(struct http1_body *body, struct http1_piece *piece)
{
    body->state = FAULTED;
    piece->type = HTTP1_PIECE_FAULT;
}

static enum http1_result bad(struct http1_body *body, struct http1_piece *piece, const char *detail)
{
    return http1_fault(&piece->reason, body->kind, 400, NULL, detail);
}

static int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F')
        return byte - 'A' + 10;
    return -1;
}

/* What may follow a complete size, name or value (RFC 9112 section 7.1.1): the end of the line, the next extension, or
 * whitespace, which is bad but allowed. */
static bool ends_part(struct http1_body *body, uint8_t byte, uint8_t blank)
{
    if (byte == '\r')
        body->state = SIZE_LF;
    else if (byte == ';')
        body->state = EXT_BEFORE;
    else if (byte == ' ' || byte == '\t')
        body->state = blank;
    else
        return false;
    return true;
}

static enum http1_result size_byte(struct http1_body *body, uint8_t byte, struct http1_piece *piece)
{
    int digit = hex_digit(byte);

    if (digit >= 0) {
        if (body->left && ++body->digits == SIZE_DIGITS_MAX)
            return bad(body, piece, "a chunk size has more than 15 digits");
        body->left = body->left * 16 + (uint64_t)digit;
        body->sized = true;
        return HTTP1_DONE;
    }
    return body->sized && ends_part(body, byte, SIZE_BLANK)
               ? HTTP1_DONE
               : bad(body, piece, "a chunk size is not a hexadecimal number");
}

/* The line ends with whitespace; some services pad it. */
static enum http1_result end_padded_line(struct http1_body *body, const struct http1_limits *limits,
                                         struct http1_piece *piece)
{
    if (body->kind == HG_REQUEST || limits->strict)
        return bad(body, piece, "white space at the end of a chunk size line");
    body->broken = "white space at the end of a chunk size line (RFC 9112 section 7.1)";
    body->state = SIZE_LF;
    return HTTP1_DONE;
}

static void start_size(struct http1_body *body)
{
    body->state = SIZE;
    body->sized = false;
    body->digits = 0;
    body->line = 0;
}

/* A bare LF ends a line of chunk framing. */
static enum http1_result end_with_lf(struct http1_body *body, const struct http1_limits *limits,
                                     struct http1_piece *piece)
{
    if (body->kind == HG_REQUEST || limits->strict)
        return bad(body, piece, "a line of chunk framing does not end with CRLF");
    body->broken = "a line of chunk framing ends with LF alone (RFC 9112 section 7.1)";
    if (body->state == DATA_CR)
        start_size(body);
    else
        body->state = body->left ? DATA : TRAILERS;
    return HTTP1_DONE;
}

/* A byte of a quoted string; false if it is not allowed there (RFC 9110 section 5.6.4). */
static bool quoted_byte(struct http1_body *body, uint8_t byte)
{
    if (!http1_is(byte, HTTP1_VALUE))
        return false;
    if (body->state == EXT_ESCAPED || (byte != '"' && byte != '\\'))
        body->state = EXT_QUOTED;
    else
        body->state = byte == '"' ? EXT_END : EXT_ESCAPED;
    return true;
}

/* What precedes a name or a value: whitespace, then its first byte. */
static bool begins_part(struct http1_body *body, uint8_t byte)
{
    if (byte == ' ' || byte == '\t')
        return true;
    if (byte == '"' && body->state == EXT_EQUALS) {
        body->state = EXT_QUOTED;
        return true;
    }
    body->state = body->state == EXT_BEFORE ? EXT_NAME : EXT_VALUE;
    return http1_is(byte, HTTP1_TOKEN);
}

static bool extension_byte(struct http1_body *body, uint8_t byte)
{
    switch (body->state) {
    case EXT_BEFORE:
    case EXT_EQUALS:
        return begins_part(body, byte);
    case EXT_NAME:
    case NAME_BLANK:
        if (byte == '=') {
            body->state = EXT_EQUALS;
            return true;
        }
        return (body->state == EXT_NAME && http1_is(byte, HTTP1_TOKEN)) || ends_part(body, byte, NAME_BLANK);
    case EXT_VALUE:
        return http1_is(byte, HTTP1_TOKEN) || ends_part(body, byte, VALUE_BLANK);
    case EXT_END:
    case VALUE_BLANK:
        return ends_part(body, byte, VALUE_BLANK);
    default: /* EXT_QUOTED, EXT_ESCAPED */
        return quoted_byte(body, byte);
    }
}

/* A byte of a chunk size line. */
static enum http1_result line_byte(struct http1_body *body, const struct http1_limits *limits, uint8_t byte,
                                   struct http1_piece *piece)
{
    bool blank = body->state == SIZE_BLANK || body->state == NAME_BLANK || body->state == VALUE_BLANK;

    if (body->line++ == HTTP1_CHUNK_LINE_MAX)
        return bad(body, piece, "a chunk size line is longer than 288 bytes");
    if (byte == '\r' && blank)
        return end_padded_line(body, limits, piece);
    if (byte == '\n' && (body->state == SIZE_BLANK || (body->state == SIZE && body->sized)))
        return end_with_lf(body, limits, piece);
    if (body->state == SIZE)
        return size_byte(body, byte, piece);
    if (body->state == SIZE_BLANK)
        return ends_part(body, byte, SIZE_BLANK) ? HTTP1_DONE
                                                 : bad(body, piece, "a chunk size is not a hexadecimal number");
    return extension_byte(body, byte) ? HTTP1_DONE : bad(body, piece, "a chunk extension is malformed");
}

/* A byte of chunk framing. */
static enum http1_result framing_byte(struct http1_body *body, const struct http1_limits *limits, uint8_t byte,
                                      struct http1_piece *piece)
{
    switch (body->state) {
    case SIZE_LF:
        if (byte != '\n')
            return bad(body, piece, "a chunk size line does not end with CRLF");
        body->state = body->left ? DATA : TRAILERS;
        return HTTP1_DONE;
    case DATA_CR:
        if (byte == '\n')
            return end_with_lf(body, limits, piece);
        if (byte != '\r')
            return bad(body, piece, "chunk data is not followed by CRLF");
        body->state = DATA_LF;
        return HTTP1_DONE;
    case DATA_LF:
        if (byte != '\n')
            return bad(body, piece, "chunk data is not followed by CRLF");
        start_size(body);
        return HTTP1_DONE;
    default:
        return line_byte(body, limits, byte, piece);
    }
}

static size_t read_trailers(struct http1_body *body, const struct hg_host *host, const struct http1_limits *limits,
                            const uint8_t *data, size_t size, struct http1_piece *piece)
{
    enum http1_result result = http1_scan(&body->scan, limits, data, size, &piece->reason);

    if (result == HTTP1_MORE)
        return 0;
    if (result == HTTP1_DONE && body->scan.fields) {
        if (!host)
            result = http1_check_trailers(body->kind, data, body->scan.at, &piece->reason);
        else if (!(piece->trailers =
                       http1_parse_trailers(host, body->kind, limits, data, body->scan.at, &piece->reason)))
            result = HTTP1_FAULT;
    }
    if (result == HTTP1_FAULT) {
        piece_fault(body, piece);
        return 0;
    }
    if (body->scan.broken)
        body->broken = body->scan.broken;
    piece_end(body, piece);
    return body->scan.at;
}

/* Reads the framing up to the next byte of data, or to the trailers. */
static enum http1_result read_framing(struct http1_body *body, const struct http1_limits *limits, const uint8_t *data,
                                      size_t size, size_t *used, struct http1_piece *piece)
{
    while (*used < size && body->state != TRAILERS && body->state != DATA)
        if (framing_byte(body, limits, data[(*used)++], piece) == HTTP1_FAULT)
            return HTTP1_FAULT;
    return HTTP1_DONE;
}

static size_t chunk_data(struct http1_body *body, const uint8_t *data, size_t size, struct http1_piece *piece)
{
    size_t used = piece_data(body, data, size < body->left ? size : (size_t)body->left, piece);

    body->left -= used;
    if (!body->left)
        body->state = DATA_CR;
    return used;
}

/* Moves the data of small chunks after `piece` to its end, over their framing. Anything that is not data, or is
 * invalid, is left for the next call. */
static size_t merge_chunks(struct http1_body *body, const struct http1_limits *limits, uint8_t *data, size_t size,
                           struct http1_piece *piece)
{
    size_t used = 0;

    while (body->state == DATA_CR) {
        struct http1_body ahead = *body;
        struct http1_piece next = {.type = HTTP1_PIECE_NONE};
        size_t at = used;

        if (read_framing(&ahead, limits, data, size, &at, &next) == HTTP1_FAULT || ahead.state != DATA || at == size ||
            ahead.left > MERGE_MAX)
            break;
        at += chunk_data(&ahead, data + at, size - at, &next);
        memmove((uint8_t *)(uintptr_t)piece->data + piece->size, next.data, next.size);
        piece->size += next.size;
        *body = ahead;
        used = at;
    }
    return used;
}

static size_t read_chunked(struct http1_body *body, const struct hg_host *host, const struct http1_limits *limits,
                           uint8_t *data, size_t size, struct http1_piece *piece)
{
    size_t used = 0;

    if (read_framing(body, limits, data, size, &used, piece) == HTTP1_FAULT) {
        piece_fault(body, piece);
    } else if (body->state == TRAILERS) {
        used += read_trailers(body, host, limits, data + used, size - used, piece);
    } else if (body->state == DATA && used < size) {
        used += chunk_data(body, data + used, size - used, piece);
        if (host && piece->size <= MERGE_MAX)
            used += merge_chunks(body, limits, data + used, size - used, piece);
    }
    return used;
}

size_t http1_body_read(struct http1_body *body, const struct hg_host *host, const struct http1_limits *limits,
                       uint8_t *data, size_t size, struct http1_piece *piece)
{
    *piece = (struct http1_piece){.type = HTTP1_PIECE_NONE};
    switch (body->framing) {
    case HTTP1_CHUNKED:
        return read_chunked(body, host, limits, data, size, piece);
    case HTTP1_LENGTH:
        if (body->left) {
            if (!size)
                return 0;
            if (size > body->left)
                size = (size_t)body->left;
            body->left -= size;
            return piece_data(body, data, size, piece);
        }
        piece_end(body, piece);
        return 0;
    case HTTP1_UNTIL_CLOSE:
        return size ? piece_data(body, data, size, piece) : 0;
    default: /* HTTP1_NO_BODY */
        piece_end(body, piece);
        return 0;
    }
}
