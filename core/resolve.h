/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Name lookups that do not hold the loop, by c-ares: getaddrinfo() would block a whole worker.
 */
#ifndef CORE_RESOLVE_H
#define CORE_RESOLVE_H

#include <hopgate/host.h>

struct resolver;

/* See hg_resolve() and hg_resolve_cancel(). */
struct hg_resolution *resolve_start(struct hg_worker *instance, const char *host, uint16_t port, hg_resolved callback,
                                    void *arg);
void resolve_cancel(struct hg_resolution *resolution);

/* Frees the resolver of a worker; its lookups are forgotten without a callback. NULL is allowed. */
void resolver_free(struct resolver *resolver);

#endif
