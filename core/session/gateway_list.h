/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The gateways of a client: what the transports of its pipeline connect to. Transports that name the same host are
 * different ways to the same gateway.
 */
#ifndef CORE_SESSION_GATEWAY_LIST_H
#define CORE_SESSION_GATEWAY_LIST_H

#include "core/pipeline/pipeline.h"

/* How one transport reaches a gateway. */
struct gateway_way {
    const struct instance *transport;
    size_t number; /* of the gateway in that transport: what ops->connect() is told */
};

struct gateway {
    const struct hg_address *address; /* as the first transport that knows it has it; NULL: none tells */
    struct gateway_way *ways;         /* in the pipeline's order, no transport twice */
    size_t way_count;
};

struct gateways {
    struct gateway *list; /* in the order in which they are named first */
    size_t count;
};

/* Finds those of a pipeline whose instances are configured. 0, or -1 when out of memory; gateways_free() in any case.
 */
int gateways_find(struct gateways *gateways, const struct pipeline *pipeline);
void gateways_free(struct gateways *gateways);

/* "gate.example.com:443" */
void gateway_print(char *text, size_t size, const struct gateway *gateway);

/* "; 2 links to each of a.example.com:443 by dtls and tls, b.example.com:443 by tls"; nothing where there is but one.
 */
void gateways_print(const struct pipeline *pipeline, FILE *out);

#endif
