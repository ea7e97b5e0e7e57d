/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/quota.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#define HOUR 3600
/* Orders per hour that one source may cause. */
#define PER_SOURCE 10

struct acme_source acme_source_of(struct hg_text peer)
{
    const char *colon = peer.size ? memrchr(peer.data, ':', peer.size) : NULL;
    const size_t size = colon ? (size_t)(colon - peer.data) : peer.size;
    struct acme_source source;
    struct in6_addr address;

    snprintf(source.text, sizeof source.text, "%.*s", (int)size, peer.data);
    if (source.text[0] != '[' || !strchr(source.text, ']'))
        return source;
    *strchr(source.text, ']') = 0;
    if (inet_pton(AF_INET6, source.text + 1, &address) == 1) {
        memset(address.s6_addr + 8, 0, 8);
        inet_ntop(AF_INET6, &address, source.text, sizeof source.text);
    }
    return source;
}

/* Forgets orders that are more than an hour old. One from the future was counted when the clock was fast: it counts as
 * of now. */
static void move_on(struct acme_quota *quota, time_t now)
{
    size_t kept = 0;

    for (size_t i = 0; i < quota->count; i++) {
        struct acme_quota_order order = quota->orders[i];

        order.at = order.at < now ? order.at : now;
        if (order.at > now - HOUR)
            quota->orders[kept++] = order;
    }
    quota->count = kept;
}

static bool add_order(struct acme_quota *quota, const char *source, time_t at)
{
    struct acme_quota_order *orders = realloc(quota->orders, (quota->count + 1) * sizeof *orders);

    if (!orders)
        return false;
    quota->orders = orders;
    orders += quota->count++;
    orders->at = at;
    snprintf(orders->source.text, sizeof orders->source.text, "%s", source);
    return true;
}

const char *acme_quota_count(struct acme_quota *quota, int64_t most, const struct acme_source *source, time_t now)
{
    int64_t same = 0;

    move_on(quota, now);
    if ((int64_t)quota->count >= most)
        return "too many on-demand orders in an hour (on_demand_per_hour)";
    for (size_t i = 0; i < quota->count; i++)
        same += !strcmp(quota->orders[i].source.text, source->text);
    if (same >= PER_SOURCE)
        return "too many on-demand orders in an hour for one address";
    return add_order(quota, source->text, now) ? NULL : "out of memory";
}

json_t *acme_quota_state(const struct acme_quota *quota)
{
    json_t *orders = json_array();

    for (size_t i = 0; i < quota->count; i++)
        json_array_append_new(orders, json_pack("{s:I, s:s}", "at", (json_int_t)quota->orders[i].at, "source",
                                                quota->orders[i].source.text));
    return json_pack("{s:o}", "orders", orders);
}

/* Replaces our counts, since another gateway has counted more. */
void acme_quota_recall(struct acme_quota *quota, const json_t *state)
{
    const json_t *orders = json_object_get(state, "orders");

    quota->count = 0;
    for (size_t i = 0; i < json_array_size(orders); i++) {
        const json_t *order = json_array_get(orders, i);
        const char *source = json_string_value(json_object_get(order, "source"));

        if (source)
            add_order(quota, source, (time_t)json_integer_value(json_object_get(order, "at")));
    }
}
