/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * One attempt to obtain a certificate (RFC 8555 section 7.4), as sequential code of a task.
 *
 * An attempt holds the lease of its certificate, so gateways that share a store never order the same certificate at the
 * same time; any number of attempts for different certificates may run. If the process dies, the next attempt continues
 * the order with what the store holds.
 */
#ifndef ACME_ATTEMPT_H
#define ACME_ATTEMPT_H

#include "plugins/acme/load.h"
#include "plugins/acme/order.h"
#include "plugins/lib/task/lease.h"

struct acme_attempt {
    struct acme_certificate *certificate; /* not loaded from the store meanwhile */
    struct task *task;
    struct lease lease;
    struct acme_client client; /* client.failure: why it failed */
    struct acme_order order;   /* order.outcome: how it ended */

    struct acme_stored stored; /* what the store holds, read under the lease */
    bool must_order;           /* set by acme_issuance_prepare() */
    json_t *state;             /* set by acme_issuance_conclude(): to be stored, unless NULL */

    /* Issued: a reference, and key and chain in PEM. */
    struct acme_key_pair *pair;
    char *pem;
    bool saved; /* in the store */
};

/* Begins an attempt. Calls nothing before it has returned. False: out of memory, or no thread can be created. */
bool acme_attempt_begin(struct acme_certificate *certificate);
/* Ends it at once and releases its lease. NULL is allowed. */
void acme_attempt_cancel(struct acme_attempt *attempt);

/* ---- issuance.c: called by an attempt, in the worker's thread ---- */

/* The lease is held and the store was read: uses what is better there, and decides whether and where to order. `arg`
 * is the attempt. */
void acme_issuance_prepare(void *arg);
/* The attempt has ended: plans the next one, and sets the state to be stored before the lease is released. */
void acme_issuance_conclude(void *arg);

#endif
