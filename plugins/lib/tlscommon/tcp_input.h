/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Bytes from a TCP socket on their way to GnuTLS.
 *
 * GnuTLS reads the five header bytes of each record separately, so it is given bytes from memory that one larger recv()
 * has filled. The memory belongs to the worker and is lent for one turn; only what is left when reading pauses is kept
 * with the connection.
 */
#ifndef PLUGINS_LIB_TLSCOMMON_TCP_INPUT_H
#define PLUGINS_LIB_TLSCOMMON_TCP_INPUT_H

#include "plugins/lib/tlscommon/client_hello_read.h"

#include <sys/types.h>

/* The minimum size of the lent memory: two full records. */
#define TLSCOMMON_INPUT_MIN 33280

/* As many reads as there are bytes for. */
#define TLSCOMMON_READS_ANY UINT32_MAX

struct tlscommon_input {
    int fd;
    uint8_t *memory; /* one read of any connection's socket */
    size_t memory_size;
    const uint8_t *data; /* received, but not yet read by GnuTLS; in `memory` or in `kept` */
    size_t size;
    uint8_t *kept;
    size_t kept_size;
    uint32_t reads; /* recv() calls left in this turn; 0: the socket is empty, or it is the turn of others */
    int error;      /* errno of the recv() that failed; 0: none */
};

/* Initializes the input. `memory` must outlive it. */
void tlscommon_input_init(struct tlscommon_input *input, int fd, uint8_t *memory, size_t memory_size);
void tlscommon_input_free(struct tlscommon_input *input);

/* Prepends bytes that were received elsewhere. Returns 0, or -1 when out of memory. */
int tlscommon_input_put(struct tlscommon_input *input, const uint8_t *data, size_t size);

/* Receives more of a ClientHello, and keeps it all for GnuTLS. Returns the number of bytes; 0 at the end of the stream;
 * -1 with errno, which is EAGAIN if there is nothing more for now. */
ssize_t tlscommon_input_receive(struct tlscommon_input *input);

/* Callbacks for GnuTLS, except for the type of the pointer. */
ssize_t tlscommon_input_pull(struct tlscommon_input *input, void *data, size_t size);
int tlscommon_input_pull_timeout(const struct tlscommon_input *input);

/* The turn is over: saves what is left, and the next turn may read any amount. Returns 0, or -1 when out of memory. */
int tlscommon_input_pause(struct tlscommon_input *input);

#endif
