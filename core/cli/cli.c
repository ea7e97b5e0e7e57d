/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/cli/cli.h"

#include "core/base/fatal.h"
#include "core/base/suggest.h"

#include <config.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- Options ---- */

/* Every option of every command. The letter identifies it in struct cli_command. */
static const struct {
    char letter;
    bool is_short; /* the letter is also a short option */
    const char *name;
    const char *argument; /* NULL: none */
    const char *doc;
} options[] = {
    {'c', true, "config", "FILE", "read the configuration from FILE"},
    {'F', false, "log", "FORMAT", "log as auto, text or json; overrides the config file"},
    {'L', false, "log-level", "LEVEL", "log at level error, warning, info or debug; overrides the config file"},
    {'M', false, "man", NULL, "print the option section of a manual page"},
    {'P', false, "print", NULL, "print the configuration with all defaults; secrets are left out"},
    {'D', false, "plugin-dir", "DIR", "search DIR for plugins first; may be repeated"},
    {'h', true, "help", NULL, "show this help"},
    {'V', true, "version", NULL, "show the version"},
};

enum {
    OPTION_COUNT = sizeof options / sizeof *options,
    USAGE_WIDTH = 24,
};

/* Whether a command takes the option with this letter. */
static bool allowed(const char *letters, char letter)
{
    return strchr(letters, letter) != NULL;
}

static int add_folder(struct cli *cli, const char *folder)
{
    const char **more = realloc(cli->folders, (cli->folder_count + 2) * sizeof *more);

    if (!more) {
        fprintf(stderr, "hopgate: out of memory\n");
        return CLI_FAILED;
    }
    cli->folders = more;
    more[cli->folder_count++] = folder;
    more[cli->folder_count] = NULL;
    return CLI_OK;
}

static int take_option(struct cli *cli, int letter)
{
    switch (letter) {
    case 'c':
        cli->config = optarg;
        break;
    case 'F':
        cli->log = optarg;
        break;
    case 'L':
        cli->log_level = optarg;
        break;
    case 'M':
        cli->manual = true;
        break;
    case 'P':
        cli->print = true;
        break;
    case 'D':
        return add_folder(cli, optarg);
    case 'V':
        cli->version = true;
        break;
    default:
        cli->help = true;
    }
    return CLI_OK;
}

static int bad_option(char **argv, const char *letters, int verdict)
{
    const char *given = argv[optind - 1];
    struct suggestion suggestion;
    char word[64];

    if (verdict == ':') {
        fprintf(stderr, "hopgate: option '%s' requires an argument\n", given);
        return CLI_USAGE;
    }
    if (optopt && strncmp(given, "--", 2) != 0) {
        fprintf(stderr, "hopgate: unknown option '-%c'\n", optopt);
        return CLI_USAGE;
    }
    snprintf(word, sizeof word, "%.*s", (int)strcspn(given + 2, "="), given + 2);
    suggestion = suggestion_for(word);
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (allowed(letters, options[i].letter))
            suggestion_offer(&suggestion, options[i].name);
    if (suggestion_best(&suggestion) && strcmp(suggestion_best(&suggestion), word) == 0)
        fprintf(stderr, "hopgate: option '--%s' takes no argument\n", word);
    else
        fprintf(stderr, "hopgate: unknown option '--%s'%s%s%s\n", word,
                suggestion_best(&suggestion) ? "; did you mean '--" : "",
                suggestion_best(&suggestion) ? suggestion_best(&suggestion) : "",
                suggestion_best(&suggestion) ? "'?" : "");
    return CLI_USAGE;
}

/* Makes the tables for getopt_long() from the options that `letters` allow; `leading`: stop at the first word that is
 * not an option. */
static void option_tables(const char *letters, bool leading, char *shorts, struct option *longs)
{
    shorts += sprintf(shorts, "%s:", leading ? "+" : "");
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (!allowed(letters, options[i].letter))
            continue;
        *longs++ = (struct option){options[i].name, options[i].argument ? required_argument : no_argument, NULL,
                                   options[i].letter};
        if (options[i].is_short)
            shorts += sprintf(shorts, "%c%s", options[i].letter, options[i].argument ? ":" : "");
    }
}

/* Reads options up to the first other word if `leading`, else all of them. `optind` is then the index of the first
 * other word.
 */
