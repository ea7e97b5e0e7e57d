/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Client: `open`, which asks the gateway for a session.
 */
#ifndef CORE_SESSION_OPEN_MESSAGE_H
#define CORE_SESSION_OPEN_MESSAGE_H

#include "core/base/cold.h"
#include "core/session/session.h"

/* Sends `open` on a link that is up, to resume session `named`, or for a new session if NULL. */
COLD void open_message_send(struct hg_link *link, const struct session *named);

#endif
