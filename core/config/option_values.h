/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * Single values of options: what each type looks like in the file and in memory.
 */
#ifndef CORE_CONFIG_OPTION_VALUES_H
#define CORE_CONFIG_OPTION_VALUES_H

#include "core/config/options.h"

/* Where a value stands, for messages: "routes[2].to". A linked list up the recursion. */
struct option_path {
    const struct option_path *up;
    const char *name; /* NULL: an item of a list */
    size_t index;
};

/* Zeroed memory that lives until options_free(); NULL when out of memory. */
void *option_memory_take(struct option_memory **memory, size_t size);

/* What is to be done with memory beside freeing it. Either may be NULL. */
struct option_kept {
    void (*clear)(void *bytes);                                /* frees what it refers to */
    void (*reread)(void *bytes, option_tell *tell, void *arg); /* see options_reread() */
};
void *option_memory_keep(struct option_memory **memory, size_t size, const struct option_kept *kept);

/* "duration": how messages and manuals call a type; NULL: there is no such type. */
const char *option_type_name(enum hg_option_type type);
/* The bytes that a value takes in a config struct; 0 for MAP and for what is no type. */
size_t option_type_size(enum hg_option_type type);
/* A number as it may stand in the file: 65536 as "64k" for SIZE, "250ms" for DURATION. Returns `text`. */
const char *option_number(enum hg_option_type type, int64_t number, char *text, size_t size);
/* Whether the range of an option is about how many items its list has: see <hopgate/option.h>. */
bool option_counts_items(const struct hg_option *option);
/* "1 to 100", "at least 1": the range of an option as words, empty if there is none. Returns `text`. */
const char *option_range(const struct hg_option *option, char *text, size_t size);

/* Tells a fault at `node`; always false. */
__attribute__((format(printf, 4, 5))) bool option_fault(const struct option_reading *reading,
                                                        const struct option_path *path, const struct config_node *node,
                                                        const char *format, ...);

/* Stores a scalar of `type` (no LIST, MAP or NETWORK) at `target`. False after a fault. */
bool option_store(const struct option_reading *reading, const struct hg_option *option, enum hg_option_type type,
                  const struct option_path *path, const struct config_node *node, void *target);

/* Prints what option_store() has stored, as it may stand in the file. */
void option_print(FILE *out, const struct hg_option *option, enum hg_option_type type, const void *target);

/* The same for networks, also a list of them. */
bool option_store_networks(const struct option_reading *reading, const struct option_path *path,
                           const struct config_node *node, const struct hg_networks **target);
void option_print_networks(FILE *out, const struct hg_networks *networks);

#endif
