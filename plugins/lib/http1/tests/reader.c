/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/lib/http1/tests/cases.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct http1_limits default_limits = HTTP1_DEFAULT_LIMITS;

__attribute__((format(printf, 2, 3))) static void report(struct story *story, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    story->size += (size_t)vsnprintf(story->text + story->size, sizeof story->text - story->size, format, arguments);
    va_end(arguments);
    ck_assert_uint_lt(story->size, sizeof story->text);
}

static void report_fields(struct story *story, const struct hg_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++)
        report(story, "{%.*s: %.*s}", HG_PRINT(fields->items[i].name), HG_PRINT(fields->items[i].value));
}

void reader_init(struct reader *reader, enum hg_head_kind kind, struct story *story)
{
    memset(reader, 0, sizeof *reader);
    memset(story, 0, sizeof *story);
    reader->kind = kind;
    reader->limits = &default_limits;
    reader->asked.method = HG_TEXT("GET");
    reader->scan.kind = kind;
    reader->story = story;
}

static void report_head(struct story *story, const struct hg_head *head, const struct http1_message *message)
{
    static const char *const framings[] = {"none", "length", "chunked", "close"};

    if (head->kind == HG_REQUEST)
        report(story, "[%.*s %.*s://%.*s%.*s", HG_PRINT(head->method), HG_PRINT(head->scheme),
               HG_PRINT(head->authority), HG_PRINT(head->path));
    else
        report(story, "[%d '%.*s'", head->status, HG_PRINT(head->reason));
    report(story, " %x %lld %s%s%s%.*s]", head->version, (long long)head->length, framings[message->framing],
           message->keep_alive ? "" : " last", head->upgrade.size ? " upgrade=" : "", HG_PRINT(head->upgrade));
    report_fields(story, &head->fields);
}

/* Reads a head. Returns the number of bytes used, 0 if more are needed, -1 on an error. */
static ptrdiff_t read_head(struct reader *reader, const uint8_t *data, size_t size)
{
    struct story *story = reader->story;
    struct http1_message message;
    struct hg_head *head;
    enum http1_result result = http1_scan(&reader->scan, reader->limits, data, size, &story->reason);
    size_t used = reader->scan.at;

    if (result != HTTP1_DONE)
        return result;
    head = reader->kind == HG_REQUEST ? http1_parse_request(&worker_host, reader->limits, &reader->scan, data,
                                                            HG_TEXT("http"), &message, &story->reason)
                                      : http1_parse_response(&worker_host, reader->limits, &reader->scan, data,
                                                             &reader->asked, &message, &story->reason);
    if (!head)
        return -1;
    if (message.broken)
        reader->broken = message.broken;
    report_head(story, head, &message);
    reader->scan = (struct http1_scan){.kind = reader->kind};
    reader->in_body = !hg_head_is_interim(head);
    http1_body_start(&reader->body, reader->kind, &message);
    hg_head_free(&worker_host, head);
    return (ptrdiff_t)used;
}

static ptrdiff_t read_body(struct reader *reader, uint8_t *data, size_t size)
{
    struct http1_piece piece;
    size_t used = http1_body_read(&reader->body, &worker_host, reader->limits, data, size, &piece);

    switch (piece.type) {
    case HTTP1_PIECE_DATA:
        ck_assert(piece.data >= data && piece.data + piece.size <= data + size);
        report(reader->story, "%.*s", (int)piece.size, (const char *)piece.data);
        break;
    case HTTP1_PIECE_END:
        if (piece.trailers)
            report_fields(reader->story, piece.trailers);
        hg_fields_free(&worker_host, piece.trailers);
        report(reader->story, ".");
        reader->in_body = false;
        if (reader->body.broken)
            reader->broken = reader->body.broken;
        break;
    case HTTP1_PIECE_FAULT:
        reader->story->reason = piece.reason;
        return -1;
    default:
        break;
    }
    return (ptrdiff_t)used;
}

/* Reads as much as possible; returns how many bytes were used, or -1 after an error. The bytes are copied to memory of
 * exactly their size, so that a sanitizer notices a read beyond them. */
ptrdiff_t reader_feed(struct reader *reader, const uint8_t *bytes, size_t size)
{
    uint8_t *data = malloc(size ? size : 1);
    size_t at = 0;
    ptrdiff_t used = 0;

    memcpy(data, bytes, size);
    do {
        bool in_body = reader->in_body;

        used = in_body ? read_body(reader, data + at, size - at) : read_head(reader, data + at, size - at);
        at += used > 0 ? (size_t)used : 0;
        if (in_body != reader->in_body)
            used = used ? used : 1;
    } while (used > 0 && (at < size || reader->in_body));
    free(data);
    if (used < 0) {
        report(reader->story, "!%d", reader->story->reason.status);
        ck_assert_ptr_nonnull(reader->story->reason.detail);
        ck_assert_ptr_nonnull(reader->story->reason.error);
        return -1;
    }
    return (ptrdiff_t)at;
}

/* Reads the first `split` bytes, then the rest. */
void read_split(struct reader *reader, const uint8_t *bytes, size_t size, size_t split)
{
    ptrdiff_t used = reader_feed(reader, bytes, split);

    if (used >= 0 && split < size)
        reader_feed(reader, bytes + used, size - (size_t)used);
}

/* The story of a whole input. */
const char *story_of(struct story *story, enum hg_head_kind kind, const char *input)
{
    struct reader reader;

    reader_init(&reader, kind, story);
    reader_feed(&reader, (const uint8_t *)input, strlen(input));
    return story->text;
}

const char *request(struct story *story, const char *input)
{
    return story_of(story, HG_REQUEST, input);
}

const char *response(struct story *story, const char *input)
{
    return story_of(story, HG_RESPONSE, input);
}
