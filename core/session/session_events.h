/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What the tunnel reports of a session: streams that were opened, that have data or room again, that were reset.
 */
#ifndef CORE_SESSION_SESSION_EVENTS_H
#define CORE_SESSION_SESSION_EVENTS_H

#include "core/session/session.h"

/* Takes all reports that wait. */
void session_handle_events(struct session *session);
/* Writes what exchanges have encoded since the last packets to their streams. */
void session_write(struct session *session);

#endif
