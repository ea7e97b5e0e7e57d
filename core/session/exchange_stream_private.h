/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Shared by exchange_stream.c (creation, end, and the events of the stream), exchange_stream_send.c (what goes into the
 * stream) and exchange_stream_receive.c (what comes out of it).
 */
#ifndef CORE_SESSION_EXCHANGE_STREAM_PRIVATE_H
#define CORE_SESSION_EXCHANGE_STREAM_PRIVATE_H

#include "core/base/cold.h"
#include "core/session/exchange_stream.h"

/* Disconnects the exchange from its stream. `code` goes to the peer, for the directions that have not ended. */
void exchange_stream_over(struct exchange_stream *stream, uint64_t code);
/* The same for a failure found at this end: also resets the exchange. Without an exchange, it is freed. */
COLD void exchange_stream_fail(struct exchange_stream *stream, uint64_t code, const struct hg_reason *reason);

/* Bytes decoded since the last event, beyond those that each stream may hold. */
uint64_t exchange_stream_undecoded(const struct exchange_stream *stream);
/* Sets the number of bytes decoded since the last event. */
void exchange_stream_set_undecoded(struct exchange_stream *stream, size_t size);

/* Remove it from the session's lists: of those with output to write, and of those that wait for a stream. */
void exchange_stream_leave_unwritten(struct exchange_stream *stream);
void exchange_stream_leave_waiting(struct exchange_stream *stream);
/* Discards what was encoded but not written to the stream yet. */
void exchange_stream_drop_output(struct exchange_stream *stream);

#endif
