/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The client's end of the tunnel: what the rest of core/ needs of it.
 */
#ifndef CORE_CLIENT_H
#define CORE_CLIENT_H

#include "core/session.h"

/* Begins to connect, and from then on keeps a session open. 0, or -1 when memory is out. */
int client_start(struct sessions *sessions);
/* Tells the gateways that no new exchanges are wanted. */
void client_drain(struct sessions *sessions);
/* Gives up connecting; links must be gone. */
void client_stop(struct sessions *sessions);

#endif
