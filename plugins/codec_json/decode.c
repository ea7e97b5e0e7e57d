/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Decoding "json/1". The bytes come from another machine and may be anything; the result always fulfils what
 * <hopgate/message.h> guarantees for heads and fields, since a serializer later relies on it.
 */
#include "plugins/codec_json/format.h"

#include <jansson.h>
#include <limits.h>
#include <stdlib.h>

void codec_json_decoder_free(struct hg_worker *worker, void *state)
{
    struct codec_json_decoder *decoder = state;

    (void)worker;
    codec_forget(&decoder->gathered);
    free(decoder->reason);
    decoder->reason = NULL;
}

/* ---- Reading members ---- */

/* A message and what is wrong with it. */
struct reader {
    const struct hg_host *host;
    const json_t *message;
    const char *error;
};

static void reader_fail(struct reader *reader, const char *error)
{
    if (!reader->error)
        reader->error = error;
}

/* A text, with memory if it needed any. */
struct text {
    struct hg_text text;
    char *decoded; /* for free(); NULL if the text points into the message */
};

/* A string, or {"base64": string}. */
static struct text text_of(struct reader *reader, const json_t *value)
{
    struct hg_text encoded;
    struct text text = {HG_TEXT(""), NULL};
    ptrdiff_t size;

    if (json_is_string(value)) {
        text.text = (struct hg_text){json_string_value(value), json_string_length(value)};
        return text;
    }
    value = json_object_get(value, "base64");
    if (!json_is_string(value)) {
        reader_fail(reader, "neither a string nor base64");
        return text;
    }
    encoded = (struct hg_text){json_string_value(value), json_string_length(value)};
    text.decoded = malloc(encoded.size + 1);
    if (!text.decoded) {
        reader_fail(reader, "out of memory");
        return text;
    }
    size = codec_json_base64_decode((uint8_t *)text.decoded, encoded);
    if (size < 0)
        reader_fail(reader, "invalid base64");
    else
        text.text = (struct hg_text){text.decoded, (size_t)size};
    return text;
}

/* The member with that name; absent: the empty text. */
static struct text text_member(struct reader *reader, const char *name)
{
    const json_t *value = json_object_get(reader->message, name);

    return value ? text_of(reader, value) : (struct text){HG_TEXT(""), NULL};
}

/* hg_head_set() has checked the member; this only explains what is wrong with it. */

static void head_member(struct reader *reader, struct hg_head *head, struct hg_text *member, const char *name,
                        enum codec_text kind)
{
    struct text text = text_member(reader, name);

    if (!reader->error && hg_head_set(reader->host, head, member, text.text))
        reader_fail(reader, codec_set_fault(text.text, kind));
    free(text.decoded);
}

/* An integer within a range; absent: `otherwise`. */
static json_int_t number_member(struct reader *reader, const char *name, json_int_t min, json_int_t max,
                                json_int_t otherwise)
{
    const json_t *value = json_object_get(reader->message, name);
    json_int_t number = json_integer_value(value);

    if (!value)
        return otherwise;
    if (!json_is_integer(value) || number < min || number > max) {
        reader_fail(reader, "number has the wrong type or is out of range");
        return otherwise;
    }
    return number;
}

static void add_field(struct reader *reader, struct hg_fields *fields, const json_t *pair)
{
    struct text name, value;

    if (!json_is_array(pair) || json_array_size(pair) < 2) {
        reader_fail(reader, "field is not [name, value]");
        return;
    }
    name = text_of(reader, json_array_get(pair, 0));
    value = text_of(reader, json_array_get(pair, 1));
    if (!reader->error && hg_field_add(reader->host, fields, name.text, value.text)) {
        const char *fault = codec_text_fault(name.text, CODEC_TOKEN);

        reader_fail(reader, fault ? fault : codec_set_fault(value.text, CODEC_LINE));
    }
    free(name.decoded);
    free(value.decoded);
}

static void fields_member(struct reader *reader, struct hg_fields *fields, const char *name)
{
    const json_t *list = json_object_get(reader->message, name);

    if (!list)
        return;
    if (!json_is_array(list))
        reader_fail(reader, "fields are not a list");
    if (json_array_size(list) > CODEC_FIELDS_MAX)
        reader_fail(reader, "more than 4096 fields");
    for (size_t i = 0; i < json_array_size(list) && !reader->error; i++)
        add_field(reader, fields, json_array_get(list, i));
}

/* "1.1"; absent: 1.1. */
static uint16_t version_member(struct reader *reader)
{
    const json_t *value = json_object_get(reader->message, "version");
    unsigned major = 1, minor = 1;
    char rest;

    if (value &&
        (!json_is_string(value) || json_string_length(value) > 7 ||
         strspn(json_string_value(value), "0123456789.") != json_string_length(value) ||
         sscanf(json_string_value(value), "%3u.%3u%c", &major, &minor, &rest) != 2 || major > 255 || minor > 255))
        reader_fail(reader, "version is not of the form \"1.1\"");
    return (uint16_t)(major << 8 | minor);
}

