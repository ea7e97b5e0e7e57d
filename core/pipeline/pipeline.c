/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/pipeline/pipeline.h"

#include "core/base/fatal.h"
#include "core/config/option_values.h"
#include "core/config/privileges.h"
#include "core/pipeline/gateway_list.h"
#include "core/pipeline/listen.h"
#include "core/pipeline/pipeline_check.h"
#include "core/pipeline/start_order.h"

#include <stdlib.h>

/* ---- Services for instances ---- */

__attribute__((cold, format(printf, 4, 0))) static void
report_at(const struct instance *instance,
          void (*report)(struct config *, const struct config_node *, const char *, ...), const char *option,
          const char *format, va_list arguments)
{
    const struct hg_option *table = instance->plugin->descriptor.options;
    const struct config_node *at = option ? options_locate(table, instance->block, option) : instance->block;
    char *message = NULL;

    if (vasprintf(&message, format, arguments) < 0)
        message = NULL;
    report(instance->pipeline->config, at ? at : instance->name, "%s: %s%s%s", instance->public.name,
           option ? option : "", option ? ": " : "", message ? message : "out of memory");
    free(message);
}

void pipeline_config_error(const struct hg_instance *public, const char *option, const char *format, va_list arguments)
{
    struct instance *instance =
        (struct instance *)(uintptr_t) public; /* instances belong to the core, which may modify them */

    report_at(instance, config_fault, option, format, arguments);
    instance->faults++;
    instance->pipeline->errors++;
}

void pipeline_config_warning(const struct hg_instance *public, const char *option, const char *format,
                             va_list arguments)
{
    report_at((const struct instance *)public, config_warning, option, format, arguments);
}

void pipeline_reads_file(const struct hg_instance *public, const char *option, const char *path, bool again)
{
    const struct instance *instance = (const struct instance *)public;
    const struct hg_option *table = instance->plugin->descriptor.options;
    const struct config_node *at = option ? options_locate(table, instance->block, option) : instance->block;

    if (instance->pipeline->config)
        config_note_file(instance->pipeline->config, at ? at : instance->name, path, again);
}

enum hg_end pipeline_end(const struct hg_instance *public)
{
    return (enum hg_end)((const struct instance *)public)->pipeline->shape;
}

bool pipeline_capability(struct hg_instance *public, const char *name, uint32_t version, struct hg_capability *found)
{
    const struct instance *instance = (const struct instance *)public;
    const struct hg_offer *offer = NULL;
    struct instance *provider = pipeline_provider(instance->pipeline, name, version, &offer);

    if (!provider)
        return false;
    *found = (struct hg_capability){.ops = offer->ops, .provider = &provider->public};
    return true;
}

struct instance *pipeline_provider(const struct pipeline *pipeline, const char *name, uint32_t version,
                                   const struct hg_offer **found)
{
    for (size_t i = 0; i < pipeline->count; i++) {
        const struct hg_offer *offer = pipeline->instances[i]->plugin->descriptor.offers;

        for (; offer->name; offer++) {
            if (strcmp(offer->name, name) != 0 || offer->version != version)
                continue;
            if (found)
                *found = offer;
            return pipeline->instances[i];
        }
    }
    return NULL;
}

/* ---- Blocks ---- */

static void instance_free(struct instance *instance)
{
    if (instance->configured && instance->plugin->descriptor.unconfigure)
        CALL_PLUGIN(instance->public.name, "unconfigure", instance->plugin->descriptor.unconfigure(&instance->public));
    listen_close(instance);
    options_free(&instance->memory);
    free(instance->public.cfg);
    free(instance);
}

/* Reads the option `only`, which only stages have: the ends of the path cannot be skipped, and no exchange passes
 * through other plugins. False after an error. */
static bool read_only(struct instance *instance, const struct option_reading *reading)
{
    uint32_t role = instance->plugin->descriptor.role;
    const struct config_node *key = NULL;

    if (role == HG_ROLE_STAGE)
        return only_read(reading, instance->block, instance->block ? instance->block : instance->name,
                         &instance->only_options, &instance->only);
    if (!instance->block || !config_get(instance->block, ONLY_NAME, &key))
        return true;
    return option_fault(reading, NULL, key, "'" ONLY_NAME "' is an option of stages, but %s is %s %s%s: remove it here",
                        instance->public.name, role == HG_ROLE_EDGE || role == HG_ROLE_ORIGIN ? "an" : "a",
                        plugin_role_name(role),
                        role == HG_ROLE_EDGE || role == HG_ROLE_ORIGIN ? ", which every request passes through" : "");
}

