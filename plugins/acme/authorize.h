/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Proving to an authority that the names of an order lead here (RFC 8555 section 7.5): all challenges are presented,
 * then all are waited for.
 */
#ifndef ACME_AUTHORIZE_H
#define ACME_AUTHORIZE_H

#include "plugins/acme/account.h"
#include "plugins/acme/challenge.h"

struct acme_authorizations;

/* `failure` is NULL: all names are proved. */
typedef void (*acme_authorized)(void *arg, const struct acme_answer *failure);

/* Proves the authorizations at these URLs, an array of strings. The type that has `worked` before is tried first, then
 * the others; `preference` rotates them. Never answers within the call. NULL: out of memory. */
struct acme_authorizations *acme_authorize(struct acme_ca *ca, struct acme_vault *vault,
                                           const struct acme_solvers *solvers, const json_t *urls, unsigned preference,
                                           enum acme_challenge_type worked, hg_time deadline,
                                           acme_authorized authorized, void *arg);
/* By which type names were proved; ACME_CHALLENGE_TYPES: by none, the authority knew already. */
enum acme_challenge_type acme_authorizations_worked(const struct acme_authorizations *authorizations);
/* Withdraws what is presented; `authorized` is not called any more. NULL is allowed. Must be called after it, too. */
void acme_authorizations_free(struct acme_authorizations *authorizations);

#endif
