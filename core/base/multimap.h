/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A hash table from texts to nodes, with many nodes per key, newest first. Nodes are embedded in the objects in the
 * map, so they need no allocation.
 */
#ifndef CORE_BASE_MULTIMAP_H
#define CORE_BASE_MULTIMAP_H

#include <hopgate/types.h>

/* Embedded in each object in the map. */
struct multimap_node {
    struct hg_text key; /* must stay valid while the node is in the map */
    struct multimap_node *next, **previous;
};

/* Initialize with zeros. */
struct multimap {
    struct multimap_node **buckets;
    size_t bucket_count; /* 0 or a power of two */
    size_t count;
};

/* Adds `node`, whose `key` is set, as the newest with that key. 0, or -1 when out of memory. Adding and removing take
 * no longer if a key has many nodes. */
int multimap_add(struct multimap *map, struct multimap_node *node);
/* Removes a node that is in the map. */
void multimap_remove(struct multimap *map, struct multimap_node *node);
/* The newest node with that key, or NULL. */
struct multimap_node *multimap_newest(const struct multimap *map, struct hg_text key);
/* The next older node with the same key, or NULL. */
struct multimap_node *multimap_older(const struct multimap_node *node);
/* Frees the table, but not the nodes. */
void multimap_free(struct multimap *map);

#endif
