/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The command line: hopgate [OPTION]... COMMAND [ARGUMENT]...
 */
#ifndef CORE_CLI_CLI_H
#define CORE_CLI_CLI_H

#include "core/base/cold.h"
#include "core/plugin/plugin.h"

/* Exit codes, as in hopgate(1). A plugin's command may use others. */
enum {
    CLI_OK = 0,
    CLI_FAILED = 1, /* the config has errors, a port is in use, a plugin cannot be loaded, ... */
    CLI_USAGE = 2,  /* the command line is wrong */
};

/* The options given on the command line. */
struct cli {
    const char *config;
    const char *log;
    const char *log_level;
    bool print;
    bool manual; /* --man */
    bool help;
    bool version;
    const char **folders; /* --plugin-dir, terminated by NULL */
    size_t folder_count;
    struct plugins *plugins; /* searched in these folders, too */
};

struct cli_command {
    const char *name;
    const char *usage;   /* the part after the name */
    const char *summary; /* one line */
    const char *options; /* the letters of the options that it takes, from the table in cli.c */
    int least, most;     /* number of arguments */
    int (*run)(struct cli *cli, char **arguments);
};

/* The whole program. Returns the exit code. */
COLD int cli_main(int argc, char **argv);

/* The commands: cli_run.c and cli_plugins.c. */
COLD int cli_run(struct cli *cli, char **arguments);
COLD int cli_check(struct cli *cli, char **arguments);
COLD int cli_plugins(struct cli *cli, char **arguments);
COLD int cli_describe(struct cli *cli, char **arguments);

/* Runs a plugin's command that uses a config file; argv[0] is its name. Returns the exit code. */
COLD int cli_command_on_file(struct cli *cli, const struct hg_command *command, int argc, char **argv);

/* Finds a command added by a plugin. `visit` is called with each command before it. NULL if there is no such
 * command. */
COLD const struct hg_command *cli_plugin_command(struct plugins *plugins, const char *name,
                                                 void (*visit)(void *arg, const struct hg_command *command), void *arg);

#endif
