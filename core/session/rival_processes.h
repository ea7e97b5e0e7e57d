/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Gateway: several processes with one client id. A client may have been killed and restarted before the gateway
 * noticed, or two machines may use the same config. While a client has only one process, the gateway waits for its
 * sessions to return. Sessions that another process could replace are contested: they must answer soon, or they end.
 */
#ifndef CORE_SESSION_RIVAL_PROCESSES_H
#define CORE_SESSION_RIVAL_PROCESSES_H

#include "core/base/cold.h"
#include "core/session/session.h"

/* A client asks for another session: ends those that it has forgotten, and sessions without a link if it has too many.
 * False, with the reason, if it has as many as it may. `process` may be NULL. */
bool rivals_make_room(const struct sessions *sessions, const char *client, const char *process, char *reason,
                      size_t size);

/* A session of that client has begun, ended, lost its link or got another one: reviews which of them are contested. */
COLD void rivals_review(const struct sessions *sessions, struct hg_text client);
/* A session was opened: pings the sessions of other processes. */
COLD void rivals_opened(struct session *opened);
/* A session has received packets. If they answer that ping, two processes are serving: notifies both, and logs it. */
void rivals_answered(struct session *session);
/* A session has lost its link or ends: reviews the others, and pings them if it was contested. */
COLD void rivals_session_down(struct session *session);
/* Whether another process of the client has sent anything since then. */
bool rivals_heard(const struct session *session, hg_time since);

#endif
