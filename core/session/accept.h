/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Gateway: admits a client that says `open`, with a new session or the one that it had, or refuses it.
 */
#ifndef CORE_SESSION_ACCEPT_H
#define CORE_SESSION_ACCEPT_H

#include "core/session/session.h"

void accept_open(struct hg_link *link, const struct control_message *open);
/* Nobody waits any more for what is said of its credentials: the link is over. */
void accept_cancel(struct hg_link *link);
/* The same since it has taken too long: the client is refused. */
void accept_overdue(struct hg_link *link);

#endif
