/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The client's end of the tunnel.
 */
#ifndef CORE_SESSION_CLIENT_H
#define CORE_SESSION_CLIENT_H

#include "core/base/cold.h"
#include "core/session/session.h"

extern const struct tunnel_end client_end;

/* Makes these the sessions of a client and begins to connect. 0, or -1 on failure. */
COLD int client_start(struct sessions *sessions);
/* Asks the gateways to start no new exchanges. */
COLD void client_drain(struct sessions *sessions);

#endif
