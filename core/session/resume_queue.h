/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Sessions that have lost their link and wait for another one. Their exchanges pause: no data is transferred and no
 * credit is given, so their memory stays bounded.
 */
#ifndef CORE_SESSION_RESUME_QUEUE_H
#define CORE_SESSION_RESUME_QUEUE_H

#include "core/base/cold.h"
#include "core/session/session.h"

/* The session has lost its link; `why` is for the log and for those affected if it ends. */
COLD void resume_queue_add(struct session *session, const char *why);
/* It has a link again, or ends. Does nothing if it is not in the queue. */
COLD void resume_queue_remove(struct session *session);
/* Sets session->contested. For a session in the queue, the wait starts over. */
COLD void resume_queue_set_contested(struct session *session, bool contested);

/* How long contested sessions, or the others, wait. */
COLD hg_time resume_queue_timeout(const struct sessions *sessions, bool contested);
/* The first session whose wait is over, or NULL. */
COLD struct session *resume_queue_due(const struct sessions *sessions, bool contested);
/* Sets the timer for the next session whose wait ends. */
COLD void resume_queue_set_timer(struct sessions *sessions);

/* Gateway: a client's sessions in the queue, newest first; NULL: none, or none older. */
COLD struct session *resume_queue_newest(const struct sessions *sessions, struct hg_text client);
COLD struct session *resume_queue_older(const struct session *session);

#endif
