/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The certificate of an order: downloaded, looked at, stored.
 */
#include "plugins/acme/clock.h"
#include "plugins/acme/order_parts.h"

#include <stdio.h>

static void stored(void *arg, const struct hg_store_answer *answer)
{
    struct acme_order *order = arg;

    if (answer->status == HG_STORE_OK) {
        acme_secret_free(order->pem);
        order->pem = NULL;
        acme_order_forget(order);
    } else {
        snprintf(order->error, sizeof order->error, "the certificate cannot be stored: %s", answer->error);
    }
    acme_order_end(order, answer->status == HG_STORE_CONFLICT ? ACME_LOST : ACME_ISSUED);
}

/* A certificate that is not ours will not become so; one that may be good later is fetched again, not ordered again. */
static bool take_chain(struct acme_order *order, const char *chain)
{
    char why[512];
    bool later;

    if (asprintf(&order->pem, "%s%s", order->key_pem, chain) < 0) {
        order->pem = NULL;
        acme_order_end_memory(order);
        return false;
    }
    order->pair = acme_download_check(hg_text(order->pem), order->wish.names, order->wish.name_count, acme_clock(),
                                      &later, why, sizeof why);
    if (order->pair)
        return true;
    if (!later)
        acme_order_forget(order);
    acme_order_end_text(order, ACME_FAILED, "the certificate that the authority gave", why);
    return false;
}

static void downloaded(void *arg, const struct acme_answer *failure, const char *chain)
{
    struct acme_order *order = arg;

    if (failure) {
        acme_order_fail(order, "download", failure);
        return;
    }
    if (!acme_download_is_chain(chain)) {
        acme_order_end_text(order, ACME_FAILED, "download",
                            "no certificates in PEM; the order is kept and looked at again");
        return;
    }
    if (!take_chain(order, chain))
        return;
    order->installation = acme_install(order->vault, order->wish.id, order->pem, *order->wish.discard, stored, order);
    if (!order->installation)
        acme_order_end(order, ACME_ISSUED);
}

void acme_order_fetch(struct acme_order *order)
{
    order->download = acme_download(order->ca, order->certificate_url, downloaded, order);
    if (!order->download)
        acme_order_end_memory(order);
}
