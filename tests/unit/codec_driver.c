/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "tests/unit/codec_driver.h"

#include <stdio.h>
#include <stdlib.h>

void must_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: failed: %s\n", file, line, condition);
    abort();
}

void bytes_append(struct bytes *bytes, const void *data, size_t size)
{
    if (bytes->size + size > bytes->capacity) {
        bytes->capacity = 2 * (bytes->size + size);
        bytes->bytes = realloc(bytes->bytes, bytes->capacity);
        must(bytes->bytes);
    }
    if (size)
        memcpy(bytes->bytes + bytes->size, data, size);
    bytes->size += size;
}

/* ---- Transcripts ---- */

static void put_number(struct bytes *text, const char *name, long long value)
{
    char line[64];

    bytes_append(text, line, (size_t)snprintf(line, sizeof line, "%s %lld\n", name, value));
}

static void put_text(struct bytes *text, const char *name, struct hg_text value)
{
    put_number(text, name, (long long)value.size);
    bytes_append(text, value.data, value.size);
    bytes_append(text, "\n", 1);
}

static void put_fields(struct bytes *text, const struct hg_fields *fields)
{
    put_number(text, "fields", (long long)fields->count);
    for (size_t i = 0; i < fields->count; i++) {
        put_text(text, "name", fields->items[i].name);
        put_text(text, "value", fields->items[i].value);
    }
}

void transcript_head(struct transcript *transcript, const struct hg_head *head)
{
    struct bytes *text = &transcript->text;

    put_number(text, "head", head->kind);
    put_number(text, "version", head->version);
    put_number(text, "status", head->status);
    put_number(text, "length", head->length);
    put_text(text, "method", head->method);
    put_text(text, "scheme", head->scheme);
    put_text(text, "authority", head->authority);
    put_text(text, "path", head->path);
    put_text(text, "reason", head->reason);
    put_text(text, "id", head->id);
    put_text(text, "peer", head->peer);
    put_text(text, "service", head->service);
    put_text(text, "upgrade", head->upgrade);
    put_text(text, "connection", head->connection);
    put_number(text, "traffic", head->traffic);
    put_fields(text, &head->fields);
}

void transcript_data(struct transcript *transcript, const void *data, size_t size)
{
    bytes_append(&transcript->data, data, size);
}

void transcript_end(struct transcript *transcript, const struct hg_fields *trailers)
{
    static const struct hg_fields none;

    put_number(&transcript->text, "end after", (long long)transcript->data.size);
    put_fields(&transcript->text, trailers ? trailers : &none);
    transcript->over = true;
}

void transcript_reset(struct transcript *transcript, const struct hg_reason *reason)
{
    put_number(&transcript->text, "reset after", (long long)transcript->data.size);
    put_number(&transcript->text, "status", reason->status);
    put_number(&transcript->text, "retry_after", reason->retry_after);
    put_text(&transcript->text, "error", hg_text(reason->error));
    put_text(&transcript->text, "detail", hg_text(reason->detail));
    transcript->over = true;
}

static bool begins(const struct bytes *whole, const struct bytes *part)
{
    return part->size <= whole->size && (!part->size || !memcmp(whole->bytes, part->bytes, part->size));
}

bool transcript_begins(const struct transcript *whole, const struct transcript *part)
{
    return begins(&whole->text, &part->text) && begins(&whole->data, &part->data);
}

bool transcript_equal(const struct transcript *a, const struct transcript *b)
{
    return transcript_begins(a, b) && transcript_begins(b, a) && a->over == b->over;
}

void transcript_free(struct transcript *transcript)
{
    free(transcript->text.bytes);
    free(transcript->data.bytes);
    memset(transcript, 0, sizeof *transcript);
}

/* ---- Random numbers ---- */

