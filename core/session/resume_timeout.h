/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Ends sessions in the resume queue that get no link in time: after `resume_timeout`, or much sooner if another process
 * of the client responds in the meantime.
 */
#ifndef CORE_SESSION_RESUME_TIMEOUT_H
#define CORE_SESSION_RESUME_TIMEOUT_H

#include "core/base/cold.h"
#include "core/session/session.h"

/* 0, or -1 when out of memory. */
COLD int resume_timeout_start(struct sessions *sessions);
/* Ends the sessions that are still waiting. */
COLD void resume_timeout_stop(struct sessions *sessions);

#endif
