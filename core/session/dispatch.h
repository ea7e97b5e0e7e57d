/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The gateway's stage: sends an exchange to the client that its target names. If this client has just lost its link,
 * new exchanges wait a few seconds for it to return.
 */
#ifndef CORE_SESSION_DISPATCH_H
#define CORE_SESSION_DISPATCH_H

#include "core/base/cold.h"
#include "core/session/session.h"

/* 0, or -1 when out of memory. */
COLD int dispatch_start(struct sessions *sessions);
/* No exchange may be open. Does nothing on a client. */
COLD void dispatch_stop(struct sessions *sessions);

/* The session's client responds: tries the exchanges that wait for it again. */
void dispatch_retry(struct session *session);

#endif
