/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Several processes with one id, at a gateway: a client that was killed and started again before anybody knew that it
 * was dead, or one config on two machines. As long as a client is alone, its sessions are waited for; where another
 * process can serve in their place, they have to answer soon.
 */
#ifndef CORE_SESSION_RIVAL_PROCESSES_H
#define CORE_SESSION_RIVAL_PROCESSES_H

#include "core/session/session.h"

/* A contested session that answers nothing loses its link after PROCESSES_SILENCE, and a contested one without a link
 * ends after PROCESSES_ABSENCE: together less than 3 s. */
#define PROCESSES_SILENCE (1600 * HG_MILLISECOND)
#define PROCESSES_ABSENCE (1200 * HG_MILLISECOND)

/* Whether both belong to one process of a client that has said which it is. */
bool is_same_process(const struct session *one, const struct session *other);

/* Another session is to be opened: ends what the client has forgotten, and as much of what has no link as must give way
 * to it. False, with the reason: it has as many as are allowed. `process` may be NULL. */
bool processes_make_room(const struct sessions *sessions, const char *client, const char *process, char *reason,
                         size_t size);

/* A session of that client has come, gone, lost its link or found another: sees anew which ones are contested. */
void processes_review(const struct sessions *sessions, struct hg_text client);
/* A session was opened: asks those of other processes for life. */
void processes_opened(struct session *opened);
/* Such a session has brought packets: if they are its answer, two processes serve, which both and the log are told. */
void processes_answered(struct session *session);
/* A contested session has lost its link: asks the other processes for life. */
void processes_ask_others(const struct session *session);
/* Whether another process has been heard of since then. */
bool processes_heard(const struct session *session, hg_time since);

#endif
