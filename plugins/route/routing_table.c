/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "plugins/route/routing_table.h"

#include <hopgate/match.h>
#include <stdlib.h>

/* All rules with one key, ordered by path_compare(). */
struct group {
    const struct rule *rules;
    size_t count;
};

/* Open addressing, at most half full; unused slots have no rules. */
struct table {
    struct group any;
    size_t mask;
    struct group slots[];
};

/* ---- Comparing ---- */

static int text_compare(struct hg_text a, struct hg_text b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common ? memcmp(a.data, b.data, common) : 0;

    return order ? order : (a.size > b.size) - (a.size < b.size);
}

/* Orders paths byte by byte with "/" before everything else. So if a path continues a prefix with "/", everything in
 * between does, too; group_find() relies on this. */
static int path_compare(struct hg_text a, struct hg_text b)
{
    size_t common = a.size < b.size ? a.size : b.size;

    for (size_t i = 0; i < common; i++) {
        if (a.data[i] == b.data[i])
            continue;
        if (a.data[i] == '/' || b.data[i] == '/')
            return a.data[i] == '/' ? -1 : 1;
        return (unsigned char)a.data[i] < (unsigned char)b.data[i] ? -1 : 1;
    }
    return (a.size > b.size) - (a.size < b.size);
}

static int rule_compare(const void *a, const void *b)
{
    const struct rule *left = a, *right = b;
    int order = text_compare(left->key, right->key);

    if (!order)
        order = path_compare(left->path, right->path);
    /* Of duplicate rules, the first in the config must also be the first here. */
    return order ? order : (left->number > right->number) - (left->number < right->number);
}

/* Whether a rule's path matches: no path matches any, even "*" of OPTIONS. */
static bool path_fits(struct hg_text path, struct hg_text prefix)
{
    return !prefix.size || hg_path_is_below(path, prefix);
}

/* ---- Building the table ---- */

/* FNV-1a; the keys come from the config, so no attacker can make them collide. */
static size_t key_hash(struct hg_text key)
{
    uint64_t hash = 14695981039346656037u;

    for (size_t i = 0; i < key.size; i++)
        hash = (hash ^ (unsigned char)key.data[i]) * 1099511628211u;
    return (size_t)(hash ^ hash >> 32);
}

static struct group *table_slot(struct table *table, struct hg_text key)
{
    size_t i = key_hash(key) & table->mask;

    while (table->slots[i].rules && !hg_text_equal(table->slots[i].rules->key, key))
        i = (i + 1) & table->mask;
    return &table->slots[i];
}

static const struct group *table_group(const struct table *table, struct hg_text key)
{
    size_t i = key_hash(key) & table->mask;

    while (table->slots[i].rules) {
        if (hg_text_equal(table->slots[i].rules->key, key))
            return &table->slots[i];
        i = (i + 1) & table->mask;
    }
    return NULL;
}

/* Links a rule to the longest prefix of its path among the rules before it: the nearest one in the chain of its
 * predecessor, for the same reason as in group_find(). */
static void link_shorter(struct rule *rule, const struct rule *before)
{
    while (before && !path_fits(rule->path, before->path))
        before = before->shorter;
    rule->shorter = before;
}

struct table *table_new(struct rule *rules, size_t count, const struct rule **first, const struct rule **twin)
{
    size_t slots = 2;
    struct table *table;

    *first = *twin = NULL;
    if (count)
        qsort(rules, count, sizeof *rules, rule_compare);
    for (size_t i = 1; i < count; i++) {
        if (hg_text_equal(rules[i - 1].key, rules[i].key) && hg_text_equal(rules[i - 1].path, rules[i].path)) {
            *first = &rules[i - 1];
            *twin = &rules[i];
            return NULL;
        }
    }
    while (slots < 2 * count)
        slots *= 2;
    table = calloc(1, sizeof *table + slots * sizeof *table->slots);
    if (!table)
        return NULL;
    table->mask = slots - 1;
    for (size_t i = 0; i < count; i++) {
        struct group *group = rules[i].key.size ? table_slot(table, rules[i].key) : &table->any;

        link_shorter(&rules[i], group->rules ? &rules[i - 1] : NULL);
        if (!group->rules)
            group->rules = &rules[i];
        group->count++;
    }
    return table;
}

