/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * An order as the authority says that it stands (RFC 8555 section 7.1.6): authorized, finalized, waited for.
 */
#include "plugins/acme/order_parts.h"

#include <stdio.h>
#include <stdlib.h>

static void finalize(struct acme_order *order);

static void authorized(void *arg, const struct acme_answer *failure)
{
    struct acme_order *order = arg;

    if (!failure) {
        order->worked = acme_authorizations_worked(order->authorizations);
        acme_order_look(order);
        return;
    }
    if (acme_order_is_refusal(failure))
        acme_order_forget(order); /* the order has become invalid with its authorization */
    acme_order_fail(order, "", failure);
}

static void authorize(struct acme_order *order, const json_t *json)
{
    acme_authorizations_free(order->authorizations);
    order->authorizations =
        acme_authorize(order->ca, order->vault, order->solvers, json_object_get(json, "authorizations"),
                       order->wish.preference, order->wish.worked, order->deadline, authorized, order);
    if (!order->authorizations)
        acme_order_end_memory(order);
}

static bool take_url(char **url, const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));

    if (!text)
        return *url;
    free(*url);
    *url = strdup(text);
    return *url;
}

static void fail_invalid(struct acme_order *order, const json_t *json, const char *status)
{
    const json_t *error = json_object_get(json, "error");
    char text[1024];

    snprintf(text, sizeof text, "the order is %s", status);
    if (json_is_object(error))
        acme_problem_print(error, text, sizeof text);
    acme_order_forget(order);
    if (order->resumed)
        acme_order_end_text(order, ACME_AGAIN, "an order of an earlier attempt", text);
    else
        acme_order_fail(
            order, "",
            &(struct acme_answer){.error = text, .type = acme_problem_type(error), .status = 403, .of_names = true});
}

static void await(struct acme_order *order, int64_t retry_after)
{
    if (!acme_pace_wait(&order->pace, order->ca->worker, retry_after, order->deadline))
        acme_order_end_text(order, ACME_FAILED, "",
                            "the authority has not issued in time; it is looked at again later");
}

static void proceed(struct acme_order *order, const json_t *json, int64_t retry_after)
{
    const char *status = json_string_value(json_object_get(json, "status"));

    if (status)
        order->finalized = !strcmp(status, "processing") || !strcmp(status, "valid");
    if (!status || !take_url(&order->finalize_url, json, "finalize")) {
        acme_order_end_text(order, ACME_FAILED, order->url, "not an order");
    } else if (!strcmp(status, "pending")) {
        if (order->authorizations)
            await(order, retry_after); /* all are valid, it will be ready in a moment */
        else
            authorize(order, json);
    } else if (!strcmp(status, "ready")) {
        finalize(order);
    } else if (!strcmp(status, "processing")) {
        await(order, retry_after);
    } else if (!strcmp(status, "valid") && take_url(&order->certificate_url, json, "certificate")) {
        acme_order_fetch(order);
    } else {
        fail_invalid(order, json, status);
    }
}

static void on_look(void *arg, const struct acme_answer *answer)
{
    struct acme_order *order = arg;

    order->request = NULL;
    if (!answer->error) {
        proceed(order, answer->json, answer->retry_after);
        return;
    }
    if (acme_order_is_refusal(answer) && order->resumed) {
        acme_order_forget(order);
        acme_order_end_text(order, ACME_AGAIN, "the order of an earlier attempt is gone", answer->error);
        return;
    }
    acme_order_fail(order, "order", answer);
}

void acme_order_look(struct acme_order *order)
{
    order->request = acme_ca_ask(order->ca, &(struct acme_query){.url = order->url}, on_look, order);
    if (!order->request)
        acme_order_end_memory(order);
}

static void finalized(void *arg, const struct acme_answer *answer)
{
    struct acme_order *order = arg;

    order->request = NULL;
    if (!answer->error) {
        proceed(order, answer->json, answer->retry_after);
        return;
    }
    if (!strcmp(answer->type, "orderNotReady")) {
        await(order, answer->retry_after); /* it was finalized already, or is not ready yet after all */
        return;
    }
    if (answer->status == 429 || answer->status == 503)
        order->finalized = false;
    if (acme_order_is_refusal(answer))
        acme_order_forget(order); /* it remains "ready" (RFC 8555 section 7.4), and would be refused again */
    acme_order_fail(order, "finalize", answer);
}

static void finalize(struct acme_order *order)
{
    char *request = acme_key_request(order->key, order->wish.names, order->wish.name_count);
    char *payload = NULL;

    acme_authorizations_free(order->authorizations);
    order->authorizations = NULL;
    if (request && asprintf(&payload, "{\"csr\":\"%s\"}", request) < 0)
        payload = NULL;
    if (payload)
        order->request = acme_ca_ask(order->ca, &(struct acme_query){.url = order->finalize_url, .payload = payload},
                                     finalized, order);
    order->finalized = true;
    free(request);
    free(payload);
    if (!order->request)
        acme_order_end_memory(order);
}
