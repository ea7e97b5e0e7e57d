/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Gateway: chooses a session for a new exchange.
 */
#ifndef CORE_SESSION_SESSION_CHOICE_H
#define CORE_SESSION_SESSION_CHOICE_H

#include "core/session/session.h"

/* The newest session of the target's client that may serve the service, announces it (if any does) and responds, or a
 * less busy one of the same process. NULL if there is none, with the reason in `*reason`; `*absent`: one may soon
 * respond again. */
struct session *session_choose(const struct sessions *sessions, const struct hg_target *target,
                               struct hg_reason *reason, bool *absent);

/* Whether the session's client is allowed to serve that service. */
bool session_may_serve(const struct session *session, struct hg_text service);

#endif
