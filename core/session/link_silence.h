/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * How long a peer may leave data unacknowledged, at either end.
 */
#ifndef CORE_SESSION_LINK_SILENCE_H
#define CORE_SESSION_LINK_SILENCE_H

#include "core/session/session.h"

#include "core/session/link.h"

/* After this time without an acknowledgement the peer counts as slow: new exchanges go elsewhere if they can. At about
 * the same time, a client looks for another link (docs/protocol.md, section 6.3). */
hg_time link_slow_after(const struct hg_link *link);
/* The time after which end->check() checks an active link. */
hg_time link_answer_timeout(const struct hg_link *link);
/* For how long the peer has owed an acknowledgement. */
hg_time link_unanswered_for(const struct hg_link *link);
/* Whether it has owed one for `timeout`. If this process was held up, the acknowledgement may be waiting to be read, so
 * it must be overdue at two checks, a moment apart. */
bool link_is_overdue(struct hg_link *link, hg_time timeout);

/* Pings the peer of a link with a session: it acknowledges the ping, or is soon overdue. */
void link_ask(struct hg_link *link);

#endif
