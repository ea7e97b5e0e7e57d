/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Option tables (see <hopgate/option.h>): fills a config struct from a block of the config file and reports all errors.
 */
#ifndef CORE_CONFIG_OPTIONS_H
#define CORE_CONFIG_OPTIONS_H

#include "core/base/cold.h"
#include "core/config/document.h"

#include <hopgate/host.h>
#include <hopgate/option.h>

/* The memory that config structs point to. Wiped when freed, since it may contain secrets. */
struct option_memory;

/* How to fill one config struct. */
struct option_reading {
    struct config *config;
    const char *owner;             /* begins each message: the plugin's name; NULL: the file itself */
    const char *other_key;         /* a key allowed in the block that is not an option; NULL: none */
    struct option_memory **memory; /* grows; freed by options_free() */
    bool partial;                  /* the block may have other keys, which belong to another table */
    bool no_files;                 /* secrets are not read: for checking a table's defaults */
};

/* Fills `cfg`, which must be zeroed, from `block` and the defaults. `block` may be NULL; errors, including missing
 * options, are then reported at `at`. True if there were no errors. `table` may be NULL: the block must then be
 * empty. */
COLD bool options_fill(const struct option_reading *reading, const struct hg_option *table,
                       const struct config_node *block, const struct config_node *at, void *cfg);
COLD void options_free(struct option_memory **memory);

/* Rereads the files whose content may change while the program runs. A file with errors changes nothing. Changes and
 * errors are reported, one line each. */
typedef void option_report(void *arg, enum hg_level level, const char *text);
COLD void options_reread(const struct option_memory *memory, option_report *report, void *arg);

/* Whether the networks of an option include the address: see hg_networks_match(). */
bool networks_match(const struct hg_networks *networks, const struct sockaddr *address);

/* Finds the option with a path ("routes[2].to"): its value, or else the innermost block around it that exists. */
COLD const struct config_node *options_locate(const struct hg_option *table, const struct config_node *block,
                                              const char *path);

/* Writes "NAME: VALUE" lines as YAML, indented by `indent` spaces, with secrets as "(secret)". */
COLD void options_print(FILE *out, const struct hg_option *table, const void *cfg, int indent);

/* Whether there is an error in a table for a struct of `cfg_size` bytes; if so, it is described in `why`. */
COLD bool options_table_is_bad(const struct hg_option *table, size_t cfg_size, char *why, size_t why_size);

#endif
