/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Presenting challenges to the solvers of this worker. Those of others are reached through the store.
 */
#ifndef ACME_CHALLENGE_H
#define ACME_CHALLENGE_H

#include "plugins/lib/task/task.h"

#include <hopgate/certificates.h>
#include <hopgate/challenges.h>
#include <jansson.h>

struct store;

/* In order of preference. */
enum acme_challenge_type {
    ACME_TLSALPN01,
    ACME_HTTP01,
    ACME_DNS01,
    ACME_CHALLENGE_TYPES,
};

extern const char *const acme_challenge_names[ACME_CHALLENGE_TYPES];

/* The type with this name, a JSON string; ACME_CHALLENGE_TYPES: none. */
enum acme_challenge_type acme_challenge_type_of(const json_t *name);

/* The solvers in a worker. */
struct acme_solvers {
    struct {
        const struct hg_challenges_ops *ops; /* NULL: not in the pipeline */
        struct hg_worker *provider;
    } by_type[ACME_DNS01];
    const char *dns_hook; /* or NULL */
};

void acme_solvers_find(struct acme_solvers *solvers, struct hg_worker *worker);

/* The challenge types that are possible for a name, as bits 1 << type. */
unsigned acme_solvers_possible(const struct acme_solvers *solvers, const char *name, bool wildcard);

/* The certificate for a handshake that offers acme-tls/1, or NULL. */
struct hg_certificate *acme_solvers_certificate(const struct acme_solvers *solvers,
                                                const struct hg_certificate_query *query);

/* Presents a challenge in this worker, except for dns-01. 0 or -1. */
int acme_solvers_present(const struct acme_solvers *solvers, enum acme_challenge_type type,
                         const struct hg_challenge *challenge);
void acme_solvers_withdraw(const struct acme_solvers *solvers, enum acme_challenge_type type, struct hg_text token);

/* In a task: has dns_hook add the TXT record for dns-01 (RFC 8555 section 8.4) or remove it; `command` is "present" or
 * "cleanup". NULL, or the error, valid until the task waits again. */
const char *acme_solvers_run_dns_hook(struct task *task, const struct acme_solvers *solvers, const char *command,
                                      const struct hg_challenge *challenge);

/* cleanup.c: in a task that holds the certificate's lease, withdraws a challenge and removes it from the store. If
 * dns_hook fails, it is tried again at the next start (`again`), or else the operator has to remove the record. */
void acme_cleanup_challenge(struct task *task, struct store *store, const struct acme_solvers *solvers,
                            enum acme_challenge_type type, const struct hg_challenge *challenge, bool again);

#endif
