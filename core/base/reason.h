/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Why an exchange failed, in the words of both sides of the tunnel: struct hg_reason, and the code of RESET_STREAM and
 * STOP_SENDING where nothing more can be said.
 */
#ifndef CORE_BASE_REASON_H
#define CORE_BASE_REASON_H

#include "core/tunnel/tunnel.h"

#include <hopgate/types.h>

#define REASON_DETAIL_SIZE 200

/* The status of a reset because nobody wants the response any more, as nginx logs it: no failure. */
#define REASON_ABANDONED 499

/* The code that comes nearest to a reason. */
uint64_t reason_code(const struct hg_reason *reason);

/* The reason for a code that the peer sent. Its texts are literals. */
struct hg_reason reason_of_code(uint64_t code);

/* A reason that came from the peer, made fit to be passed on: a valid status, an error type that is one of RFC 9209's,
 * a detail of printable ASCII, which is written to `detail`. */
struct hg_reason reason_from_peer(const struct hg_reason *reason, char detail[static REASON_DETAIL_SIZE]);

/* Copies `text` as printable ASCII with a NUL, cut to `capacity`: what a peer says goes into logs. */
void reason_printable(char *copy, size_t capacity, const char *text);

#endif
