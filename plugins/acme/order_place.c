/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Asking for an order (RFC 8555 section 7.4).
 */
#include "plugins/acme/clock.h"
#include "plugins/acme/name.h"
#include "plugins/acme/order_parts.h"

#include <stdlib.h>

static void order_saved(void *arg, const struct hg_store_answer *answer)
{
    struct acme_order *order = arg;

    if (acme_order_is_saved(order, answer))
        acme_order_look(order);
}

/* What may be about the order's members rather than its names: they are optional, so without them it is tried again.
 * For `replaces` that is any failure but of the account and of those who have no time: authorities that stumble over it
 * use more words than RFC 9773 section 5 has, or none. What was dropped, or NULL. */
static const char *drop_refused(struct acme_order *order, const struct acme_answer *answer)
{
    if (order->with_profile && !strcmp(answer->type, "invalidProfile")) {
        order->with_profile = false;
        return "profile";
    }
    if (order->with_replaces && answer->status >= 400 && answer->status != 429 && answer->status != 503 &&
        strcmp(answer->type, "accountDoesNotExist") != 0) {
        order->with_replaces = false;
        return "replaces";
    }
    return NULL;
}

static void placed(void *arg, const struct acme_answer *answer)
{
    struct acme_order *order = arg;
    const char *dropped = answer->error ? drop_refused(order, answer) : NULL;

    order->request = NULL;
    if (dropped) {
        hg_log(order->ca->worker->instance, HG_LOG_INFO, "%s: ordered anew without %s, which was refused: %s",
               order->wish.names[0], dropped, answer->error);
        acme_order_place(order);
        return;
    }
    if (answer->error) {
        acme_order_fail(order, "", answer);
        return;
    }
    order->url = acme_answer_location(answer);
    if (order->url)
        acme_order_save(order, order_saved);
    else
        acme_order_end_text(order, ACME_FAILED, "newOrder", "the authority does not tell the order's URL");
}

static bool offers_profile(const struct acme_order *order)
{
    const char *profile = order->ca->config->profile;
    const json_t *profiles = json_object_get(json_object_get(order->ca->directory, "meta"), "profiles");

    if (!profile || !order->with_profile)
        return false;
    if (json_object_get(profiles, profile))
        return true;
    hg_log(order->ca->worker->instance, HG_LOG_WARNING, "%s: the authority has no profile \"%s\": its default is used",
           order->wish.names[0], profile);
    return false;
}

static json_t *identifiers(const struct acme_order *order)
{
    json_t *list = json_array();

    for (size_t i = 0; i < order->wish.name_count; i++) {
        const char *name = order->wish.names[i];
        const bool address = acme_name_kind(hg_text(name)) == ACME_NAME_ADDRESS;

        json_array_append_new(list, json_pack("{s:s, s:s}", "type", address ? "ip" : "dns", "value", name));
    }
    return list;
}

static void place(struct acme_order *order)
{
    json_t *payload = json_pack("{s:o}", "identifiers", identifiers(order));
    char *text;

    if (offers_profile(order))
        json_object_set_new(payload, "profile", json_string(order->ca->config->profile));
    if (order->with_replaces && acme_ca_resource(order->ca, "renewalInfo"))
        json_object_set_new(payload, "replaces", json_string(order->wish.before->ari_id));
    text = payload ? json_dumps(payload, JSON_COMPACT) : NULL;
    if (text)
        order->request =
            acme_ca_ask(order->ca, &(struct acme_query){.resource = "newOrder", .payload = text}, placed, order);
    json_decref(payload);
    free(text);
    if (!order->request)
        acme_order_end_memory(order);
}

static void on_directory(void *arg, const struct acme_answer *answer)
{
    struct acme_order *order = arg;

    order->request = NULL;
    if (answer->error)
        acme_order_fail(order, "", answer);
    else if (order->wish.not_before > acme_clock() - order->ca->ahead)
        acme_order_end(order, ACME_EARLY);
    else
        place(order);
}

/* What can be ordered stands in the directory; and when it is asked now, the authority says what time it is. */
void acme_order_place(struct acme_order *order)
{
    if (order->wish.not_before)
        acme_ca_forget_directory(order->ca);
    order->request = acme_ca_read_directory(order->ca, on_directory, order);
    if (!order->request)
        acme_order_end_memory(order);
}
