/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Counted buffers: how bytes travel through a pipeline without being copied.
 *
 * A buffer is a piece of memory with a reference count. A slice is a view of part of a buffer. To keep a slice beyond
 * the call that it was passed to, take a reference on its buffer and drop it later. Each buffer has a function that
 * frees it, so memory is always freed by its own allocator.
 *
 * Shared bytes are never modified: a buffer is filled by its creator before its first slice is passed on, and only the
 * part that no slice covers yet may still be written to.
 *
 * Threads: the count is atomic, so that workers and other threads may share a buffer. The bytes need no lock because
 * they do not change.
 */
#ifndef HOPGATE_BUFFER_H
#define HOPGATE_BUFFER_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/** A counted piece of memory. Created by hg_buffer_new() of <hopgate/host.h> with a reference count of one. */
struct hg_buffer {
    atomic_uint refs;                          /**< Private: use hg_buffer_ref() and hg_buffer_unref(). */
    void (*release)(struct hg_buffer *buffer); /**< Called once, when the last reference is dropped. */
    size_t capacity;                           /**< Size of `data`. */
    uint8_t *data;                             /**< The bytes; owned by the buffer. */
};

/** A view of part of a buffer. A slice itself owns nothing: see hg_buffer_ref(). */
struct hg_slice {
    struct hg_buffer *buffer; /**< The owner of the bytes; NULL for bytes that live as long as the program. */
    const uint8_t *data;      /**< The first byte; may be NULL only when `size` is 0. */
    size_t size;              /**< Number of bytes. */
};

/** Takes a reference. NULL is allowed. Returns its argument. */
static inline struct hg_buffer *hg_buffer_ref(struct hg_buffer *buffer)
{
    if (buffer)
        atomic_fetch_add_explicit(&buffer->refs, 1, memory_order_relaxed);
    return buffer;
}

/** Drops a reference; the last one frees the buffer. NULL is allowed. */
static inline void hg_buffer_unref(struct hg_buffer *buffer)
{
    if (buffer && atomic_fetch_sub_explicit(&buffer->refs, 1, memory_order_acq_rel) == 1)
        buffer->release(buffer);
}

/** The slice without its first `skip` bytes. `skip` must not exceed `slice.size`. */
static inline struct hg_slice hg_slice_from(struct hg_slice slice, size_t skip)
{
    slice.data = skip ? slice.data + skip : slice.data;
    slice.size -= skip;
    return slice;
}

/** The first bytes of the slice, at most `size` of them. */
static inline struct hg_slice hg_slice_first(struct hg_slice slice, size_t size)
{
    if (slice.size > size)
        slice.size = size;
    return slice;
}

#endif
