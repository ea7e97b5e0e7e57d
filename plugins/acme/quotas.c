/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * How many certificates were ordered on demand in the last hour, and by whom. Pure: the time is an argument.
 */
#include "plugins/acme/demand.h"

#include <stdio.h>
#include <stdlib.h>

#define HOUR 3600
/* Orders in an hour that one source may cause. */
#define PER_SOURCE 10

/* Forgets what is older than an hour. What is of the future was counted by a clock that was ahead: it is of now. */
static void move_on(struct acme_quotas *quotas, time_t now)
{
    size_t kept = 0;

    for (size_t i = 0; i < quotas->count; i++) {
        struct acme_quota_order order = quotas->orders[i];

        order.at = order.at < now ? order.at : now;
        if (order.at > now - HOUR)
            quotas->orders[kept++] = order;
    }
    quotas->count = kept;
}

static bool add_order(struct acme_quotas *quotas, const char *source, time_t at)
{
    struct acme_quota_order *orders = realloc(quotas->orders, (quotas->count + 1) * sizeof *orders);

    if (!orders)
        return false;
    quotas->orders = orders;
    orders += quotas->count++;
    orders->at = at;
    snprintf(orders->source.text, sizeof orders->source.text, "%s", source);
    return true;
}

const char *acme_quotas_count(struct acme_quotas *quotas, const struct acme_config *config,
                              const struct acme_source *source, time_t now)
{
    int64_t same = 0;

    move_on(quotas, now);
    if ((int64_t)quotas->count >= config->on_demand_per_hour)
        return "more certificates are wanted in an hour than on_demand_per_hour allows";
    for (size_t i = 0; i < quotas->count; i++)
        same += !strcmp(quotas->orders[i].source.text, source->text);
    if (same >= PER_SOURCE)
        return "an address wants more certificates in an hour than one may";
    return add_order(quotas, source->text, now) ? NULL : "out of memory";
}

json_t *acme_quotas_state(const struct acme_quotas *quotas)
{
    json_t *orders = json_array();

    for (size_t i = 0; i < quotas->count; i++)
        json_array_append_new(orders, json_pack("{s:I, s:s}", "at", (json_int_t)quotas->orders[i].at, "source",
                                                quotas->orders[i].source.text));
    return json_pack("{s:o}", "orders", orders);
}

/* In the place of what was counted here: while another process orders, that counts. */
void acme_quotas_recall(struct acme_quotas *quotas, const json_t *state)
{
    const json_t *orders = json_object_get(state, "orders");

    quotas->count = 0;
    for (size_t i = 0; i < json_array_size(orders); i++) {
        const json_t *order = json_array_get(orders, i);
        const char *source = json_string_value(json_object_get(order, "source"));

        if (source)
            add_order(quotas, source, (time_t)json_integer_value(json_object_get(order, "at")));
    }
}
