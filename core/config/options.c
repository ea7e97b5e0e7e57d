/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/config/options.h"

#include "core/base/suggest.h"
#include "core/config/option_values.h"

#include <ctype.h>
#include <stdlib.h>

static bool fill_table(const struct option_reading *reading, const struct hg_option *table,
                       const struct option_path *path, const struct config_node *block, const struct config_node *at,
                       char *base);

/* The value that a block gives to an option. A block that is not a mapping is the value of its body option. */
static const struct config_node *value_in(const struct hg_option *option, const struct config_node *block)
{
    if (!block || block->kind == CONFIG_MAPPING)
        return config_get(block, option->name, NULL);
    return option->flags & HG_OPTION_BODY ? block : NULL;
}

static const struct hg_option *body_option(const struct hg_option *table)
{
    for (const struct hg_option *option = table; option && option->name; option++)
        if (option->flags & HG_OPTION_BODY)
            return option;
    return NULL;
}

static const struct hg_option *find_option(const struct hg_option *table, const char *name, size_t size)
{
    for (const struct hg_option *option = table; option && option->name; option++)
        if (strlen(option->name) == size && memcmp(option->name, name, size) == 0)
            return option;
    return NULL;
}

/* ---- Lists and maps ---- */

static size_t item_stride(const struct hg_option *option)
{
    return option->item == HG_OPTION_MAP ? option->item_size : option_type_size(option->item);
}

static bool fill_map(const struct option_reading *reading, const struct hg_option *option,
                     const struct option_path *path, const struct config_node *node, char *base)
{
    if (node->faulty)
        return false;
    if (node->kind != CONFIG_MAPPING && !body_option(option->fields))
        return option_fault(reading, path, node, "expected a mapping, as in { %s: … }, not %s", option->fields[0].name,
                            config_kind_name(node));
    return fill_table(reading, option->fields, path, node, node, base);
}

static bool fill_item(const struct option_reading *reading, const struct hg_option *option,
                      const struct option_path *path, const struct config_node *node, char *base)
{
    if (config_is_null(node))
        return option_fault(reading, path, node, "the item is empty");
    if (option->item == HG_OPTION_MAP)
        return fill_map(reading, option, path, node, base);
    return option_store(reading, option, option->item, path, node, base);
}

/* A sequence, or a single item. */
static bool fill_list(const struct option_reading *reading, const struct hg_option *option,
                      const struct option_path *path, const struct config_node *node, struct hg_list *list)
{
    bool alone = node->kind != CONFIG_SEQUENCE, good = true;
    size_t count = alone ? 1 : node->count, stride = item_stride(option);
    char *items = count ? option_memory_take(reading->memory, count * stride) : NULL;
    char range[80];

    if (node->faulty)
        return false;
    if (count > 0 && !items)
        return option_fault(reading, path, node, "out of memory");
    if (option_counts_items(option) &&
        ((int64_t)count < option->min || (option->max > 0 && (int64_t)count > option->max)))
        good = option_fault(reading, path, node, "%zu items given; expected %s", count,
                            option_range(option, range, sizeof range));
    else if (count == 0 && (option->flags & HG_OPTION_REQUIRED))
        good = option_fault(reading, path, node, "the list is empty; at least one item is required");
    for (size_t i = 0; i < count; i++) {
        struct option_path item = {.up = path, .index = i};

        good =
            fill_item(reading, option, alone ? path : &item, alone ? node : node->items[i], items + i * stride) && good;
    }
    *list = (struct hg_list){.count = count, .items = items};
    return good;
}

static bool fill_value(const struct option_reading *reading, const struct hg_option *option,
                       const struct option_path *path, const struct config_node *node, char *target)
{
    if (config_is_null(node) && option->type != HG_OPTION_LIST)
        return option_fault(reading, path, node,
                            "no value; omit the option, or give it a value (\"\" is an empty text)");
    if (option->type == HG_OPTION_LIST)
        return fill_list(reading, option, path, node, (struct hg_list *)(void *)target);
    if (option->type == HG_OPTION_MAP)
        return fill_map(reading, option, path, node, target);
    if (option->type == HG_OPTION_NETWORK)
        return option_store_networks(reading, path, node, (const struct hg_networks **)(void *)target);
    return option_store(reading, option, option->type, path, node, target);
}

