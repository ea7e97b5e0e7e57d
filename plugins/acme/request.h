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
#define ACME_RENEW  "renew"
#define ACME_REVOKE "revoke"
#define ACME_ORDER  "order" /* on demand, of another node: delegate.h */

/* Does what is wanted, as soon as this process is the one that orders. */
void acme_requests_look(struct acme_agent *agent);
void acme_requests_end(struct acme_agent *agent);
/* Whether something that is wanted of it goes on. */
bool acme_requests_concern(const struct acme_job *job);

/* ---- Parts of it, for revocation.c ---- */

/* Orders a new certificate at once. */
void acme_request_order(struct acme_job *job);
/* The job for what was read of the store under that name; NULL after it was told that there is none. */
struct acme_job *acme_request_load(struct acme_agent *agent, const char *name, const struct hg_store_answer *answer);

/* ---- revocation.c ---- */

/* Revokes a certificate, unless that goes on: the request's name in the store is "revoke@ID". */
void acme_revoke(struct acme_agent *agent, const char *id);
bool acme_revocations_concern(const struct acme_job *job);
void acme_revocations_end(struct acme_agent *agent);

/* `hopgate acme ...`. */
#define ACME_USAGE "status [NAME] | renew NAME | revoke NAME -c FILE"
void acme_command(struct hg_worker *worker, int argc, char **argv);

#endif
