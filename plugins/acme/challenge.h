/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Presenting challenges: to the solvers of this worker, and by the store to those of all others.
 */
#ifndef ACME_CHALLENGE_H
#define ACME_CHALLENGE_H

#include "plugins/lib/task/task.h"

#include <hopgate/certificates.h>
#include <hopgate/challenges.h>
#include <jansson.h>

/* In the order in which they are tried first. */
enum acme_challenge_type {
    ACME_TLSALPN01,
    ACME_HTTP01,
    ACME_DNS01,
    ACME_CHALLENGE_TYPES,
};

/* "tls-alpn-01" … */
extern const char *const acme_challenge_names[ACME_CHALLENGE_TYPES];

/* The type of that name, a JSON string; ACME_CHALLENGE_TYPES: it is none. */
enum acme_challenge_type acme_challenge_type_of(const json_t *name);

/* The solvers in this worker. */
struct acme_solvers {
    struct hg_worker *worker;
    struct {
        const struct hg_challenges_ops *ops; /* NULL: not in the pipeline */
        struct hg_worker *provider;
    } by_type[ACME_DNS01];
    const char *dns_hook; /* the program for dns-01, or NULL */
};

void acme_solvers_find(struct acme_solvers *solvers, struct hg_worker *worker);

/* Which types of challenge are possible for a name, as bits 1 << type. */
unsigned acme_solvers_possible(const struct acme_solvers *solvers, const char *name, bool wildcard);

/* A certificate for a handshake that offers acme-tls/1, or NULL. */
struct hg_certificate *acme_solvers_certificate(const struct acme_solvers *solvers,
                                                const struct hg_certificate_query *query);

/* Presents in this worker. 0 or -1. Not for dns-01. */
int acme_solvers_present(const struct acme_solvers *solvers, enum acme_challenge_type type,
                         const struct hg_challenge *challenge);
void acme_solvers_withdraw(const struct acme_solvers *solvers, enum acme_challenge_type type, struct hg_text token);

/* In a task: has the program add the TXT record of dns-01 (RFC 8555 section 8.4), or remove it. NULL, or what went
 * wrong, valid until the task waits for something else. */
const char *acme_solvers_present_dns(struct task *task, const struct acme_solvers *solvers,
                                     const struct hg_challenge *challenge);
const char *acme_solvers_withdraw_dns(struct task *task, const struct acme_solvers *solvers,
                                      const struct hg_challenge *challenge);

#endif
