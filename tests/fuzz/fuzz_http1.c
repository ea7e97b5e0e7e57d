/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Fuzzes the HTTP/1 library: the first byte of the input says whether it is requests or responses and how it is split;
 * the rest is what arrives on a connection. The outcome must not depend on how it is split; and what was accepted is
 * written, and must be accepted again with the same meaning.
 */
#include "core/base/buffer.h"
#include "core/base/message.h"
#include "plugins/lib/http1/http1.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct hg_host host = {
    .buffer_new = buffer_new,
    .head_new = message_head_new,
    .head_free = message_head_free,
    .fields_new = message_fields_new,
    .fields_free = message_fields_free,
    .head_set = message_head_set,
    .field_add = message_field_add,
    .field_remove = message_field_remove,
};

static const struct http1_limits limits = HTTP1_DEFAULT_LIMITS;

/* What was read, in a form that can be compared. */
struct outcome {
    unsigned heads, ends, faults;
    int status;
    uint64_t data, hash;
};

struct reader {
    enum hg_head_kind kind;
    struct http1_scan scan;
    struct http1_body body;
    bool in_body;
    struct outcome outcome;
};

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void note(struct outcome *outcome, const void *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        outcome->hash = (outcome->hash ^ ((const uint8_t *)data)[i]) * 1099511628211U;
}

static void note_fields(struct outcome *outcome, const struct hg_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        note(outcome, fields->items[i].name.data, fields->items[i].name.size);
        note(outcome, ": ", 2);
        note(outcome, fields->items[i].value.data, fields->items[i].value.size);
    }
}

static struct hg_head *parse(enum hg_head_kind kind, const struct http1_scan *scan, const uint8_t *data,
                             struct http1_message *message, struct hg_reason *reason)
{
    static const struct http1_asked asked = {.method = {"GET", 3}, .upgrade = true};

    return kind == HG_REQUEST ? http1_parse_request(&host, &limits, scan, data, HG_TEXT("https"), message, reason)
                              : http1_parse_response(&host, &limits, scan, data, &asked, message, reason);
}

/* We write Connection and the like ourselves; everything else must be unchanged. */
static void write_and_read_again(const struct hg_head *head)
{
    size_t capacity = http1_head_size(head, 0);
    struct http1_writer writer = {.data = malloc(capacity), .capacity = capacity};
    struct http1_scan scan = {.kind = head->kind};
    struct http1_limits generous = {
        .start_line = SIZE_MAX, .head = SIZE_MAX, .fields = HTTP1_FIELDS_MAX, .trailers = SIZE_MAX};
    struct http1_message message;
    struct hg_reason reason;
    struct hg_head *again;

    if (head->kind == HG_REQUEST)
        http1_write_request(&writer, head, http1_request_framing(head));
    else
        http1_write_response(&writer, head, http1_response_framing(head, HG_TEXT("GET"), 0x0101), 0x0101, false);
    http1_write_head_end(&writer);
    must(!writer.overflow);
    must(http1_scan(&scan, &generous, writer.data, writer.size, &reason) == HTTP1_DONE && scan.at == writer.size);
    again = parse(head->kind, &scan, writer.data, &message, &reason);
    must(again != NULL && again->fields.count == head->fields.count);
    must(hg_text_equal(again->method, head->method) && hg_text_equal(again->path, head->path));
    must(hg_text_equal(again->authority, head->authority) && again->status == head->status);
    for (size_t i = 0; i < head->fields.count; i++)
        must(hg_text_equal(again->fields.items[i].name, head->fields.items[i].name) &&
             hg_text_equal(again->fields.items[i].value, head->fields.items[i].value));
    hg_head_free(&host, again);
    free(writer.data);
}

/* Returns how many bytes were used, 0 if more are needed, -1 on an error. */
static ptrdiff_t read_head(struct reader *reader, const uint8_t *data, size_t size)
{
    struct http1_message message;
    struct hg_reason reason = {0};
    struct hg_head *head;
    enum http1_result result = http1_scan(&reader->scan, &limits, data, size, &reason);
    size_t used = reader->scan.at;

    head = result == HTTP1_DONE ? parse(reader->kind, &reader->scan, data, &message, &reason) : NULL;
    if (!head) {
        reader->outcome.status = reason.status;
        return result == HTTP1_MORE ? 0 : -1;
    }
    reader->outcome.heads++;
    note(&reader->outcome, head->path.data, head->path.size);
    note_fields(&reader->outcome, &head->fields);
    if (head->kind == HG_RESPONSE ||
        head->authority.size) /* the origin adds a host to an HTTP/1.0 request that has none */
        write_and_read_again(head);
    reader->scan = (struct http1_scan){.kind = reader->kind};
    reader->in_body = !hg_head_is_interim(head);
    http1_body_start(&reader->body, reader->kind, &message);
    hg_head_free(&host, head);
    return (ptrdiff_t)used;
}

static ptrdiff_t read_body(struct reader *reader, uint8_t *data, size_t size)
{
    struct http1_piece piece;
    size_t used = http1_body_read(&reader->body, &host, &limits, data, size, &piece);

    must(used <= size);
    switch (piece.type) {
    case HTTP1_PIECE_DATA:
        must(piece.size > 0 && piece.data >= data && piece.data + piece.size <= data + size);
        reader->outcome.data += piece.size;
        note(&reader->outcome, piece.data, piece.size);
        break;
    case HTTP1_PIECE_END:
        reader->outcome.ends++;
        reader->in_body = false;
        if (piece.trailers)
            note_fields(&reader->outcome, piece.trailers);
        hg_fields_free(&host, piece.trailers);
        break;
    case HTTP1_PIECE_FAULT:
        reader->outcome.status = piece.reason.status;
        return -1;
    default:
        break;
    }
    return (ptrdiff_t)used;
}

/* Reads as much as possible; returns how many bytes were used, or -1. */
static ptrdiff_t feed(struct reader *reader, const uint8_t *bytes, size_t size)
{
    uint8_t *data = malloc(size + !size);
    size_t at = 0;
    ptrdiff_t used;

    memcpy(data, bytes, size);
    do {
        bool in_body = reader->in_body;

        used = in_body ? read_body(reader, data + at, size - at) : read_head(reader, data + at, size - at);
        at += used > 0 ? (size_t)used : 0;
        if (used == 0 && in_body != reader->in_body)
            used = 1;
    } while (used > 0 && (at < size || reader->in_body));
    free(data);
    reader->outcome.faults += used < 0;
    return used < 0 ? -1 : (ptrdiff_t)at;
}

static struct outcome read_cut(enum hg_head_kind kind, const uint8_t *data, size_t size, size_t cut)
{
    struct reader reader = {.kind = kind, .scan = {.kind = kind}};
    ptrdiff_t used = feed(&reader, data, cut);

    if (used >= 0 && cut < size)
        feed(&reader, data + used, size - (size_t)used);
    return reader.outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum hg_head_kind kind;
    struct outcome whole, cut;

    if (size < 1)
        return 0;
    kind = data[0] & 1 ? HG_RESPONSE : HG_REQUEST;
    whole = read_cut(kind, data + 1, size - 1, size - 1);
    cut = read_cut(kind, data + 1, size - 1, (size_t)(data[0] >> 1) * (size - 1) / 127);
    must(whole.heads == cut.heads && whole.ends == cut.ends && whole.faults == cut.faults);
    must(whole.data == cut.data && whole.hash == cut.hash && whole.status == cut.status);
    return 0;
}