/* A default is written as in the file, so it is parsed in the same way. */
static bool fill_default(const struct option_reading *reading, const struct hg_option *option,
                         const struct option_path *path, const struct config_node *at, char *target)
{
    struct config_node scalar = {.kind = CONFIG_SCALAR, .quoted = true, .line = at->line, .column = at->column};
    struct config *parsed;
    bool good;

    if (option->type != HG_OPTION_LIST && option->type != HG_OPTION_NETWORK) {
        scalar.size = strlen(option->value);
        scalar.text = (char *)(uintptr_t)option->value; /* not modified */
        return option_store(reading, option, option->type, path, &scalar, target);
    }
    parsed = config_parse(reading->config->path, option->value, strlen(option->value), reading->config->errors);
    good = parsed && parsed->root && parsed->faults == 0 && fill_value(reading, option, path, parsed->root, target);
    config_free(parsed);
    return good;
}

/* An option missing from the block. */
static bool fill_absent(const struct option_reading *reading, const struct hg_option *option,
                        const struct option_path *path, const struct config_node *block, const struct config_node *at,
                        char *target)
{
    if (option->value)
        return fill_default(reading, option, path, at, target);
    /* The members of an absent mapping take their defaults, and none of them is required. */
    if (option->type == HG_OPTION_MAP && !(option->flags & HG_OPTION_REQUIRED))
        return fill_table(reading, option->fields, path, NULL, at, target);
    if (!(option->flags & HG_OPTION_REQUIRED) || (path->up && !block))
        return true;
    return option_fault(reading, path->up, at, "missing option '%s': %s", option->name, option->doc ? option->doc : "");
}

/* ---- Tables ---- */

static bool unknown_option(const struct option_reading *reading, const struct hg_option *table,
                           const struct option_path *path, const struct config_node *key)
{
    struct suggestion suggestion = suggestion_for(key->text);
    const struct hg_option *body = body_option(table);

    if (body && body->type == HG_OPTION_LIST && body->item == HG_OPTION_MAP &&
        find_option(body->fields, key->text, key->size))
        return option_fault(reading, path, key,
                            "'%s' belongs in an item of the list '%s': put '- ' before it, as in - { %s: … }",
                            key->text, body->name, key->text);
    for (const struct hg_option *option = table; option && option->name; option++)
        if (!(option->flags & HG_OPTION_REMOVED))
            suggestion_offer(&suggestion, option->name);
    if (reading->other_key && !path)
        suggestion_offer(&suggestion, reading->other_key);
    return option_fault(reading, path, key, "unknown option '%s'%s%s%s", key->text,
                        SUGGESTION(suggestion_best(&suggestion)));
}

static bool check_keys(const struct option_reading *reading, const struct hg_option *table,
                       const struct option_path *path, const struct config_node *block)
{
    bool good = true;

    for (size_t i = 0; i < block->count; i++) {
        const struct config_node *key = block->keys[i];
        const struct hg_option *option = find_option(table, key->text, key->size);

        if (!path && reading->other_key && strcmp(key->text, reading->other_key) == 0)
            continue;
        if (!option)
            good = unknown_option(reading, table, path, key);
        else if (option->flags & HG_OPTION_REMOVED)
            good = option_fault(reading, path, key, "option '%s' has been removed%s%s", option->name,
                                option->doc ? ": " : "", option->doc ? option->doc : "");
    }
    return good;
}

