/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Option tables (see <hopgate/option.h>): from a block of the config file to a config struct, all faults told.
 */
#ifndef CORE_CONFIG_OPTIONS_H
#define CORE_CONFIG_OPTIONS_H

#include "core/config/document.h"

#include <hopgate/host.h>
#include <hopgate/option.h>

/* What the values of config structs point to. Wiped when it is freed, since secrets are among it. */
struct option_memory;

/* Filling one config struct. */
struct option_reading {
    struct config *config;
    const char *owner;             /* begins each message: the plugin's name; NULL: the file itself */
    const char *other_key;         /* a key of the block that is not an option but belongs there; NULL: none */
    struct option_memory **memory; /* grows; freed by options_free() */
    bool partial;                  /* other keys of the block belong to another table */
    bool no_files;                 /* secrets are not read: for checking a table's defaults */
};

/* Fills `cfg`, zeroed, with what `block` says and the defaults. `block` is NULL for none; then faults are told at `at`,
 * as are missing options. True when nothing was wrong. `table` may be NULL: the block must be empty. */
bool options_fill(const struct option_reading *reading, const struct hg_option *table, const struct config_node *block,
                  const struct config_node *at, void *cfg);
void options_free(struct option_memory **memory);

/* Reads the files again whose content changes while the program runs. What cannot be used changes nothing. Either is
 * told, a line each. */
typedef void option_tell(void *arg, enum hg_level level, const char *text);
void options_reread(const struct option_memory *memory, option_tell *tell, void *arg);

/* Whether a network of an option has the address: see hg_networks_match(). */
bool networks_match(const struct hg_networks *networks, const struct sockaddr *address);

/* Where an option stands that is named by a path ("routes[2].to"): its value, or the nearest thing around it that is
 * there. */
const struct config_node *options_locate(const struct hg_option *table, const struct config_node *block,
                                         const char *path);

/* Writes "NAME: VALUE" lines as YAML, secrets as "(secret)", each behind `indent` spaces. */
void options_print(FILE *out, const struct hg_option *table, const void *cfg, int indent);

/* What is wrong with a table that fills a struct of `cfg_size` bytes, written to `why`; false: nothing. */
bool options_table_is_bad(const struct hg_option *table, size_t cfg_size, char *why, size_t why_size);

#endif
