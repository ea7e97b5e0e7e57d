/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Which sessions a client has: its id to its sessions, the newest first. A client that comes back while its old session
 * is still thought alive simply has two; the older one is never in its way.
 */
#ifndef CORE_BASE_MULTIMAP_H
#define CORE_BASE_MULTIMAP_H

#include <hopgate/types.h>

/* Part of what is registered. */
struct registry_node {
    struct hg_text id; /* the client's; its owner keeps it while the node is registered */
    struct registry_node *next, **previous;
};

/* Zeroed at the start. */
struct registry {
    struct registry_node **buckets;
    size_t bucket_count; /* 0 or a power of two */
    size_t count;
};

/* Registers `node`, its `id` set, as that client's newest. 0, or -1 when out of memory. Adding and removing take no
 * longer for one who has many nodes. */
int registry_add(struct registry *registry, struct registry_node *node);
/* Takes out a node that is registered. */
void registry_remove(struct registry *registry, struct registry_node *node);
/* The newest node of a client, or NULL. */
struct registry_node *registry_newest(const struct registry *registry, struct hg_text id);
/* The next older node of the same client, or NULL. */
struct registry_node *registry_older(const struct registry_node *node);
/* Frees the table; the nodes are their owners'. */
void registry_free(struct registry *registry);

#endif
