/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Who opens links, on a client: a dialer for each link that the config wants to each gateway. It keeps one session
 * for new exchanges, and opens a link whenever that, or an older one that drains, needs one. Nothing of one dialer
 * disturbs another: each has its own attempts, its own patience and its own return to a better transport.
 *
 * The transports that know the gateway race for the link, each with a head start over the next (RFC 8305): the first
 * link that is up says `open`, the others are closed when that is accepted. While a session uses a later transport, the
 * earlier ones are tried now and then by whole handshakes, and the session moves back to one that works.
 */
#ifndef CORE_SESSION_DIALER_H
#define CORE_SESSION_DIALER_H

#include "core/session/session.h"

/* Begins to connect to all gateways, and from then on keeps the sessions open. 0, or -1 when out of memory. */
int dialers_start(struct sessions *sessions);
/* Gives up connecting; links must be gone. No effect on a gateway. */
void dialers_stop(struct sessions *sessions);
/* dialer_review() for all. */
void dialers_review(struct sessions *sessions);
/* The network has changed, or the machine has slept: asks at all links of a struct sessions whether they live, and
 * waits no longer where there is none. */
void dialers_changed(void *sessions);
/* Its part of the statistics, a line for each link that is wanted. */
void dialers_report(const struct sessions *sessions);

/* Sees to it that a link is being opened, or soon will be, if one is needed. */
void dialer_want(struct dialer *dialer);
/* Gives up what is being opened if it is not needed any more. */
void dialer_review(struct dialer *dialer);
/* The gateway has refused a session and is not to be tried again before then. `drains`: since it is about to stop, so
 * that another one may soon be there. */
void dialer_refused(struct dialer *dialer, hg_time not_before, bool drains);

/* A link's handshake is complete. */
void dialer_link_up(struct hg_link *link);
/* A link that is up was accepted by the gateway, with the session that it had named if `resumed`. */
void dialer_accepted(struct hg_link *link, bool resumed);
/* A link has ended; its session, if it had one, knows. */
void dialer_link_ended(struct hg_link *link);

#endif
