/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Decoding "binary/1". The bytes come from another machine and may be anything; the result always fulfils what
 * <hopgate/message.h> guarantees for heads and fields, since a serializer later relies on it.
 */
#include "plugins/codec_binary/format.h"

#include <limits.h>
#include <stdlib.h>

void codec_binary_decoder_free(struct hg_worker *worker, void *state)
{
    struct codec_binary_decoder *decoder = state;

    (void)worker;
    codec_forget(&decoder->gathered);
    free(decoder->reason);
    decoder->reason = NULL;
}

/* ---- Reading a payload ---- */

/* A payload and how much of it was read. Once something is missing, `error` is set and the rest is treated as empty. */
struct reader {
    const uint8_t *at, *end;
    const char *error;
};

static void reader_fail(struct reader *reader, const char *error)
{
    if (!reader->error)
        reader->error = error;
    reader->at = reader->end;
}

static uint64_t read_varint(struct reader *reader)
{
    uint64_t value;
    size_t size;

    if (reader->at == reader->end || (size_t)(reader->end - reader->at) < codec_binary_varint_size(*reader->at)) {
        reader_fail(reader, "message ends in the middle of a number");
        return 0;
    }
    size = codec_binary_varint_size(*reader->at);
    value = codec_binary_varint_get(reader->at);
    reader->at += size;
    return value;
}

static struct hg_text read_bytes(struct reader *reader, uint64_t size)
{
    struct hg_text text = {(const char *)reader->at, (size_t)size};

    if (size > (uint64_t)(reader->end - reader->at)) {
        reader_fail(reader, "message ends in the middle of a text");
        return HG_TEXT("");
    }
    reader->at += size;
    return text;
}

static struct hg_text read_text(struct reader *reader, enum codec_text kind)
{
    struct hg_text text = read_bytes(reader, read_varint(reader));
    const char *fault = codec_text_fault(text, kind);

    if (fault)
        reader_fail(reader, fault);
    return text;
}

static struct hg_text read_field_name(struct reader *reader)
{
    uint64_t name = read_varint(reader);

    switch (name & 3) {
    case CODEC_BINARY_NAME_LITERAL:
        return read_bytes(reader, name >> 2);
    case CODEC_BINARY_NAME_TITLED:
        if (name >> 2 < CODEC_BINARY_NAMES)
            return codec_binary_names[name >> 2].titled;
        break;
    case CODEC_BINARY_NAME_LOWER:
        if (name >> 2 < CODEC_BINARY_NAMES)
            return codec_binary_names[name >> 2].lower;
        break;
    }
    reader_fail(reader, "unknown common field name");
    return HG_TEXT("");
}

static void read_fields(const struct hg_host *host, struct reader *reader, struct hg_fields *fields)
{
    uint64_t count = read_varint(reader);

    if (count > CODEC_FIELDS_MAX)
        reader_fail(reader, "more than 4096 fields");
    for (uint64_t i = 0; i < count && !reader->error; i++) {
        struct hg_text name = read_field_name(reader);
        struct hg_text value = read_bytes(reader, read_varint(reader));

        if (reader->error || hg_field_add(host, fields, name, value) == 0)
            continue;
        reader_fail(reader, codec_text_fault(name, CODEC_TOKEN) ? "field name is not a token"
                                                                : codec_set_fault(value, CODEC_LINE));
    }
}

/* hg_head_set() has checked the member; this only explains what is wrong with it. */
static void read_member(const struct hg_host *host, struct reader *reader, struct hg_head *head, struct hg_text *member,
                        enum codec_text kind)
{
    struct hg_text value = read_bytes(reader, read_varint(reader));

    if (!reader->error && hg_head_set(host, head, member, value))
        reader_fail(reader, codec_set_fault(value, kind));
}

static void read_request(const struct hg_host *host, struct reader *reader, struct hg_head *head)
{
    read_member(host, reader, head, &head->method, CODEC_TOKEN);
    read_member(host, reader, head, &head->scheme, CODEC_WORD);
    read_member(host, reader, head, &head->authority, CODEC_WORD);
    read_member(host, reader, head, &head->path, CODEC_WORD);
    read_member(host, reader, head, &head->id, CODEC_WORD);
    read_member(host, reader, head, &head->peer, CODEC_LINE);
    read_member(host, reader, head, &head->service, CODEC_LINE);
    read_member(host, reader, head, &head->upgrade, CODEC_LINE);
}

