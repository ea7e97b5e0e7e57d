/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * An order at a certificate authority (RFC 8555 section 7.4), run in a task.
 *
 * The key is stored before anything is ordered (which also shows that the store can be written), and the order's URL
 * before any challenge is answered. So if the process dies, the next attempt continues the order with the same key, and
 * nothing is issued twice.
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
    ACME_ISSUED,     /* perhaps not stored yet; or issued earlier and stored now */
    ACME_FAILED,     /* try again later, perhaps at another authority */
    ACME_AGAIN,      /* try again at once: the cause was removed */
    ACME_LIMITED,    /* try again after failure.retry_after seconds */
    ACME_REJECTED,   /* the authority rejects these names: try daily */
    ACME_NOT_STORED, /* nothing was ordered: the store cannot be read or written */
    ACME_LOST,       /* the lease was lost; perhaps issued, but not stored */
    ACME_BUSY,       /* another gateway has the lease */
    ACME_DECLINED,   /* there was nothing to order */
};

struct acme_order {
    struct acme_client *client;
    struct store *store; /* with the lease of the certificate */
    const struct acme_certificate *certificate;
    hg_time deadline, pause;
    hg_time delay; /* until other gateways present the challenges */
    bool with_replaces, with_profile;
    bool resumed;                    /* it was placed by an earlier attempt */
    bool finalized;                  /* as far as we know, the authority may still issue */
    enum acme_challenge_type worked; /* ACME_CHALLENGE_TYPES: none was needed, or none worked */
    enum acme_outcome outcome;       /* of the attempt */
    gnutls_x509_privkey_t key;
    char *key_pem, *url, *finalize_url, *certificate_url;
};

/* client->authority is set now. */
void acme_order_begin(struct acme_order *order);
void acme_order_end(struct acme_order *order);

/* Places the order, or continues the one of an earlier attempt. True: sets `pair`, and `pem` with key and chain, both
 * for the caller to free. False: order->outcome and client->failure. */
bool acme_order_obtain(struct acme_order *order, struct acme_key_pair **pair, char **pem);
/* Removes it from the store: it can no longer succeed, or is complete. */
void acme_order_forget(struct acme_order *order);

/* ---- For authorization.c ---- */

/* Waits before polling again: `retry_after` seconds, or if that is 0, a pause that grows each time. False: this would
 * exceed the deadline. */
bool acme_order_wait(struct acme_order *order, int64_t retry_after);

/* authorization.c: completes the authorizations with these URLs (RFC 8555 section 7.5): presents challenges, responds
 * to them, waits until the authority has validated all, and withdraws the challenges. */
bool acme_authorize(struct acme_order *order, const json_t *urls);

#endif
