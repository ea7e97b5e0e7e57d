/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The gateway's end of the tunnel.
 */
#ifndef CORE_SESSION_GATEWAY_H
#define CORE_SESSION_GATEWAY_H

#include "core/base/cold.h"
#include "core/session/session.h"

extern const struct tunnel_end gateway_end;

/* Makes these the sessions of a gateway. 0, or -1 when out of memory. */
COLD int gateway_start(struct sessions *sessions);
COLD void gateway_stop(struct sessions *sessions);
/* Notifies all clients that this gateway is about to stop. */
COLD void gateway_drain(struct sessions *sessions);

#endif