/* `path` is NULL for the block itself; `block` is NULL for an absent optional mapping or an empty block. */
static bool fill_table(const struct option_reading *reading, const struct hg_option *table,
                       const struct option_path *path, const struct config_node *block, const struct config_node *at,
                       char *base)
{
    bool good = true;

    if (block && block->kind == CONFIG_MAPPING && (path || !reading->partial))
        good = check_keys(reading, table, path, block);
    for (const struct hg_option *option = table; option && option->name; option++) {
        const struct config_node *value = value_in(option, block);
        struct option_path here = {.up = path, .name = option->name};

        if (option->flags & HG_OPTION_REMOVED)
            continue; /* check_keys() has reported it */
        if (value)
            good = fill_value(reading, option, &here, value, base + option->offset) && good;
        else
            good = fill_absent(reading, option, &here, block, at, base + option->offset) && good;
    }
    return good;
}

bool options_fill(const struct option_reading *reading, const struct hg_option *table, const struct config_node *block,
                  const struct config_node *at, void *cfg)
{
    if (block && block->faulty)
        return false;
    if (block && block->kind != CONFIG_MAPPING && !body_option(table))
        return option_fault(reading, NULL, block, "expected a mapping of options, not %s%s", config_kind_name(block),
                            table && table->name ? "" : " (it has no options)");
    return fill_table(reading, table, NULL, block, at, cfg);
}

/* ---- Finding an option's place ---- */

/* The items that "[2][0]" names, as far as they exist; advances `*path` past them. */
static const struct config_node *locate_items(const struct config_node *node, const char **path)
{
    while (**path == '[') {
        char *end;
        unsigned long index = strtoul(*path + 1, &end, 10);

        *path = *end == ']' ? end + 1 : end;
        if (node->kind != CONFIG_SEQUENCE)
            continue; /* a single item */
        if (index >= node->count)
            break;
        node = node->items[index];
    }
    return node;
}

const struct config_node *options_locate(const struct hg_option *table, const struct config_node *block,
                                         const char *path)
{
    const struct config_node *node = block;

    while (node && path && *path) {
        size_t size = strcspn(path, ".[");
        const struct hg_option *option = find_option(table, path, size);
        const struct config_node *value = option ? value_in(option, node) : NULL;

        if (!value)
            break;
        path += size;
        node = locate_items(value, &path);
        if (*path != '.')
            break;
        path++;
        table = option->fields;
    }
    return node;
}

/* ---- Printing ---- */

static void print_list(FILE *out, const struct hg_option *option, const struct hg_list *list, int indent)
{
    size_t stride = item_stride(option);

    if (list->count == 0)
        fputs(" []\n", out);
    else
        fputc('\n', out);
    for (size_t i = 0; i < list->count; i++) {
        const char *item = (const char *)list->items + i * stride;

        if (option->item == HG_OPTION_MAP) {
            fprintf(out, "%*s-\n", indent + 2, "");
            options_print(out, option->fields, item, indent + 4);
            continue;
        }
        fprintf(out, "%*s- ", indent + 2, "");
        option_print(out, option, option->item, item);
        fputc('\n', out);
    }
}

/* Whether a number is absent: it is 0, which is out of its range. */
static bool is_absent(const struct hg_option *option, const void *value)
{
    bool is_number =
        option->type == HG_OPTION_INTEGER || option->type == HG_OPTION_SIZE || option->type == HG_OPTION_DURATION;

    return is_number && !option->value && option->min > 0 && *(const uint64_t *)value == 0;
}

void options_print(FILE *out, const struct hg_option *table, const void *cfg, int indent)
{
    for (const struct hg_option *option = table; option && option->name; option++) {
        const char *value = (const char *)cfg + option->offset;

        if (option->flags & HG_OPTION_REMOVED)
            continue;
        fprintf(out, "%*s%s:", indent, "", option->name);
        if (option->type == HG_OPTION_LIST) {
            print_list(out, option, (const struct hg_list *)(const void *)value, indent);
        } else if (option->type == HG_OPTION_MAP) {
            fputc('\n', out);
            options_print(out, option->fields, value, indent + 2);
        } else {
            fputc(' ', out);
            if (is_absent(option, value))
                fputc('~', out);
            else
                option_print(out, option, option->type, value);
            fputc('\n', out);
        }
    }
}
