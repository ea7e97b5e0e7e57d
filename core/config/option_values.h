/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Single values of options: each type as written in the file and as stored in memory.
 */
#ifndef CORE_CONFIG_OPTION_VALUES_H
#define CORE_CONFIG_OPTION_VALUES_H

#include "core/base/cold.h"
#include "core/config/options.h"

/* The place of a value, for messages: "routes[2].to". A linked list up the recursion. */
struct option_path {
    const struct option_path *up;
    const char *name; /* NULL: an item of a list */
    size_t index;
};

/* Returns zeroed memory that lives until options_free(); NULL when out of memory. */
COLD void *option_memory_take(struct option_memory **memory, size_t size);

/* What memory needs besides freeing. Either member may be NULL. */
struct option_kept {
    void (*clear)(void *bytes);                                    /* frees what it refers to */
    void (*reread)(void *bytes, option_report *report, void *arg); /* see options_reread() */
};
COLD void *option_memory_keep(struct option_memory **memory, size_t size, const struct option_kept *kept);

/* "duration": the name of a type in messages and manuals; NULL: no such type. */
COLD const char *option_type_name(enum hg_option_type type);
/* The size of a value in a config struct; 0 for MAP and for unknown types. */
COLD size_t option_type_size(enum hg_option_type type);
/* A number as it may be written in the file: 65536 as "64k" for SIZE, "250ms" for DURATION. Returns `text`. */
COLD const char *option_number(enum hg_option_type type, int64_t number, char *text, size_t size);
/* Whether the range of an option limits the number of items in its list: see <hopgate/option.h>. */
COLD bool option_counts_items(const struct hg_option *option);
/* "1 to 100", "at least 1": the range of an option in words, or empty. Returns `text`. */
COLD const char *option_range(const struct hg_option *option, char *text, size_t size);

/* Reports an error at `node`; always false. */
__attribute__((cold, format(printf, 4, 5))) bool option_fault(const struct option_reading *reading,
                                                              const struct option_path *path,
                                                              const struct config_node *node, const char *format, ...);

/* Stores a scalar of `type` (not LIST, MAP or NETWORK) at `target`. False after an error. */
COLD bool option_store(const struct option_reading *reading, const struct hg_option *option, enum hg_option_type type,
                       const struct option_path *path, const struct config_node *node, void *target);

/* Prints what option_store() has stored, as it may be written in the file. */
COLD void option_print(FILE *out, const struct hg_option *option, enum hg_option_type type, const void *target);

/* The same for networks, including a list of them. */
COLD bool option_store_networks(const struct option_reading *reading, const struct option_path *path,
                                const struct config_node *node, const struct hg_networks **target);
COLD void option_print_networks(FILE *out, const struct hg_networks *networks);

#endif
