/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * One order at a certificate authority, from the account to the certificate (RFC 8555 section 7.4), as sequential code
 * of a task.
 *
 * What an order has reached is stored before its next effect: the key before anything is ordered (which also shows that
 * the store can be written), the order's URL before anything is proved. So whenever the process dies, the next attempt
 * finds the order by its URL and continues it with the same key; nothing is issued twice.
 */
#ifndef ACME_ORDER_H
#define ACME_ORDER_H

#include "plugins/acme/challenge.h"
#include "plugins/acme/client.h"
#include "plugins/acme/key_pair.h"
#include "plugins/acme/store.h"

struct acme_certificate;

/* How an attempt ended. */
enum acme_outcome {
    ACME_ISSUED,     /* or saved; perhaps it could not be stored */
    ACME_FAILED,     /* try again later, perhaps at another authority */
    ACME_AGAIN,      /* try again at once: the cause has been removed */
    ACME_LIMITED,    /* not before failure.retry_after seconds */
    ACME_REJECTED,   /* the authority refuses these names: try daily */
    ACME_NOT_STORED, /* nothing was ordered: the store cannot be written or read */
    ACME_LOST,       /* the lease was lost; the certificate may be there, but could not be stored */
    ACME_BUSY,       /* another gateway has the lease */
    ACME_DECLINED,   /* there was nothing to order */
};

struct acme_order {
    struct acme_client *client; /* client->failure says why an order has failed */
    struct store *store;        /* under the lease of the certificate */
    const struct acme_certificate *certificate;
    hg_time deadline, pause;
    bool with_replaces, with_profile;
    bool resumed;   /* its URL is from an earlier attempt */
    bool finalized; /* the authority may still issue; as far as is known: an answer may have been lost */
    enum acme_challenge_type worked; /* for its names; ACME_CHALLENGE_TYPES: none was needed, or none did */
    enum acme_outcome outcome;       /* of the attempt */
    gnutls_x509_privkey_t key;
    char *key_pem, *url, *finalize_url, *certificate_url;
};

/* The authority is known: starts the clock. */
void acme_order_begin(struct acme_order *order);
void acme_order_end(struct acme_order *order);

/* Places the order, or continues the one of an earlier attempt. True: `pair` and `pem`, key and chain, are the
 * caller's. False: order->outcome. */
bool acme_order_obtain(struct acme_order *order, struct acme_key_pair **pair, char **pem);
/* Removes it from the store: it cannot lead to a certificate, or is no longer needed. */
void acme_order_forget(struct acme_order *order);

/* ---- For authorization.c ---- */

/* Waits before something is looked at again: a pause that grows each time, or that the authority tells (`retry_after`
 * seconds). False: that would be after the deadline. */
bool acme_order_wait(struct acme_order *order, int64_t retry_after);

/* authorization.c: proves to the authority that the names of the order lead here (RFC 8555 section 7.5): presents a
 * challenge for each of these URLs, tells the authority, waits until all are valid, and withdraws the challenges. */
bool acme_authorize(struct acme_order *order, const json_t *urls);

#endif
