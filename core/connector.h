/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Who opens links, on a client: one whenever a session needs one, or there is no session for new exchanges.
 *
 * The transports of the pipeline race for it, each with a head start over the next (RFC 8305): the first link that is
 * up says `open`, the others are closed when that is accepted. While a session uses a later transport, the earlier ones
 * are tried now and then by whole handshakes, and the session moves back to one that works.
 */
#ifndef CORE_CONNECTOR_H
#define CORE_CONNECTOR_H

#include "core/session.h"

/* Begins to connect, and from then on keeps a session open. 0, or -1 when memory is out. */
int connector_start(struct sessions *sessions);
/* Gives up connecting; links must be gone. No effect on a gateway. */
void connector_stop(struct sessions *sessions);

/* The session of this client that needs a link most, or NULL. */
struct session *connector_session_in_need(const struct sessions *sessions);
/* Sees to it that a link is being opened, or soon will be, if one is needed. */
void connector_want(struct sessions *sessions);
/* Gives up what is being opened if it is not needed any more. */
void connector_review(struct sessions *sessions);
/* A gateway has asked not to be tried again before `when`. */
void connector_not_before(struct sessions *sessions, hg_time when);

/* A link's handshake is complete. */
void connector_link_up(struct hg_link *link);
/* A link that is up was accepted by the gateway, with the session that it had named if `resumed`. */
void connector_accepted(struct hg_link *link, bool resumed);
/* A link has ended; its session, if it had one, knows. */
void connector_link_ended(struct hg_link *link);

#endif
