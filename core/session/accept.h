/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Gateway: admits a client that sends `open`, with a new session or its previous one, or refuses it.
 */
#ifndef CORE_SESSION_ACCEPT_H
#define CORE_SESSION_ACCEPT_H

#include "core/base/cold.h"
#include "core/session/session.h"

COLD void accept_open(struct hg_link *link, const struct control_message *open);
/* The link is over, so the verdict on its credentials is no longer needed. */
COLD void accept_cancel(struct hg_link *link);
/* Verifying the credentials took too long: refuses the client. */
COLD void accept_overdue(struct hg_link *link);

#endif
