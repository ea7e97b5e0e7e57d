/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The hopgate authors
 *
 * A value as a file: a line with revision, size and SHA-256, then the unchanged bytes of the value. Tools that read PEM
 * skip everything before "-----BEGIN", so they can read such a file, too.
 */
#ifndef PLUGINS_STORE_FILE_VALUE_FILE_H
#define PLUGINS_STORE_FILE_VALUE_FILE_H

#include <hopgate/store.h>

enum value_file_state {
    VALUE_GOOD,
    VALUE_ABSENT,
    VALUE_DAMAGED,    /* `fault` says how */
    VALUE_UNREADABLE, /* `error` is the errno */
};

struct value_file {
    uint8_t *bytes; /* of the file */
    size_t size;
    struct hg_text value; /* the part after the line */
    uint64_t revision;
    const char *fault;
    int error;
};

/* Reads the file with that path below `directory`. value_file_free() must follow in every case. */
enum value_file_state value_file_read(int directory, const char *path, struct value_file *file);
/* Frees what was read, wiping it. */
void value_file_free(struct value_file *file);

/* The revision in the file, without checking the value; 0: none. */
uint64_t value_file_revision(int directory, const char *path);

/* Writes the whole file and syncs it. Returns 0, or -1 with errno. */
int value_file_write(int fd, uint64_t revision, struct hg_text value);

#endif
