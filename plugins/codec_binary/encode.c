/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/codec_binary/format.h"

/* Messages smaller than a page share one, so that they need no allocations of their own. A page is kept as long as any
 * of its slices is unacknowledged, so it should not be larger. */
#define PAGE_SIZE ((size_t)8192)
/* Data up to this size is copied into the page: this saves a slice, and the large buffer that it came in is freed
 * sooner. */
#define COPY_MAX ((size_t)1024)

/* Type and size of a message: at most 1 byte, and 4 for a size below 2^30. */
#define HEADER_MAX 5

/* Makes room for `size` bytes at the end of the page, in a new page, or in a separate buffer; *buffer is set to the one
 * used. */
static uint8_t *reserve(struct hg_worker *worker, size_t size, struct hg_buffer **buffer)
{
    struct codec_binary_encoder *encoder = worker->state;

    if (size > PAGE_SIZE / 2) {
        *buffer = hg_buffer_new(worker->host, size);
        return *buffer ? (*buffer)->data : NULL;
    }
    if (!encoder->page || size > encoder->page->capacity - encoder->used) {
        struct hg_buffer *page = hg_buffer_new(worker->host, PAGE_SIZE);

        if (!page)
            return NULL;
        hg_buffer_unref(encoder->page);
        encoder->page = page;
        encoder->used = 0;
    }
    *buffer = encoder->page;
    return encoder->page->data + encoder->used;
}

/* Emits what was written from `start` to `end`, merged with the previous slice if it is adjacent. */
static void commit(struct hg_worker *worker, struct hg_buffer *buffer, const uint8_t *start, const uint8_t *end,
                   struct hg_output *out)
{
    struct codec_binary_encoder *encoder = worker->state;
    struct hg_slice *last = out->count ? &out->slices[out->count - 1] : NULL;

    if (buffer == encoder->page) {
        encoder->used = (size_t)(end - buffer->data);
        if (last && last->buffer == buffer && last->data + last->size == start) {
            last->size += (size_t)(end - start);
            return;
        }
        hg_buffer_ref(buffer);
    }
    out->slices[out->count++] = (struct hg_slice){buffer, start, (size_t)(end - start)};
}

static int fail(const char **error, const char *what)
{
    *error = what;
    return -1;
}

static bool output_full(const struct hg_output *out)
{
    return out->count + HG_OUTPUT_PER_CALL > HG_OUTPUT_SLICES;
}

static uint8_t *put_text(uint8_t *at, struct hg_text text)
{
    at = codec_binary_varint_put(at, text.size);
    if (text.size)
        memcpy(at, text.data, text.size);
    return at + text.size;
}

static uint8_t *put_fields(const struct codec_binary_encoder *encoder, uint8_t *at, const struct hg_fields *fields)
{
    at = codec_binary_varint_put(at, fields->count);
    for (size_t i = 0; i < fields->count; i++) {
        struct hg_text name = fields->items[i].name;
        unsigned common = codec_binary_lookup(&encoder->lookup, name);

        if (common) {
            at = codec_binary_varint_put(at, common);
        } else {
            at = codec_binary_varint_put(at, name.size << 2 | CODEC_BINARY_NAME_LITERAL);
            memcpy(at, name.data, name.size);
            at += name.size;
        }
        at = put_text(at, fields->items[i].value);
    }
    return at;
}

/* Adds to *bound the maximum encoded size of these texts, each with a size field of up to 4 bytes. False: over the
 * limit. */
static bool bound_text(size_t *bound, struct hg_text text)
{
    *bound += 4;
    if (text.size > CODEC_BINARY_PAYLOAD_MAX)
        return false;
    *bound += text.size;
    /* Three times the limit cannot overflow, and anything above is over the limit whatever the size of the varints. */
    return *bound <= 3 * CODEC_BINARY_PAYLOAD_MAX;
}

static const char *bound_fields(size_t *bound, const struct hg_fields *fields)
{
    if (fields->count > CODEC_FIELDS_MAX)
        return "more than 4096 fields";
    *bound += 4;
    for (size_t i = 0; i < fields->count; i++)
        if (!bound_text(bound, fields->items[i].name) || !bound_text(bound, fields->items[i].value))
            return "message larger than 2 MiB";
    return NULL;
}

/* A message whose payload is written before its size is known. */
struct draft {
    struct hg_buffer *buffer;
    uint8_t *start, *payload;
    unsigned size_log; /* log2 of the number of bytes reserved for the size */
};

static uint8_t *draft_begin(struct hg_worker *worker, struct draft *draft, enum codec_binary_type type, size_t bound)
{
    draft->start = reserve(worker, HEADER_MAX + bound, &draft->buffer);
    if (!draft->start)
        return NULL;
    draft->start[0] = (uint8_t)type;
    draft->size_log = bound < 1 << 6 ? 0 : bound < 1 << 14 ? 1 : 2;
    draft->payload = draft->start + 1 + ((size_t)1 << draft->size_log);
    return draft->payload;
}

static int draft_end(struct hg_worker *worker, struct draft *draft, const uint8_t *end, struct hg_output *out,
                     const char **error)
{
    struct codec_binary_encoder *encoder = worker->state;
    size_t size = (size_t)(end - draft->payload);

    if (size > CODEC_BINARY_PAYLOAD_MAX) {
        if (draft->buffer != encoder->page)
            hg_buffer_unref(draft->buffer);
        return fail(error, "message larger than 2 MiB");
    }
    codec_binary_varint_put_in(draft->start + 1, size, draft->size_log);
    commit(worker, draft->buffer, draft->start, end, out);
    return 0;
}