void table_free(struct table *table)
{
    free(table);
}

/* ---- Lookup ---- */

/* The rule with the longest matching prefix: the last one that does not sort after the path, or one of those that are
 * prefixes of its path. Sets *by_path if any rule has a prefix, for then the last one has. */
static const struct rule *group_find(const struct group *group, struct hg_text path, bool *by_path)
{
    size_t low = 0, high;
    const struct rule *rule;

    if (!group || !group->count)
        return NULL;
    high = group->count;
    *by_path |= group->rules[high - 1].path.size > 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (path_compare(group->rules[middle].path, path) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    rule = low ? &group->rules[low - 1] : NULL;
    while (rule && !path_fits(path, rule->path))
        rule = rule->shorter;
    return rule;
}

static struct hg_text without_query(struct hg_text path)
{
    const char *query = path.size ? memchr(path.data, '?', path.size) : NULL;

    return query ? (struct hg_text){path.data, (size_t)(query - path.data)} : path;
}

const struct rule *table_find_host(const struct table *table, struct hg_text authority, struct hg_text path,
                                   bool *by_path)
{
    char buffer[HG_HOST_MAX];
    struct hg_text host = hg_host_canonical(authority, buffer);
    const struct rule *rule = NULL;

    *by_path = false;
    path = without_query(path);
    if (host.size && host.data[0] == '.') /* not a host, but it would look like the key of a wildcard */
        host.size = 0;
    if (host.size)
        rule = group_find(table_group(table, host), path, by_path);
    /* *.dev.test has the key ".dev.test": the first dot starts the longest one that can match. */
    for (size_t i = 1; !rule && i < host.size; i++)
        if (host.data[i] == '.')
            rule = group_find(table_group(table, (struct hg_text){host.data + i, host.size - i}), path, by_path);
    return rule ? rule : group_find(&table->any, path, by_path);
}

/* 1: `test` has returned true; 0: it has not; -1: and other groups need not be tried, since every path has a rule
 * of this one. */
static int group_any(const struct group *group, bool (*test)(void *arg, const struct rule *rule), void *arg)
{
    for (size_t i = 0; group && i < group->count; i++)
        if (test(arg, &group->rules[i]))
            return 1;
    return group && !group->rules[0].path.size ? -1 : 0;
}

bool table_any_of_host(const struct table *table, struct hg_text authority,
                       bool (*test)(void *arg, const struct rule *rule), void *arg)
{
    char buffer[HG_HOST_MAX];
    struct hg_text host = hg_host_canonical(authority, buffer);
    int verdict;

    if (!host.size || host.data[0] == '.')
        return false;
    verdict = group_any(table_group(table, host), test, arg);
    for (size_t i = 1; !verdict && i < host.size; i++)
        if (host.data[i] == '.')
            verdict = group_any(table_group(table, (struct hg_text){host.data + i, host.size - i}), test, arg);
    return verdict > 0;
}

bool table_names_host(const struct table *table, struct hg_text authority)
{
    char buffer[HG_HOST_MAX];
    const struct hg_text host = hg_host_canonical(authority, buffer);

    return host.size && host.data[0] != '.' && table_group(table, host);
}

bool table_names_any_host(const struct table *table)
{
    for (size_t i = 0; i <= table->mask; i++)
        if (table->slots[i].rules && table->slots[i].rules->key.data[0] != '.')
            return true;
    return false;
}

const struct rule *table_find_service(const struct table *table, struct hg_text service, struct hg_text path,
                                      bool *by_path)
{
    const struct rule *rule = NULL;

    *by_path = false;
    path = without_query(path);
    if (service.size)
        rule = group_find(table_group(table, service), path, by_path);
    return rule ? rule : group_find(&table->any, path, by_path);
}
