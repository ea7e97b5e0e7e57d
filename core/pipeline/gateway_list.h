/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The gateways of a client, to which the transports of its pipeline connect. Transports that name the same host have
 * endpoints of the same gateway.
 */
#ifndef CORE_PIPELINE_GATEWAY_LIST_H
#define CORE_PIPELINE_GATEWAY_LIST_H

#include "core/pipeline/pipeline.h"

/* How one transport reaches a gateway. */
struct gateway_endpoint {
    const struct instance *transport;
    size_t number; /* of the gateway in that transport: what ops->connect() is told */
};

struct gateway {
    const struct hg_address *address;   /* as the first transport that knows it has it; NULL: none tells */
    struct gateway_endpoint *endpoints; /* in the pipeline's order, no transport twice */
    size_t endpoint_count;
};

struct gateway_list {
    struct gateway *list; /* in the order in which they are named first */
    size_t count;
};

/* Finds those of a pipeline whose instances are configured. 0, or -1 when out of memory; gateway_list_free() in any
 * case.
 */
int gateway_list_make(struct gateway_list *gateways, const struct pipeline *pipeline);
void gateway_list_free(struct gateway_list *gateways);

/* "gate.example.com:443" */
void gateway_print(char *text, size_t size, const struct gateway *gateway);

/* "; 2 links to each of a.example.com:443 by dtls and tls, b.example.com:443 by tls"; nothing where there is but one.
 */
void gateway_list_print(const struct pipeline *pipeline, FILE *out);

#endif
