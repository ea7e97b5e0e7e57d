/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * On demand at a node that does not order: it leaves a request for the name in the store, which the node that orders
 * takes up. The request stays there until the order has ended, so that whoever orders next finds it, too; that it has
 * gone is the answer: by then there is a certificate in the store, or there will be none.
 *
 * The node that got the handshake has asked for permission: only there the client that serves the name may be
 * connected. Whoever can write to the store has the keys already, so the node that orders takes its word for it.
 */
#ifndef ACME_DELEGATE_H
#define ACME_DELEGATE_H

#include <hopgate/types.h>

struct acme_agent;
struct acme_job;

/* A handshake waits for a certificate that another node is to order, or it should be renewed there. */
void acme_delegate_want(struct acme_job *job);
/* Another process orders from now on: it is asked for all that handshakes wait for. */
void acme_delegate_all(struct acme_agent *agent);
/* A certificate is served for which handshakes came here: is it time that it was renewed elsewhere? */
void acme_delegate_renewal(struct acme_job *job);

/* The request of that name (VERB@NAME) was left, or has gone. */
void acme_delegate_changed(struct acme_agent *agent, struct hg_text name);
/* Where it is ordered: whoever waits elsewhere is told that no more is done for now. */
void acme_delegate_ended(struct acme_job *job);

#endif
