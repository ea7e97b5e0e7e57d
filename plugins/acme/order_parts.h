/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * An order from within: what the files order*.c share. Each step ends by beginning the next one, or the order.
 */
#ifndef ACME_ORDER_PARTS_H
#define ACME_ORDER_PARTS_H

#include "plugins/acme/authorize.h"
#include "plugins/acme/download.h"
#include "plugins/acme/installation.h"
#include "plugins/acme/key.h"
#include "plugins/acme/keymaker.h"
#include "plugins/acme/order.h"
#include "plugins/acme/pace.h"

struct acme_order {
    struct acme_ca *ca;
    struct acme_vault *vault;
    const struct acme_solvers *solvers;
    struct acme_wish wish;
    acme_order_ended ended;
    void *arg;
    hg_time deadline;
    bool with_replaces, with_profile;
    enum acme_challenge_type worked;
    bool resumed;   /* the order's URL is from an earlier attempt */
    bool finalized; /* as far as is known: an answer may have been lost */

    /* What goes on, at most one of these. */
    struct acme_request *request;
    struct hg_store_request *writing;
    struct acme_account_waiter waiter;
    struct acme_keymaker *keymaker;
    struct acme_authorizations *authorizations;
    struct acme_download *download;
    struct acme_installation *installation;
    struct acme_pace pace;

    gnutls_x509_privkey_t key;
    char *key_pem, *url, *finalize_url, *certificate_url;
    char *pem; /* key and chain, in the end */
    struct acme_pair *pair;
    const char *kind; /* of the error; NULL: it is no answer of the authority */
    char error[1200];
};

/* ---- order_end.c: how it ends ---- */

void acme_order_end(struct acme_order *order, enum acme_outcome outcome);
/* With "WHAT: ERROR" for a person; "" for `what`: nothing. */
void acme_order_end_text(struct acme_order *order, enum acme_outcome outcome, const char *what, const char *error);
void acme_order_end_memory(struct acme_order *order);
/* With what a failed answer means for the next attempt. */
void acme_order_fail(struct acme_order *order, const char *what, const struct acme_answer *answer);
/* It would be refused for ever, in contrast to what is too much or too early. */
bool acme_order_is_refusal(const struct acme_answer *answer);

/* ---- order_record.c: what the store holds of it ---- */

void acme_order_save(struct acme_order *order, hg_store_done done);
/* What became of that; false: the order has ended. */
bool acme_order_is_saved(struct acme_order *order, const struct hg_store_answer *answer);
/* What there was cannot lead to a certificate any more. */
void acme_order_forget(struct acme_order *order);
/* Takes key and URL of an earlier attempt, if `record` is about the same. */
void acme_order_take_up(struct acme_order *order, const json_t *record);

/* ---- order_place.c: newOrder ---- */

void acme_order_place(struct acme_order *order);

/* ---- order_follow.c: from an order's URL to its certificate's ---- */

/* Looks how the authority says that it stands, and goes on from there. */
void acme_order_look(struct acme_order *order);

/* ---- order_fetch.c: the certificate ---- */

/* Downloads it, looks at it, stores it. */
void acme_order_fetch(struct acme_order *order);

#endif
