/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * hopgate plugins, hopgate describe, and the commands that plugins add
 */
#include "core/base/suggest.h"
#include "core/cli/cli.h"
#include "core/config/describe.h"
#include "core/config/only.h"
#include "core/config/settings.h"

#include <stdlib.h>

/* The name to pass to `hopgate describe` for the settings of the config file itself. */
#define SETTINGS_NAME "hopgate.conf"

static void print_head(const struct plugin *plugin)
{
    const struct hg_plugin *descriptor = &plugin->descriptor;

    printf("%s (%s), version %s, ABI %u, %s\n    %s\n", descriptor->name, plugin_role_name(descriptor->role),
           descriptor->version, (unsigned)descriptor->abi, plugin->path, descriptor->summary);
}

static void print_file(struct plugins *plugins, const struct plugin_file *file)
{
    const struct plugin *plugin;
    char why[1024];

    if (file->hidden) {
        printf("%s, shadowed by an earlier one, %s\n", file->name, file->path);
        return;
    }
    plugin = plugins_load(plugins, file->name, why, sizeof why);
    if (plugin)
        print_head(plugin);
    else
        printf("%s, cannot be loaded\n    %s\n", file->name, why);
}

int cli_plugins(struct cli *cli, char **arguments)
{
    size_t count = 0;
    struct plugin_file *files = plugins_files(cli->plugins, &count);
    char *path;

    (void)arguments;
    for (size_t i = 0; i < count; i++)
        print_file(cli->plugins, &files[i]);
    plugins_files_free(files, count);
    if (plugins_build_folder(cli->plugins))
        fprintf(stderr, "hopgate: not installed: using the plugins in %s\n", plugins_build_folder(cli->plugins));
    if (count > 0)
        return CLI_OK;
    path = plugins_search_path(cli->plugins);
    fprintf(stderr, "hopgate: no plugins in %s\n", path ? path : "the search path");
    free(path);
    return CLI_FAILED;
}

static void print_offers(const struct hg_plugin *descriptor)
{
    for (const struct hg_offer *offer = descriptor->offers; offer->name; offer++)
        printf("Offers %s, version %u.\n", offer->name, (unsigned)offer->version);
    for (const struct hg_need *need = descriptor->needs; need->name; need++)
        printf("Needs %s, version %u%s.\n", need->name, (unsigned)need->version,
               need->optional ? ", in some configurations" : "");
    for (const struct hg_command *command = descriptor->commands; command->name; command++)
        printf("Adds the command: hopgate %s %s\n", command->name, command->usage ? command->usage : "");
}

int cli_describe(struct cli *cli, char **arguments)
{
    const struct plugin *plugin = NULL;
    const struct hg_option *table = settings_options, *common = NULL;
    char why[1024];

    if (strcmp(arguments[0], SETTINGS_NAME) != 0) {
        plugin = plugins_load(cli->plugins, arguments[0], why, sizeof why);
        if (!plugin) {
            fprintf(stderr, "hopgate: %s\n", why);
            return CLI_FAILED;
        }
        table = plugin->descriptor.options;
    }
    if (cli->manual) {
        describe_manual(stdout, table);
        return CLI_OK;
    }
    if (plugin && plugin->descriptor.role == HG_ROLE_STAGE)
        common = only_options;
    if (plugin) {
        print_head(plugin);
        print_offers(&plugin->descriptor);
    } else {
        printf("The settings of a config file, besides its pipeline.\n");
    }
    printf("\nOptions:\n\n");
    describe_text(stdout, table, 2);
    if (common) {
        printf("\nOptions of every stage:\n\n");
        describe_text(stdout, common, 2);
    }
    return CLI_OK;
}

const struct hg_command *cli_plugin_command(struct plugins *plugins, const char *name,
                                            void (*visit)(void *arg, const struct hg_command *command), void *arg)
{
    const struct hg_command *found = NULL;
    size_t count = 0;
    struct plugin_file *files = plugins_files(plugins, &count);
    char why[256];

    for (size_t i = 0; !found && i < count; i++) {
        const struct plugin *plugin = files[i].hidden ? NULL : plugins_load(plugins, files[i].name, why, sizeof why);
        const struct hg_command *command = plugin ? plugin->descriptor.commands : NULL;

        for (; command && command->name && !found; command++) {
            if (strcmp(command->name, name) == 0)
                found = command;
            else
                visit(arg, command);
        }
    }
    plugins_files_free(files, count);
    return found;
}
