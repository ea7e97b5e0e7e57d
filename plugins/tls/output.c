/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/tls/output.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

void tls_output_init(struct tls_output *output, struct tls_batch *batch, int fd)
{
    *output = (struct tls_output){.batch = batch, .fd = fd};
}

static void forget_unsent(struct tls_output *output)
{
    free(output->unsent);
    output->unsent = NULL;
    output->unsent_start = output->unsent_end = output->unsent_capacity = 0;
}

static void leave_batch(struct tls_batch *batch)
{
    batch->user = NULL;
    batch->plain_size = batch->sealed_size = 0;
}

void tls_output_free(struct tls_output *output)
{
    if (output->batch->user == output)
        leave_batch(output->batch);
    forget_unsent(output);
}

/* Nothing can be sent any longer, so nothing needs to be kept. */
static void fail(struct tls_output *output, int error)
{
    output->error = error;
    forget_unsent(output);
}

/* ---- The socket ---- */

/* Returns how many bytes the socket has taken. */
static size_t send_bytes(struct tls_output *output, const uint8_t *data, size_t size)
{
    size_t sent = 0;

    while (sent < size && !output->error) {
        ssize_t part = send(output->fd, data + sent, size - sent, MSG_NOSIGNAL);

        if (part >= 0)
            sent += (size_t)part;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            break;
        else if (errno != EINTR)
            fail(output, errno);
    }
    return sent;
}

static void keep_unsent(struct tls_output *output, const uint8_t *data, size_t size)
{
    size_t waiting = output->unsent_end - output->unsent_start;
    uint8_t *larger;

    if (size == 0 || output->error)
        return;
    if (waiting + size > TLS_UNSENT_MAX) {
        fail(output, ENOBUFS);
        return;
    }
    if (output->unsent_end + size > output->unsent_capacity) {
        larger = malloc(waiting + size);
        if (!larger) {
            fail(output, ENOMEM);
            return;
        }
        if (waiting > 0)
            memcpy(larger, output->unsent + output->unsent_start, waiting);
        free(output->unsent);
        output->unsent = larger;
        output->unsent_start = 0;
        output->unsent_end = waiting;
        output->unsent_capacity = waiting + size;
    }
    memcpy(output->unsent + output->unsent_end, data, size);
    output->unsent_end += size;
}

void tls_output_resume(struct tls_output *output)
{
    if (!output->unsent)
        return;
    output->unsent_start +=
        send_bytes(output, output->unsent + output->unsent_start, output->unsent_end - output->unsent_start);
    if (output->unsent_start == output->unsent_end)
        forget_unsent(output);
}

static void send_sealed(struct tls_output *output)
{
    struct tls_batch *batch = output->batch;
    size_t sent = output->unsent ? 0 : send_bytes(output, batch->sealed, batch->sealed_size);

    keep_unsent(output, batch->sealed + sent, batch->sealed_size - sent);
    batch->sealed_size = 0;
}

/* ---- Records ---- */

static void seal(struct tls_output *output)
{
    struct tls_batch *batch = output->batch;
    size_t sealed = 0;

    /* If the peer accepts only small records (RFC 8449), several are sent. */
    while (sealed < batch->plain_size && !output->tls_error) {
        ssize_t part = gnutls_record_send(output->session, batch->plain + sealed, batch->plain_size - sealed);

        if (part > 0)
            sealed += (size_t)part;
        else if (part != GNUTLS_E_INTERRUPTED)
            output->tls_error = part < 0 ? (int)part : GNUTLS_E_INTERNAL_ERROR;
    }
    batch->plain_size = 0;
}

/* Assigns the batch to this connection. */
static void use_batch(struct tls_output *output)
{
    if (output->batch->user == output)
        return;
    if (output->batch->user)
        tls_output_flush(output->batch->user);
    output->batch->user = output;
}

ssize_t tls_output_push(struct tls_output *output, const giovec_t *parts, int count)
{
    struct tls_batch *batch = output->batch;
    size_t size = 0;

    use_batch(output);
    for (int i = 0; i < count; i++) {
        const uint8_t *data = parts[i].iov_base;
        size_t left = parts[i].iov_len;

        size += left;
        while (left > 0) {
            size_t room = sizeof batch->sealed - batch->sealed_size;
            size_t part = left < room ? left : room;

            memcpy(batch->sealed + batch->sealed_size, data, part);
            batch->sealed_size += part;
            data += part;
            left -= part;
            if (left > 0)
                send_sealed(output);
        }
    }
    return (ssize_t)size;
}

/* ---- Packets ---- */

bool tls_output_add(struct tls_output *output, const uint8_t *packet, size_t size)
{
    struct tls_batch *batch = output->batch;
    size_t whole = TLS_PACKET_HEADER + size, part;
    uint8_t header[TLS_PACKET_HEADER];

    if (output->unsent)
        return false;
    use_batch(output);
    if (batch->plain_size > 0 && batch->plain_size + whole > sizeof batch->plain)
        seal(output);
    if (batch->sealed_size + 2 * (TLS_RECORD_MAX + TLS_RECORD_OVERHEAD) > sizeof batch->sealed) {
        send_sealed(output);
        if (output->unsent)
            return false;
    }
    /* A packet is split over two records only if it does not fit into one. */
    tls_packet_write_header(header, size);
    memcpy(batch->plain + batch->plain_size, header, sizeof header);
    batch->plain_size += sizeof header;
    part = sizeof batch->plain - batch->plain_size < size ? sizeof batch->plain - batch->plain_size : size;
    memcpy(batch->plain + batch->plain_size, packet, part);
    batch->plain_size += part;
    if (part < size) {
        seal(output);
        memcpy(batch->plain, packet + part, size - part);
        batch->plain_size = size - part;
    }
    output->packets++;
    return true;
}

void tls_output_flush(struct tls_output *output)
{
    if (output->batch->user != output)
        return;
    seal(output);
    send_sealed(output);
    leave_batch(output->batch);
}
