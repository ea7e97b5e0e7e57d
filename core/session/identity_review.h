/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Gateway: who may open sessions, and what they may serve, as decided by the plugin that offers `identity`.
 */
#ifndef CORE_SESSION_IDENTITY_REVIEW_H
#define CORE_SESSION_IDENTITY_REVIEW_H

#include "core/base/cold.h"
#include "core/session/session.h"

/* Finds that plugin. 0, or -1 after logging that there is none. */
COLD int identity_find(struct sessions *sessions);
/* Reviews the open sessions whenever the plugin reports a change. */
COLD void identity_watch(struct sessions *sessions, bool on);
/* Ends the session's exchanges with services that its client is no longer allowed to serve. */
COLD void identity_reset_withdrawn(const struct session *session);

#endif
