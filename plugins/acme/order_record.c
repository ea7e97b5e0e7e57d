/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * What the store holds of an order while it goes on: its key and, once there is one, its URL; so that a process that is
 * killed loses neither.
 */
#include "plugins/acme/order_parts.h"

#include <stdlib.h>

static json_t *wishes_of(const struct acme_order *order)
{
    return acme_options_wishes(order->ca->config, order->ca->url);
}

void acme_order_save(struct acme_order *order, hg_store_done done)
{
    json_t *record = json_pack("{s:o, s:s, s:s*, s:o}", "wishes", wishes_of(order), "key", order->key_pem, "order",
                               order->url, "names", json_array());

    for (size_t i = 0; i < order->wish.name_count; i++)
        json_array_append_new(json_object_get(record, "names"), json_string(order->wish.names[i]));
    order->writing = acme_vault_put_json(order->vault, ACME_ORDERS, order->wish.id, record, done, order);
    if (!order->writing)
        acme_order_end_memory(order);
}

bool acme_order_is_saved(struct acme_order *order, const struct hg_store_answer *answer)
{
    order->writing = NULL;
    if (answer->status == HG_STORE_OK)
        return true;
    acme_order_end_text(order, answer->status == HG_STORE_CONFLICT ? ACME_LOST : ACME_NOT_STORED,
                        "the store cannot be written", answer->error);
    return false;
}

static void ignore(void *arg, const struct hg_store_answer *answer)
{
    (void)arg;
    (void)answer; /* a record that stays is looked at by the next attempt */
}

void acme_order_forget(struct acme_order *order)
{
    order->finalized = false;
    acme_vault_remove(order->vault, ACME_ORDERS, order->wish.id, ignore, NULL);
}

/* ---- Taking up ---- */

static bool is_about(const json_t *record, const struct acme_order *order)
{
    const json_t *names = json_object_get(record, "names");
    json_t *wishes = wishes_of(order);
    const bool same = json_equal(json_object_get(record, "wishes"), wishes);

    json_decref(wishes);
    if (!same || json_array_size(names) != order->wish.name_count)
        return false;
    for (size_t i = 0; i < order->wish.name_count; i++) {
        const char *name = json_string_value(json_array_get(names, i));

        if (!name || strcmp(name, order->wish.names[i]) != 0)
            return false;
    }
    return true;
}

/* Not an order that has led to what is renewed: the record was to be removed when the process was killed. */
void acme_order_take_up(struct acme_order *order, const json_t *record)
{
    const char *pem = json_string_value(json_object_get(record, "key"));
    const char *url = json_string_value(json_object_get(record, "order"));
    gnutls_x509_privkey_t key = pem && is_about(record, order) ? acme_key_read(hg_text(pem)) : NULL;

    if (!key)
        return;
    if (order->wish.before && acme_pair_has_key(order->wish.before, key)) {
        acme_key_free(key);
        return;
    }
    order->key = key;
    order->key_pem = strdup(pem);
    if (!order->key_pem || !url)
        return;
    order->url = strdup(url);
    order->resumed = order->finalized = true;
    hg_log(order->ca->worker->instance, HG_LOG_INFO, "%s: the order %s is taken up again", order->wish.names[0], url);
}
