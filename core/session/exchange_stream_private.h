/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What the files of a carriage share: carriage.c, its life and the stream's events; carriage_send.c, what goes into the
 * stream; carriage_receive.c, what comes out.
 */
#ifndef CORE_SESSION_EXCHANGE_STREAM_PRIVATE_H
#define CORE_SESSION_EXCHANGE_STREAM_PRIVATE_H

#include "core/session/exchange_stream.h"

/* Nothing more passes between exchange and stream. `code` tells the peer why, in the directions that have not ended. */
void carriage_over(struct carriage *carriage, uint64_t code);
/* The same for what this end has found: the exchange is told. A carriage without one is freed. */
void carriage_fail(struct carriage *carriage, uint64_t code, const struct hg_reason *reason);

/* So many bytes were decoded since the last event. */
void carriage_set_undecoded(struct carriage *carriage, size_t size);

/* Takes it off the session's lists: of those whose output is to be written, and of those that wait for a stream. */
void carriage_leave_unwritten(struct carriage *carriage);
void carriage_leave_waiting(struct carriage *carriage);
/* Throws away what was encoded and is not in the stream yet. */
void carriage_drop_output(struct carriage *carriage);

#endif