uint64_t random_number(struct random_numbers *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

size_t random_below(struct random_numbers *random, size_t below)
{
    return (size_t)(random_number(random) % below);
}

/* ---- The promises of <hopgate/message.h> ---- */

static void check_line(struct hg_text text)
{
    for (size_t i = 0; i < text.size; i++)
        must(text.data[i] != '\r' && text.data[i] != '\n' && text.data[i] != 0);
}

static void check_token(struct hg_text text)
{
    must(text.size > 0);
    for (size_t i = 0; i < text.size; i++)
        must(text.data[i] &&
             strchr("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", text.data[i]));
}

static void check_word(struct hg_text text)
{
    for (size_t i = 0; i < text.size; i++)
        must((uint8_t)text.data[i] > ' ' && text.data[i] != 0x7f);
}

static void check_fields(const struct hg_fields *fields)
{
    must(fields->count <= 4096);
    for (size_t i = 0; i < fields->count; i++) {
        check_token(fields->items[i].name);
        check_line(fields->items[i].value);
    }
}

static void check_head(const struct hg_head *head)
{
    must(head->length >= HG_LENGTH_NONE);
    if (head->kind == HG_REQUEST) {
        check_token(head->method);
        must(head->traffic <= HG_TRAFFIC_DATAGRAMS);
        must(head->traffic ? !head->path.size || head->path.data[0] == '/'
                           : head->path.size && (head->path.data[0] == '/' || hg_text_equal(head->path, HG_TEXT("*"))));
    } else {
        must(head->kind == HG_RESPONSE && head->status >= 100 && head->status <= 999);
    }
    check_word(head->scheme);
    check_word(head->authority);
    check_word(head->path);
    check_word(head->id);
    check_word(head->connection);
    check_line(head->peer);
    check_line(head->service);
    check_line(head->upgrade);
    check_line(head->reason);
    check_fields(&head->fields);
}

/* ---- Driving ---- */

void take_output(struct bytes *wire, struct hg_output *out)
{
    for (size_t i = 0; i < out->count; i++) {
        must(out->slices[i].size > 0);
        bytes_append(wire, out->slices[i].data, out->slices[i].size);
        hg_buffer_unref(out->slices[i].buffer);
    }
    out->count = 0;
}

/* The order of events according to <hopgate/codec.h>: heads, then data, then one end; or a reset. */
struct order {
    bool head, final, over;
};

static void check_order(struct order *order, const struct hg_codec_event *event)
{
    must(!order->over);
    if (event->type == HG_CODEC_HEAD) {
        must(!order->final);
        must(!order->head || event->head->kind == HG_RESPONSE);
        order->head = true;
        order->final = !hg_head_is_interim(event->head);
    } else if (event->type != HG_CODEC_RESET) {
        must(order->final);
    }
    order->over = event->type == HG_CODEC_END || event->type == HG_CODEC_RESET;
}

/* Checks the event, adds it to the transcript, encodes it again if requested, and frees what it owns. */
static void take_event(const struct hg_codec_ops *ops, struct hg_worker *worker, struct hg_codec_event *event,
                       struct transcript *transcript, struct bytes *again)
{
    struct hg_output out = {0};
    const char *error = NULL;
    int result = 0;

    switch (event->type) {
    case HG_CODEC_HEAD:
        check_head(event->head);
        transcript_head(transcript, event->head);
        if (again)
            result = ops->encode_head(worker, event->head, &out, &error);
        hg_head_free(worker->host, event->head);
        break;
    case HG_CODEC_DATA:
        must(event->data.size > 0);
        transcript_data(transcript, event->data.data, event->data.size);
        for (struct hg_slice rest = event->data; again && rest.size && !result;) {
            struct hg_slice part = hg_slice_first(rest, 16384);

            result = ops->encode_data(worker, &part, &out, &error);
            take_output(again, &out);
            rest = hg_slice_from(rest, part.size);
        }
        if (event->data_owned)
            hg_buffer_unref(event->data.buffer);
        break;
    case HG_CODEC_END:
        if (event->trailers)
            check_fields(event->trailers);
        transcript_end(transcript, event->trailers);
        if (again)
            result = ops->encode_end(worker, event->trailers, &out, &error);
        hg_fields_free(worker->host, event->trailers);
        break;
    case HG_CODEC_RESET:
        must(event->reason.status >= 400 && event->reason.status <= 599);
        check_word(hg_text(event->reason.error));
        check_line(hg_text(event->reason.detail));
        transcript_reset(transcript, &event->reason);
        if (again)
            result = ops->encode_reset(worker, &event->reason, &out, &error);
        break;
    default:
        must(false);
    }
    if (result) {
        must(error);
        transcript->too_large = true;
    }
    if (again)
        take_output(again, &out);
}

/* Feeds a piece to the decoder until it is used up. */
static int decode_piece(const struct hg_codec_ops *ops, struct hg_worker *worker, void *decoder, struct hg_slice in,
                        struct order *order, struct transcript *transcript, struct bytes *again, const char **error)
{
    while (in.size) {
        struct hg_codec_event event;
        ptrdiff_t used = ops->decode(worker, decoder, &in, &event, error);

        if (used < 0) {
            must(used == -1 && *error);
            return -1;
        }
        must(used > 0 && (size_t)used <= in.size);
        if (event.type == HG_CODEC_DATA && !event.data_owned) {
            must(event.data.buffer == in.buffer);
            must(event.data.data >= in.data && event.data.data + event.data.size <= in.data + used);
        }
        if (event.type != HG_CODEC_NONE) {
            check_order(order, &event);
            take_event(ops, worker, &event, transcript, again);
        }
        in = hg_slice_from(in, (size_t)used);
    }
    return 0;
}

static size_t piece_size(size_t piece, struct random_numbers *random)
{
    if (piece)
        return piece;
    return 1 + random_below(random, random_below(random, 2) ? 40 : 20000);
}

int decode_all(const struct hg_codec_ops *ops, struct hg_worker *worker, const void *wire, size_t size, size_t piece,
               struct random_numbers *random, struct transcript *transcript, struct bytes *again, const char **error)
{
    void *decoder = calloc(1, ops->decoder_size);
    struct order order = {0};
    int result = 0;

    must(decoder);
    for (size_t done = 0; done < size && !result;) {
        size_t part = piece_size(piece, random);
        struct hg_buffer *buffer;

        part = part < size - done ? part : size - done;
        buffer = hg_buffer_new(worker->host, part);
        must(buffer);
        memcpy(buffer->data, (const uint8_t *)wire + done, part);
        result = decode_piece(ops, worker, decoder, (struct hg_slice){buffer, buffer->data, part}, &order, transcript,
                              again, error);
        hg_buffer_unref(buffer);
        done += part;
    }
    ops->decoder_free(worker, decoder);
    free(decoder);
    return result;
}
