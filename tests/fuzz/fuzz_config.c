/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Fuzzes config files: any bytes become a tree or an error message, and an option table turns the tree into a filled
 * struct or an error message. What was filled is printed, and its positions are looked up.
 */
#include "core/config/options.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct item {
    const char *text;
    int64_t number;
};

struct block {
    struct hg_list items, numbers, addresses;
    struct hg_address address;
    const char *text, *path, *secret;
    uint64_t size;
    hg_time duration;
    struct item map;
    bool boolean;
    int word;
};

#define PLACE(member) .offset = offsetof(struct block, member)

static const char *const choices[] = {"red", "green", "blue", NULL};

static const struct hg_option fields[] = {
    {.name = "text", .type = HG_OPTION_STRING, .offset = offsetof(struct item, text), .flags = HG_OPTION_REQUIRED},
    {.name = "number",
     .type = HG_OPTION_INTEGER,
     .offset = offsetof(struct item, number),
     .value = "1",
     .min = -9,
     .max = 9},
    {0},
};

static const struct hg_option table[] = {
    {.name = "items",
     .type = HG_OPTION_LIST,
     .item = HG_OPTION_MAP,
     PLACE(items),
     .flags = HG_OPTION_BODY,
     .fields = fields,
     .item_size = sizeof(struct item),
     .max = 5},
    {.name = "numbers", .type = HG_OPTION_LIST, .item = HG_OPTION_INTEGER, PLACE(numbers), .value = "[1, 2]"},
    {.name = "addresses", .type = HG_OPTION_LIST, .item = HG_OPTION_ADDRESS, PLACE(addresses), .choices = choices},
    {.name = "address", .type = HG_OPTION_ADDRESS, PLACE(address), .max = 65535},
    {.name = "text", .type = HG_OPTION_STRING, PLACE(text)},
    {.name = "path", .type = HG_OPTION_PATH, PLACE(path)},
    {.name = "secret", .type = HG_OPTION_SECRET_FILE, PLACE(secret)},
    {.name = "size", .type = HG_OPTION_SIZE, PLACE(size), .min = 16},
    {.name = "duration", .type = HG_OPTION_DURATION, PLACE(duration)},
    {.name = "map", .type = HG_OPTION_MAP, PLACE(map), .fields = fields},
    {.name = "boolean", .type = HG_OPTION_BOOL, PLACE(boolean)},
    {.name = "word", .type = HG_OPTION_ENUM, PLACE(word), .choices = choices},
    {0},
};

static void must(bool good)
{
    if (!good)
        abort();
}

static void must_stand_somewhere(const struct config_node *node)
{
    must(node->line > 0 && node->column > 0);
    must(node->kind != CONFIG_SCALAR || node->text[node->size] == '\0');
    for (size_t i = 0; i < node->count; i++) {
        if (node->kind == CONFIG_MAPPING)
            must(strlen(node->keys[i]->text) == node->keys[i]->size);
        must_stand_somewhere(node->items[i]);
    }
}

/* Every error is a separate line that starts with the name of the file. */
static void must_be_lines(const char *reported, size_t faults)
{
    size_t lines = 0;

    for (; *reported; lines++) {
        must(strncmp(reported, "f:", 2) == 0 && strchr(reported, '\n'));
        reported = strchr(reported, '\n') + 1;
    }
    must(lines == faults);
}

static void fill(struct config *config)
{
    struct option_memory *memory = NULL;
    const struct option_reading reading = {.config = config, .owner = "plugin", .memory = &memory, .no_files = true};
    struct block block = {0};
    char *text = NULL;
    size_t size = 0;

    if (options_fill(&reading, table, config->root, config->root, &block)) {
        FILE *out = open_memstream(&text, &size);

        options_print(out, table, &block, 0);
        fclose(out);
        free(text);
    }
    must(options_locate(table, config->root, "items[0].text") != NULL);
    must(options_locate(table, config->root, "map.number") != NULL);
    options_free(&memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *reported = NULL;
    size_t reported_size = 0;
    FILE *errors = open_memstream(&reported, &reported_size);
    struct config *config = config_parse("f", (const char *)data, size, errors);

    must(config != NULL);
    if (config->root) {
        must_stand_somewhere(config->root);
        fill(config);
    } else {
        must(config->faults > 0);
    }
    fclose(errors);
    must_be_lines(reported, config->faults);
    config_free(config);
    free(reported);
    return 0;
}
