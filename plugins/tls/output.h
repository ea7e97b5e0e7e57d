/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * From packets to the socket: packets are gathered into records, records into one system call. Both happens in memory
 * of the worker's, a batch, that one connection uses at a time; with the connection stays only what the socket did not
 * take, and as long as that is so, no further packet is taken.
 */
#ifndef PLUGINS_TLS_OUTPUT_H
#define PLUGINS_TLS_OUTPUT_H

#include "plugins/tls/packet_framing.h"

#include <gnutls/gnutls.h>
#include <sys/types.h>

/* RFC 8446 sections 5.1 and 5.2: the most plaintext of a record, and the most that protecting it adds. */
#define TLS_RECORD_MAX      16384
#define TLS_RECORD_OVERHEAD 261

/* Records that leave together. */
#define TLS_BATCH_RECORDS 8
#define TLS_BATCH_SIZE    (TLS_BATCH_RECORDS * (TLS_RECORD_MAX + TLS_RECORD_OVERHEAD))

/* The most that is kept for a connection: a batch that the socket did not take, and what GnuTLS says by itself. */
#define TLS_UNSENT_MAX (2 * TLS_BATCH_SIZE)

struct tls_output;

/* One worker's. Zeroed at first. */
struct tls_batch {
    struct tls_output *user;
    size_t plain_size; /* packets, not yet sealed */
    size_t sealed_size;
    uint8_t plain[TLS_RECORD_MAX];
    uint8_t sealed[TLS_BATCH_SIZE];
};

/* One connection's. */
struct tls_output {
    struct tls_batch *batch;
    gnutls_session_t session; /* NULL before there is one, and after */
    int fd;
    int error;       /* errno of the socket, 0: none. Nothing is sent any more */
    int tls_error;   /* that of GnuTLS */
    uint8_t *unsent; /* what the socket did not take; NULL: nothing */
    size_t unsent_start, unsent_end, unsent_capacity;
    uint64_t packets; /* taken so far: the number of the next one */
};

void tls_output_init(struct tls_output *output, struct tls_batch *batch, int fd);
void tls_output_free(struct tls_output *output);

/* Takes a packet of 1 to TLS_PACKET_MAX bytes. False: not now, the socket is full. After an error packets are taken and
 * forgotten. */
bool tls_output_add(struct tls_output *output, const uint8_t *packet, size_t size);

/* Sends what was gathered, as far as the socket takes it. */
void tls_output_flush(struct tls_output *output);

/* The socket takes bytes again. */
void tls_output_resume(struct tls_output *output);

static inline bool tls_output_is_full(const struct tls_output *output)
{
    return output->unsent != NULL;
}

/* The callback of GnuTLS, but for the pointer's type: sealed bytes, of packets or of its own. */
ssize_t tls_output_push(struct tls_output *output, const giovec_t *parts, int count);

#endif
