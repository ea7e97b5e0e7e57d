/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What people want done: `hopgate acme` puts it into the store, and the process that orders certificates does it. What
 * another node wants to be ordered on demand comes in the same way.
 */
#ifndef ACME_REQUEST_H
#define ACME_REQUEST_H

#include <hopgate/plugin.h>
#include <hopgate/store.h>

struct acme_agent;
struct acme_job;

/* A request's name in the store is VERB@NAME. */
#define ACME_RENEW "renew"
#define ACME_ORDER "order" /* on demand, of another node: delegate.h */

/* Does what is wanted, as soon as this process is the one that orders. */
void acme_requests_look(struct acme_agent *agent);
void acme_requests_end(struct acme_agent *agent);

/* `hopgate acme ...`. */
#define ACME_USAGE "status [NAME] | renew NAME | revoke NAME [SERIAL]   -c FILE"
void acme_command(struct hg_worker *worker, int argc, char **argv);

#endif
