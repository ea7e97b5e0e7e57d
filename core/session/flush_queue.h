/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The links that have something to send or to end. They are flushed at the end of a turn of the loop, each once, so
 * what a turn has gathered leaves in as few packets as possible.
 */
#ifndef CORE_SESSION_FLUSH_QUEUE_H
#define CORE_SESSION_FLUSH_QUEUE_H

#include "core/session/session.h"

/* Flushes the link at the end of this turn. */
void link_flush_later(struct hg_link *link);
/* The same for the link of a session, if it has one. */
void session_flush_later(const struct session *session);

/* Takes a link out, if it is in. */
void flush_queue_remove(struct hg_link *link);
/* Takes out the first link; NULL: there is none. */
struct hg_link *flush_queue_next(struct sessions *sessions);

#endif
