/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * How long a peer may leave what it was sent unacknowledged, at either end.
 */
#ifndef CORE_SESSION_LINK_SILENCE_H
#define CORE_SESSION_LINK_SILENCE_H

#include "core/session/session.h"

#include "core/session/link.h"

/* After so long without an acknowledgment the peer is slow: a new exchange goes elsewhere where it can. About then a
 * client looks for another link (docs/protocol.md, section 6.3). */
hg_time link_slow_after(const struct hg_link *link);
/* After so long end->check() looks at an active link. */
hg_time link_answer_timeout(const struct hg_link *link);
/* For how long the peer has owed an acknowledgment. */
hg_time link_unanswered_for(const struct hg_link *link);
/* Whether it has owed one for `timeout`. If this process was held up, the acknowledgment may be waiting to be read: so
 * it must be overdue at two looks, a moment apart. */
bool link_is_overdue(struct hg_link *link, hg_time timeout);

/* Asks the peer of a link that carries a session whether it lives: it acknowledges the question, or is overdue soon. */
void link_ask(struct hg_link *link);

#endif
