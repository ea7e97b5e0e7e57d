/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Allocating counted buffers (see <hopgate/buffer.h>).
 */
#ifndef CORE_BASE_BUFFER_H
#define CORE_BASE_BUFFER_H

#include <hopgate/buffer.h>

/* A buffer of `capacity` bytes with a reference count of one, header and bytes in one allocation; NULL when out of
 * memory. */
struct hg_buffer *buffer_new(size_t capacity);

#endif
