/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A certificate: the pair in use, its state, and the attempt in progress.
 */
#ifndef ACME_CERTIFICATE_H
#define ACME_CERTIFICATE_H

#include "plugins/acme/ari.h"
#include "plugins/acme/challenge.h"
#include "plugins/acme/clock.h"
#include "plugins/acme/key_pair.h"
#include "plugins/acme/name.h"
#include "plugins/acme/on_demand.h"
#include "plugins/acme/options.h"

struct acme_attempt;
struct acme_manager;

/* A handshake that waits for a certificate. */
struct hg_certificate_lookup {
    struct acme_certificate *certificate;
    struct hg_certificate_lookup *next, **place; /* in certificate->lookups */
    hg_certificate_done done;
    void *arg;
    struct hg_timer *timer;
};

struct acme_certificate {
    struct acme_manager *manager;
    struct acme_certificate *next;
    const char *id; /* the first name */
    const char **names;
    size_t name_count;
    bool on_demand;

    bool loaded;                         /* from the store, at least once */
    bool is_queued, reading, read_again; /* to be read; being read; to be read after the attempt */

    struct acme_key_pair *pair;         /* in use; NULL: none yet */
    struct hg_certificate *placeholder; /* self-signed, created when first needed */
    char *unsaved;                      /* `pair` in PEM if it could not be stored yet */
    time_t ask_ari_at;                  /* when to ask the authority about `pair` */
    struct hg_certificate_lookup *lookups;
    time_t warned; /* when its expiry was logged last; 0: not yet */
    struct {
        uint64_t *not_after, *next_try, *failures; /* NULL: on demand */
    } metrics;

    /* The state, which is also in the store. */
    json_t *options;   /* with which `pair` was obtained; NULL: unknown */
    time_t renew_at;   /* when to renew `pair`: chosen once */
    time_t due;        /* the next attempt; 0: none is planned */
    time_t last_try;   /* 0: none yet */
    unsigned failures; /* in a row */
    char *last_error;
    enum acme_challenge_type worked;           /* the last one that did; ACME_CHALLENGE_TYPES: unknown */
    time_t paused_until[ACME_AUTHORITIES_MAX]; /* by each authority, for this certificate only */
    unsigned authority;                        /* to try next */
    unsigned resumptions;                      /* of a finalized order there, in a row */
    bool hurried;                              /* the authority's last suggestion was immediate renewal */

    bool renew_now;   /* its options were changed, it is damaged, or an operator requested it */
    bool revoked;     /* `pair` is */
    bool changed;     /* the state is newer than the one in the store */
    uint64_t request; /* the revision of an operator's request to renew it; 0: none */

    struct acme_attempt *attempt;
    hg_time began;                 /* the attempt */
    time_t busy_since, busy_until; /* another gateway is ordering it; when to try again */
    unsigned again;                /* immediate attempts in a row */
    unsigned preference;           /* rotates the challenge types */
    bool challenge_failed;         /* since `preference` was changed */

    /* On demand. */
    struct https_call *asking; /* the query for permission */
    bool permitted;            /* by its answer */
    bool used;                 /* by a handshake, since it was issued */
    struct acme_source source; /* of the first handshake */
};

/* Copies the names in canonical form. NULL: out of memory. */
struct acme_certificate *acme_certificate_new(struct acme_manager *manager, const char *const *names, size_t count,
                                              bool on_demand);
void acme_certificate_free(struct acme_certificate *certificate);

/* These three take over the reference `pair`. Uses the pair that is in the store, if it is another one and for the
 * certificate's names. */
void acme_certificate_take(struct acme_certificate *certificate, struct acme_key_pair *pair);
/* Uses the previous pair until there is a new one, as the stored one is damaged. NULL is allowed. */
void acme_certificate_take_previous(struct acme_certificate *certificate, struct acme_key_pair *pair);
/* Uses `pair` from now on. */
void acme_certificate_serve(struct acme_certificate *certificate, struct acme_key_pair *pair);

/* The state as stored. */
json_t *acme_certificate_state(const struct acme_certificate *certificate);
/* Adopts the newer parts of a stored state. */
void acme_certificate_recall(struct acme_certificate *certificate, const json_t *state);
/* Whether a stored state belongs to this pair. */
bool acme_certificate_is_state_of(const json_t *state, const struct acme_key_pair *pair);
/* NULL: no error. */
void acme_certificate_set_error(struct acme_certificate *certificate, const char *error);
/* Logs a line that starts with the certificate's id. */
void acme_log(const struct acme_certificate *certificate, enum hg_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Whether there is a certificate to serve. One on demand that has expired is not served but ordered again. */
bool acme_certificate_is_served(const struct acme_certificate *certificate);
/* The authority that issued `pair`; NULL: it is no longer in the config. */
struct acme_authority *acme_certificate_issuer(const struct acme_certificate *certificate);

/* ---- lookup.c: handshakes ---- */

struct hg_certificate *acme_lookup(struct acme_manager *manager, const struct hg_certificate_query *query,
                                   hg_certificate_done done, void *arg, struct hg_certificate_lookup **later);
void acme_lookup_cancel(struct hg_certificate_lookup *lookup);
/* Lets waiting handshakes continue with the current certificate, if any. */
void acme_lookup_wake(struct acme_certificate *certificate);
/* Does so unless a better certificate may be available soon. */
void acme_lookup_settle(struct acme_certificate *certificate);

#endif
