/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The config file as a tree of nodes that know where they stand.
 *
 * YAML, read with libyaml, so JSON is accepted too. Every scalar is text: what it means is decided by the type of the
 * option that it is for. ${NAME} in a value takes an environment variable, $${ stands for ${. What YAML has beyond
 * that (anchors and aliases, tags, several documents, keys that are not text, keys given twice) is refused.
 */
#ifndef CORE_CONFIG_DOCUMENT_H
#define CORE_CONFIG_DOCUMENT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum config_kind {
    CONFIG_SCALAR,
    CONFIG_SEQUENCE,
    CONFIG_MAPPING,
};

/* A value in the file. */
struct config_node {
    enum config_kind kind;
    unsigned line, column;      /* from 1; columns count characters */
    bool quoted;                /* a scalar in quotes or in a block (| or >) */
    bool faulty;                /* a fault of it was told already: nothing more is to be said of it */
    char *text;                 /* CONFIG_SCALAR: terminated by NUL, and may hold others */
    size_t size;                /* CONFIG_SCALAR: bytes of `text` */
    size_t count;               /* CONFIG_SEQUENCE, CONFIG_MAPPING: how many items */
    struct config_node **items; /* the items; of a mapping, the values */
    struct config_node **keys;  /* CONFIG_MAPPING: scalars without NUL */
};

/* A file that the config names, and which is read. */
struct config_file {
    struct config_file *next;
    const struct config_node *at;
    bool again;  /* also later, when it has changed */
    char path[]; /* absolute */
};

struct config {
    char *path;                /* as it was given: how faults name the file */
    char *folder;              /* absolute: where relative paths begin */
    struct config_node *root;  /* NULL when nothing can be said about the file */
    FILE *errors;              /* where faults go */
    struct config_file *files; /* noted so far, in the order of the blocks */
    size_t faults;             /* told so far */
};

/* Reads a file. The result is NULL only when out of memory; `root` is NULL after the fault was told when there is no
 * tree at all. `errors` must outlive the result. */
struct config *config_read(const char *path, FILE *errors);
/* The same for bytes at hand; `path` names them and tells where relative paths begin. */
struct config *config_parse(const char *path, const char *bytes, size_t size, FILE *errors);
void config_free(struct config *config);

/* The value of a key, or NULL. The position of the key goes to `*key_node` unless `key_node` is NULL. */
struct config_node *config_get(const struct config_node *mapping, const char *key, const struct config_node **key_node);
/* Whether a value is none: nothing, ~ or null, not in quotes. */
bool config_is_null(const struct config_node *node);
/* "a list", "a mapping", "text": how messages call it. */
const char *config_kind_name(const struct config_node *node);

/* Notes a file that is read, where the path stands in the config. Without memory it is not. */
void config_note_file(struct config *config, const struct config_node *at, const char *path, bool again);

/* Tells a fault or a warning as "FILE:LINE:COLUMN: …"; a NULL `at` stands for the file as a whole. */
__attribute__((format(printf, 3, 4))) void config_fault(struct config *config, const struct config_node *at,
                                                        const char *format, ...);
__attribute__((format(printf, 3, 0))) void config_vfault(struct config *config, const struct config_node *at,
                                                         const char *format, va_list arguments);
__attribute__((format(printf, 3, 4))) void config_warning(struct config *config, const struct config_node *at,
                                                          const char *format, ...);

#endif
