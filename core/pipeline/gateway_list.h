/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The gateways that a client's transports connect to. Transports that name the same host are endpoints of the same
 * gateway.
 */
#ifndef CORE_PIPELINE_GATEWAY_LIST_H
#define CORE_PIPELINE_GATEWAY_LIST_H

#include "core/base/cold.h"
#include "core/pipeline/pipeline.h"

/* How one transport reaches a gateway. */
struct gateway_endpoint {
    const struct instance *transport;
    size_t number; /* the gateway's number within that transport, for ops->connect() */
};

struct gateway {
    const struct hg_address *address;   /* as written in the first transport that names it; NULL: no transport does */
    struct gateway_endpoint *endpoints; /* in the pipeline's order, no transport twice */
    size_t endpoint_count;
};

struct gateway_list {
    struct gateway *list; /* in the order of their first mention */
    size_t count;
};

/* Finds the gateways of a pipeline, whose instances must be configured. 0, or -1 when out of memory; call
 * gateway_list_free() in either case.
 */
COLD int gateway_list_make(struct gateway_list *gateways, const struct pipeline *pipeline);
COLD void gateway_list_free(struct gateway_list *gateways);

/* "gate.example.com:443" */
COLD void gateway_print(char *text, size_t size, const struct gateway *gateway);

/* "; 2 links to each of a.example.com:443 by dtls and tls, b.example.com:443 by tls"; nothing if there is only one.
 */
COLD void gateway_list_print(const struct pipeline *pipeline, FILE *out);

#endif