/* Creates an instance and fills its options, as far as they are valid. NULL when out of memory. */
static struct instance *instance_new(struct pipeline *pipeline, const struct plugin *plugin,
                                     const struct config_node *name, const struct config_node *block)
{
    struct instance *instance = calloc(1, sizeof *instance);
    const struct hg_plugin *descriptor = &plugin->descriptor;
    struct option_reading reading = {.config = pipeline->config, .owner = descriptor->name, .other_key = ONLY_NAME};

    if (!instance)
        return NULL;
    *instance = (struct instance){.public = {.host = pipeline->host, .name = descriptor->name},
                                  .plugin = plugin,
                                  .pipeline = pipeline,
                                  .name = name,
                                  .block = block && !config_is_null(block) ? block : NULL,
                                  .index = pipeline->count};
    instance->public.cfg = calloc(1, descriptor->cfg_size ? descriptor->cfg_size : 1);
    if (!instance->public.cfg) {
        free(instance);
        return NULL;
    }
    reading.memory = &instance->memory;
    instance->filled = options_fill(&reading, descriptor->options, instance->block,
                                    instance->block ? instance->block : name, instance->public.cfg);
    instance->filled = read_only(instance, &reading) && instance->filled;
    return instance;
}

/* The plugin's name in a block: `- name`, `- name: …`. NULL after an error. */
static const struct config_node *block_name(struct config *config, const struct config_node *item,
                                            const struct config_node **block)
{
    *block = NULL;
    if (item->faulty)
        return NULL;
    if (item->kind == CONFIG_SCALAR && item->size > 0 && strlen(item->text) == item->size)
        return item;
    if (item->kind != CONFIG_MAPPING || item->count == 0) {
        config_fault(config, item, "expected the name of a plugin, alone or followed by ':' and its options");
        return NULL;
    }
    if (item->count > 1) {
        config_fault(
            config, item->keys[1],
            "'%s' is on the same level as '%s': indent it if it is an option, or put '- ' before it if it is a plugin",
            item->keys[1]->text, item->keys[0]->text);
        return NULL;
    }
    *block = item->items[0];
    return item->keys[0];
}

/* 0, or -1 when out of memory; errors are reported. */
static int add_block(struct pipeline *pipeline, const struct config_node *item)
{
    const struct config_node *block, *name = block_name(pipeline->config, item, &block);
    const struct plugin *plugin;
    char why[1024];

    if (!name)
        return 0;
    plugin = plugins_load(pipeline->plugins, name->text, why, sizeof why);
    if (!plugin) {
        config_fault(pipeline->config, name, "%s", why);
        return 0;
    }
    pipeline->instances[pipeline->count] = instance_new(pipeline, plugin, name, block);
    return pipeline->instances[pipeline->count] ? (int)(pipeline->count++, 0) : -1;
}

/* Adds all blocks. True if each of them became an instance, so that their order can be checked. */
static bool add_blocks(struct pipeline *pipeline)
{
    const struct config_node *key = NULL, *list = config_get(pipeline->config->root, SETTINGS_PIPELINE, &key);

    if (!list) {
        config_fault(pipeline->config, pipeline->config->root, "'pipeline:', the list of plugins, is missing");
        return false;
    }
    if (list->kind != CONFIG_SEQUENCE || list->count == 0) {
        config_fault(pipeline->config, list->kind == CONFIG_SEQUENCE || config_is_null(list) ? key : list,
                     "'pipeline' must be a list of plugins, each beginning with '- '");
        return false;
    }
    pipeline->instances = calloc(list->count, sizeof(struct instance *));
    for (size_t i = 0; pipeline->instances && i < list->count; i++) {
        if (add_block(pipeline, list->items[i]) == 0)
            continue;
        config_fault(pipeline->config, NULL, "out of memory");
        return false;
    }
    return pipeline->count == list->count;
}

/* ---- Configuring ---- */

static void configure(struct instance *instance)
{
    const struct hg_plugin *descriptor = &instance->plugin->descriptor;
    struct pipeline *pipeline = instance->pipeline;

    int result;

    if (!instance->filled || !descriptor->configure)
        return;
    instance->configured = true;
    CALL_PLUGIN(descriptor->name, "configure", result = descriptor->configure(&instance->public));
    if (result != 0 && instance->faults == 0)
        config_fault(pipeline->config, instance->name, "%s: configuration failed without an error message",
                     instance->public.name);
}