static int64_t length_member(struct reader *reader)
{
    const json_t *value = json_object_get(reader->message, "length");

    if (json_is_string(value) && !strcmp(json_string_value(value), "unknown"))
        return HG_LENGTH_UNKNOWN;
    return number_member(reader, "length", 0, INT64_MAX, HG_LENGTH_NONE);
}

/* ---- Messages ---- */

static void read_traffic(struct reader *reader, struct hg_head *head)
{
    struct text text = text_member(reader, "traffic");
    const char *fault;

    if (hg_text_equal(text.text, HG_TEXT("stream")))
        head->traffic = HG_TRAFFIC_STREAM;
    else if (hg_text_equal(text.text, HG_TEXT("datagrams")))
        head->traffic = HG_TRAFFIC_DATAGRAMS;
    else if (text.text.size)
        reader_fail(reader, "unknown kind of traffic");
    free(text.decoded);
    fault = codec_request_fault(head);
    if (fault)
        reader_fail(reader, fault);
}

static void read_head(struct reader *reader, struct hg_head *head)
{
    head->version = version_member(reader);
    head->length = length_member(reader);
    if (head->kind == HG_REQUEST) {
        head_member(reader, head, &head->method, "method", CODEC_TOKEN);
        head_member(reader, head, &head->scheme, "scheme", CODEC_WORD);
        head_member(reader, head, &head->authority, "authority", CODEC_WORD);
        head_member(reader, head, &head->path, "path", CODEC_WORD);
        head_member(reader, head, &head->id, "id", CODEC_WORD);
        head_member(reader, head, &head->peer, "peer", CODEC_LINE);
        head_member(reader, head, &head->service, "service", CODEC_LINE);
        read_traffic(reader, head);
    } else {
        head->status = (int)number_member(reader, "status", 100, 999, 0);
        if (!head->status)
            reader_fail(reader, "response without a status");
        head_member(reader, head, &head->reason, "reason", CODEC_LINE);
    }
    head_member(reader, head, &head->upgrade, "upgrade", CODEC_LINE);
    head_member(reader, head, &head->connection, "connection", CODEC_WORD);
    fields_member(reader, &head->fields, "fields");
}

static void take_head(struct codec_json_decoder *decoder, struct reader *reader, enum hg_head_kind kind,
                      struct hg_codec_event *event)
{
    struct hg_head *head;

    if (!codec_phase_takes_head(decoder->phase, kind)) {
        reader_fail(reader, "unexpected head");
        return;
    }
    head = hg_head_new(reader->host, kind);
    if (!head) {
        reader_fail(reader, "out of memory");
        return;
    }
    read_head(reader, head);
    if (reader->error) {
        hg_head_free(reader->host, head);
        return;
    }
    event->type = HG_CODEC_HEAD;
    event->head = head;
    decoder->phase = codec_phase_after(head);
}

static void take_data(struct codec_json_decoder *decoder, struct reader *reader, struct hg_codec_event *event)
{
    const json_t *text = json_object_get(reader->message, "text");
    const json_t *base64 = json_object_get(reader->message, "base64");
    const json_t *value = text ? text : base64;
    struct hg_text encoded = {json_string_value(value), json_string_length(value)};
    struct hg_buffer *buffer;
    ptrdiff_t size = (ptrdiff_t)encoded.size;

    if (decoder->phase != CODEC_PHASE_BODY)
        reader_fail(reader, "data before the head");
    if (!text == !base64 || !json_is_string(value))
        reader_fail(reader, "data without exactly one of the strings text and base64");
    if (reader->error || !encoded.size)
        return;
    buffer = hg_buffer_new(reader->host, encoded.size);
    if (!buffer) {
        reader_fail(reader, "out of memory");
        return;
    }
    if (text)
        memcpy(buffer->data, encoded.data, encoded.size);
    else
        size = codec_json_base64_decode(buffer->data, encoded);
    if (size < 0) {
        reader_fail(reader, "invalid base64");
        hg_buffer_unref(buffer);
        return;
    }
    event->type = HG_CODEC_DATA;
    event->data = (struct hg_slice){buffer, buffer->data, (size_t)size};
    event->data_owned = true;
}

static void take_end(struct codec_json_decoder *decoder, struct reader *reader, struct hg_codec_event *event)
{
    struct hg_fields *trailers = NULL;

    if (decoder->phase != CODEC_PHASE_BODY) {
        reader_fail(reader, "end before the head");
        return;
    }
    if (json_object_get(reader->message, "trailers")) {
        trailers = hg_fields_new(reader->host);
        if (trailers)
            fields_member(reader, trailers, "trailers");
        else
            reader_fail(reader, "out of memory");
    }
    if (reader->error || (trailers && !trailers->count)) {
        hg_fields_free(reader->host, trailers);
        trailers = NULL;
    }
    if (reader->error)
        return;
    event->type = HG_CODEC_END;
    event->trailers = trailers;
    decoder->phase = CODEC_PHASE_OVER;
}

