/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * One attempt to obtain a certificate (RFC 8555 section 7.4), from its lease to the certificate in the store.
 *
 * What the manager of certificates needs to know: it begins an attempt, is asked once what to order, and is told once
 * how the attempt ended. Everything is called in the worker's thread. An attempt takes the lease of its certificate,
 * so two gateways that share a store never order the same certificate at once; any number of attempts may run side by
 * side. It survives the death of the process at any moment: the next attempt for the same certificate continues the
 * order by what the store holds.
 */
#ifndef ACME_ATTEMPT_H
#define ACME_ATTEMPT_H

#include "plugins/acme/challenge.h"
#include "plugins/acme/key_pair.h"
#include "plugins/acme/store.h"
#include "plugins/lib/http_client/http_client.h"

#include <jansson.h>
#include <time.h>

struct acme_authority;

/* What all attempts of a worker use. It outlives them. */
struct acme_attempts {
    struct hg_worker *worker;
    const struct acme_config *config;
    const struct acme_store *store;
    const struct acme_solvers *solvers;
    struct https *https;
    const char *owner; /* of leases, for people: host name and process id */
};

/* What the store holds of the certificate, read under its lease: another gateway may have been faster. */
struct acme_stored {
    struct acme_key_pair *pair;     /* "certificates", or NULL: there is none, or it is damaged */
    struct acme_key_pair *previous; /* "previous", read only if `pair` is NULL */
    const json_t *state;            /* "states", as the manager returned it last; NULL: none */
};

/* What to order. Texts live as long as the attempt. */
struct acme_wanted {
    struct acme_authority *authority;
    const char *const *names; /* canonical */
    size_t name_count;
    struct acme_key_pair *replaced;  /* what is renewed, or NULL */
    bool replaces;                   /* this authority issued it and is told so (RFC 9773 section 5) */
    time_t not_before;               /* by the authority's clock: earlier, nothing is ordered; 0: whatever the time */
    unsigned preference;             /* rotates the types of challenge, … */
    enum acme_challenge_type worked; /* … this one first; ACME_CHALLENGE_TYPES: none has worked yet */
    const char *unsaved;             /* key and chain that could not be stored before: only save them; NULL: order */
};

enum acme_outcome {
    ACME_ISSUED,
    ACME_FAILED,     /* try again later, perhaps at another authority */
    ACME_AGAIN,      /* try again at once: what was at fault has been forgotten */
    ACME_LIMITED,    /* not before `retry_after` seconds */
    ACME_EARLY,      /* nothing was ordered: it is not due by the authority's clock */
    ACME_REJECTED,   /* the authority refuses these names: try daily */
    ACME_NOT_STORED, /* nothing was ordered: the store cannot be written or read */
    ACME_LOST,       /* the lease was lost; `pair` may be there but could not be stored */
    ACME_BUSY,     /* another gateway has the lease: `error` says which one, `retry_after` when it ends at the latest */
    ACME_DECLINED, /* ready() returned false */
};

struct acme_result {
    enum acme_outcome outcome;
    const char *error; /* for a person */
    const char *kind;  /* of the error, one of acme_problem_kind() */
    int64_t retry_after;
    bool of_account; /* that pause is meant for all that the account asks for, not for this certificate */
    bool of_names;   /* they were not proved */
    enum acme_challenge_type worked; /* for them; ACME_CHALLENGE_TYPES: none was needed, or none did */
    bool resumable;                  /* the authority may still issue: the order was finalized and can be continued */
    struct acme_key_pair *pair;      /* ACME_ISSUED, perhaps ACME_LOST: a reference for the callee */
    char *pem;                       /* with `pair` if it could not be stored: key and chain, for acme_secret_free() */
};

struct acme_attempt_ops {
    /* The lease is held and the store was read. Takes over what is better there (it may take references). True:
     * `wanted` says what to order; false: nothing is ordered now. */
    bool (*ready)(void *arg, const struct acme_stored *stored, struct acme_wanted *wanted);
    /* What is kept is revoked: a new certificate is installed without keeping it as "previous". Asked at the last
     * moment, since it may happen meanwhile. */
    bool (*is_revoked)(void *arg);
    /* How it ended. Returns the state of the certificate, a reference for the callee, which is stored under the lease
     * before that is given back; NULL: it stays as it is, as it must for ACME_BUSY and ACME_LOST. */
    json_t *(*outcome)(void *arg, const struct acme_result *result);
    /* The lease is given back, and the attempt is gone. */
    void (*ended)(void *arg);
};

struct acme_attempt;

/* Begins one. Calls nothing within. NULL: out of memory or no thread can be had. */
struct acme_attempt *acme_attempt_begin(const struct acme_attempts *attempts, const char *id,
                                        const struct acme_attempt_ops *ops, void *arg);
/* Ends it at once and gives its lease back; nothing is called any more. Not from within ready() and the others. NULL is
 * allowed. */
void acme_attempt_cancel(struct acme_attempt *attempt);

#endif
