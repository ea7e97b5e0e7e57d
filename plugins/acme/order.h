/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * One order at a certificate authority, from the account to the certificate in the store (RFC 8555 section 7.4).
 *
 * What an order has reached stands in the store before its next effect: the key before anything is ordered (which also
 * shows that the store can be written), the order's URL before anything is proved. So whenever the process dies, the
 * next one looks at the order by its URL and goes on with the same key; nothing is issued twice.
 */
#ifndef ACME_ORDER_H
#define ACME_ORDER_H

#include "plugins/acme/account.h"
#include "plugins/acme/challenge.h"
#include "plugins/acme/pair.h"

/* What is wanted. What it points to lives as long as the order. */
struct acme_wish {
    const char *id; /* of the certificate in the store */
    const char *const *names;
    size_t name_count;
    unsigned preference;             /* rotates the types of challenges … */
    enum acme_challenge_type worked; /* … after this one; ACME_CHALLENGE_TYPES: none has worked yet */
    time_t not_before;               /* by the authority's clock; 0: whatever the time */
    const struct acme_pair *before;  /* what is renewed, or NULL */
    bool replaces;                   /* this authority knows it (RFC 9773 section 5) */
    const bool *discard;             /* what the store holds was revoked, perhaps meanwhile: it is not kept */
};

enum acme_outcome {
    ACME_ISSUED,
    ACME_FAILED,     /* try again later, perhaps at another authority */
    ACME_AGAIN,      /* try again at once: what was at fault has been forgotten */
    ACME_LIMITED,    /* not before `retry_after` seconds */
    ACME_EARLY,      /* nothing was ordered, since it is not due by the authority's clock */
    ACME_REJECTED,   /* the authority will not have these names: try daily */
    ACME_NOT_STORED, /* nothing was ordered, since the store cannot be written */
    ACME_LOST,       /* another process has taken over; there may be a pair that could not be stored any more */
};

struct acme_result {
    enum acme_outcome outcome;
    const char *error; /* for a person */
    const char *kind;  /* of the error, one of acme_problem_kind() */
    int64_t retry_after;
    bool of_account;                 /* that pause is meant for all that the account asks for */
    bool of_names;                   /* they were not proved */
    enum acme_challenge_type worked; /* for them; ACME_CHALLENGE_TYPES: none was needed, or none did */
    bool resumable;         /* the authority may still issue: the order was finalized, and can be taken up again */
    struct acme_pair *pair; /* ACME_ISSUED, perhaps ACME_LOST: a reference for the callee */
    char *pem;              /* with `pair` and not stored yet: key and chain, for the callee to free; else NULL */
};

typedef void (*acme_order_ended)(void *arg, const struct acme_result *result);

struct acme_order;

/* Begins, or goes on where `record` (may be NULL), what the store holds of an earlier attempt, has stopped. Never ends
 * within the call. NULL: out of memory. */
struct acme_order *acme_order_begin(struct acme_ca *ca, struct acme_vault *vault, const struct acme_solvers *solvers,
                                    const struct acme_wish *wish, const json_t *record, acme_order_ended ended,
                                    void *arg);
/* Also after it has ended. NULL is allowed. */
void acme_order_free(struct acme_order *order);

#endif
