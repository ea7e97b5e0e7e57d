/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The gateway's place in an exchange: it carries the exchange to the client that its target names. While that client
 * has lost its link and may be back at any moment, new exchanges wait for a few seconds.
 */
#ifndef CORE_SESSION_DISPATCH_H
#define CORE_SESSION_DISPATCH_H

#include "core/session/session.h"

/* 0, or -1 when out of memory. */
int dispatch_start(struct sessions *sessions);
/* No exchange is open any more. No effect on a client. */
void dispatch_stop(struct sessions *sessions);

/* A session has a link that answers: exchanges that wait for its client may go on. */
void dispatch_retry(struct session *session);

#endif
