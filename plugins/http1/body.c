/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Reading bodies: by length, in chunks (RFC 9112 section 7.1), until the connection closes.
 */
#include "plugins/http1/internal.h"

enum {
    SIZE = 0, /* in the digits of a chunk size */
    EXTENSION,
    SIZE_LF,  /* after the CR of a chunk size line */
    DATA,     /* in the chunk's data */
    DATA_CR,  /* after it */
    DATA_LF,  /* after its CR */
    TRAILERS, /* behind the last chunk */
    ENDED,
    FAULTED,
};

/* 15 hexadecimal digits are less than 2^60: no sum of ours can overflow. */
#define SIZE_DIGITS_MAX 15

/* How many bytes of chunk framing each byte of data may come with, beyond the free ones. One-byte chunks cost five. */
#define OVERHEAD_FACTOR 2

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

static enum http1_result size_byte(struct http1_body *body, uint8_t byte, struct http1_piece *piece)
{
    int digit = hex_digit(byte);

    if (digit >= 0) {
        if (body->digits++ == SIZE_DIGITS_MAX)
            return bad(body, piece, "a chunk size has more than 15 digits");
        body->left = body->left * 16 + (uint64_t)digit;
        return HTTP1_DONE;
    }
    if (!body->digits || (byte != '\r' && byte != ';'))
        return bad(body, piece, "a chunk size is not a hexadecimal number");
    body->state = byte == '\r' ? SIZE_LF : EXTENSION;
    body->extension = 1;
    return HTTP1_DONE;
}

static enum http1_result extension_byte(struct http1_body *body, uint8_t byte, struct http1_piece *piece)
{
    if (byte == '\r')
        body->state = SIZE_LF;
    else if (!http1_is(byte, HTTP1_VALUE))
        return bad(body, piece, "a chunk extension holds a control byte");
    else if (body->extension++ == HTTP1_CHUNK_EXTENSION_MAX)
        return bad(body, piece, "a chunk extension is longer than 256 bytes");
    return HTTP1_DONE;
}

/* A byte of chunk framing. */
static enum http1_result framing_byte(struct http1_body *body, uint8_t byte, struct http1_piece *piece)
{
    switch (body->state) {
    case SIZE:
        return size_byte(body, byte, piece);
    case EXTENSION:
        return extension_byte(body, byte, piece);
    case SIZE_LF:
        if (byte != '\n')
            return bad(body, piece, "a chunk size line does not end with CRLF");
        body->state = body->left ? DATA : TRAILERS;
        return HTTP1_DONE;
    case DATA_CR:
        if (byte != '\r')
            return bad(body, piece, "chunk data is not followed by CRLF");
        body->state = DATA_LF;
        return HTTP1_DONE;
    default: /* DATA_LF */
        if (byte != '\n')
            return bad(body, piece, "chunk data is not followed by CRLF");
        body->state = SIZE;
        body->digits = 0;
        return HTTP1_DONE;
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
        else if (!(piece->trailers = http1_parse_trailers(host, body->kind, data, body->scan.at, &piece->reason)))
            result = HTTP1_FAULT;
    }
    if (result == HTTP1_FAULT) {
        piece_fault(body, piece);
        return 0;
    }
    piece_end(body, piece);
    return body->scan.at;
}

static size_t read_chunked(struct http1_body *body, const struct hg_host *host, const struct http1_limits *limits,
                           const uint8_t *data, size_t size, struct http1_piece *piece)
{
    size_t used = 0;

    while (used < size && body->state != TRAILERS) {
        if (body->state == DATA) {
            used += piece_data(body, data + used, size - used < body->left ? size - used : (size_t)body->left, piece);
            body->left -= piece->size;
            if (!body->left)
                body->state = DATA_CR;
            return used;
        }
        body->overhead++;
        if (framing_byte(body, data[used++], piece) == HTTP1_FAULT ||
            (body->overhead > limits->chunk_overhead + OVERHEAD_FACTOR * body->received &&
             bad(body, piece, "too much chunk framing for so little data") == HTTP1_FAULT)) {
            piece_fault(body, piece);
            return used;
        }
    }
    if (body->state == TRAILERS)
        used += read_trailers(body, host, limits, data + used, size - used, piece);
    return used;
}

size_t http1_body_read(struct http1_body *body, const struct hg_host *host, const struct http1_limits *limits,
                       const uint8_t *data, size_t size, struct http1_piece *piece)
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