static void load_blocks(struct pipeline *pipeline)
{
    const struct hg_list *folders = &pipeline->settings.plugin_dirs;

    if (plugins_set_config_folders(pipeline->plugins, folders->items, folders->count) != 0) {
        config_fault(pipeline->config, NULL, "out of memory");
        return;
    }
    if (add_blocks(pipeline)) {
        if (pipeline_arrange(pipeline) != 0 || pipeline_find_start_order(pipeline) != 0)
            config_fault(pipeline->config, NULL, "out of memory");
        pipeline_check_capabilities(pipeline);
        pipeline_check_settings(pipeline);
    }
    for (size_t i = 0; i < pipeline->count; i++)
        configure(pipeline->instances[i]);
    pipeline_check_transports(pipeline);
    pipeline_check_addresses(pipeline);
}

struct pipeline *pipeline_load(const char *path, struct plugins *plugins, const struct hg_host *host, FILE *errors)
{
    struct pipeline *pipeline = calloc(1, sizeof *pipeline);
    struct config *config = pipeline ? config_read(path, errors) : NULL;
    bool has_user;

    if (!config) {
        fprintf(errors, "%s: out of memory\n", path);
        free(pipeline);
        return NULL;
    }
    *pipeline = (struct pipeline){.config = config, .plugins = plugins, .host = host};
    if (config->root && config->root->kind != CONFIG_MAPPING && !config->root->faulty)
        config_fault(config, config->root, "expected a mapping with 'pipeline:', not %s",
                     config_kind_name(config->root));
    if (!config->root || config->root->kind != CONFIG_MAPPING) {
        pipeline_free(pipeline);
        return NULL;
    }
    settings_fill(config, config->root, &pipeline->memory, &pipeline->settings);
    has_user = user_check(config, config_get(config->root, "user", NULL), pipeline->settings.user);
    load_blocks(pipeline);
    if (has_user)
        user_check_files(config, pipeline->settings.user);
    user_check_own(config);
    pipeline->errors = config->faults;
    return pipeline;
}

int pipeline_prepare(struct pipeline *pipeline)
{
    for (size_t i = 0; i < pipeline->count; i++) {
        struct instance *instance = pipeline->instances[i];
        const struct hg_plugin *descriptor = &instance->plugin->descriptor;
        size_t before = instance->faults;
        int result = 0;

        if (descriptor->prepare)
            CALL_PLUGIN(descriptor->name, "prepare", result = descriptor->prepare(&instance->public));
        if (result != 0 && instance->faults == before)
            config_fault(pipeline->config, instance->name, "%s: preparation failed without an error message",
                         instance->public.name);
    }
    pipeline->errors = pipeline->config->faults;
    return pipeline->errors ? -1 : 0;
}

void pipeline_free(struct pipeline *pipeline)
{
    if (!pipeline)
        return;
    for (size_t i = pipeline->count; i > 0; i--)
        instance_free(pipeline->instances[i - 1]);
    free(pipeline->instances);
    free(pipeline->start_order);
    free(pipeline->path);
    free(pipeline->codecs);
    free(pipeline->transports);
    options_free(&pipeline->memory);
    config_free(pipeline->config);
    free(pipeline);
}

/* ---- Printing ---- */

static void print_row(FILE *out, struct instance *const *row, size_t count, const char *before, const char *between)
{
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s%s", i ? between : before, row[i]->public.name);
}

void pipeline_print(const struct pipeline *pipeline, FILE *out)
{
    bool gateway = pipeline->shape == PIPELINE_GATEWAY;
    const char *before = "; ";

    fputs(gateway ? "gateway: " : "client: ", out);
    if (gateway)
        print_row(out, pipeline->path, pipeline->path_count, "", " > ");
    else
        print_row(out, pipeline->transports, pipeline->transport_count, "", ", ");
    print_row(out, pipeline->codecs, pipeline->codec_count, " > ", ", ");
    if (gateway)
        print_row(out, pipeline->transports, pipeline->transport_count, " > ", ", ");
    else
        print_row(out, pipeline->path, pipeline->path_count, " > ", " > ");
    for (size_t i = 0; i < pipeline->count; i++) {
        const struct hg_offer *offer = pipeline->instances[i]->plugin->descriptor.offers;

        for (; offer->name; offer++, before = ", ")
            fprintf(out, "%s%s by %s", before, offer->name, pipeline->instances[i]->public.name);
    }
    if (!gateway)
        gateway_list_print(pipeline, out);
    fputc('\n', out);
}
