/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What comes from a TCP socket, on its way to GnuTLS.
 *
 * GnuTLS reads each record's five header bytes by a call of their own, so it reads from memory that one larger recv()
 * has filled: the memory is the worker's, lent for one turn, and only what is left when reading pauses is kept with the
 * connection.
 */
#ifndef PLUGINS_LIB_TLSCOMMON_TCP_INPUT_H
#define PLUGINS_LIB_TLSCOMMON_TCP_INPUT_H

#include "plugins/lib/tlscommon/client_hello_read.h"

#include <sys/types.h>

/* The least size of the lent memory: two full records. */
#define TLSCOMMON_INPUT_MIN 33280

/* As many reads as there are bytes for. */
#define TLSCOMMON_READS_ANY UINT32_MAX

struct tlscommon_input {
    int fd;
    uint8_t *memory; /* one read of any connection's socket */
    size_t memory_size;
    const uint8_t *data; /* what was received and GnuTLS has not taken; in `memory` or in `kept` */
    size_t size;
    uint8_t *kept;
    size_t kept_size;
    uint32_t reads; /* recv() calls that are left in this turn; 0: the socket is empty, or others are to have theirs */
    int error;      /* errno of the recv() that failed; 0: none has */
};

/* Lends `memory`, which must live as long as the input. */
void tlscommon_input_init(struct tlscommon_input *input, int fd, uint8_t *memory, size_t memory_size);
void tlscommon_input_free(struct tlscommon_input *input);

/* Puts bytes that somebody else has received before all others. 0, or -1 when out of memory. */
int tlscommon_input_put(struct tlscommon_input *input, const uint8_t *data, size_t size);

/* Receives more of a ClientHello, of which all stays for GnuTLS. Bytes; 0 at the stream's end; -1 with errno, which is
 * EAGAIN when there is nothing more for now. */
ssize_t tlscommon_input_receive(struct tlscommon_input *input);

/* The callbacks of GnuTLS, but for the pointer's type. */
ssize_t tlscommon_input_pull(struct tlscommon_input *input, void *data, size_t size);
int tlscommon_input_pull_timeout(const struct tlscommon_input *input);

/* The turn is over: what is left is kept, and the next one may read as much as it likes. 0, or -1 when out of memory.
 */
int tlscommon_input_pause(struct tlscommon_input *input);

#endif
