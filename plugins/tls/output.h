/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * From packets to the socket: packets are collected into records, and records are sent with one system call. This
 * happens in a batch, memory of the worker that one connection uses at a time. A connection keeps only what the socket
 * did not take, and accepts no packets until that has been sent.
 */
#ifndef PLUGINS_TLS_OUTPUT_H
#define PLUGINS_TLS_OUTPUT_H

#include "plugins/tls/packet_framing.h"

#include <gnutls/gnutls.h>
#include <sys/types.h>

/* RFC 8446 sections 5.1 and 5.2: the maximum plaintext size of a record, and how much protection may add. */
#define TLS_RECORD_MAX      16384
#define TLS_RECORD_OVERHEAD 261

/* Records that are sent together. */
#define TLS_BATCH_RECORDS 8
#define TLS_BATCH_SIZE    (TLS_BATCH_RECORDS * (TLS_RECORD_MAX + TLS_RECORD_OVERHEAD))

/* The most that is kept for a connection: a batch that the socket did not take, and what GnuTLS itself sends. */
#define TLS_UNSENT_MAX (2 * TLS_BATCH_SIZE)

struct tls_output;

/* One per worker. Initially zero. */
struct tls_batch {
    struct tls_output *user;
    size_t plain_size; /* packets that are not encrypted yet */
    size_t sealed_size;
    uint8_t plain[TLS_RECORD_MAX];
    uint8_t sealed[TLS_BATCH_SIZE];
};

/* One per connection. */
struct tls_output {
    struct tls_batch *batch;
    gnutls_session_t session; /* NULL before it exists and after its end */
    int fd;
    int error;       /* errno of the socket, 0: none. After that, nothing is sent */
    int tls_error;   /* the error of GnuTLS */
    uint8_t *unsent; /* what the socket did not take; NULL: nothing */
    size_t unsent_start, unsent_end, unsent_capacity;
    uint64_t packets; /* accepted so far: the number of the next one */
};

void tls_output_init(struct tls_output *output, struct tls_batch *batch, int fd);
void tls_output_free(struct tls_output *output);

/* Accepts a packet of 1 to TLS_PACKET_MAX bytes. False: the socket is full at the moment. After an error, packets are
 * accepted and dropped. */
bool tls_output_add(struct tls_output *output, const uint8_t *packet, size_t size);

/* Sends as much as the socket takes. */
void tls_output_flush(struct tls_output *output);

/* The socket is writable again. */
void tls_output_resume(struct tls_output *output);

static inline bool tls_output_is_full(const struct tls_output *output)
{
    return output->unsent != NULL;
}

/* A callback for GnuTLS, except for the type of the pointer: gets encrypted bytes, of packets or its own. */
ssize_t tls_output_push(struct tls_output *output, const giovec_t *parts, int count);

#endif
