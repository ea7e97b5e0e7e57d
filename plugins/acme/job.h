/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A certificate that is kept: what is served for it, and when something is to be done next.
 */
#ifndef ACME_JOB_H
#define ACME_JOB_H

#include "plugins/acme/ari.h"
#include "plugins/acme/attempt.h"
#include "plugins/acme/clock.h"
#include "plugins/acme/demand.h"
#include "plugins/acme/name.h"
#include "plugins/acme/pair.h"

struct acme_agent;

/* A handshake that waits for it. */
struct hg_certificate_lookup {
    struct acme_agent *agent;
    struct acme_job *job;
    struct hg_certificate_lookup *next, **place; /* in job->lookups */
    hg_certificate_done done;
    void *arg;
    struct hg_timer *timer;
};

struct acme_job {
    struct acme_agent *agent;
    struct acme_job *next;
    char *id; /* the first name */
    char **names;
    size_t name_count;
    bool on_demand;
    bool loaded; /* what the store holds of it is known */

    struct acme_pair *pair;        /* NULL: there is none yet */
    json_t *wishes;                /* it was obtained with these; NULL: not known */
    struct acme_pair *placeholder; /* self-signed, made when first needed */
    struct acme_ari *ari;          /* made when this process orders and there is a pair */
    char *unsaved;                 /* key and chain of `pair`, if the store did not take them yet */
    struct hg_certificate_lookup *lookups;
    time_t warned; /* that it expires; 0: not yet */
    struct {
        uint64_t *not_after, *next_try, *failures; /* NULL: it is on demand */
    } figures;

    /* Remembered by the store. */
    time_t renew_at;   /* of `pair`: chosen once */
    time_t due;        /* of the next attempt; 0: none is planned */
    time_t last_try;   /* 0: none yet */
    unsigned failures; /* in a row */
    char *last_error;
    enum acme_challenge_type worked;           /* the last one that has; ACME_CHALLENGE_TYPES: not known */
    bool renew_now;                            /* revoked, or somebody wants it: whatever the time */
    time_t paused_until[ACME_AUTHORITIES_MAX]; /* by each authority, for this certificate alone */
    bool revoked;                              /* what the store holds was */
    bool hurried; /* the pair before this one was renewed since the authority wanted it at once */

    /* The attempt that goes on. */
    struct acme_attempt *attempt;
    struct hg_store_request *reading; /* at the start */
    unsigned authority;               /* the one that is tried next */
    unsigned resumptions;             /* of an order that was finalized there, one after the other */
    unsigned again;                   /* attempts at once, one after the other */
    unsigned preference;
    bool unproved; /* an authority has looked at a challenge in vain, since `preference` was changed */
    bool trying;
    hg_time began; /* then */

    /* On demand. */
    struct https_call *asking;           /* for permission */
    bool recalled;                       /* what the store remembers of it was read */
    bool permitted;                      /* the renewal, by what was asked */
    bool used;                           /* by a handshake, since the certificate was issued */
    struct acme_source source;           /* the address that it was wanted from first */
    hg_time vouched;                     /* another node said then that it is served there; 0: never */
    bool requested;                      /* another node waits for it: delegate.c */
    struct hg_store_request *delegating; /* the node that orders is asked */
    bool delegated;                      /* it was, and has not answered yet */
    hg_time delegated_at;
};

/* For canonical names, which are copied. NULL: out of memory. */
struct acme_job *acme_job_new(struct acme_agent *agent, const char *const *names, size_t count, bool on_demand);
void acme_job_free(struct acme_job *job);

/* What the store remembers of it: from and to JSON. */
json_t *acme_job_state(const struct acme_job *job);
void acme_job_recall(struct acme_job *job, const json_t *state);
void acme_job_remember(struct acme_job *job);

/* Takes `pair`, a reference, for what is served from now on. The one before is not to be saved any more. */
void acme_job_take(struct acme_job *job, struct acme_pair *pair);

/* Sets `error`, a copy; NULL: none. */
void acme_job_set_error(struct acme_job *job, const char *error);

/* Whether there is a certificate to be served: on demand an expired one is none, so that it is wanted anew. */
bool acme_job_is_served(const struct acme_job *job);

/* Whether a pair that was found in the store should be served instead of the one that is not stored yet: it is valid
 * and newer, so somebody else has obtained it since. */
bool acme_job_is_outdated(const struct acme_job *job, const struct acme_pair *found);

/* The authority that has issued `pair`; NULL: it is not in the config any more. */
struct acme_authority *acme_job_issuer(const struct acme_job *job);

/* When something is to be done; 0: nothing. */
time_t acme_job_due(const struct acme_job *job);

/* Until when an authority wants to be left alone with it, perhaps with all. */
time_t acme_job_paused_until(const struct acme_job *job, unsigned authority);

#endif
