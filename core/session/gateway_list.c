/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/session/gateway_list.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* The bytes of an IP address literal; their number, or 0 for a name. */
static size_t literal(unsigned char bytes[16], const char *host)
{
    if (inet_pton(AF_INET, host, bytes) == 1)
        return 4;
    return inet_pton(AF_INET6, host, bytes) == 1 ? 16 : 0;
}

/* Names are compared as in DNS (RFC 4343), with or without the root's dot; literals by what they mean. */
static bool is_same_host(const char *one, const char *other)
{
    unsigned char first[16], second[16];
    size_t size = literal(first, one), other_size = literal(second, other);

    if (size || other_size)
        return size == other_size && !memcmp(first, second, size);
    size = strlen(one);
    other_size = strlen(other);
    size -= size && one[size - 1] == '.';
    other_size -= other_size && other[other_size - 1] == '.';
    return size == other_size && !strncasecmp(one, other, size);
}

/* Where a transport names a host several times, with other ports, its first one is the first one of the others. */
static size_t occurrence(const struct hg_address *addresses, size_t number)
{
    size_t count = 0;

    for (size_t i = 0; i < number; i++)
        count += is_same_host(addresses[i].host, addresses[number].host);
    return count;
}

static struct gateway *find(const struct gateways *gateways, const char *host, size_t occurrence)
{
    for (size_t i = 0; i < gateways->count; i++) {
        const struct hg_address *address = gateways->list[i].address;

        if (address && is_same_host(address->host, host) && !occurrence--)
            return &gateways->list[i];
    }
    return NULL;
}

static struct gateway *add(struct gateways *gateways, const struct hg_address *address)
{
    struct gateway *list = realloc(gateways->list, (gateways->count + 1) * sizeof *list);

    if (!list)
        return NULL;
    gateways->list = list;
    list[gateways->count] = (struct gateway){.address = address};
    return &list[gateways->count++];
}

static int add_way(struct gateway *gateway, const struct instance *transport, size_t number)
{
    struct gateway_way *ways = realloc(gateway->ways, (gateway->way_count + 1) * sizeof *ways);

    if (!ways)
        return -1;
    gateway->ways = ways;
    ways[gateway->way_count++] = (struct gateway_way){transport, number};
    return 0;
}

/* One whose gateway is not known by name is a way to the first one that there is. */
static int take_unnamed(struct gateways *gateways, const struct instance *transport)
{
    struct gateway *gateway = gateways->count ? gateways->list : add(gateways, NULL);

    return gateway ? add_way(gateway, transport, 0) : -1;
}

static int take(struct gateways *gateways, const struct instance *transport)
{
    const struct hg_transport_ops *ops = &transport->plugin->transport;
    size_t count = 0;
    const struct hg_address *addresses = ops->gateways ? ops->gateways(&transport->public, &count) : NULL;

    if (!addresses)
        return take_unnamed(gateways, transport);
    for (size_t i = 0; i < count; i++) {
        struct gateway *gateway = find(gateways, addresses[i].host, occurrence(addresses, i));

        if (!gateway && gateways->count == 1 && !gateways->list->address) {
            gateway = gateways->list;
            gateway->address = &addresses[i];
        }
        if (!gateway)
            gateway = add(gateways, &addresses[i]);
        if (!gateway || add_way(gateway, transport, i))
            return -1;
    }
    return 0;
}

int gateways_find(struct gateways *gateways, const struct pipeline *pipeline)
{
    *gateways = (struct gateways){0};
    for (size_t i = 0; i < pipeline->transport_count; i++)
        if (take(gateways, pipeline->transports[i]))
            return -1;
    return 0;
}

void gateways_free(struct gateways *gateways)
{
    for (size_t i = 0; i < gateways->count; i++)
        free(gateways->list[i].ways);
    free(gateways->list);
    *gateways = (struct gateways){0};
}

void gateway_print(char *text, size_t size, const struct gateway *gateway)
{
    const struct hg_address *address = gateway->address;

    if (!address)
        snprintf(text, size, "the gateway of %s", gateway->ways->transport->public.name);
    else if (strchr(address->host, ':'))
        snprintf(text, size, "[%s]:%u", address->host, address->port);
    else
        snprintf(text, size, "%s:%u", address->host, address->port);
}

static void print_ways(const struct gateway *gateway, FILE *out)
{
    for (size_t i = 0; i < gateway->way_count; i++)
        fprintf(out, "%s%s",
                !i                           ? " by "
                : i + 1 < gateway->way_count ? ", "
                                             : " and ",
                gateway->ways[i].transport->public.name);
}

void gateways_print(const struct pipeline *pipeline, FILE *out)
{
    long long links = pipeline->settings.links;
    struct gateways gateways;
    char name[280];

    if (!gateways_find(&gateways, pipeline) && (gateways.count > 1 || links > 1)) {
        fprintf(out, "; %lld %s to %s", links, links > 1 ? "links" : "link", gateways.count > 1 ? "each of " : "");
        for (size_t i = 0; i < gateways.count; i++) {
            gateway_print(name, sizeof name, &gateways.list[i]);
            fprintf(out, "%s%s", i ? ", " : "", name);
            print_ways(&gateways.list[i], out);
        }
    }
    gateways_free(&gateways);
}
