/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Name lookups that do not hold the loop, by c-ares: getaddrinfo() would block a whole worker. Each one
 * goes by what resolv.conf says when it begins, and, while no server answers, when it asks again.
 */
#ifndef CORE_LOOP_RESOLVE_H
#define CORE_LOOP_RESOLVE_H

#include <hopgate/host.h>

struct loop;

/* See hg_resolve() and hg_resolve_cancel(). */
struct hg_resolution *resolve_start(struct loop *loop, const char *plugin, const char *host, uint16_t port,
                                    hg_resolved callback, void *arg);
void resolve_cancel(struct hg_resolution *resolution);

/* Forgets the lookups that have not ended, without a callback; posts are yet to run. */
void resolver_stop(struct loop *loop);

#endif