static int read_options(struct cli *cli, int argc, char **argv, const char *letters, bool leading)
{
    struct option longs[OPTION_COUNT + 1] = {{0}};
    char shorts[2 * OPTION_COUNT + 3];
    int letter, result = CLI_OK;

    option_tables(letters, leading, shorts, longs);
    opterr = 0;
    optind = 0;
    while (result == CLI_OK && (letter = getopt_long(argc, argv, shorts, longs, NULL)) != -1)
        result = letter == '?' || letter == ':' ? bad_option(argv, letters, letter) : take_option(cli, letter);
    return result;
}

/* ---- Help ---- */

static void print_options(const char *letters)
{
    printf("\nOptions:\n");
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        char text[64];

        if (!allowed(letters, options[i].letter))
            continue;
        snprintf(text, sizeof text, "%c%c%c --%s%s%s", options[i].is_short ? '-' : ' ',
                 options[i].is_short ? options[i].letter : ' ', options[i].is_short ? ',' : ' ', options[i].name,
                 options[i].argument ? " " : "", options[i].argument ? options[i].argument : "");
        printf("  %-*s %s\n", USAGE_WIDTH, text, options[i].doc);
    }
}

static void print_word(const char *name, const char *usage, const char *summary)
{
    char text[128];

    snprintf(text, sizeof text, "%s%s%s", name, usage && *usage ? " " : "", usage ? usage : "");
    if (strlen(text) > USAGE_WIDTH)
        printf("  %s\n  %-*s %s\n", text, USAGE_WIDTH, "", summary);
    else
        printf("  %-*s %s\n", USAGE_WIDTH, text, summary);
}

/* ---- Commands ---- */

static int cli_version(struct cli *cli, char **arguments)
{
    (void)cli;
    (void)arguments;
    printf("hopgate %s (ABI %d)\n", PACKAGE_VERSION, HG_ABI);
    return CLI_OK;
}

static int cli_help(struct cli *cli, char **arguments);

static const struct cli_command commands[] = {
    {"run", "-c FILE", "run the gateway or client that FILE describes", "cFLDh", 0, 0, cli_run},
    {"check", "-c FILE", "check a config file and report every error", "cPDh", 0, 0, cli_check},
    {"plugins", "", "list the available plugins", "Dh", 0, 0, cli_plugins},
    {"describe", "NAME", "list the options of a plugin, or of hopgate.conf", "MDh", 1, 1, cli_describe},
    {"version", "", "show the version", "h", 0, 0, cli_version},
    {"help", "[COMMAND]", "show help for hopgate, or for one command", "Dh", 0, 1, cli_help},
};

enum {
    COMMAND_COUNT = sizeof commands / sizeof *commands,
};

static const char *const global_options = "DhV";

static void print_plugin_word(void *arg, const struct hg_command *command)
{
    (void)arg;
    print_word(command->name, command->usage, command->summary);
}

static void print_overview(struct cli *cli)
{
    printf("usage: hopgate [OPTION]... COMMAND [ARGUMENT]...\n\nCommands:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        print_word(commands[i].name, commands[i].usage, commands[i].summary);
    if (cli->plugins)
        cli_plugin_command(cli->plugins, "", print_plugin_word, NULL);
    print_options(global_options);
    printf("\nExit status: 0 success, 1 failure, 2 usage error.\n"
           "'hopgate help COMMAND' describes one command; see also hopgate(1) and hopgate.conf(5).\n");
}

static const struct cli_command *find_command(const char *word)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, word) == 0)
            return &commands[i];
    return NULL;
}

static void offer_word(void *arg, const struct hg_command *command)
{
    suggestion_offer(arg, command->name);
}

/* Finds a plugin's command; prints a message and returns NULL if no plugin has it. */
static const struct hg_command *find_plugin_command(struct cli *cli, const char *word)
{
    struct suggestion suggestion = suggestion_for(word);
    const struct hg_command *command = NULL;

    for (size_t i = 0; i < COMMAND_COUNT; i++)
        suggestion_offer(&suggestion, commands[i].name);
    if (!cli->plugins)
        cli->plugins = plugins_new(cli->folders);
    if (cli->plugins)
        command = cli_plugin_command(cli->plugins, word, offer_word, &suggestion);
    if (!command)
        fprintf(stderr, "hopgate: unknown command '%s'%s%s%s\nTry 'hopgate --help'.\n", word,
                SUGGESTION(suggestion_best(&suggestion)));
    return command;
}

