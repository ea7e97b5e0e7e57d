/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The gateway's stage: it sends an exchange to the client that its target names. If that client has just lost its link,
 * new exchanges wait a few seconds for it to return.
 */
#ifndef CORE_SESSION_DISPATCH_H
#define CORE_SESSION_DISPATCH_H

#include "core/session/session.h"

/* 0, or -1: out of memory. */
int dispatch_start(struct sessions *sessions);
/* No exchange is open any more. No effect on a client. */
void dispatch_stop(struct sessions *sessions);

/* The session's client answers: tries again with the exchanges that wait for it. */
void dispatch_retry(struct session *session);

#endif
