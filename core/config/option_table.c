/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Checks option tables. Plugins are written by others, and an error in a table should be reported when the plugin is
 * loaded, not when a config file happens to use it.
 */
#include "core/config/option_values.h"

#include <stdlib.h>

enum {
    OPTIONS_MAX = 256,    /* in one table: more means that the end of the table is missing */
    OPTION_DEPTH_MAX = 8, /* depth of nested mappings */
};

/* Where the error in a table is. */
struct table_check {
    char *why;
    size_t why_size;
    unsigned depth;
};

__attribute__((cold, format(printf, 3, 4))) static bool bad(const struct table_check *check,
                                                            const struct hg_option *option, const char *format, ...)
{
    va_list arguments;
    int used = snprintf(check->why, check->why_size, "option '%s': ", option->name);

    va_start(arguments, format);
    if (used > 0 && (size_t)used < check->why_size)
        vsnprintf(check->why + used, check->why_size - (size_t)used, format, arguments);
    va_end(arguments);
    return true;
}

static bool name_is_bad(const char *name)
{
    size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");

    return size == 0 || size > 64 || name[size] != '\0' || name[0] < 'a';
}

static bool choices_are_bad(const struct table_check *check, const struct hg_option *option, enum hg_option_type type)
{
    size_t count = 0;

    while (option->choices && option->choices[count] && count <= OPTIONS_MAX)
        count++;
    if (type == HG_OPTION_ENUM && count == 0)
        return bad(check, option, "no choices");
    if (type == HG_OPTION_ADDRESS && count > 32)
        return bad(check, option, "more than 32 words");
    return count > OPTIONS_MAX && bad(check, option, "the choices are not terminated");
}

static bool table_is_bad(const struct table_check *check, const struct hg_option *table, size_t cfg_size);

static bool members_are_bad(const struct table_check *check, const struct hg_option *option, size_t room)
{
    struct table_check deeper = *check;

    deeper.depth++;
    if (!option->fields || !option->fields[0].name)
        return bad(check, option, "a mapping without fields");
    if (option->value)
        return bad(check, option, "a mapping has no default; its fields may have");
    return table_is_bad(&deeper, option->fields, room);
}

/* Stores the default as if it were in the file. */
static bool default_is_bad(const struct table_check *check, const struct hg_option *option)
{
    struct hg_option table[2] = {*option, {0}};
    struct option_memory *memory = NULL;
    struct config nowhere = {.path = (char[]){"default"}, .folder = (char[]){"/"}};
    struct option_reading reading = {.config = &nowhere, .memory = &memory, .no_files = true};
    struct config_node at = {.line = 1, .column = 1};
    max_align_t value[8] = {0};
    char *reported = NULL;
    size_t reported_size = 0;
    bool good;

    if (!option->value || option->type == HG_OPTION_MAP)
        return false;
    nowhere.errors = open_memstream(&reported, &reported_size);
    if (!nowhere.errors)
        return bad(check, option, "out of memory");
    table[0].offset = 0;
    good = options_fill(&reading, table, NULL, &at, value);
    fclose(nowhere.errors);
    if (!good) {
        reported[strcspn(reported, "\n")] = '\0';
        bad(check, option, "invalid default '%s': %s", option->value, reported);
    }
    free(reported);
    options_free(&memory);
    return !good;
}

static bool option_is_bad(const struct table_check *check, const struct hg_option *option, size_t cfg_size)
{
    bool list = option->type == HG_OPTION_LIST;
    enum hg_option_type type = list ? option->item : option->type;
    size_t size = option_type_size(option->type);

    if (name_is_bad(option->name))
        return bad(check, option, "the name must consist of lower-case letters, digits and '_'");
    if (!option_type_name(option->type))
        return bad(check, option, "unknown type %d", (int)option->type);
    if (list &&
        (!option_type_name(option->item) || option->item == HG_OPTION_LIST || option->item == HG_OPTION_NETWORK))
        return bad(check, option, "item type %d is not allowed in lists", (int)option->item);
    if (option->offset > cfg_size || size > cfg_size - option->offset)
        return bad(check, option, "extends beyond the config struct (%zu + %zu of %zu bytes)", option->offset, size,
                   cfg_size);
    if (option->max != 0 && option->min > option->max)
        return bad(check, option, "the range is empty");
    if ((option->flags & HG_OPTION_REQUIRED) && option->value)
        return bad(check, option, "required options have no default");
    if (choices_are_bad(check, option, type))
        return true;
    if (list && type == HG_OPTION_MAP && option->item_size == 0)
        return bad(check, option, "the item size is missing");
    if (type == HG_OPTION_MAP && members_are_bad(check, option, list ? option->item_size : cfg_size - option->offset))
        return true;
    return default_is_bad(check, option);
}

static bool table_is_bad(const struct table_check *check, const struct hg_option *table, size_t cfg_size)
{
    size_t bodies = 0;

    for (size_t i = 0; table[i].name; i++) {
        if (i == OPTIONS_MAX)
            return bad(check, &table[0], "the table is not terminated");
        if (check->depth > OPTION_DEPTH_MAX)
            return bad(check, &table[i], "mappings are nested more than %d deep", OPTION_DEPTH_MAX);
        if (option_is_bad(check, &table[i], cfg_size))
            return true;
        for (size_t j = 0; j < i; j++)
            if (strcmp(table[i].name, table[j].name) == 0)
                return bad(check, &table[i], "duplicate in the table");
        bodies += (table[i].flags & HG_OPTION_BODY) != 0;
        if (bodies > 1)
            return bad(check, &table[i], "only one option may be the body of its block");
        if ((table[i].flags & HG_OPTION_BODY) && table[i].type == HG_OPTION_MAP)
            return bad(check, &table[i],
                       "the body of a block cannot be a mapping, which would be taken for its options");
    }
    return false;
}

bool options_table_is_bad(const struct hg_option *table, size_t cfg_size, char *why, size_t why_size)
{
    struct table_check check = {.why = why, .why_size = why_size};

    return table && table_is_bad(&check, table, cfg_size);
}
