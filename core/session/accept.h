/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Gateway: admits a client that says `open`, with a new session or the one that it had, or refuses it.
 */
#ifndef CORE_SESSION_ACCEPT_H
#define CORE_SESSION_ACCEPT_H

#include "core/session/session.h"

void accept_open(struct hg_link *link, const struct control_message *open);

#endif
