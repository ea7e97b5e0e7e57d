/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/pipeline/gateway_list.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* Parses an IP address literal; returns the number of its bytes, or 0 for a name. */
static size_t literal(unsigned char bytes[16], const char *host)
{
    if (inet_pton(AF_INET, host, bytes) == 1)
        return 4;
    return inet_pton(AF_INET6, host, bytes) == 1 ? 16 : 0;
}

/* Names are compared as in DNS (RFC 4343), with or without the trailing dot; literals by their value. */
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

/* How often the address's host occurs before it. If transports name a host several times, with different ports, the
 * first address of one belongs to the same gateway as the first of another, and so on. */
static size_t occurrence(const struct hg_address *addresses, size_t number)
{
    size_t count = 0;

    for (size_t i = 0; i < number; i++)
        count += is_same_host(addresses[i].host, addresses[number].host);
    return count;
}

static struct gateway *find(const struct gateway_list *gateways, const char *host, size_t occurrence)
{
    for (size_t i = 0; i < gateways->count; i++) {
        const struct hg_address *address = gateways->list[i].address;

        if (address && is_same_host(address->host, host) && !occurrence--)
            return &gateways->list[i];
    }
    return NULL;
}

static struct gateway *add(struct gateway_list *gateways, const struct hg_address *address)
{
    struct gateway *list = realloc(gateways->list, (gateways->count + 1) * sizeof *list);

    if (!list)
        return NULL;
    gateways->list = list;
    list[gateways->count] = (struct gateway){.address = address};
    return &list[gateways->count++];
}

static int add_endpoint(struct gateway *gateway, const struct instance *transport, size_t number)
{
    struct gateway_endpoint *endpoints = realloc(gateway->endpoints, (gateway->endpoint_count + 1) * sizeof *endpoints);

    if (!endpoints)
        return -1;
    gateway->endpoints = endpoints;
    endpoints[gateway->endpoint_count++] = (struct gateway_endpoint){transport, number};
    return 0;
}

/* A transport that does not name its gateway is another endpoint of the first one. */
static int take_unnamed(struct gateway_list *gateways, const struct instance *transport)
{
    struct gateway *gateway = gateways->count ? gateways->list : add(gateways, NULL);

    return gateway ? add_endpoint(gateway, transport, 0) : -1;
}

static int take(struct gateway_list *gateways, const struct instance *transport)
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
        if (!gateway || add_endpoint(gateway, transport, i))
            return -1;
    }
    return 0;
}

int gateway_list_make(struct gateway_list *gateways, const struct pipeline *pipeline)
{
    *gateways = (struct gateway_list){0};
    for (size_t i = 0; i < pipeline->transport_count; i++)
        if (take(gateways, pipeline->transports[i]))
            return -1;
    return 0;
}

void gateway_list_free(struct gateway_list *gateways)
{
    for (size_t i = 0; i < gateways->count; i++)
        free(gateways->list[i].endpoints);
    free(gateways->list);
    *gateways = (struct gateway_list){0};
}

void gateway_print(char *text, size_t size, const struct gateway *gateway)
{
    const struct hg_address *address = gateway->address;

    if (!address)
        snprintf(text, size, "the gateway of %s", gateway->endpoints->transport->public.name);
    else if (strchr(address->host, ':'))
        snprintf(text, size, "[%s]:%u", address->host, address->port);
    else
        snprintf(text, size, "%s:%u", address->host, address->port);
}

static void print_endpoints(const struct gateway *gateway, FILE *out)
{
    for (size_t i = 0; i < gateway->endpoint_count; i++)
        fprintf(out, "%s%s",
                !i                                ? " by "
                : i + 1 < gateway->endpoint_count ? ", "
                                                  : " and ",
                gateway->endpoints[i].transport->public.name);
}

void gateway_list_print(const struct pipeline *pipeline, FILE *out)
{
    long long links = pipeline->settings.links;
    struct gateway_list gateways;
    char name[280];

    if (!gateway_list_make(&gateways, pipeline) && (gateways.count > 1 || links > 1)) {
        fprintf(out, "; %lld %s to %s", links, links > 1 ? "links" : "link", gateways.count > 1 ? "each of " : "");
        for (size_t i = 0; i < gateways.count; i++) {
            gateway_print(name, sizeof name, &gateways.list[i]);
            fprintf(out, "%s%s", i ? ", " : "", name);
            print_endpoints(&gateways.list[i], out);
        }
    }
    gateway_list_free(&gateways);
}