static void print_usage(FILE *file, const char *name, const char *arguments)
{
    fprintf(file, "usage: hopgate %s%s%s\n", name, arguments && *arguments ? " " : "", arguments ? arguments : "");
}

static void print_command(const struct cli_command *command)
{
    print_usage(stdout, command->name, command->usage);
    printf("\nhopgate %s: %s\n", command->name, command->summary);
    print_options(command->options);
}

static void print_plugin_command(const struct hg_command *command)
{
    print_usage(stdout, command->name, command->usage);
    printf("\nhopgate %s: %s\n", command->name, command->summary);
    if (command->help)
        printf("\n%s\n", command->help);
}

static int cli_help(struct cli *cli, char **arguments)
{
    const struct cli_command *command;
    const struct hg_command *plugin_command;

    if (!arguments[0]) {
        print_overview(cli);
        return CLI_OK;
    }
    command = find_command(arguments[0]);
    if (command) {
        print_command(command);
        return CLI_OK;
    }
    plugin_command = find_plugin_command(cli, arguments[0]);
    if (!plugin_command)
        return CLI_USAGE;
    print_plugin_command(plugin_command);
    return CLI_OK;
}

/* Whether a command accepts this number of arguments; if not, prints a message. */
static bool arguments_suit(const struct cli *cli, const struct cli_command *command, int count, char **arguments)
{
    if (count > command->most)
        fprintf(stderr, "hopgate: unexpected argument '%s'\n", arguments[command->most]);
    else if (count < command->least || (allowed(command->options, 'c') && !cli->config))
        fprintf(stderr, "hopgate: '%s' requires %s\n", command->name, command->usage);
    else
        return true;
    return false;
}

static int run_command(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
    int result = read_options(cli, argc, argv, command->options, false);

    if (result == CLI_OK && cli->help) {
        print_command(command);
        return CLI_OK;
    }
    if (result != CLI_OK || !arguments_suit(cli, command, argc - optind, argv + optind)) {
        print_usage(stderr, command->name, command->usage);
        return CLI_USAGE;
    }
    cli->plugins = plugins_new(cli->folders);
    if (cli->plugins)
        return command->run(cli, argv + optind);
    fprintf(stderr, "hopgate: out of memory\n");
    return CLI_FAILED;
}

static bool asks_for_help(char **arguments)
{
    for (; *arguments && strcmp(*arguments, "--") != 0; arguments++)
        if (strcmp(*arguments, "--help") == 0 || strcmp(*arguments, "-h") == 0)
            return true;
    return false;
}

/* Not one of our commands: a plugin's, or a typo. */
static int run_plugin_command(struct cli *cli, int argc, char **argv)
{
    const struct hg_command *command = find_plugin_command(cli, argv[0]);

    if (!command)
        return CLI_USAGE;
    if (asks_for_help(argv + 1)) {
        print_plugin_command(command);
        return CLI_OK;
    }
    optind = 0; /* the plugin may use getopt() itself */
    opterr = 1;
    return command->run ? command->run(argc, argv) : cli_command_on_file(cli, command, argc, argv);
}

static int dispatch(struct cli *cli, int argc, char **argv)
{
    int result = read_options(cli, argc, argv, global_options, true);
    const struct cli_command *command;

    if (result != CLI_OK)
        return result;
    argc -= optind;
    argv += optind;
    if (cli->help) {
        cli->plugins = plugins_new(cli->folders);
        return cli_help(cli, argv);
    }
    if (cli->version)
        return cli_version(cli, argv);
    if (argc == 0) {
        fprintf(stderr, "usage: hopgate [OPTION]... COMMAND [ARGUMENT]...\nTry 'hopgate --help'.\n");
        return CLI_USAGE;
    }
    command = find_command(argv[0]);
    return command ? run_command(cli, command, argc, argv) : run_plugin_command(cli, argc, argv);
}

int cli_main(int argc, char **argv)
{
    struct cli cli = {0};
    int result;

    fatal_watch();
    result = dispatch(&cli, argc, argv);

    plugins_free(cli.plugins);
    free(cli.folders);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "hopgate: cannot write to standard output\n");
        return result == CLI_OK ? CLI_FAILED : result;
    }
    return result;
}
