/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Commands of plugins that use a config file: hopgate NAME ... -c FILE
 */
#include "core/base/log.h"
#include "core/cli/cli.h"
#include "core/cli/run.h"
#include "core/worker/worker.h"

/* Removes "-c FILE", "--config FILE" or "--config=FILE" from the arguments; returns how many are left. */
static int take_config(struct cli *cli, int argc, char **argv)
{
    int left = 0;

    for (int i = 0; i < argc; i++) {
        if ((strcmp(argv[i], "-c") == 0 || strcmp(argv[i], "--config") == 0) && i + 1 < argc)
            cli->config = argv[++i];
        else if (strncmp(argv[i], "--config=", strlen("--config=")) == 0)
            cli->config = argv[i] + strlen("--config=");
        else
            argv[left++] = argv[i];
    }
    argv[left] = NULL;
    return left;
}

/* The instance of the plugin that has the command. */
static const struct instance *instance_of(const struct pipeline *pipeline, const struct hg_command *command)
{
    for (size_t i = 0; i < pipeline->count; i++) {
        const struct hg_command *known = pipeline->instances[i]->plugin->descriptor.commands;

        for (; known->name; known++)
            if (known == command)
                return pipeline->instances[i];
    }
    return NULL;
}

int cli_command_on_file(struct cli *cli, const struct hg_command *command, int argc, char **argv)
{
    const struct instance *instance;
    struct pipeline *pipeline;
    int result = CLI_FAILED;

    argc = take_config(cli, argc, argv);
    if (!cli->config) {
        fprintf(stderr, "hopgate %s: -c FILE is required\nusage: hopgate %s %s\n", command->name, command->name,
                command->usage ? command->usage : "");
        return CLI_USAGE;
    }
    log_configure(LOG_REPORT, HG_LOG_ERROR);
    pipeline = worker_load_pipeline(cli->config, cli->plugins, stderr);
    instance = pipeline && !pipeline->errors ? instance_of(pipeline, command) : NULL;
    if (instance)
        result = run_command_of(instance, argc, argv);
    else if (pipeline && !pipeline->errors)
        fprintf(stderr, "hopgate %s: no plugin in the pipeline of %s has this command\n", command->name, cli->config);
    pipeline_free(pipeline);
    return result;
}
