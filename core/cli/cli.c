/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 */
#include "core/cli/cli.h"

#include "core/base/suggest.h"

#include <config.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- Options ---- */

/* Every option of every command. The letter stands for it in struct cli_command; only lower-case ones can be typed. */
static const struct {
    char letter;
    const char *name;
    const char *argument; /* NULL: none */
    const char *doc;
} options[] = {
    {'c', "config", "FILE", "the config file"},
    {'L', "log", "FORMAT", "auto, text or json, over what the config file says"},
    {'V', "log-level", "LEVEL", "error, warning, info or debug, over what the config file says"},
    {'M', "man", NULL, "write the option section of a manual page"},
    {'P', "print", NULL, "print what the file means, defaults included and secrets left out"},
    {'D', "plugin-dir", "DIR", "look for plugins there first; may be given several times"},
    {'h', "help", NULL, "say what there is"},
    {'W', "version", NULL, "print the version"},
};

enum {
    OPTION_COUNT = sizeof options / sizeof *options,
    USAGE_WIDTH = 24,
};

/* How long options are told apart from short ones that were not allowed. */
static bool allowed(const char *letters, char letter)
{
    return strchr(letters, letter) != NULL;
}

static int add_folder(struct cli *cli, const char *folder)
{
    const char **more = realloc(cli->folders, (cli->folder_count + 2) * sizeof *more);

    if (!more) {
        fprintf(stderr, "hopgate: memory is out\n");
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
    case 'L':
        cli->log = optarg;
        break;
    case 'V':
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
    case 'W':
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
        fprintf(stderr, "hopgate: option '%s' needs an argument\n", given);
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

/* Reads options up to the first other word if `leading`, else all. `optind` tells where the words begin. */
static int read_options(struct cli *cli, int argc, char **argv, const char *letters, bool leading)
{
    struct option table[OPTION_COUNT + 1] = {{0}};
    size_t count = 0;
    int letter, result = CLI_OK;

    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (allowed(letters, options[i].letter))
            table[count++] = (struct option){options[i].name, options[i].argument ? required_argument : no_argument,
                                             NULL, options[i].letter};
    opterr = 0;
    optind = 0;
    while (result == CLI_OK &&
           (letter =
                getopt_long(argc, argv, allowed(letters, 'c') ? (leading ? "+:c:h" : ":c:h") : (leading ? "+:h" : ":h"),
                            table, NULL)) != -1)
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
        snprintf(text, sizeof text, "%s--%s%s%s",
                 options[i].letter == 'c'   ? "-c, "
                 : options[i].letter == 'h' ? "-h, "
                                            : "    ",
                 options[i].name, options[i].argument ? " " : "", options[i].argument ? options[i].argument : "");
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
    {"run", "-c FILE", "serve what a config file says, until SIGTERM or SIGINT", "cLVDh", 0, cli_run},
    {"check", "-c FILE", "tell all faults of a config file", "cPDh", 0, cli_check},
    {"plugins", "", "list the plugins that there are", "Dh", 0, cli_plugins},
    {"describe", "NAME", "list the options of a plugin, or of hopgate.conf itself", "MDh", 1, cli_describe},
    {"version", "", "print the version", "h", 0, cli_version},
    {"help", "", "say what there is", "Dh", 0, cli_help},
};

enum {
    COMMAND_COUNT = sizeof commands / sizeof *commands,
};

static const char *const global_options = "DhW";

static void print_plugin_word(void *arg, const struct hg_command *command)
{
    (void)arg;
    print_word(command->name, command->usage, command->summary);
}

static int cli_help(struct cli *cli, char **arguments)
{
    (void)arguments;
    printf("usage: hopgate [OPTION]... COMMAND [ARGUMENT]...\n\nCommands:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        print_word(commands[i].name, commands[i].usage, commands[i].summary);
    if (cli->plugins)
        cli_plugin_command(cli->plugins, "", print_plugin_word, NULL);
    print_options(global_options);
    printf("\nExit codes: 0 well done, 1 failed, 2 the command line makes no sense.\n"
           "The manual pages hopgate(1) and hopgate.conf(5) tell more.\n");
    return CLI_OK;
}

static const struct cli_command *find_command(const char *word)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, word) == 0)
            return &commands[i];
    return NULL;
}

static int run_command(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
    int result = read_options(cli, argc, argv, command->options, false);

    if (result != CLI_OK) {
        fprintf(stderr, "usage: hopgate %s %s\n", command->name, command->usage);
        return result;
    }
    if (cli->help) {
        printf("usage: hopgate %s %s\n\nhopgate %s: %s\n", command->name, command->usage, command->name,
               command->summary);
        print_options(command->options);
        return CLI_OK;
    }
    if (argc - optind != command->arguments || (allowed(command->options, 'c') && !cli->config)) {
        if (argc - optind > command->arguments)
            fprintf(stderr, "hopgate: '%s' is one word too many\n", argv[optind + command->arguments]);
        else
            fprintf(stderr, "hopgate: '%s' needs %s\n", command->name, command->usage);
        fprintf(stderr, "usage: hopgate %s %s\n", command->name, command->usage);
        return CLI_USAGE;
    }
    cli->plugins = plugins_new(cli->folders);
    if (cli->plugins)
        return command->run(cli, argv + optind);
    fprintf(stderr, "hopgate: memory is out\n");
    return CLI_FAILED;
}

static void offer_word(void *arg, const struct hg_command *command)
{
    suggestion_offer(arg, command->name);
}

/* A word that is none of ours: a plugin's, or a slip. */
static int run_plugin_command(struct cli *cli, int argc, char **argv)
{
    struct suggestion suggestion = suggestion_for(argv[0]);
    const struct hg_command *command = NULL;

    for (size_t i = 0; i < COMMAND_COUNT; i++)
        suggestion_offer(&suggestion, commands[i].name);
    cli->plugins = plugins_new(cli->folders);
    if (cli->plugins)
        command = cli_plugin_command(cli->plugins, argv[0], offer_word, &suggestion);
    if (!command) {
        fprintf(stderr, "hopgate: unknown command '%s'%s%s%s\nhopgate --help tells what there is.\n", argv[0],
                SUGGESTION(suggestion_best(&suggestion)));
        return CLI_USAGE;
    }
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        printf("usage: hopgate %s %s\n\nhopgate %s: %s\n", command->name, command->usage ? command->usage : "",
               command->name, command->summary);
        return CLI_OK;
    }
    optind = 0; /* the plugin may want getopt() */
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
        fprintf(stderr, "usage: hopgate [OPTION]... COMMAND [ARGUMENT]...\nhopgate --help tells what there is.\n");
        return CLI_USAGE;
    }
    command = find_command(argv[0]);
    return command ? run_command(cli, command, argc, argv) : run_plugin_command(cli, argc, argv);
}

int cli_main(int argc, char **argv)
{
    struct cli cli = {0};
    int result = dispatch(&cli, argc, argv);

    plugins_free(cli.plugins);
    free(cli.folders);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "hopgate: standard output cannot be written\n");
        return result == CLI_OK ? CLI_FAILED : result;
    }
    return result;
}
