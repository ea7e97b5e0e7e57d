/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Why an exchange failed, as sent through the tunnel: struct hg_reason, or the code of RESET_STREAM and STOP_SENDING if
 * there is no room for more.
 */
#ifndef CORE_SESSION_STREAM_ERROR_H
#define CORE_SESSION_STREAM_ERROR_H

#include "core/base/cold.h"
#include "core/tunnel/tunnel.h"

#include <hopgate/types.h>

#define STREAM_ERROR_DETAIL_SIZE 200

/* The code that best matches a reason. */
uint64_t stream_error_code(const struct hg_reason *reason);

/* The reason for a code sent by the peer. Its texts are literals. */
COLD struct hg_reason stream_error_reason(uint64_t code);

/* Sanitizes a reason sent by the peer: a valid status, an error type from RFC 9209, and a detail in printable ASCII,
 * which is written to `detail`. */
COLD struct hg_reason stream_error_from_peer(const struct hg_reason *reason,
                                             char detail[static STREAM_ERROR_DETAIL_SIZE]);

#endif
