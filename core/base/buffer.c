/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/base/buffer.h"

#include <stdlib.h>

static void buffer_release(struct hg_buffer *buffer)
{
    free(buffer);
}

struct hg_buffer *buffer_new(size_t capacity)
{
    struct hg_buffer *buffer;

    if (capacity > SIZE_MAX - sizeof *buffer)
        return NULL;
    buffer = malloc(sizeof *buffer + capacity);
    if (!buffer)
        return NULL;
    atomic_init(&buffer->refs, 1);
    buffer->release = buffer_release;
    buffer->capacity = capacity;
    buffer->data = (uint8_t *)(buffer + 1);
    return buffer;
}