static void take_reset(struct codec_json_decoder *decoder, struct reader *reader, struct hg_codec_event *event)
{
    struct text error = text_member(reader, "error"), detail = text_member(reader, "detail");
    const char *fault = codec_text_fault(error.text, CODEC_WORD);

    if (!fault)
        fault = codec_text_fault(detail.text, CODEC_LINE);
    if (fault)
        reader_fail(reader, fault);
    event->reason.status = (int)number_member(reader, "status", 400, 599, 0);
    event->reason.retry_after = (unsigned)number_member(reader, "retry_after", 0, UINT_MAX, 0);
    if (!event->reason.status)
        reader_fail(reader, "reset without a status");
    if (error.text.size > CODEC_ERROR_MAX || detail.text.size > CODEC_DETAIL_MAX)
        reader_fail(reader, "text of a reset too long");
    if (!reader->error && !(decoder->reason = codec_keep_reason(&event->reason, error.text, detail.text)))
        reader_fail(reader, "out of memory");
    if (!reader->error) {
        event->type = HG_CODEC_RESET;
        decoder->phase = CODEC_PHASE_OVER;
    }
    free(error.decoded);
    free(detail.decoded);
}

/* Ignores messages of unknown types, which belong to later versions. */
static void take_message(struct codec_json_decoder *decoder, struct reader *reader, struct hg_codec_event *event)
{
    const json_t *member = json_object_get(reader->message, "type");
    const struct hg_text type = {json_string_value(member), json_string_length(member)};

    if (hg_text_equal(type, HG_TEXT("data")))
        take_data(decoder, reader, event);
    else if (hg_text_equal(type, HG_TEXT("request")))
        take_head(decoder, reader, HG_REQUEST, event);
    else if (hg_text_equal(type, HG_TEXT("response")))
        take_head(decoder, reader, HG_RESPONSE, event);
    else if (hg_text_equal(type, HG_TEXT("end")))
        take_end(decoder, reader, event);
    else if (hg_text_equal(type, HG_TEXT("reset")))
        take_reset(decoder, reader, event);
}

/* ---- Lines ---- */

/* Checks limits before anything is allocated; returns the one exceeded, or NULL. Strings are skipped; invalid JSON is
 * left to the parser. */
static const char *shape_fault(const char *line, size_t size)
{
    unsigned depth = 0, marks = 0;
    bool in_string = false;

    for (size_t i = 0; i < size; i++) {
        bool opens = line[i] == '{' || line[i] == '[';

        if (in_string) {
            if (line[i] == '\\')
                i++;
            else if (line[i] == '"')
                in_string = false;
        } else if (line[i] == '"') {
            in_string = true;
        } else if (opens && ++depth > CODEC_JSON_DEPTH_MAX) {
            return "nested deeper than 16 levels";
        } else if ((opens || line[i] == ',') && ++marks > CODEC_JSON_MARKS_MAX) {
            return "more than 32,768 values";
        } else if ((line[i] == '}' || line[i] == ']') && depth) {
            depth--;
        }
    }
    return NULL;
}

/* Decodes a complete line; returns NULL or what is wrong. */
static const char *read_line(const struct hg_host *host, struct codec_json_decoder *decoder, const char *line,
                             size_t size, struct hg_codec_event *event)
{
    struct reader reader = {.host = host};
    json_t *message;
    const char *fault;

    if (decoder->phase == CODEC_PHASE_OVER)
        return "message after the end";
    while (size && (line[size - 1] == '\n' || line[size - 1] == '\r'))
        size--;
    if (!size)
        return NULL;
    fault = shape_fault(line, size);
    if (fault)
        return fault;
    message = json_loadb(line, size, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
    reader.message = message;
    if (json_is_object(message))
        take_message(decoder, &reader, event);
    else
        reader_fail(&reader, "line is not a JSON object");
    json_decref(message);
    return reader.error;
}

ptrdiff_t codec_json_decode(struct hg_worker *worker, void *state, const struct hg_slice *in,
                            struct hg_codec_event *event, const char **error)
{
    struct codec_json_decoder *decoder = state;
    struct hg_slice rest = *in;

    memset(event, 0, sizeof *event);
    *error = NULL;
    while (rest.size && event->type == HG_CODEC_NONE && !*error) {
        const uint8_t *newline = memchr(rest.data, '\n', rest.size);
        const size_t part = newline ? (size_t)(newline - rest.data) + 1 : rest.size;

        if (decoder->gathered.size + part > CODEC_JSON_LINE_MAX)
            *error = "line longer than 4 MiB";
        else if ((!newline || decoder->gathered.size) && !codec_gather(&decoder->gathered, rest.data, part))
            *error = "out of memory";
        else if (newline && decoder->gathered.size)
            *error =
                read_line(worker->host, decoder, (const char *)decoder->gathered.data, decoder->gathered.size, event);
        else if (newline)
            *error = read_line(worker->host, decoder, (const char *)rest.data, part, event);
        if (newline)
            codec_forget(&decoder->gathered);
        rest = hg_slice_from(rest, part);
    }
    return *error ? -1 : (ptrdiff_t)(in->size - rest.size);
}
