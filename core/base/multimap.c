/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/base/multimap.h"

#include <stdlib.h>

#define FIRST_BUCKETS 16

/* FNV-1a. Ids are those of verified clients, so nobody outside can choose them to collide. */
static size_t hash(struct hg_text id)
{
    uint64_t value = 0xcbf29ce484222325;

    for (size_t i = 0; i < id.size; i++)
        value = (value ^ (uint8_t)id.data[i]) * 0x100000001b3;
    return (size_t)(value ^ value >> 32);
}

static struct registry_node **bucket_of(const struct registry *registry, struct hg_text id)
{
    return &registry->buckets[hash(id) & (registry->bucket_count - 1)];
}

static void put_first(struct registry_node **bucket, struct registry_node *node)
{
    node->next = *bucket;
    node->previous = bucket;
    if (node->next)
        node->next->previous = &node->next;
    *bucket = node;
}

static struct registry_node *reversed(struct registry_node *node)
{
    struct registry_node *list = NULL, *next;

    for (; node; node = next) {
        next = node->next;
        node->next = list;
        list = node;
    }
    return list;
}

/* Nodes of one client keep their order: the last of a bucket goes first. */
static int grow(struct registry *registry)
{
    size_t count = registry->bucket_count ? 2 * registry->bucket_count : FIRST_BUCKETS;
    struct registry larger = {.buckets = calloc(count, sizeof *larger.buckets), .bucket_count = count};

    if (!larger.buckets)
        return -1;
    for (size_t i = 0; i < registry->bucket_count; i++)
        for (struct registry_node *node = reversed(registry->buckets[i]), *next; node; node = next) {
            next = node->next;
            put_first(bucket_of(&larger, node->id), node);
        }
    free(registry->buckets);
    registry->buckets = larger.buckets;
    registry->bucket_count = count;
    return 0;
}

int registry_add(struct registry *registry, struct registry_node *node)
{
    if (registry->count >= registry->bucket_count && grow(registry) && !registry->bucket_count)
        return -1;
    put_first(bucket_of(registry, node->id), node);
    registry->count++;
    return 0;
}

void registry_remove(struct registry *registry, struct registry_node *node)
{
    *node->previous = node->next;
    if (node->next)
        node->next->previous = node->previous;
    node->next = NULL;
    node->previous = NULL;
    registry->count--;
}

static struct registry_node *first_of(struct registry_node *node, struct hg_text id)
{
    while (node && !hg_text_equal(node->id, id))
        node = node->next;
    return node;
}

struct registry_node *registry_newest(const struct registry *registry, struct hg_text id)
{
    return registry->bucket_count ? first_of(*bucket_of(registry, id), id) : NULL;
}

struct registry_node *registry_older(const struct registry_node *node)
{
    return first_of(node->next, node->id);
}

void registry_free(struct registry *registry)
{
    free(registry->buckets);
    *registry = (struct registry){0};
}
