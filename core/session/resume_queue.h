/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Sessions that have lost their link and wait for another one. Their exchanges pause: nothing moves and no credit is
 * given, so what they hold is bounded as ever.
 */
#ifndef CORE_SESSION_RESUME_QUEUE_H
#define CORE_SESSION_RESUME_QUEUE_H

#include "core/session/session.h"

/* The session has lost its link; `why` is for the log and for those whom its end concerns. */
void resume_queue_add(struct session *session, const char *why);
/* It has a link again, or ends. No effect on one that is not in the queue. */
void resume_queue_remove(struct session *session);
/* Sets session->contested. A session in the queue begins to wait anew. */
void resume_queue_set_contested(struct session *session, bool contested);

/* How long sessions wait, contested ones or the others. */
hg_time resume_queue_timeout(const struct sessions *sessions, bool contested);
/* The first that has waited so long, or NULL. */
struct session *resume_queue_due(const struct sessions *sessions, bool contested);
/* Sets the timer for the next that will have. */
void resume_queue_set_timer(struct sessions *sessions);

/* Gateway: a client's sessions in the queue, the newest first; NULL: there is none, or no older one. */
struct session *resume_queue_newest(const struct sessions *sessions, struct hg_text client);
struct session *resume_queue_older(const struct session *session);

#endif
