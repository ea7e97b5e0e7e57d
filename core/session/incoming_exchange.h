/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Client: starts an exchange for each stream that the gateway opens.
 */
#ifndef CORE_SESSION_INCOMING_EXCHANGE_H
#define CORE_SESSION_INCOMING_EXCHANGE_H

#include "core/session/session.h"

/* The gateway has opened a stream. */
void incoming_stream_opened(struct session *session, struct tn_stream *tn);

#endif
