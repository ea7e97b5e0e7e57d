/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * The config file as a tree of nodes, each with its position in the file.
 *
 * The format is YAML, read with libyaml, so JSON is accepted too. Every scalar is text, to be interpreted by the type
 * of its option. ${NAME} in a value is replaced by an environment variable; $${ stands for ${. Further features of YAML
 * (anchors and aliases, tags, several documents, keys that are not text) and duplicate keys are refused.
 */
#ifndef CORE_CONFIG_DOCUMENT_H
#define CORE_CONFIG_DOCUMENT_H

#include "core/base/cold.h"

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
    unsigned line, column;      /* starting at 1; columns count characters */
    bool quoted;                /* a scalar in quotes or in a block (| or >) */
    bool faulty;                /* an error was already reported for it, so no more are */
    char *text;                 /* CONFIG_SCALAR: NUL-terminated, but may contain other NULs */
    size_t size;                /* CONFIG_SCALAR: bytes of `text` */
    size_t count;               /* CONFIG_SEQUENCE, CONFIG_MAPPING: number of items */
    struct config_node **items; /* the items; of a mapping, the values */
    struct config_node **keys;  /* CONFIG_MAPPING: scalars without NUL */
};

/* A file that the config names and that will be read. */
struct config_file {
    struct config_file *next;
    const struct config_node *at;
    bool again;  /* also read again later, when it has changed */
    char path[]; /* absolute */
};

struct config {
    char *path;                /* as given: how errors name the file */
    char *folder;              /* absolute: the base of relative paths */
    struct config_node *root;  /* NULL if the file is not usable at all */
    FILE *errors;              /* where errors are written */
    struct config_file *files; /* noted so far, in the order of the blocks */
    size_t faults;             /* errors reported so far */
};

/* Reads a file. Returns NULL only when out of memory; if the file cannot be parsed at all, the error is reported and
 * `root` is NULL. `errors` must outlive the result. */
COLD struct config *config_read(const char *path, FILE *errors);
/* The same for bytes in memory; `path` names them and gives the base of relative paths. */
COLD struct config *config_parse(const char *path, const char *bytes, size_t size, FILE *errors);
COLD void config_free(struct config *config);

/* The value of a key, or NULL. The node of the key is stored in `*key_node` unless `key_node` is NULL. */
COLD struct config_node *config_get(const struct config_node *mapping, const char *key,
                                    const struct config_node **key_node);
/* Whether a value is null: nothing, ~ or null, without quotes. */
COLD bool config_is_null(const struct config_node *node);
/* "a list", "a mapping", "text": its name in messages. */
COLD const char *config_kind_name(const struct config_node *node);

/* Notes a file that will be read, with the place of its path in the config. When out of memory, it is not noted. */
COLD void config_note_file(struct config *config, const struct config_node *at, const char *path, bool again);

/* Reports an error or a warning as "FILE:LINE:COLUMN: …"; a NULL `at` means the whole file. */
__attribute__((cold, format(printf, 3, 4))) void config_fault(struct config *config, const struct config_node *at,
                                                              const char *format, ...);
__attribute__((cold, format(printf, 3, 0))) void config_vfault(struct config *config, const struct config_node *at,
                                                               const char *format, va_list arguments);
__attribute__((cold, format(printf, 3, 4))) void config_warning(struct config *config, const struct config_node *at,
                                                                const char *format, ...);

#endif
