/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What the files of a stream share: stream.c, its life and the stream's events; exchange_stream_send.c, what goes into
 * the stream; exchange_stream_receive.c, what comes out.
 */
#ifndef CORE_SESSION_EXCHANGE_STREAM_PRIVATE_H
#define CORE_SESSION_EXCHANGE_STREAM_PRIVATE_H

#include "core/session/exchange_stream.h"

/* Nothing more passes between exchange and stream. `code` tells the peer why, in the directions that have not ended. */
void exchange_stream_over(struct exchange_stream *stream, uint64_t code);
/* The same for what this end has found: the exchange is told. A stream without one is freed. */
void exchange_stream_fail(struct exchange_stream *stream, uint64_t code, const struct hg_reason *reason);

/* Bytes that were decoded since the last event, beyond those that each stream may have. */
uint64_t exchange_stream_undecoded(const struct exchange_stream *stream);
/* So many bytes were decoded since the last event. */
void exchange_stream_set_undecoded(struct exchange_stream *stream, size_t size);

/* Takes it off the session's lists: of those whose output is to be written, and of those that wait for a stream. */
void exchange_stream_leave_unwritten(struct exchange_stream *stream);
void exchange_stream_leave_waiting(struct exchange_stream *stream);
/* Throws away what was encoded and is not in the stream yet. */
void exchange_stream_drop_output(struct exchange_stream *stream);

#endif
