/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * An order from the account to its end: its life, and what has to be there before it is placed.
 */
#include "plugins/acme/order_parts.h"

#include <stdlib.h>

/* How long the authority may take for one order. */
#define ATTEMPT_TIMEOUT (600 * HG_SECOND)

/* ---- Account and key: what comes before an order ---- */

static void key_saved(void *arg, const struct hg_store_answer *answer)
{
    struct acme_order *order = arg;

    if (acme_order_is_saved(order, answer))
        acme_order_place(order);
}

static void key_made(void *arg, gnutls_x509_privkey_t key)
{
    struct acme_order *order = arg;

    order->keymaker = NULL;
    order->key = key;
    order->key_pem = key ? acme_key_pem(key) : NULL;
    if (order->key_pem)
        acme_order_save(order, key_saved);
    else
        acme_order_end_text(order, ACME_FAILED, "", "no key can be made");
}

static void account_ready(void *arg, const struct acme_answer *failure)
{
    struct acme_order *order = arg;

    if (failure) {
        acme_order_fail(order, "account", failure);
    } else if (order->url) {
        acme_order_look(order);
    } else if (order->key) {
        acme_order_save(order, key_saved);
    } else {
        order->keymaker =
            acme_keymaker_begin(order->ca->worker, (enum acme_key_type)order->ca->config->key_type, key_made, order);
        if (!order->keymaker)
            acme_order_end_memory(order);
    }
}

/* ---- Life ---- */

static void begin(void *arg)
{
    struct acme_order *order = arg;

    if (!order->waiter.ready)
        acme_account_await(order->ca->account, &order->waiter, account_ready, order);
    else
        acme_order_look(order);
}

struct acme_order *acme_order_begin(struct acme_ca *ca, struct acme_vault *vault, const struct acme_solvers *solvers,
                                    const struct acme_wish *wish, const json_t *record, acme_order_ended ended,
                                    void *arg)
{
    struct acme_order *order = calloc(1, sizeof *order);

    if (!order)
        return NULL;
    order->ca = ca;
    order->vault = vault;
    order->solvers = solvers;
    order->wish = *wish;
    order->with_replaces = wish->replaces && wish->before->ari_id;
    order->with_profile = true;
    order->worked = ACME_CHALLENGE_TYPES;
    order->ended = ended;
    order->arg = arg;
    order->deadline = hg_now(ca->worker) + ATTEMPT_TIMEOUT;
    if (!acme_pace_init(&order->pace, ca->worker, begin, order)) {
        free(order);
        return NULL;
    }
    if (record)
        acme_order_take_up(order, record);
    acme_pace_soon(&order->pace, ca->worker);
    return order;
}

void acme_order_free(struct acme_order *order)
{
    if (!order)
        return;
    acme_request_cancel(order->request);
    acme_vault_cancel(order->vault, order->writing);
    acme_account_forsake(&order->waiter);
    acme_keymaker_cancel(order->keymaker);
    acme_authorizations_free(order->authorizations);
    acme_download_free(order->download);
    acme_installation_free(order->installation);
    acme_pace_end(&order->pace, order->ca->worker);
    acme_key_free(order->key);
    acme_secret_free(order->key_pem);
    acme_secret_free(order->pem);
    acme_pair_unref(order->pair);
    free(order->url);
    free(order->finalize_url);
    free(order->certificate_url);
    free(order);
}
