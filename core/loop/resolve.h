/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Asynchronous name lookups with c-ares, as getaddrinfo() would block a whole worker. Each lookup uses resolv.conf as
 * it is when the lookup begins or, if no server answers, is repeated.
 */
#ifndef CORE_LOOP_RESOLVE_H
#define CORE_LOOP_RESOLVE_H

#include "core/base/cold.h"

#include <hopgate/host.h>

struct loop;

/* See hg_resolve() and hg_resolve_cancel(). */
struct hg_resolution *resolve_start(struct loop *loop, const char *plugin, const char *host, uint16_t port,
                                    hg_resolved callback, void *arg);
void resolve_cancel(struct hg_resolution *resolution);

/* Drops unfinished lookups without calling back. Answers that were posted must still be run afterwards. */
COLD void resolver_stop(struct loop *loop);

#endif
