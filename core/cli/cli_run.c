/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * hopgate run, hopgate check
 */
#include "core/base/log.h"
#include "core/base/suggest.h"
#include "core/cli/cli.h"
#include "core/cli/run.h"
#include "core/config/privileges.h"
#include "core/worker/worker.h"

/* The index of a word among the choices of a setting; -1 after printing an error, -2 if `word` is NULL. */
static int choice(const char *setting, const char *option, const char *word)
{
    const struct hg_option *entry = settings_options;
    struct suggestion suggestion;

    if (!word)
        return -2;
    suggestion = suggestion_for(word);
    while (strcmp(entry->name, setting) != 0)
        entry++;
    for (int i = 0; entry->choices[i]; i++) {
        if (strcmp(entry->choices[i], word) == 0)
            return i;
        suggestion_offer(&suggestion, entry->choices[i]);
    }
    fprintf(stderr, "hopgate: %s: unknown value '%s'%s%s%s", option, word, SUGGESTION(suggestion_best(&suggestion)));
    for (int i = 0; entry->choices[i]; i++)
        fprintf(stderr, "%s%s", i ? ", " : "; expected one of: ", entry->choices[i]);
    fprintf(stderr, "\n");
    return -1;
}

static int run_config(struct cli *cli, int format, int level, FILE *errors)
{
    struct pipeline *pipeline = worker_load_pipeline(cli->config, cli->plugins, errors);
    int result = CLI_FAILED;

    if (!pipeline || pipeline->errors > 0) {
        log_line(HG_LOG_ERROR, "config", "%s has errors; not started", cli->config);
    } else {
        log_configure(format >= 0 ? (enum log_format)format : (enum log_format)pipeline->settings.log,
                      level >= 0 ? (enum hg_level)level : (enum hg_level)pipeline->settings.log_level);
        if (plugins_build_folder(cli->plugins))
            log_line(HG_LOG_INFO, "config", "not installed: using the plugins in %s",
                     plugins_build_folder(cli->plugins));
        result = run_pipeline(pipeline) == 0 ? CLI_OK : CLI_FAILED;
    }
    pipeline_free(pipeline);
    return result;
}

int cli_run(struct cli *cli, char **arguments)
{
    int format = choice("log", "--log", cli->log), level = choice("log_level", "--log-level", cli->log_level);
    FILE *errors;
    int result;

    (void)arguments;
    run_hold_requests();
    if (format == -1 || level == -1)
        return CLI_USAGE;
    level = level >= 0 ? level + HG_LOG_ERROR : level;
    log_configure(format >= 0 ? (enum log_format)format : LOG_AUTO, level >= 0 ? (enum hg_level)level : HG_LOG_INFO);
    errors = log_stream("config");
    if (!errors) {
        fprintf(stderr, "hopgate: out of memory\n");
        return CLI_FAILED;
    }
    result = run_config(cli, format, level, errors);
    fclose(errors);
    return result;
}

/* Prints the parsed config as YAML. */
static void print_meaning(const struct pipeline *pipeline)
{
    struct settings settings = pipeline->settings;

    settings.log_level -= HG_LOG_ERROR; /* back to the index of the word */
    options_print(stdout, settings_options, &settings, 0);
    printf("pipeline:\n");
    for (size_t i = 0; i < pipeline->count; i++) {
        const struct instance *instance = pipeline->instances[i];
        const struct hg_option *table = instance->plugin->descriptor.options;
        bool bare = (!table || !table->name) && !instance->only;

        printf("  - %s%s\n", instance->public.name, bare ? "" : ":");
        options_print(stdout, table, instance->public.cfg, 6);
        if (instance->only)
            options_print(stdout, only_options, &instance->only_options, 6);
    }
}

int cli_check(struct cli *cli, char **arguments)
{
    struct pipeline *pipeline;
    bool good;

    (void)arguments;
    log_configure(LOG_REPORT, HG_LOG_WARNING);
    pipeline = worker_load_pipeline(cli->config, cli->plugins, stderr);
    good = pipeline && pipeline->errors == 0;
    if (good) {
        log_configure(LOG_REPORT, HG_LOG_ERROR);
        if (!pipeline->settings.user)
            user_check_units(pipeline->config);
        run_examinations(pipeline);
        printf("%s%s: ok: ", cli->print ? "# " : "", cli->config);
        pipeline_print(pipeline, stdout);
    }
    if (good && cli->print)
        print_meaning(pipeline);
    if (plugins_build_folder(cli->plugins))
        fprintf(stderr, "hopgate: not installed: using the plugins in %s\n", plugins_build_folder(cli->plugins));
    if (pipeline && pipeline->errors > 0)
        fprintf(stderr, "%s: %zu error%s\n", cli->config, pipeline->errors, pipeline->errors == 1 ? "" : "s");
    pipeline_free(pipeline);
    return good ? CLI_OK : CLI_FAILED;
}
