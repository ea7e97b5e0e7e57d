/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Counted buffers: how bytes travel through a pipeline without being copied.
 *
 * A buffer is a piece of memory with a reference count. A slice is a view of a part of one. Whoever wants to keep a
 * slice beyond the call it was given in takes a reference on its buffer and drops it later; nobody ever frees another
 * party's memory, since each buffer carries the function that frees it.
 *
 * Bytes that anyone else can see are never edited: a buffer is filled by its maker before the first slice of it is
 * handed on, and only the part that no slice covers yet may still be written to.
 *
 * Threads: the count is atomic, so that an exchange may cross from one worker to another. The bytes need no lock
 * because they do not change.
 */
#ifndef HOPGATE_BUFFER_H
#define HOPGATE_BUFFER_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/** A counted piece of memory. Made by hg_buffer_new() of <hopgate/host.h>, with a count of one. */
struct hg_buffer {
    atomic_uint refs;                          /**< Private: use hg_buffer_ref() and hg_buffer_unref(). */
    void (*release)(struct hg_buffer *buffer); /**< Called once, by whoever drops the last reference. */
    size_t capacity;                           /**< Bytes at `data`. */
    uint8_t *data;                             /**< The bytes; owned by the buffer. */
};

/** A view of a part of a buffer. A slice as such owns nothing: see hg_buffer_ref(). */
struct hg_slice {
    struct hg_buffer *buffer; /**< Who owns the bytes; NULL for bytes that live as long as the program. */
    const uint8_t *data;      /**< The first byte; may be NULL only when `size` is 0. */
    size_t size;              /**< Bytes. */
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

/** A slice of the same bytes without the first `skip` ones. `skip` must not exceed `slice.size`. */
static inline struct hg_slice hg_slice_from(struct hg_slice slice, size_t skip)
{
    slice.data = skip ? slice.data + skip : slice.data;
    slice.size -= skip;
    return slice;
}

/** A slice of the same bytes that ends after at most `size` of them. */
static inline struct hg_slice hg_slice_first(struct hg_slice slice, size_t size)
{
    if (slice.size > size)
        slice.size = size;
    return slice;
}

#endif
