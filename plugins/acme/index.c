/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/acme/index.h"

#include "plugins/acme/name.h"

#include <stdlib.h>

#define FIRST_BUCKETS 64

struct acme_index_entry {
    struct acme_index_entry *next;
    const char *name;
    struct acme_job *job;
};

/* FNV-1a. Names are those of the config and those that permission was given for. */
static size_t hash(struct hg_text name)
{
    uint64_t value = 0xcbf29ce484222325;

    for (size_t i = 0; i < name.size; i++)
        value = (value ^ (uint8_t)name.data[i]) * 0x100000001b3;
    return (size_t)(value ^ value >> 32);
}

static struct acme_index_entry **bucket_of(const struct acme_index *index, struct hg_text name)
{
    return &index->buckets[hash(name) & (index->bucket_count - 1)];
}

static bool grow(struct acme_index *index)
{
    struct acme_index larger = {.bucket_count = index->bucket_count ? 2 * index->bucket_count : FIRST_BUCKETS};

    larger.buckets = calloc(larger.bucket_count, sizeof(struct acme_index_entry *));
    if (!larger.buckets)
        return false;
    for (size_t i = 0; i < index->bucket_count; i++)
        for (struct acme_index_entry *entry = index->buckets[i], *next; entry; entry = next) {
            struct acme_index_entry **bucket = bucket_of(&larger, hg_text(entry->name));

            next = entry->next;
            entry->next = *bucket;
            *bucket = entry;
        }
    free(index->buckets);
    index->buckets = larger.buckets;
    index->bucket_count = larger.bucket_count;
    return true;
}

static struct acme_job *find_exact(const struct acme_index *index, struct hg_text name)
{
    const struct acme_index_entry *entry = index->bucket_count ? *bucket_of(index, name) : NULL;

    while (entry && !hg_text_equal(hg_text(entry->name), name))
        entry = entry->next;
    return entry ? entry->job : NULL;
}

bool acme_index_add(struct acme_index *index, const char *name, struct acme_job *job)
{
    struct acme_index_entry *entry;

    if (find_exact(index, hg_text(name)))
        return true;
    if (index->count >= index->bucket_count && !grow(index))
        return false;
    entry = calloc(1, sizeof *entry);
    if (!entry)
        return false;
    *entry = (struct acme_index_entry){.name = name, .job = job, .next = *bucket_of(index, hg_text(name))};
    *bucket_of(index, hg_text(name)) = entry;
    index->count++;
    return true;
}

void acme_index_remove(struct acme_index *index, const char *name, const struct acme_job *job)
{
    struct acme_index_entry **place = index->bucket_count ? bucket_of(index, hg_text(name)) : NULL;

    while (place && *place) {
        struct acme_index_entry *entry = *place;

        if (entry->job == job && !strcmp(entry->name, name)) {
            *place = entry->next;
            free(entry);
            index->count--;
            return;
        }
        place = &entry->next;
    }
}

struct acme_job *acme_index_find(const struct acme_index *index, struct hg_text name)
{
    struct acme_job *job = find_exact(index, name);
    const char *dot = name.size ? memchr(name.data, '.', name.size) : NULL;
    char wildcard[ACME_NAME_MAX + 2] = "*";
    size_t rest;

    if (job || !dot || dot == name.data)
        return job;
    rest = name.size - (size_t)(dot - name.data);
    if (rest > ACME_NAME_MAX)
        return NULL;
    memcpy(wildcard + 1, dot, rest);
    return find_exact(index, (struct hg_text){wildcard, rest + 1});
}

void acme_index_free(struct acme_index *index)
{
    for (size_t i = 0; i < index->bucket_count; i++)
        for (struct acme_index_entry *entry = index->buckets[i], *next; entry; entry = next) {
            next = entry->next;
            free(entry);
        }
    free(index->buckets);
    *index = (struct acme_index){0};
}
