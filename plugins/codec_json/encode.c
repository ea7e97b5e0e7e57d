/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Encoding "json/1". A message is written twice by the same code: first without memory, to get its size, then into a
 * buffer of that size.
 */
#include "plugins/codec_json/format.h"

#include <stdio.h>

struct writer {
    char *at; /* NULL: only count `size` */
    size_t size;
};

static void put(struct writer *writer, struct hg_text text)
{
    if (writer->at && text.size) {
        memcpy(writer->at, text.data, text.size);
        writer->at += text.size;
    }
    writer->size += text.size;
}

static void put_string(struct writer *writer, struct hg_text text, size_t escaped_size)
{
    put(writer, HG_TEXT("\""));
    if (writer->at)
        writer->at = codec_json_escape(writer->at, text);
    writer->size += escaped_size;
    put(writer, HG_TEXT("\""));
}

static void put_base64(struct writer *writer, struct hg_text bytes)
{
    put(writer, HG_TEXT("\""));
    if (writer->at)
        writer->at = codec_json_base64(writer->at, bytes);
    writer->size += codec_json_base64_size(bytes.size);
    put(writer, HG_TEXT("\""));
}

/* Whether to write bytes as text: they must be valid text, and not be much longer than base64 would be. */
static bool as_text(struct hg_text text, size_t escaped_size)
{
    return escaped_size <= codec_json_base64_size(text.size) + CODEC_JSON_TEXT_SLACK;
}

static void put_text(struct writer *writer, struct hg_text text)
{
    size_t escaped_size = codec_json_escaped_size(text);

    if (as_text(text, escaped_size)) {
        put_string(writer, text, escaped_size);
        return;
    }
    put(writer, HG_TEXT("{\"base64\":"));
    put_base64(writer, text);
    put(writer, HG_TEXT("}"));
}

static void put_name(struct writer *writer, const char *name)
{
    put(writer, HG_TEXT(",\""));
    put(writer, hg_text(name));
    put(writer, HG_TEXT("\":"));
}

/* A text that is omitted if empty. */
static void put_member(struct writer *writer, const char *name, struct hg_text value)
{
    if (!value.size)
        return;
    put_name(writer, name);
    put_text(writer, value);
}

static void put_number(struct writer *writer, const char *name, int64_t value)
{
    char number[24];
    int size = snprintf(number, sizeof number, "%lld", (long long)value);

    put_name(writer, name);
    put(writer, (struct hg_text){number, (size_t)size});
}

static void put_fields(struct writer *writer, const char *name, const struct hg_fields *fields)
{
    put_name(writer, name);
    put(writer, HG_TEXT("["));
    for (size_t i = 0; i < fields->count; i++) {
        put(writer, i ? HG_TEXT(",[") : HG_TEXT("["));
        put_text(writer, fields->items[i].name);
        put(writer, HG_TEXT(","));
        put_text(writer, fields->items[i].value);
        put(writer, HG_TEXT("]"));
    }
    put(writer, HG_TEXT("]"));
}

/* ---- Messages ---- */

static void put_version_and_length(struct writer *writer, const struct hg_head *head)
{
    char version[16];
    int size = snprintf(version, sizeof version, "%u.%u", head->version >> 8, head->version & 0xffu);

    put_member(writer, "version", (struct hg_text){version, (size_t)size});
    if (head->length == HG_LENGTH_UNKNOWN)
        put_member(writer, "length", HG_TEXT("unknown"));
    else if (head->length != HG_LENGTH_NONE)
        put_number(writer, "length", head->length);
}

static void put_head(struct writer *writer, const void *message)
{
    const struct hg_head *head = message;

    if (head->kind == HG_REQUEST) {
        put(writer, HG_TEXT("{\"type\":\"request\""));
        put_member(writer, "id", head->id);
        put_member(writer, "method", head->method);
        put_member(writer, "scheme", head->scheme);
        put_member(writer, "authority", head->authority);
        put_member(writer, "path", head->path);
        put_member(writer, "service", head->service);
        put_member(writer, "peer", head->peer);
        if (head->traffic)
            put_member(writer, "traffic",
                       head->traffic == HG_TRAFFIC_STREAM ? HG_TEXT("stream") : HG_TEXT("datagrams"));
    } else {
        put(writer, HG_TEXT("{\"type\":\"response\""));
        put_number(writer, "status", head->status);
        put_member(writer, "reason", head->reason);
    }
    put_version_and_length(writer, head);
    put_member(writer, "upgrade", head->upgrade);
    put_member(writer, "connection", head->connection);
    put_fields(writer, "fields", &head->fields);
    put(writer, HG_TEXT("}\n"));
}

static void put_data_line(struct writer *writer, struct hg_text bytes, bool text, size_t escaped_size)
{
    if (!bytes.size)
        return;
    put(writer, HG_TEXT("{\"type\":\"data\""));
    put_name(writer, text ? "text" : "base64");
    if (text)
        put_string(writer, bytes, escaped_size);
    else
        put_base64(writer, bytes);
    put(writer, HG_TEXT("}\n"));
}

