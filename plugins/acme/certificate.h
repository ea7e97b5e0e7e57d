/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * One certificate that is kept: what is served for it, what the store remembers of it, and the attempt in flight.
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

/* A handshake that waits for it. */
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
    char *id; /* the first name */
    char **names;
    size_t name_count;
    bool on_demand;

    bool loaded;                         /* from the store, at least once */
    bool is_queued, reading, read_again; /* it will be read, is being read, is to be read after the attempt */

    struct acme_key_pair *pair;         /* NULL: there is none yet */
    struct hg_certificate *placeholder; /* self-signed, made when first needed */
    char *unsaved;                      /* key and chain of `pair`, if the store did not take them yet */
    time_t ask_ari_at;                  /* when the authority is asked about `pair` */
    struct hg_certificate_lookup *lookups;
    time_t warned; /* that it expires; 0: not yet */
    struct {
        uint64_t *not_after, *next_try, *failures; /* NULL: it is on demand */
    } metrics;

    /* The state, which the store remembers. */
    json_t *wanted;    /* the options that `pair` was obtained with; NULL: not known */
    time_t renew_at;   /* of `pair`: chosen once */
    time_t due;        /* of the next attempt; 0: none is planned */
    time_t last_try;   /* 0: none yet */
    unsigned failures; /* in a row */
    char *last_error;
    enum acme_challenge_type worked;           /* the last one that has; ACME_CHALLENGE_TYPES: not known */
    time_t paused_until[ACME_AUTHORITIES_MAX]; /* by each authority, for this certificate alone */
    unsigned authority;                        /* the one that is tried next */
    unsigned resumptions;                      /* of an order that was finalized there, one after the other */
    bool hurried; /* the pair before this one was renewed since the authority wanted it at once */

    bool renew_now;   /* whatever the time: its options were changed, it is damaged, or an operator wants it */
    bool revoked;     /* `pair` is */
    bool changed;     /* the state, and the store does not know yet */
    uint64_t request; /* the revision of an operator's request to renew it; 0: there is none */

    /* The attempt in flight. */
    struct acme_attempt *attempt;
    hg_time began;
    time_t busy_since, busy_until; /* another gateway orders it: it is tried again then */
    unsigned again;                /* attempts at once, one after the other */
    unsigned preference;           /* rotates the types of challenge */
    bool unproved;                 /* an authority has looked at a challenge in vain, since `preference` was changed */

    /* On demand. */
    struct https_call *asking; /* for permission */
    bool permitted;            /* by what was asked */
    bool used;                 /* by a handshake, since it was issued */
    struct acme_source source; /* the address that it was wanted from first */
};

/* For canonical names, which are copied. NULL: out of memory. */
struct acme_certificate *acme_certificate_new(struct acme_manager *manager, const char *const *names, size_t count,
                                              bool on_demand);
void acme_certificate_free(struct acme_certificate *certificate);

/* Serves `pair`, a reference, which the store holds, if it is another one and for its names. True: it does. */
bool acme_certificate_take(struct acme_certificate *certificate, struct acme_key_pair *pair);
/* Serves the pair that was replaced by one which is damaged now, a reference or NULL, until there is a new one. */
void acme_certificate_take_previous(struct acme_certificate *certificate, struct acme_key_pair *pair);
/* Serves `pair`, a reference, from now on. */
void acme_certificate_serve(struct acme_certificate *certificate, struct acme_key_pair *pair);

/* Its state, to and from what the store remembers. What is newer here stays. */
json_t *acme_certificate_state(const struct acme_certificate *certificate);
void acme_certificate_recall(struct acme_certificate *certificate, const json_t *state);
/* Whether a state from the store is of that pair. */
bool acme_certificate_is_state_of(const json_t *state, const struct acme_key_pair *pair);
/* Sets `error`, a copy; NULL: none. */
void acme_certificate_set_error(struct acme_certificate *certificate, const char *error);

/* Whether there is one to be served: on demand an expired one is none, so that it is wanted anew. */
bool acme_certificate_is_served(const struct acme_certificate *certificate);
/* The authority that has issued `pair`; NULL: it is not in the config any more. */
struct acme_authority *acme_certificate_issuer(const struct acme_certificate *certificate);

/* ---- lookup.c: handshakes ---- */

struct hg_certificate *acme_lookup(struct acme_manager *manager, const struct hg_certificate_query *query,
                                   hg_certificate_done done, void *arg, struct hg_certificate_lookup **later);
void acme_lookup_cancel(struct hg_certificate_lookup *lookup);
/* Everything that the handshakes waiting for it can be told is told. */
void acme_lookup_wake(struct acme_certificate *certificate);
/* The same, unless something better may come soon. */
void acme_lookup_settle(struct acme_certificate *certificate);

#endif
