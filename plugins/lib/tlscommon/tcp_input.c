/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/lib/tlscommon/tcp_input.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

/* Enough for nearly every ClientHello. */
#define HELLO_USUAL 2048

void tlscommon_input_init(struct tlscommon_input *input, int fd, uint8_t *memory, size_t memory_size)
{
    *input =
        (struct tlscommon_input){.fd = fd, .memory = memory, .memory_size = memory_size, .reads = TLSCOMMON_READS_ANY};
}

void tlscommon_input_free(struct tlscommon_input *input)
{
    free(input->kept);
    input->kept = NULL;
    input->size = 0;
}

int tlscommon_input_put(struct tlscommon_input *input, const uint8_t *data, size_t size)
{
    input->kept = malloc(size);
    if (!input->kept)
        return -1;
    memcpy(input->kept, data, size);
    input->kept_size = input->size = size;
    input->data = input->kept;
    return 0;
}

ssize_t tlscommon_input_receive(struct tlscommon_input *input)
{
    ssize_t got;

    if (input->size == input->kept_size) {
        size_t size = input->kept_size ? 2 * input->kept_size : HELLO_USUAL;
        uint8_t *larger = realloc(input->kept, size);

        if (!larger)
            return -1;
        input->kept = larger;
        input->kept_size = size;
    }
    do
        got = recv(input->fd, input->kept + input->size, input->kept_size - input->size, 0);
    while (got < 0 && errno == EINTR);
    input->data = input->kept;
    if (got > 0)
        input->size += (size_t)got;
    else if (got < 0 && errno != EAGAIN)
        input->error = errno;
    return got;
}

static ssize_t refill(struct tlscommon_input *input)
{
    ssize_t got;

    if (!input->reads) {
        errno = EAGAIN;
        return -1;
    }
    free(input->kept);
    input->kept = NULL;
    do
        got = recv(input->fd, input->memory, input->memory_size, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno != EAGAIN)
        input->error = errno;
    if (got <= 0)
        return got;
    if ((size_t)got < input->memory_size)
        input->reads = 0;
    else if (input->reads != TLSCOMMON_READS_ANY)
        input->reads--;
    input->data = input->memory;
    input->size = (size_t)got;
    return got;
}

ssize_t tlscommon_input_pull(struct tlscommon_input *input, void *data, size_t size)
{
    if (!input->size) {
        ssize_t got = refill(input);

        if (got <= 0)
            return got;
    }
    if (size > input->size)
        size = input->size;
    memcpy(data, input->data, size);
    input->data += size;
    input->size -= size;
    return (ssize_t)size;
}

int tlscommon_input_pull_timeout(const struct tlscommon_input *input)
{
    return input->size > 0 || input->reads > 0;
}

int tlscommon_input_pause(struct tlscommon_input *input)
{
    uint8_t *kept;

    input->reads = TLSCOMMON_READS_ANY;
    if (!input->size) {
        tlscommon_input_free(input);
        return 0;
    }
    if (input->kept)
        return 0; /* the rest is already there: all of it is used before the next recv() */
    kept = malloc(input->size);
    if (!kept) {
        input->size = 0;
        return -1;
    }
    memcpy(kept, input->data, input->size);
    input->kept = kept;
    input->kept_size = input->size;
    input->data = kept;
    return 0;
}
