/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Sessions that have lost their link and wait for another one. Their exchanges pause: nothing moves, no credit is
 * given, so what they hold is bounded as ever. One that is not resumed within `resume_timeout` ends, and a contested
 * one much sooner, if another process of its client answers meanwhile.
 */
#ifndef CORE_SESSION_RESUME_QUEUE_H
#define CORE_SESSION_RESUME_QUEUE_H

#include "core/session/session.h"

/* 0, or -1 when out of memory. */
int resume_queue_start(struct sessions *sessions);
/* Ends all that are left. */
void resume_queue_stop(struct sessions *sessions);

/* The session has lost its link; `why` is for the log and for those whom its end concerns. */
void resume_queue_add(struct session *session, const char *why);
/* A client's detached sessions (at a gateway), the newest first; NULL: there is none, or no older one. */
struct session *resume_queue_newest(const struct sessions *sessions, struct hg_text client);
struct session *resume_queue_older(const struct session *session);
/* It has a link again, or ends. No effect on one that is not detached. */
void resume_queue_remove(struct session *session);
/* Whether it is contested has changed. One that is detached begins to wait anew, for as long as such a one may. */
void resume_queue_set_contested(struct session *session, bool contested);

#endif