static void read_response(const struct hg_host *host, struct reader *reader, struct hg_head *head)
{
    read_member(host, reader, head, &head->reason, CODEC_LINE);
    read_member(host, reader, head, &head->upgrade, CODEC_LINE);
}

/* Absent: HTTP. */
static void read_traffic(struct reader *reader, struct hg_head *head)
{
    uint64_t traffic = reader->at == reader->end ? HG_TRAFFIC_HTTP : read_varint(reader);
    const char *fault;

    if (traffic > HG_TRAFFIC_DATAGRAMS)
        reader_fail(reader, "unknown kind of traffic");
    else
        head->traffic = (enum hg_traffic)traffic;
    fault = codec_request_fault(head);
    if (fault)
        reader_fail(reader, fault);
}

/* Anything after the last known member of a payload belongs to a later version of the format, and is ignored. */
static struct hg_head *read_head(const struct hg_host *host, struct reader *reader, enum hg_head_kind kind)
{
    struct hg_head *head = hg_head_new(host, kind);
    uint64_t version, status;

    if (!head) {
        reader_fail(reader, "out of memory");
        return NULL;
    }
    version = read_varint(reader);
    if (version > UINT16_MAX)
        reader_fail(reader, "version out of range");
    head->version = (uint16_t)version;
    if (kind == HG_RESPONSE) {
        status = read_varint(reader);
        if (status < 100 || status > 999)
            reader_fail(reader, "status out of range");
        head->status = (int)status;
    }
    head->length = (int64_t)read_varint(reader) + HG_LENGTH_NONE;
    if (kind == HG_REQUEST)
        read_request(host, reader, head);
    else
        read_response(host, reader, head);
    read_fields(host, reader, &head->fields);
    if (reader->at != reader->end)
        read_member(host, reader, head, &head->connection, CODEC_WORD);
    if (kind == HG_REQUEST)
        read_traffic(reader, head);
    if (reader->error) {
        hg_head_free(host, head);
        return NULL;
    }
    return head;
}

/* ---- Interpreting complete messages ---- */

static void take_head(const struct hg_host *host, struct codec_binary_decoder *decoder, struct reader *reader,
                      struct hg_codec_event *event)
{
    const enum hg_head_kind kind = decoder->type == CODEC_BINARY_REQUEST ? HG_REQUEST : HG_RESPONSE;

    if (!codec_phase_takes_head(decoder->phase, kind)) {
        reader_fail(reader, "unexpected head");
        return;
    }
    event->head = read_head(host, reader, kind);
    if (!event->head)
        return;
    event->type = HG_CODEC_HEAD;
    decoder->phase = codec_phase_after(event->head);
}

static void take_end(const struct hg_host *host, struct codec_binary_decoder *decoder, struct reader *reader,
                     struct hg_codec_event *event)
{
    struct hg_fields *trailers = NULL;

    if (decoder->phase != CODEC_PHASE_BODY) {
        reader_fail(reader, "end before the head");
        return;
    }
    if (reader->at != reader->end) {
        trailers = hg_fields_new(host);
        if (trailers)
            read_fields(host, reader, trailers);
        else
            reader_fail(reader, "out of memory");
    }
    if (reader->error || (trailers && !trailers->count)) {
        hg_fields_free(host, trailers);
        trailers = NULL;
    }
    if (reader->error)
        return;
    event->type = HG_CODEC_END;
    event->trailers = trailers;
    decoder->phase = CODEC_PHASE_OVER;
}

static void take_reset(struct codec_binary_decoder *decoder, struct reader *reader, struct hg_codec_event *event)
{
    uint64_t status = read_varint(reader);
    uint64_t retry_after = read_varint(reader);
    struct hg_text error = read_text(reader, CODEC_WORD);
    struct hg_text detail = read_text(reader, CODEC_LINE);

    if (status < 400 || status > 599)
        reader_fail(reader, "status of a reset out of range");
    if (retry_after > UINT_MAX)
        reader_fail(reader, "retry_after of a reset out of range");
    if (error.size > CODEC_ERROR_MAX || detail.size > CODEC_DETAIL_MAX)
        reader_fail(reader, "text of a reset too long");
    if (reader->error)
        return;
    decoder->reason = codec_keep_reason(&event->reason, error, detail);
    if (!decoder->reason) {
        reader_fail(reader, "out of memory");
        return;
    }
    event->type = HG_CODEC_RESET;
    event->reason.status = (int)status;
    event->reason.retry_after = (unsigned)retry_after;
    decoder->phase = CODEC_PHASE_OVER;
}

