/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Gateway: which session a new exchange is given to.
 */
#ifndef CORE_SESSION_SESSION_CHOICE_H
#define CORE_SESSION_SESSION_CHOICE_H

#include "core/session/session.h"

/* The newest session of the target's client that may serve the service, says that it does and answers, or another one
 * of the same process that has less to do. NULL: there is none, and `*reason` says why; `*absent`: one may soon answer
 * again. */
struct session *session_choose(const struct sessions *sessions, const struct hg_target *target,
                               struct hg_reason *reason, bool *absent);

/* Whether the session's client may serve that service. */
bool session_may_serve(const struct session *session, struct hg_text service);

#endif
