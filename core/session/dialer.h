/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Client: opens links. There is a dialer for each of the `links` to each gateway. It keeps one session for new
 * exchanges, and opens a link whenever this session, or an older one that is draining, needs one. Dialers are
 * independent: each has its own tries, waits and returns to a better transport.
 *
 * The transports to the gateway race for the link, each with a head start over the next (RFC 8305): the first
 * link that is up sends `open`, and the others are closed once that is accepted. While a session uses a later
 * transport, the earlier ones are tried from time to time with a full handshake, and the session moves back to one that
 * works.
 */
#ifndef CORE_SESSION_DIALER_H
#define CORE_SESSION_DIALER_H

#include "core/base/cold.h"
#include "core/session/session.h"

/* Connects to all gateways and keeps the sessions open. 0, or -1 when out of memory. */
COLD int dialers_start(struct sessions *sessions);
/* Stops all dialers; all links must have ended. Does nothing on a gateway. */
COLD void dialers_stop(struct sessions *sessions);
/* Calls dialer_review() for all of them. */
COLD void dialers_review(struct sessions *sessions);
/* The network has changed, or the machine was suspended: checks whether all gateways respond, and dials at once where
 * there is no link. `sessions` is a struct sessions. */
COLD void dialers_changed(void *sessions);
/* Logs the dialers' statistics, one line each. */
COLD void dialers_report(const struct sessions *sessions);

/* Dials, now or after a wait, if a link is needed. */
COLD void dialer_want(struct dialer *dialer);
/* Stops dialling if no link is needed now. */
COLD void dialer_review(struct dialer *dialer);
/* The gateway has refused a session and must not be tried before this time. `drains`: it refused because it is about to
 * stop, so another one may soon be available. */
COLD void dialer_refused(struct dialer *dialer, hg_time not_before, bool drains);

/* A link's handshake is complete. */
COLD void dialer_link_up(struct hg_link *link);
/* The gateway has accepted a link; `resumed`: for the session that `open` named. */
COLD void dialer_accepted(struct hg_link *link, bool resumed);
/* A link has ended; its session, if any, has already been notified. */
COLD void dialer_link_ended(struct hg_link *link);

#endif
