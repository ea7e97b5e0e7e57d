/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * An attempt to obtain a certificate (RFC 8555 section 7.4), run as a task.
 *
 * It holds the lease of the certificate, so gateways that share a store never order the same certificate at the same
 * time. If the process dies, the next attempt continues the order from the store.
 */
#ifndef ACME_ATTEMPT_H
#define ACME_ATTEMPT_H

#include "plugins/acme/load.h"
#include "plugins/acme/order.h"
#include "plugins/lib/task/lease.h"

struct acme_attempt {
    struct acme_certificate *certificate;
    struct task *task;
    struct lease lease;
    struct acme_client client; /* client.failure: why it failed */
    struct acme_order order;   /* order.outcome: how it ended */

    struct acme_stored stored; /* read under the lease */
    bool must_order;           /* set by acme_issuance_prepare() */
    json_t *state;             /* to store, or NULL; set by acme_issuance_conclude() */

    struct acme_key_pair *pair; /* the result, … */
    char *pem;                  /* … and the same in PEM */
    bool saved;                 /* in the store */
};

/* False: out of memory, or no thread can be created. */
bool acme_attempt_begin(struct acme_certificate *certificate);
/* Ends it at once and releases its lease. NULL is allowed. */
void acme_attempt_cancel(struct acme_attempt *attempt);

/* ---- issuance.c: called by an attempt, in the worker's thread ---- */

/* Adopts newer data from the store, and decides whether and where to order. `arg` is the attempt. */
void acme_issuance_prepare(void *arg);
/* At the end: plans the next attempt, and sets the state to store before the lease is released. */
void acme_issuance_conclude(void *arg);

#endif
