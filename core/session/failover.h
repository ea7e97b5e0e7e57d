/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Client: watches whether the gateway responds, and looks for another link if it does not.
 */
#ifndef CORE_SESSION_FAILOVER_H
#define CORE_SESSION_FAILOVER_H

#include "core/session/session.h"

#include "core/session/link.h"

/* The link carries a session from now on. */
void failover_watch(struct hg_link *link);
/* An exchange has begun: checks the link soon. */
void failover_watch_exchange(struct hg_link *link);
/* Checks whether the gateway responds. Returns when to check again. */
hg_time failover_check(struct hg_link *link);

/* These are members of struct tunnel_end. */
void failover_session_answers(struct session *session);
void failover_ask(struct hg_link *link);
void failover_renew(struct hg_link *link);

#endif
