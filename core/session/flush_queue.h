/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The links that have something to send, or must end. They are flushed at the end of a turn of the loop, once each, so
 * that everything from one turn leaves in as few packets as possible.
 */
#ifndef CORE_SESSION_FLUSH_QUEUE_H
#define CORE_SESSION_FLUSH_QUEUE_H

#include "core/session/session.h"

/* Flushes the link at the end of this turn. */
void link_flush_later(struct hg_link *link);
/* The same for the link of a session, if it has one. */
void session_flush_later(const struct session *session);

/* Removes a link from the queue, if it is in it. */
void flush_queue_remove(struct hg_link *link);
/* Takes the first link out of the queue; NULL if it is empty. */
struct hg_link *flush_queue_next(struct sessions *sessions);

#endif