/* ---- Finding messages in the stream ---- */

static bool is_known(uint64_t type)
{
    return type <= CODEC_BINARY_RESET;
}

/* Collects type and size byte by byte, as they may arrive in pieces. Returns how many bytes were used. */
static size_t read_header(struct codec_binary_decoder *decoder, const uint8_t *bytes, size_t size)
{
    for (size_t used = 0; used < size;) {
        size_t type_size, whole;

        decoder->header[decoder->header_size++] = bytes[used++];
        type_size = codec_binary_varint_size(decoder->header[0]);
        if (decoder->header_size <= type_size)
            continue;
        whole = type_size + codec_binary_varint_size(decoder->header[type_size]);
        if (decoder->header_size < whole)
            continue;
        decoder->type = codec_binary_varint_get(decoder->header);
        decoder->remaining = codec_binary_varint_get(decoder->header + type_size);
        decoder->in_message = true;
        decoder->header_size = 0;
        return used;
    }
    return size;
}

static const char *header_fault(const struct codec_binary_decoder *decoder)
{
    if (decoder->phase == CODEC_PHASE_OVER)
        return "message after the end";
    if (decoder->type == CODEC_BINARY_DATA)
        return decoder->phase == CODEC_PHASE_BODY ? NULL : "data before the head";
    return decoder->remaining > CODEC_BINARY_PAYLOAD_MAX ? "message larger than 2 MiB" : NULL;
}

/* Uses up to `size` bytes of a message that has to be complete before it is decoded; returns NULL or what is wrong. */
static const char *read_whole(struct hg_worker *worker, struct codec_binary_decoder *decoder, const uint8_t *bytes,
                              size_t size, struct hg_codec_event *event)
{
    struct reader reader = {bytes, bytes + size, NULL};

    if (decoder->gathered.size || size < decoder->remaining) {
        if (size && !codec_gather(&decoder->gathered, bytes, size))
            return "out of memory";
        if (size < decoder->remaining)
            return NULL;
        reader.at = decoder->gathered.data;
        reader.end = decoder->gathered.data + decoder->gathered.size;
    }
    if (decoder->type == CODEC_BINARY_END)
        take_end(worker->host, decoder, &reader, event);
    else if (decoder->type == CODEC_BINARY_RESET)
        take_reset(decoder, &reader, event);
    else
        take_head(worker->host, decoder, &reader, event);
    codec_forget(&decoder->gathered);
    return reader.error;
}

/* Uses what has arrived of the payload. Returns how many bytes were used, or -1. */
static ptrdiff_t read_payload(struct hg_worker *worker, struct codec_binary_decoder *decoder, struct hg_slice in,
                              struct hg_codec_event *event, const char **error)
{
    struct hg_slice part = hg_slice_first(in, decoder->remaining < SIZE_MAX ? (size_t)decoder->remaining : SIZE_MAX);

    if (decoder->type == CODEC_BINARY_DATA) {
        if (part.size) {
            event->type = HG_CODEC_DATA;
            event->data = part;
        }
    } else if (is_known(decoder->type)) {
        *error = read_whole(worker, decoder, part.data, part.size, event);
        if (*error)
            return -1;
    }
    decoder->remaining -= part.size;
    decoder->in_message = decoder->remaining > 0;
    return (ptrdiff_t)part.size;
}

ptrdiff_t codec_binary_decode(struct hg_worker *worker, void *state, const struct hg_slice *in,
                              struct hg_codec_event *event, const char **error)
{
    struct codec_binary_decoder *decoder = state;
    struct hg_slice rest = *in;

    memset(event, 0, sizeof *event);
    *error = NULL;
    while (event->type == HG_CODEC_NONE) {
        ptrdiff_t used;

        if (!decoder->in_message) {
            rest = hg_slice_from(rest, read_header(decoder, rest.data, rest.size));
            if (!decoder->in_message)
                break;
            *error = header_fault(decoder);
            if (*error)
                return -1;
        }
        used = read_payload(worker, decoder, rest, event, error);
        if (used < 0)
            return -1;
        rest = hg_slice_from(rest, (size_t)used);
        if (decoder->in_message)
            break;
    }
    return (ptrdiff_t)(in->size - rest.size);
}
