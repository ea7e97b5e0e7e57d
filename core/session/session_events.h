/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Events that the tunnel reports for a session: streams that were opened, that have data or room again, or that were
 * reset.
 */
#ifndef CORE_SESSION_SESSION_EVENTS_H
#define CORE_SESSION_SESSION_EVENTS_H

#include "core/session/session.h"

/* Handles all pending events. */
void session_handle_events(struct session *session);
/* Writes to the streams what exchanges have encoded since the last packets. */
void session_write(struct session *session);

#endif
