/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Shared by the files core/config/option_*.c.
 */
#ifndef CORE_CONFIG_OPTION_PRIVATE_H
#define CORE_CONFIG_OPTION_PRIVATE_H

#include "core/base/cold.h"
#include "core/config/option_values.h"

/* The effective range of values of `type`: see <hopgate/option.h> on zeros. */
COLD void option_bounds(const struct hg_option *option, enum hg_option_type type, int64_t *min, int64_t *max);
/* The same in words. Returns `text`. */
COLD const char *option_bounds_text(const struct hg_option *option, enum hg_option_type type, char *text, size_t size);
/* A value for a message: of limited length, without line breaks, and hidden if it is a secret. Returns `text`. */
COLD const char *option_show(const struct hg_option *option, const char *value, char *text, size_t size);
/* Copies bytes into a string that lives until options_free(). NULL after an error. */
COLD char *option_copy(const struct option_reading *reading, const struct option_path *path,
                       const struct config_node *node, const char *text, size_t size);
/* The index of a word among the choices; -1 after an error that lists them all. */
COLD int option_choice(const struct option_reading *reading, const struct hg_option *option,
                       const struct option_path *path, const struct config_node *node, const char *word);

/* Store values of single types: see option_store(). */
COLD bool option_store_address(const struct option_reading *reading, const struct hg_option *option,
                               const struct option_path *path, const struct config_node *node,
                               struct hg_address *target);
COLD bool option_store_secret(const struct option_reading *reading, const struct option_path *path,
                              const struct config_node *node, const char **target);
/* Makes a path absolute; relative paths start at the config file's folder. NULL after an error. */
COLD char *option_absolute_path(const struct option_reading *reading, const struct option_path *path,
                                const struct config_node *node);

#endif