/* `length` with HG_LENGTH_NONE as 0 and HG_LENGTH_UNKNOWN as 1. */
static uint64_t length_to_wire(int64_t length)
{
    return (uint64_t)(length - HG_LENGTH_NONE);
}

static bool length_is_valid(int64_t length)
{
    return length >= HG_LENGTH_NONE && length <= (int64_t)CODEC_BINARY_VARINT_MAX + HG_LENGTH_NONE;
}

int codec_binary_encode_head(struct hg_worker *worker, const struct hg_head *head, struct hg_output *out,
                             const char **error)
{
    const bool request = head->kind == HG_REQUEST;
    const struct hg_text texts[] = {head->method, head->scheme, head->authority, head->path,
                                    head->id,     head->peer,   head->service,   head->upgrade};
    const struct hg_text response_texts[] = {head->reason, head->upgrade};
    const struct hg_text *list = request ? texts : response_texts;
    const size_t count = request ? sizeof texts / sizeof *texts : sizeof response_texts / sizeof *response_texts;
    size_t bound = 4 + 4 + 8 + 1; /* version, status, length, traffic */
    struct draft draft;
    uint8_t *at;

    if (output_full(out))
        return fail(error, "no space for the output");
    if (!length_is_valid(head->length))
        return fail(error, "length out of range");
    if (!request && (head->status < 100 || head->status > 999))
        return fail(error, "status out of range");
    for (size_t i = 0; i < count; i++)
        if (!bound_text(&bound, list[i]))
            return fail(error, "message larger than 2 MiB");
    if (!bound_text(&bound, head->connection))
        return fail(error, "message larger than 2 MiB");
    *error = bound_fields(&bound, &head->fields);
    if (*error)
        return -1;
    at = draft_begin(worker, &draft, request ? CODEC_BINARY_REQUEST : CODEC_BINARY_RESPONSE, bound);
    if (!at)
        return fail(error, "out of memory");
    at = codec_binary_varint_put(at, head->version);
    if (!request)
        at = codec_binary_varint_put(at, (uint64_t)head->status);
    at = codec_binary_varint_put(at, length_to_wire(head->length));
    for (size_t i = 0; i < count; i++)
        at = put_text(at, list[i]);
    at = put_fields(worker->state, at, &head->fields);
    if (head->connection.size || head->traffic)
        at = put_text(at, head->connection);
    if (head->traffic)
        at = codec_binary_varint_put(at, head->traffic);
    return draft_end(worker, &draft, at, out, error);
}

int codec_binary_encode_data(struct hg_worker *worker, const struct hg_slice *slice, struct hg_output *out,
                             const char **error)
{
    const bool copy = slice->size <= COPY_MAX;
    struct hg_buffer *buffer;
    uint8_t *start, *at;

    if (!slice->size)
        return 0;
    if (slice->size >= 1 << 30)
        return fail(error, "data larger than 1 GiB at once");
    if (output_full(out))
        return fail(error, "no space for the output");
    start = reserve(worker, HEADER_MAX + (copy ? slice->size : 0), &buffer);
    if (!start)
        return fail(error, "out of memory");
    start[0] = CODEC_BINARY_DATA;
    at = codec_binary_varint_put(start + 1, slice->size);
    if (copy) {
        memcpy(at, slice->data, slice->size);
        at += slice->size;
    }
    commit(worker, buffer, start, at, out);
    if (!copy) {
        hg_buffer_ref(slice->buffer);
        out->slices[out->count++] = *slice;
    }
    return 0;
}

int codec_binary_encode_end(struct hg_worker *worker, const struct hg_fields *trailers, struct hg_output *out,
                            const char **error)
{
    size_t bound = 0;
    struct draft draft;
    uint8_t *at;

    if (output_full(out))
        return fail(error, "no space for the output");
    if (trailers && trailers->count) {
        *error = bound_fields(&bound, trailers);
        if (*error)
            return -1;
    }
    at = draft_begin(worker, &draft, CODEC_BINARY_END, bound);
    if (!at)
        return fail(error, "out of memory");
    if (bound)
        at = put_fields(worker->state, at, trailers);
    return draft_end(worker, &draft, at, out, error);
}

int codec_binary_encode_reset(struct hg_worker *worker, const struct hg_reason *reason, struct hg_output *out,
                              const char **error)
{
    char error_space[CODEC_ERROR_MAX + 1], detail_space[CODEC_DETAIL_MAX + 1];
    const struct hg_text type = codec_sent_error(error_space, reason->error);
    const struct hg_text detail = codec_sent_detail(detail_space, reason->detail);
    struct draft draft;
    uint8_t *at;

    if (output_full(out))
        return fail(error, "no space for the output");
    if (reason->status < 400 || reason->status > 599)
        return fail(error, "status of a reset out of range");
    at = draft_begin(worker, &draft, CODEC_BINARY_RESET, 8 + 8 + 4 + type.size + 4 + detail.size);
    if (!at)
        return fail(error, "out of memory");
    at = codec_binary_varint_put(at, (uint64_t)reason->status);
    at = codec_binary_varint_put(at, reason->retry_after);
    at = put_text(at, type);
    at = put_text(at, detail);
    return draft_end(worker, &draft, at, out, error);
}
