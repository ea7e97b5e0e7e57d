/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The client's end of the tunnel: what the rest of core/ needs of it.
 */
#ifndef CORE_SESSION_CLIENT_H
#define CORE_SESSION_CLIENT_H

#include "core/session/session.h"

/* Tells the gateways that no new exchanges are wanted. */
void client_drain(struct sessions *sessions);
/* Says `open` on a link that is up: to go on with session `named`, or for a new one if NULL. */
void client_send_open(struct hg_link *link, const struct session *named);
/* Asks at a link that carries a session whether the gateway lives. */
void client_ask(struct hg_link *link);

#endif
