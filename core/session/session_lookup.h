/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Finds sessions by name and, at a gateway, by client.
 */
#ifndef CORE_SESSION_SESSION_LOOKUP_H
#define CORE_SESSION_SESSION_LOOKUP_H

#include "core/base/cold.h"
#include "core/session/session.h"

/* Makes up an unguessable name of CONTROL_SESSION_NAME_SIZE characters. 0, or -1 if the system has no random
 * numbers. */
COLD int session_random_name(char *name);
/* Gateway: names the session, and registers it under its name and its client. 0, or -1 when out of memory. */
COLD int session_register(struct session *session);

/* Gateway: the session of that name, or NULL. */
struct session *session_by_name(const struct sessions *sessions, const char *name);
/* Gateway: a client's sessions, newest first; NULL: none, or none older. */
struct session *session_newest(const struct sessions *sessions, struct hg_text client);
struct session *session_older(const struct session *session);

/* Whether both belong to the same process of a client that names its processes. */
bool session_is_same_process(const struct session *one, const struct session *other);

#endif
