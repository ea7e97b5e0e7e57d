/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Output that has not been written to a connection's socket yet: slices from the exchange, with encoded bytes in
 * between.
 */
#include "plugins/http/tls.h"

#include <errno.h>
#include <sys/uio.h>

/* Encoded heads and small bodies are collected in pieces of this size. */
#define TAIL_SIZE 4096

/* Slices up to this size are copied: an entry in the queue and in writev() would cost more. */
#define COPY_MAX 2048

uint8_t *connection_reserve(struct connection *connection, size_t size)
{
    struct output *output = &connection->output;

    /* Not reached, as callers stop when connection_takes_data() returns false, but the ring must never overflow. */
    if (output->count == OUTPUT_SLICES)
        return NULL;
    if (output->tail && output->tail->capacity - output->tail_used < size) {
        hg_buffer_unref(output->tail);
        output->tail = NULL;
    }
    if (!output->tail) {
        output->tail = hg_buffer_new(connection->edge->worker->host, size > TAIL_SIZE ? size : TAIL_SIZE);
        output->tail_used = 0;
    }
    return output->tail ? output->tail->data + output->tail_used : NULL;
}

static struct hg_slice *last_slice(struct output *output)
{
    return output->count ? &output->slices[(output->first + output->count - 1) % OUTPUT_SLICES] : NULL;
}

static void push_slice(struct output *output, struct hg_slice slice)
{
    output->slices[(output->first + output->count++) % OUTPUT_SLICES] = slice;
    output->bytes += slice.size;
}

void connection_commit(struct connection *connection, size_t size)
{
    struct output *output = &connection->output;
    struct hg_slice *last = last_slice(output);
    uint8_t *start = output->tail->data + output->tail_used;

    output->tail_used += size;
    if (last && last->buffer == output->tail && last->data + last->size == start) {
        last->size += size;
        output->bytes += size;
        return;
    }
    push_slice(output, (struct hg_slice){hg_buffer_ref(output->tail), start, size});
}

int connection_append(struct connection *connection, const struct hg_slice *slice)
{
    uint8_t *copy;

    if (slice->size > COPY_MAX) {
        if (connection->output.count == OUTPUT_SLICES)
            return -1;
        push_slice(&connection->output, (struct hg_slice){hg_buffer_ref(slice->buffer), slice->data, slice->size});
        return 0;
    }
    copy = connection_reserve(connection, slice->size);
    if (!copy)
        return -1;
    memcpy(copy, slice->data, slice->size);
    connection_commit(connection, slice->size);
    return 0;
}

bool connection_takes_data(const struct connection *connection)
{
    const struct output *output = &connection->output;

    /* A chunk takes up to three entries; the last chunk and an interim head must still fit. */
    return !connection->is_full && output->bytes < FLUSH_SIZE && output->count + 6 <= OUTPUT_SLICES;
}

void output_drop(struct output *output, size_t size)
{
    output->bytes -= size;
    while (size) {
        struct hg_slice *slice = &output->slices[output->first];

        if (size < slice->size) {
            *slice = hg_slice_from(*slice, size);
            return;
        }
        size -= slice->size;
        hg_buffer_unref(slice->buffer);
        output->first = (output->first + 1) % OUTPUT_SLICES;
        output->count--;
    }
}

void output_clear(struct output *output)
{
    output_drop(output, output->bytes);
    hg_buffer_unref(output->tail);
    output->tail = NULL;
}

void connection_drop_output(struct connection *connection)
{
    output_clear(&connection->output);
}

ssize_t output_send(const struct connection *connection)
{
    const struct output *output = &connection->output;
    struct iovec parts[OUTPUT_SLICES];
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = output->count};
    ssize_t sent;

    for (size_t i = 0; i < output->count; i++) {
        const struct hg_slice *slice = &output->slices[(output->first + i) % OUTPUT_SLICES];

        parts[i] = (struct iovec){(void *)(uintptr_t)slice->data, slice->size};
    }
    do
        sent = sendmsg(connection->fd, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return sent;
    return errno == EAGAIN || errno == EWOULDBLOCK ? TLS_AGAIN : TLS_FAILED;
}
