/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Sessions in the resume queue that no link came for in time end: after `resume_timeout`, or much sooner if another
 * process of the client answers meanwhile.
 */
#ifndef CORE_SESSION_RESUME_TIMEOUT_H
#define CORE_SESSION_RESUME_TIMEOUT_H

#include "core/session/session.h"

/* 0, or -1: out of memory. */
int resume_timeout_start(struct sessions *sessions);
/* Ends the sessions that still wait. */
void resume_timeout_stop(struct sessions *sessions);

#endif
