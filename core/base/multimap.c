/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/base/multimap.h"

#include <stdlib.h>

#define FIRST_BUCKETS 16

/* FNV-1a. Keys are names chosen by this program or an authenticated client, so outsiders cannot make them collide. */
static size_t hash(struct hg_text key)
{
    uint64_t value = 0xcbf29ce484222325;

    for (size_t i = 0; i < key.size; i++)
        value = (value ^ (uint8_t)key.data[i]) * 0x100000001b3;
    return (size_t)(value ^ value >> 32);
}

static struct multimap_node **bucket_of(const struct multimap *map, struct hg_text key)
{
    return &map->buckets[hash(key) & (map->bucket_count - 1)];
}

static void put_first(struct multimap_node **bucket, struct multimap_node *node)
{
    node->next = *bucket;
    node->previous = bucket;
    if (node->next)
        node->next->previous = &node->next;
    *bucket = node;
}

static struct multimap_node *reversed(struct multimap_node *node)
{
    struct multimap_node *list = NULL, *next;

    for (; node; node = next) {
        next = node->next;
        node->next = list;
        list = node;
    }
    return list;
}

/* Keeps the order of nodes with the same key: the last of a bucket is moved first. */
static int grow(struct multimap *map)
{
    size_t count = map->bucket_count ? 2 * map->bucket_count : FIRST_BUCKETS;
    struct multimap larger = {.buckets = calloc(count, sizeof *larger.buckets), .bucket_count = count};

    if (!larger.buckets)
        return -1;
    for (size_t i = 0; i < map->bucket_count; i++)
        for (struct multimap_node *node = reversed(map->buckets[i]), *next; node; node = next) {
            next = node->next;
            put_first(bucket_of(&larger, node->key), node);
        }
    free(map->buckets);
    map->buckets = larger.buckets;
    map->bucket_count = count;
    return 0;
}

int multimap_add(struct multimap *map, struct multimap_node *node)
{
    if (map->count >= map->bucket_count && grow(map) && !map->bucket_count)
        return -1;
    put_first(bucket_of(map, node->key), node);
    map->count++;
    return 0;
}

void multimap_remove(struct multimap *map, struct multimap_node *node)
{
    *node->previous = node->next;
    if (node->next)
        node->next->previous = node->previous;
    node->next = NULL;
    node->previous = NULL;
    map->count--;
}

static struct multimap_node *first_of(struct multimap_node *node, struct hg_text key)
{
    while (node && !hg_text_equal(node->key, key))
        node = node->next;
    return node;
}

struct multimap_node *multimap_newest(const struct multimap *map, struct hg_text key)
{
    return map->bucket_count ? first_of(*bucket_of(map, key), key) : NULL;
}

struct multimap_node *multimap_older(const struct multimap_node *node)
{
    return first_of(node->next, node->key);
}

void multimap_free(struct multimap *map)
{
    free(map->buckets);
    *map = (struct multimap){0};
}