/* One line; three if the bytes are text except for characters that are cut at the start or the end. */
static void put_data_piece(struct writer *writer, struct hg_text bytes)
{
    const size_t before = codec_json_cut_before(bytes);
    const struct hg_text rest = {bytes.data + before, bytes.size - before};
    const size_t after = codec_json_cut_after(rest);
    const struct hg_text text = {rest.data, rest.size - after};
    const size_t escaped_size = codec_json_escaped_size(text);

    if (!as_text(text, escaped_size)) {
        put_data_line(writer, bytes, false, 0);
        return;
    }
    put_data_line(writer, (struct hg_text){bytes.data, before}, false, 0);
    put_data_line(writer, text, true, escaped_size);
    put_data_line(writer, (struct hg_text){text.data + text.size, after}, false, 0);
}

static void put_data(struct writer *writer, const void *message)
{
    const struct hg_slice *slice = message;

    for (struct hg_slice rest = *slice; rest.size;) {
        struct hg_slice piece = hg_slice_first(rest, CODEC_JSON_DATA_MAX);

        put_data_piece(writer, (struct hg_text){(const char *)piece.data, piece.size});
        rest = hg_slice_from(rest, piece.size);
    }
}

static void put_end(struct writer *writer, const void *message)
{
    const struct hg_fields *trailers = message;

    put(writer, HG_TEXT("{\"type\":\"end\""));
    if (trailers && trailers->count)
        put_fields(writer, "trailers", trailers);
    put(writer, HG_TEXT("}\n"));
}

static void put_reset(struct writer *writer, const void *message)
{
    const struct hg_reason *reason = message;

    put(writer, HG_TEXT("{\"type\":\"reset\""));
    put_number(writer, "status", reason->status);
    put_member(writer, "error", hg_text(reason->error));
    put_member(writer, "detail", hg_text(reason->detail));
    if (reason->retry_after)
        put_number(writer, "retry_after", reason->retry_after);
    put(writer, HG_TEXT("}\n"));
}

/* ---- Into buffers ---- */

static int fail(const char **error, const char *what)
{
    *error = what;
    return -1;
}

/* Appends what `put_message` writes for `message`, at most `max` bytes. */
static int encode(struct hg_worker *worker, void (*put_message)(struct writer *, const void *), const void *message,
                  size_t max, struct hg_output *out, const char **error)
{
    struct writer writer = {0};
    struct hg_buffer *buffer;

    if (out->count + HG_OUTPUT_PER_CALL > HG_OUTPUT_SLICES)
        return fail(error, "no space for the output");
    put_message(&writer, message);
    if (!writer.size)
        return 0;
    if (writer.size > max)
        return fail(error, "message longer than a line of 4 MiB");
    buffer = hg_buffer_new(worker->host, writer.size);
    if (!buffer)
        return fail(error, "out of memory");
    writer = (struct writer){.at = (char *)buffer->data};
    put_message(&writer, message);
    out->slices[out->count++] = (struct hg_slice){buffer, buffer->data, writer.size};
    return 0;
}

int codec_json_encode_head(struct hg_worker *worker, const struct hg_head *head, struct hg_output *out,
                           const char **error)
{
    if (head->length < HG_LENGTH_NONE)
        return fail(error, "length out of range");
    if (head->kind == HG_RESPONSE && (head->status < 100 || head->status > 999))
        return fail(error, "status out of range");
    if (head->fields.count > CODEC_FIELDS_MAX)
        return fail(error, "more than 4096 fields");
    return encode(worker, put_head, head, CODEC_JSON_LINE_MAX, out, error);
}

int codec_json_encode_data(struct hg_worker *worker, const struct hg_slice *slice, struct hg_output *out,
                           const char **error)
{
    return encode(worker, put_data, slice, SIZE_MAX, out, error);
}

int codec_json_encode_end(struct hg_worker *worker, const struct hg_fields *trailers, struct hg_output *out,
                          const char **error)
{
    if (trailers && trailers->count > CODEC_FIELDS_MAX)
        return fail(error, "more than 4096 fields");
    return encode(worker, put_end, trailers, CODEC_JSON_LINE_MAX, out, error);
}

int codec_json_encode_reset(struct hg_worker *worker, const struct hg_reason *reason, struct hg_output *out,
                            const char **error)
{
    char type[CODEC_ERROR_MAX + 1], detail[CODEC_DETAIL_MAX + 1];
    struct hg_reason reported = *reason;

    if (reason->status < 400 || reason->status > 599)
        return fail(error, "status of a reset out of range");
    reported.error = codec_sent_error(type, reason->error).data;
    reported.detail = codec_sent_detail(detail, reason->detail).data;
    return encode(worker, put_reset, &reported, CODEC_JSON_LINE_MAX, out, error);
}
